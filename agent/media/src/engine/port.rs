//! Ports for a session: an even one for RTP and the next for RTCP (RFC 3550 §11).
//!
//! Owns the search only; the sockets are the caller's.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;

/// Tries when the system picks the port: every other port it picks is odd.
const EPHEMERAL_TRIES: u32 = 64;

/// Binds a pair of UDP sockets on `address`: an even port within `ports` for RTP, the odd one
/// above it for RTCP. The search begins at a random place, so that ports are neither predictable
/// nor used again at once. `0..=0` lets the system pick.
///
/// # Errors
/// [`PortError::EmptyRange`] when the range holds no pair, [`PortError::Bind`] when the address is
/// not ours, [`PortError::NoneFree`] when every pair is taken.
pub fn bind_rtp_pair(
    address: IpAddr,
    ports: RangeInclusive<u16>,
) -> Result<(UdpSocket, UdpSocket), PortError> {
    let (first, last) = (*ports.start(), *ports.end());
    if first == 0 && last == 0 {
        return bind_ephemeral(address);
    }
    let lowest = u32::from(first.max(2)).next_multiple_of(2);
    let pairs = (u32::from(last) + 1).saturating_sub(lowest) / 2;
    if pairs == 0 {
        return Err(PortError::EmptyRange { first, last });
    }
    let offset = RandomState::new().build_hasher().finish() % u64::from(pairs);
    for step in 0..pairs {
        let pair = (offset as u32 + step) % pairs;
        // `lowest + 2 * pair + 1` is at most `last`, a u16.
        let port = (lowest + 2 * pair) as u16;
        match bind_pair(address, port) {
            Ok(sockets) => return Ok(sockets),
            Err(error) if taken(&error) => {}
            Err(source) => {
                return Err(PortError::Bind {
                    address: SocketAddr::new(address, port),
                    source,
                });
            }
        }
    }
    Err(PortError::NoneFree {
        address,
        first,
        last,
    })
}

/// No pair of ports could be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PortError {
    /// The range holds no even port followed by an odd one.
    #[error("ports {first} to {last} hold no pair for RTP and RTCP: widen the range")]
    EmptyRange {
        /// Lowest port.
        first: u16,
        /// Highest port.
        last: u16,
    },
    /// Every pair is in use.
    #[error(
        "every RTP port from {first} to {last} on {address} is in use: widen the range, or end what uses it"
    )]
    NoneFree {
        /// The local address.
        address: IpAddr,
        /// Lowest port.
        first: u16,
        /// Highest port.
        last: u16,
    },
    /// The address cannot be bound.
    #[error("RTP cannot use {address}: {source}")]
    Bind {
        /// The local address and port.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

fn bind_ephemeral(address: IpAddr) -> Result<(UdpSocket, UdpSocket), PortError> {
    let refused = |port, source| PortError::Bind {
        address: SocketAddr::new(address, port),
        source,
    };
    for _ in 0..EPHEMERAL_TRIES {
        let rtp = UdpSocket::bind((address, 0)).map_err(|error| refused(0, error))?;
        let port = rtp.local_addr().map_err(|error| refused(0, error))?.port();
        // The socket is held while its neighbour is tried, so nobody slips in between.
        let pair = if port % 2 == 0 {
            UdpSocket::bind((address, port + 1)).map(|rtcp| (rtp, rtcp))
        } else {
            UdpSocket::bind((address, port - 1)).map(|even| (even, rtp))
        };
        match pair {
            Ok(pair) => return Ok(pair),
            Err(error) if taken(&error) => {}
            Err(error) => return Err(refused(port, error)),
        }
    }
    Err(PortError::NoneFree {
        address,
        first: 0,
        last: 0,
    })
}

fn bind_pair(address: IpAddr, port: u16) -> io::Result<(UdpSocket, UdpSocket)> {
    let rtp = UdpSocket::bind((address, port))?;
    let rtcp = UdpSocket::bind((address, port + 1))?;
    Ok((rtp, rtcp))
}

/// A port another program owns, or that the system keeps for itself.
fn taken(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn port(socket: &UdpSocket) -> u16 {
        socket.local_addr().unwrap().port()
    }

    #[test]
    fn the_system_picks_an_even_port_and_the_next() {
        let (rtp, rtcp) = bind_rtp_pair(LOOPBACK, 0..=0).unwrap();
        assert_eq!(port(&rtp) % 2, 0);
        assert_eq!(port(&rtcp), port(&rtp) + 1);
    }

    #[test]
    fn a_range_is_used_up_and_then_refused() {
        let (rtp, rtcp) = bind_rtp_pair(LOOPBACK, 0..=0).unwrap();
        let first = port(&rtp);
        let error = bind_rtp_pair(LOOPBACK, first..=first + 1).unwrap_err();
        assert!(matches!(error, PortError::NoneFree { .. }), "{error}");
        drop((rtp, rtcp));
        let (rtp, _rtcp) = bind_rtp_pair(LOOPBACK, first..=first + 1).unwrap();
        assert_eq!(port(&rtp), first);
    }

    #[test]
    fn a_range_without_a_pair_is_refused() {
        for (first, last) in [(10001, 10002), (10000, 10000), (2, 1)] {
            let error = bind_rtp_pair(LOOPBACK, first..=last).unwrap_err();
            assert!(matches!(error, PortError::EmptyRange { .. }), "{error}");
        }
    }

    #[test]
    fn the_highest_ports_do_not_overflow() {
        let _ = bind_rtp_pair(LOOPBACK, 65534..=65535);
        assert!(bind_rtp_pair(LOOPBACK, 65535..=65535).is_err());
    }

    #[test]
    fn a_foreign_address_is_named() {
        let foreign = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        let error = bind_rtp_pair(foreign, 40000..=40100).unwrap_err();
        assert!(error.to_string().contains("192.0.2.1"), "{error}");
    }
}
