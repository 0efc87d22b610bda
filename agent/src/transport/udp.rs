//! One UDP flow: a socket that talks to any peer (RFC 3261 §18).
//!
//! Nothing is queued on our side: what the socket does not take at once is lost, as it may be on the wire,
//! and SIP sends it again.

use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;

use futures_util::Stream;
use tokio::net::UdpSocket;

use super::local_address_towards;

/// The largest datagram read, in bytes: the largest there is.
pub const MAX_DATAGRAM: usize = 65_535;

/// Reads that may fail one after the other before a flow counts as broken.
const MAX_FAILED_READS: u32 = 16;

thread_local! {
    /// One buffer for all flows of the thread: a datagram is copied out of it in its own size.
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; MAX_DATAGRAM].into_boxed_slice());
}

/// Where a flow listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// On any free port; the one given first, when it is free, so that peers find us again.
    AnyPort {
        /// The port to try first.
        first: Option<u16>,
    },
    /// On this port and no other: peers know it.
    Port(u16),
    /// On this address and port and no other.
    Exactly(SocketAddr),
}

/// One datagram that came in.
#[derive(Clone, PartialEq, Eq)]
pub struct Datagram {
    /// From whom.
    pub from: SocketAddr,
    /// What.
    pub bytes: Vec<u8>,
}

/// An open UDP flow.
#[derive(Debug)]
pub struct UdpFlow {
    socket: Rc<UdpSocket>,
    advertised: SocketAddr,
    remote: Option<SocketAddr>,
}

impl UdpFlow {
    /// Opens a flow from which `remote` can be reached. Must be called inside the runtime.
    ///
    /// # Errors
    /// A port that is taken, or a peer there is no way to.
    pub fn open(listen: Listen, remote: Option<SocketAddr>) -> Result<Self, FlowError> {
        let ours = match listen {
            Listen::Exactly(address) => address.ip(),
            _ => local_address_towards(remote).map_err(|source| FlowError::NoRoute {
                remote: remote.map_or_else(|| "any peer".to_owned(), |r| r.to_string()),
                source,
            })?,
        };
        let socket = match listen {
            Listen::Exactly(address) => bind(address)?,
            Listen::Port(port) => bind((listening_address(ours), port).into())?,
            Listen::AnyPort { first } => {
                let address = listening_address(ours);
                match first.map(|port| bind((address, port).into())) {
                    Some(Ok(socket)) => socket,
                    Some(Err(_)) | None => bind((address, 0).into())?,
                }
            }
        };
        let port = socket
            .local_addr()
            .map_err(|source| FlowError::Socket { source })?
            .port();
        Ok(Self {
            socket: Rc::new(socket),
            advertised: SocketAddr::new(ours, port),
            remote,
        })
    }

    /// The address that peers are told.
    pub fn advertised(&self) -> SocketAddr {
        self.advertised
    }

    /// The address it is bound to.
    pub fn bound(&self) -> Option<SocketAddr> {
        self.socket.local_addr().ok()
    }

    /// Sends one datagram.
    ///
    /// # Errors
    /// Only when the flow itself does not work any more. What cannot be sent to one peer among many is
    /// dropped, else a stranger who makes us answer to an impossible address would end the flow.
    pub fn send(&self, to: SocketAddr, bytes: &[u8]) -> Result<(), FlowError> {
        // Past tokio's readiness, which a fresh socket lacks until the first turn of the loop.
        let result = socket2::SockRef::from(&*self.socket).send_to(bytes, &to.into());
        match result {
            Ok(_) => Ok(()),
            Err(error) if self.remote == Some(to) && is_ours(&error) => {
                Err(FlowError::Send { to, source: error })
            }
            Err(error) => {
                tracing::debug!(%to, %error, bytes = bytes.len(), "a datagram was not sent");
                Ok(())
            }
        }
    }

    /// What comes in, until the socket fails for good; the last item says why.
    pub fn datagrams(&self) -> impl Stream<Item = Result<Datagram, FlowError>> + use<> {
        let state = Some((Rc::clone(&self.socket), 0));
        futures_util::stream::unfold(state, |state| async move {
            let (socket, failed) = state?;
            match read(&socket, failed).await {
                Ok(datagram) => Some((Ok(datagram), Some((socket, 0)))),
                Err(error) => Some((Err(error), None)),
            }
        })
    }
}

