//! The host a request is sent to first.

use crate::message::{Host, Uri};
use std::net::SocketAddr;

/// Host and port of the first hop. The port is `None` when SRV records may choose one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NextHop {
    pub(crate) host: Host,
    pub(crate) port: Option<u16>,
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
