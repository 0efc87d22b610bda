//! Which of our addresses a peer sees: the one the system's routes choose.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Our address on the way to `remote`; without one, on the way to the world at large, and the loopback
/// address on a host that has no way there. Sends nothing: a connected UDP socket only asks for the route.
///
/// # Errors
/// What the system says when it has no route to `remote`, or no socket to give.
pub fn local_address_towards(remote: Option<SocketAddr>) -> io::Result<IpAddr> {
    // TEST-NET-1 stands for any address behind the default route.
    const ANYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 5060);
    match remote {
        Some(remote) => towards(remote),
        None => Ok(towards(ANYWHERE).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))),
    }
}

fn towards(remote: SocketAddr) -> io::Result<IpAddr> {
    let unspecified: IpAddr = match remote {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((unspecified, 0))?;
    // Port 0 cannot be connected to on every system.
    let port = if remote.port() == 0 {
        5060
    } else {
        remote.port()
    };
    socket.connect((remote.ip(), port))?;
    Ok(socket.local_addr()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_loopback_is_loopback() {
        let remote = "127.0.0.1:0".parse().unwrap();
        assert_eq!(
            local_address_towards(Some(remote)).unwrap(),
            IpAddr::V4(Ipv4Addr::LOCALHOST)
        );
        assert!(!local_address_towards(None).unwrap().is_unspecified());
    }
}
