//! The host a request is sent to first, and what its URI says of the transport (RFC 3261 §19.1.1, RFC 3263 §4).

use crate::endpoint::Transport;
use crate::message::{Host, Uri};
use std::net::SocketAddr;

/// Host, port and transport of the first hop. The port is `None` when SRV records may choose one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NextHop {
    pub(crate) host: Host,
    pub(crate) port: Option<u16>,
    pub(crate) wish: Wish,
    /// `sips:`, so nothing but TLS will do.
    pub(crate) secure: bool,
}

/// What a URI says of the transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Nothing.
    Any,
    /// This one.
    Only(Transport),
    /// One that this side does not speak: SCTP, WebSocket without TLS.
    Foreign,
}

impl NextHop {
    /// The hop a URI names; `maddr` counts when it is written by our own configuration or a proxy's route.
    pub(crate) fn of(uri: &Uri) -> Self {
        let maddr = uri
            .params
            .get("maddr")
            .and_then(|maddr| Host::parse(maddr).ok());
        Self {
            host: maddr.unwrap_or_else(|| uri.host.clone()),
            port: uri.port,
            wish: Wish::of(uri),
            secure: uri.secure,
        }
    }

    /// The address when no name has to be resolved.
    pub(crate) fn address(&self, default_port: u16) -> Option<SocketAddr> {
        self.host
            .ip()
            .map(|ip| SocketAddr::new(ip, self.port.unwrap_or(default_port)))
    }

    /// Whether both lead to the same host and port.
    pub(crate) fn same(&self, other: &Self, default_port: u16) -> bool {
        self.host == other.host
            && self.port.unwrap_or(default_port) == other.port.unwrap_or(default_port)
    }
}

impl Wish {
    fn of(uri: &Uri) -> Self {
        let Some(name) = uri.params.get("transport") else {
            return Self::Any;
        };
        match (name.to_ascii_lowercase().as_str(), uri.secure) {
            ("udp", false) => Self::Only(Transport::Udp),
            ("tcp", false) => Self::Only(Transport::Tcp),
            // RFC 5630 §3.1.3: `sips:` with TCP means TLS over TCP.
            ("tcp" | "tls", true) | ("tls", false) => Self::Only(Transport::Tls),
            ("ws", true) | ("wss", _) => Self::Only(Transport::Wss),
            _ => Self::Foreign,
        }
    }
}
