//! Flows and name resolution for the SIP endpoints (RFC 3261 §18, RFC 3263, RFC 7118).
//!
//! Owns the sockets of one account at a time and the questions to the name servers. It reads no SIP message: bytes in, bytes out.

mod certificate_names;
mod connection;
mod listener;
mod local_address;
mod name_servers;
mod network_watch;
mod resolver;
mod sip_tls;
mod udp;

pub use connection::{CONNECT_LIMIT, Connection, HANDSHAKE_LIMIT, Happening, Peer, connect, serve};
pub use listener::accepted;
pub use local_address::local_address_towards;
pub use network_watch::{Change, changes};
pub use resolver::{forget, resolve};
pub use sip_tls::{SipTls, SipTlsError};
pub use udp::{Datagram, FlowError, Listen, MAX_DATAGRAM, UdpFlow};
