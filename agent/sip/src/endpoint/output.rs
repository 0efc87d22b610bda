//! What an endpoint asks of its driver.

use super::event::Event;
use super::transport::Transport;
use crate::locate::Question;
use std::fmt;
use std::net::SocketAddr;

/// Names one flow: a UDP socket or a connection. Chosen by the endpoint, never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlowId(pub(crate) u64);

impl fmt::Display for FlowId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0)
    }
}

/// Names one question about a host. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResolveId(pub(crate) u64);

/// What is to be done next, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[expect(
    clippy::large_enum_variant,
    reason = "moved twice; a box would cost more than it saves"
)]
pub enum Output {
    /// Send these bytes as one datagram (or, on a stream, as they are).
    Transmit {
        /// The flow to send on.
        flow: FlowId,
        /// Where to.
        to: SocketAddr,
        /// One whole message.
        bytes: Vec<u8>,
    },
    /// Something happened.
    Event(Event),
    /// Ask the name servers, then call [`Endpoint::resolved`](crate::Endpoint::resolved).
    Resolve {
        /// Names the question.
        id: ResolveId,
        /// What is asked.
        question: Question,
    },
    /// Open a flow, then call [`Endpoint::flow_opened`](crate::Endpoint::flow_opened) or [`Endpoint::flow_failed`](crate::Endpoint::flow_failed).
    Open {
        /// Names the flow.
        flow: FlowId,
        /// The transport.
        transport: Transport,
        /// The peer to connect to. For UDP, a peer that must be reachable from the flow, and `None` when only listening matters;
        /// a UDP flow must stay unconnected: it sends to and receives from any address. Connections that peers open to the same
        /// address and port over TCP are told by [`Endpoint::flow_accepted`](crate::Endpoint::flow_accepted).
        remote: Option<SocketAddr>,
        /// Whom the peer must prove to be, over TLS and WebSocket (RFC 5922): a domain name or an address.
        identity: Option<String>,
    },
    /// Close a flow; nothing is sent on it any more.
    Close {
        /// The flow.
        flow: FlowId,
    },
}
