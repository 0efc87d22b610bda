//! One flow: a UDP socket, or a connection to one peer (RFC 3261 §18, RFC 5626 §3.1). Knows its state, its addresses, and for a
//! stream the bytes of the message that is still arriving.

use super::output::FlowId;
use super::transport::Transport;
use crate::message::{Framer, Host};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long an accepted connection may stay without a first whole message.
pub const FIRST_MESSAGE: Duration = Duration::from_secs(10);
/// How long a connection stays on which nothing is said.
pub const IDLE: Duration = Duration::from_secs(600);

#[derive(Debug)]
pub(crate) struct Flow {
    pub(crate) id: FlowId,
    pub(crate) transport: Transport,
    /// The peer of a connection; `None` for a UDP flow, whose peers are many.
    pub(crate) remote: Option<SocketAddr>,
    /// Whether the flow is for IPv6.
    pub(crate) v6: bool,
    /// Whom the peer proved to be.
    pub(crate) identity: Option<Host>,
    /// The peer opened it.
    pub(crate) accepted: bool,
    /// Our address, once it is open.
    pub(crate) local: Option<SocketAddr>,
    pub(crate) framer: Framer,
    /// A whole message came.
    pub(crate) proven: bool,
    pub(crate) last_use: Instant,
    /// The name that stands for our host on a WebSocket (RFC 7118 §5.1).
    pub(crate) alias: String,
}

impl Flow {
    /// Whether requests to this server may go out here: on a UDP flow of its family, or on a connection to exactly that address
    /// that was opened for the same name (RFC 5923 §5: a name proven once proves no other). A route that names no more than the
    /// address, as proxies write them, is the connection that stands there already.
    pub(crate) fn reaches(
        &self,
        transport: Transport,
        address: SocketAddr,
        identity: &Host,
    ) -> bool {
        if self.transport != transport {
            return false;
        }
        match transport {
            Transport::Udp => self.v6 == address.is_ipv6(),
            Transport::Tcp => self.remote == Some(address),
            Transport::Tls | Transport::Wss => {
                let no_name = identity.ip() == Some(address.ip());
                self.remote == Some(address)
                    && (no_name || self.identity.as_ref() == Some(identity))
            }
        }
    }

    /// When the flow is closed unless something comes before. UDP stays, and the account's own flow but for a message that never ends.
    pub(crate) fn expires_at(&self, is_home: bool) -> Option<Instant> {
        if self.transport == Transport::Udp || self.local.is_none() {
            return None;
        }
        if is_home {
            return self.framer.deadline();
        }
        let rest = match self.accepted && !self.proven {
            true => FIRST_MESSAGE,
            false => IDLE,
        };
        self.framer
            .deadline()
            .into_iter()
            .chain([self.last_use + rest])
            .min()
    }
}
