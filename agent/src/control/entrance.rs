//! An entrance of the local API: where connections come in, and what the system says of who is at the other end.
//!
//! Owns the shape that every kind has; loopback is here, the Unix socket in `socket`, the named pipe in `pipe`. Lets nobody in by itself.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

/// Where connections come in.
pub(super) trait Entrance: 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Waits for the next one.
    ///
    /// # Errors
    /// What the system said; the entrance is still good.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Stream, Peer)>>;
}

/// What the system says of who is at the other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Peer {
    /// Nothing: on loopback anybody may be there.
    Unknown,
    /// A user of this machine, as the kernel noted when they connected.
    #[cfg(unix)]
    User {
        /// By number.
        uid: u32,
        /// Their group at that moment.
        gid: u32,
    },
    /// A user of this machine, by their token.
    #[cfg(windows)]
    Account(crate::windows::pipe::Visitor),
}

impl Entrance for TcpListener {
    type Stream = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, Peer)> {
        let (stream, _) = TcpListener::accept(self).await?;
        // Small answers must not wait for the peer's delayed acknowledgement.
        let _ = stream.set_nodelay(true);
        Ok((stream, Peer::Unknown))
    }
}
