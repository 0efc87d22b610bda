//! Transactions (RFC 3261 §17 as changed by RFC 6026): four machines with every timer, and the two tables that hold them.
//! Owns retransmission and matching. Never decides what to send or answer. Ready for reliable transports: their timers are zero.

mod client;
mod clients;
mod invite_client;
mod invite_server;
mod key;
mod server;
mod servers;
mod step;
#[cfg(test)]
mod tests;
mod timers;

pub(crate) use clients::{ClientId, ClientNotice, Clients, Datagram};
pub(crate) use key::ServerKey;
pub(crate) use servers::Servers;
pub use servers::{MAX_SERVER_TRANSACTIONS, STRANGERS_SHARE};
pub(crate) use timers::{T1, T1_64, T2};
