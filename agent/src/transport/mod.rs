//! UDP flows and name resolution for the SIP endpoints (RFC 3261 §18, RFC 3263).
//!
//! Owns the sockets of one account at a time and the questions to the system's resolver. It reads no SIP
//! message: bytes in, bytes out.

mod local_address;
mod resolver;
mod udp;

pub use local_address::local_address_towards;
pub use resolver::resolve;
pub use udp::{Datagram, FlowError, Listen, MAX_DATAGRAM, UdpFlow};
