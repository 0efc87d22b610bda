//! Where an account listens.

use std::net::{IpAddr, SocketAddr};

use carillon_sip::Uri;

use crate::transport::{FlowError, Listen, UdpFlow};

/// Opens the flow of an account.
///
/// One that registers may listen on any port: the registrar tells its peers. One that does not is found by
/// its address alone: a port written there is the one it listens on, else 5060 when that is free.
pub(super) fn open_flow(
    aor: &Uri,
    registers: bool,
    last_port: Option<u16>,
    remote: Option<SocketAddr>,
) -> Result<UdpFlow, FlowError> {
    if registers {
        return UdpFlow::open(Listen::AnyPort { first: last_port }, remote);
    }
    match (aor.host.ip(), aor.port) {
        (Some(ip), Some(port)) if is_ours(ip) => {
            UdpFlow::open(Listen::Exactly(SocketAddr::new(ip, port)), None)
        }
        (Some(ip), None) if is_ours(ip) => {
            UdpFlow::open(Listen::Exactly(SocketAddr::new(ip, 5060)), None)
                .or_else(|_| UdpFlow::open(Listen::Exactly(SocketAddr::new(ip, 0)), None))
        }
        (_, Some(port)) => UdpFlow::open(Listen::Port(port), remote),
        (_, None) => {
            let first = last_port.or(Some(5060));
            UdpFlow::open(Listen::AnyPort { first }, remote)
        }
    }
}

/// Whether an address is one of this host's.
fn is_ours(ip: IpAddr) -> bool {
    std::net::UdpSocket::bind((ip, 0)).is_ok()
}