/// Why a flow does not open or does not work any more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FlowError {
    /// There is no way to a peer.
    #[error("there is no network route to {remote}: {source}")]
    NoRoute {
        /// The peer.
        remote: String,
        /// What the system said.
        source: io::Error,
    },
    /// The address cannot be bound.
    #[error("UDP {address} cannot be used: {source}")]
    Bind {
        /// Address and port asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Nothing can be sent to the peer the flow is for.
    #[error("nothing can be sent to {to}: {source}")]
    Send {
        /// The peer.
        to: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The socket failed.
    #[error("the UDP socket failed: {source}")]
    Socket {
        /// What the system said.
        source: io::Error,
    },
}

async fn read(socket: &UdpSocket, mut failed: u32) -> Result<Datagram, FlowError> {
    loop {
        let result = match socket.readable().await {
            Ok(()) => BUFFER.with_borrow_mut(|buffer| {
                socket.try_recv_from(buffer).map(|(length, from)| Datagram {
                    from,
                    bytes: buffer[..length].to_vec(),
                })
            }),
            Err(error) => Err(error),
        };
        match result {
            Ok(datagram) => return Ok(datagram),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // Windows reports here that an earlier datagram found nobody, which is no failure of ours.
            Err(error) if cfg!(windows) && error.kind() == io::ErrorKind::ConnectionReset => {
                tracing::debug!("a datagram found nobody");
            }
            // Some systems report here that an earlier datagram found nobody.
            Err(error) if failed < MAX_FAILED_READS => {
                failed += 1;
                tracing::debug!(%error, "a read on a UDP flow failed");
                tokio::task::yield_now().await;
            }
            Err(source) => return Err(FlowError::Socket { source }),
        }
    }
}

fn bind(address: SocketAddr) -> Result<UdpSocket, FlowError> {
    bound(address).map_err(|source| FlowError::Bind { address, source })
}

/// An IPv6 socket takes no IPv4, so that both families may have the same port.
fn bound(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(address),
        socket2::Type::DGRAM,
        None,
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket.into())
}

/// A flow on loopback stays there; any other listens on every interface, since routes may change.
fn listening_address(ours: IpAddr) -> IpAddr {
    match ours {
        ours if ours.is_loopback() => ours,
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

/// Whether an error tells of our side's network and not of one peer.
fn is_ours(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::AddrNotAvailable
            | io::ErrorKind::NotConnected
            | io::ErrorKind::BrokenPipe
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt;

    fn loopback(port: u16) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, port).into()
    }

    const ANY: Listen = Listen::AnyPort { first: None };

    #[tokio::test]
    async fn two_flows_talk_and_the_largest_datagram_passes_whole() {
        let a = UdpFlow::open(ANY, Some(loopback(9))).unwrap();
        let b = UdpFlow::open(ANY, Some(a.advertised())).unwrap();
        let mut arrived = Box::pin(a.datagrams());
        for length in [1, 1_400, 65_507] {
            let bytes = vec![7; length];
            b.send(a.advertised(), &bytes).unwrap();
            let datagram = arrived.next().await.unwrap().unwrap();
            assert_eq!(datagram.from, b.advertised());
            assert_eq!(datagram.bytes.len(), length);
            assert_eq!(datagram.bytes.capacity(), length);
        }
    }

    #[tokio::test]
    async fn what_cannot_be_sent_to_a_stranger_does_not_end_the_flow() {
        let flow = UdpFlow::open(ANY, Some(loopback(9))).unwrap();
        flow.send(loopback(0), b"x").unwrap();
        flow.send(loopback(9), &vec![0; 70_000]).unwrap();
        flow.send("[2001:db8::1]:5060".parse().unwrap(), b"x")
            .unwrap();
    }

    #[tokio::test]
    async fn a_port_is_found_again_and_a_taken_one_is_told() {
        let flow = UdpFlow::open(ANY, Some(loopback(9))).unwrap();
        let port = flow.advertised().port();
        let error = UdpFlow::open(Listen::Exactly(loopback(port)), None).unwrap_err();
        assert!(error.to_string().contains(&port.to_string()), "{error}");
        let first = Listen::AnyPort { first: Some(port) };
        let other = UdpFlow::open(first, Some(loopback(9))).unwrap();
        assert_ne!(other.advertised().port(), port);
        drop((flow, other));
        let again = UdpFlow::open(first, Some(loopback(9))).unwrap();
        assert_eq!(again.advertised().port(), port);
    }
}
