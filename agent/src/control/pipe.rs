//! The named pipe of the local API, Windows' counterpart of the Unix socket.
//!
//! Owns the end that waits for the next client, and the first byte of each: Windows says who connects only once something was
//! read. A client that says nothing is let go.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::windows::named_pipe::NamedPipeServer;
use tokio::task::JoinSet;

use super::entrance::{Entrance, Peer};
use crate::windows::pipe;

/// How long a client may take to begin.
const GREETING: Duration = Duration::from_secs(5);
/// The most that have not begun yet; the next waits outside.
const MAX_GREETING: usize = 8;

/// The pipe.
pub(super) struct LocalPipe {
    name: String,
    group: Option<String>,
    next: NamedPipeServer,
    greeting: JoinSet<io::Result<(Begun, Peer)>>,
}

/// A connection whose first byte was read.
pub(super) struct Begun {
    first: Option<u8>,
    pipe: NamedPipeServer,
}

impl LocalPipe {
    /// Makes the pipe; members of `group` count as guests.
    ///
    /// # Errors
    /// When another program has a pipe of this name, say.
    pub(super) fn bind(name: &str, group: Option<String>) -> io::Result<Self> {
        Ok(Self {
            name: name.to_owned(),
            group,
            next: pipe::make(name, true)?,
            greeting: JoinSet::new(),
        })
    }
}

impl Entrance for LocalPipe {
    type Stream = Begun;

    async fn accept(&mut self) -> io::Result<(Begun, Peer)> {
        loop {
            tokio::select! {
                connected = self.next.connect(), if self.greeting.len() < MAX_GREETING => {
                    connected?;
                    let next = pipe::make(&self.name, false)?;
                    let client = std::mem::replace(&mut self.next, next);
                    let greeted = greet(client, self.group.clone());
                    self.greeting.spawn(async move {
                        tokio::time::timeout(GREETING, greeted).await?
                    });
                }
                Some(greeted) = self.greeting.join_next() => match greeted {
                    Ok(Ok(begun)) => return Ok(begun),
                    Ok(Err(error)) => tracing::debug!("a client of the pipe did not begin: {error}"),
                    Err(error) => tracing::debug!("a client of the pipe was lost: {error}"),
                },
            }
        }
    }
}

async fn greet(mut pipe: NamedPipeServer, group: Option<String>) -> io::Result<(Begun, Peer)> {
    let first = pipe.read_u8().await?;
    // A domain may have to be asked for the name.
    let asked = tokio::task::spawn_blocking(move || {
        let visitor = pipe::visitor(&pipe, group.as_deref());
        (pipe, visitor)
    });
    let (pipe, visitor) = asked.await.map_err(io::Error::other)?;
    let begun = Begun {
        first: Some(first),
        pipe,
    };
    Ok((begun, Peer::Account(visitor?)))
}

impl AsyncRead for Begun {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buffer.remaining() > 0
            && let Some(first) = self.first.take()
        {
            buffer.put_slice(&[first]);
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.pipe).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Begun {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.pipe).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::path::Path;

    #[tokio::test]
    async fn who_says_nothing_keeps_nobody_out() {
        let name = pipe::name_of(Path::new("C:\\a\\test\\of\\strangers"));
        let mut entrance = LocalPipe::bind(&name, None).unwrap();
        let (silent, mut speaks) = tokio::task::spawn_blocking({
            let name = name.clone();
            move || (pipe::connect(&name).unwrap(), name)
        })
        .await
        .unwrap();
        let speaking = tokio::task::spawn_blocking(move || {
            let mut client = loop {
                if let Ok(client) = pipe::connect(&speaks) {
                    break client;
                }
                std::thread::sleep(Duration::from_millis(10));
            };
            client.write_all(b"GET").unwrap();
            speaks.clear();
            client
        });
        let (mut begun, peer) = entrance.accept().await.unwrap();
        assert!(matches!(peer, Peer::Account(visitor) if visitor.owner));
        let mut said = [0; 3];
        begun.read_exact(&mut said).await.unwrap();
        assert_eq!(&said, b"GET");
        drop((silent, speaking.await.unwrap()));
    }
}
