//! Connections that peers open to the address and port of a UDP flow (RFC 3261 §18.2.1). Accepts; never reads.

use std::net::SocketAddr;

use futures_util::Stream;
use tokio::net::{TcpListener, TcpStream};

/// How many may wait to be accepted.
const BACKLOG: i32 = 16;

/// Connections that come in at an address, or nothing when the port is taken over TCP.
pub fn accepted(address: SocketAddr) -> Option<impl Stream<Item = (TcpStream, SocketAddr)>> {
    let listener = listen(address)
        .inspect_err(|error| tracing::info!(%address, %error, "nobody can call over TCP"))
        .ok()?;
    Some(futures_util::stream::unfold(
        listener,
        |listener| async move {
            loop {
                match listener.accept().await {
                    Ok(accepted) => return Some((accepted, listener)),
                    // Of one connection, or no descriptors left: both pass.
                    Err(error) => {
                        tracing::debug!(%error, "a connection was not accepted");
                        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    }
                }
            }
        },
    ))
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(address),
        socket2::Type::STREAM,
        None,
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
}
