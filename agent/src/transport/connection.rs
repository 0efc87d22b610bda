//! One connection to a SIP peer: TCP, TLS, or WebSocket over TLS (RFC 3261 §18, RFC 7118).
//!
//! Owns the socket in a task of its own, from the first packet to the last. It cuts nothing: a stream's bytes come as they were read,
//! a WebSocket's messages whole. Every wait has an end and every buffer a size: what cannot be written in time ends the connection.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use carillon_sip::Transport;
use carillon_sip::message::{PING, PONG};
use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};

/// How long a TCP connection may take to stand.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long the handshakes on top of it may take, TLS and WebSocket together.
pub const HANDSHAKE_LIMIT: Duration = Duration::from_secs(8);
/// How long bytes may wait for the peer to take them, in our buffers and in the system's.
const WRITE_LIMIT: Duration = Duration::from_secs(30);
/// Messages that may wait to be written.
const MAX_WAITING: usize = 64;
/// Reads that may wait for the account; the peer waits after them.
const MAX_UNREAD: usize = 4;
/// Bytes read at once.
const READ_SIZE: usize = 4 * 1024;
/// The largest message of a WebSocket, as over UDP.
const MAX_MESSAGE: usize = 64 * 1024;

/// What a connection needs to stand.
#[derive(Clone)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// How to speak to it.
    pub transport: Transport,
    /// Whom it must prove to be, where TLS is spoken.
    pub identity: Option<String>,
    /// TLS, where it is spoken.
    pub tls: Option<Arc<ClientConfig>>,
    /// The path of a WebSocket.
    pub path: String,
}

/// What happens on a connection, in order; nothing comes after [`Happening::Ended`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// It stands, and this is our end of it.
    Opened(SocketAddr),
    /// Bytes of a stream, or one message of a WebSocket.
    Bytes(Vec<u8>),
    /// It is over, and why.
    Ended(String),
}

/// The writing end of a connection. Dropped, it closes the connection once everything is written.
#[derive(Debug)]
pub struct Connection {
    outbox: mpsc::Sender<Vec<u8>>,
}

impl Connection {
    /// Hands bytes to the connection.
    ///
    /// # Errors
    /// The connection is over, or so much waits already that the peer must be stuck.
    pub fn send(&self, bytes: Vec<u8>) -> Result<(), String> {
        self.outbox.try_send(bytes).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                format!("the peer takes nothing; {MAX_WAITING} messages wait")
            }
            mpsc::error::TrySendError::Closed(_) => "the connection is over".to_owned(),
        })
    }
}

/// Connects to a peer. Must be called inside the runtime's local set.
pub fn connect(peer: Peer) -> (Connection, impl Stream<Item = Happening>) {
    start(move |outbox, events| run(peer, outbox, events))
}

/// Takes over a connection that a peer opened.
pub fn serve(stream: TcpStream) -> (Connection, impl Stream<Item = Happening>) {
    start(move |outbox, events| async move {
        tune(&stream);
        bytes(stream, outbox, &events).await
    })
}

fn start<F>(
    task: impl FnOnce(mpsc::Receiver<Vec<u8>>, mpsc::Sender<Happening>) -> F,
) -> (Connection, impl Stream<Item = Happening>)
where
    F: Future<Output = Result<(), String>> + 'static,
{
    let (outbox, waiting) = mpsc::channel(MAX_WAITING);
    let (events, arriving) = mpsc::channel(MAX_UNREAD);
    let task = task(waiting, events.clone());
    tokio::task::spawn_local(async move {
        let why = match task.await {
            Ok(()) => "closed".to_owned(),
            Err(why) => why,
        };
        let _ = events.send(Happening::Ended(why)).await;
    });
    let stream = futures_util::stream::unfold(arriving, |mut arriving| async move {
        arriving.recv().await.map(|event| (event, arriving))
    });
    (Connection { outbox }, stream)
}

async fn run(
    peer: Peer,
    outbox: mpsc::Receiver<Vec<u8>>,
    events: mpsc::Sender<Happening>,
) -> Result<(), String> {
    let address = peer.address;
    let tcp = timeout(CONNECT_LIMIT, TcpStream::connect(address))
        .await
        .map_err(|_| {
            format!(
                "{address} does not answer within {} s",
                CONNECT_LIMIT.as_secs()
            )
        })?
        .map_err(|error| format!("{address} cannot be reached over TCP: {error}"))?;
    tune(&tcp);
    let local = tcp.local_addr().map_err(|error| error.to_string())?;
    let too_slow = || {
        format!(
            "{address} did not shake hands within {} s",
            HANDSHAKE_LIMIT.as_secs()
        )
    };
    match peer.transport {
        Transport::Tls => {
            let tls = timeout(HANDSHAKE_LIMIT, secure(&peer, tcp))
                .await
                .map_err(|_| too_slow())??;
            opened(&events, local).await?;
            bytes(tls, outbox, &events).await
        }
        Transport::Wss => {
            let socket = timeout(HANDSHAKE_LIMIT, async {
                let tls = secure(&peer, tcp).await?;
                websocket(&peer, tls).await
            })
            .await
            .map_err(|_| too_slow())??;
            opened(&events, local).await?;
            messages(socket, outbox, &events).await
        }
        _ => {
            opened(&events, local).await?;
            bytes(tcp, outbox, &events).await
        }
    }
}

async fn opened(events: &mpsc::Sender<Happening>, local: SocketAddr) -> Result<(), String> {
    events
        .send(Happening::Opened(local))
        .await
        .map_err(|_| "nobody waits for it".to_owned())
}

async fn secure(
    peer: &Peer,
    tcp: TcpStream,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, String> {
    let identity = peer.identity.clone().unwrap_or_default();
    let name = ServerName::try_from(identity.clone())
        .map_err(|_| format!("{identity:?} is no name that a certificate can prove"))?;
    let config = peer.tls.clone().ok_or("TLS is not set up")?;
    tokio_rustls::TlsConnector::from(config)
        .connect(name, tcp)
        .await
        .map_err(|error| format!("{} does not prove to be {identity}: {error}", peer.address))
}

async fn websocket<S: AsyncRead + AsyncWrite + Unpin>(
    peer: &Peer,
    stream: S,
) -> Result<tokio_tungstenite::WebSocketStream<S>, String> {
    let mut config = WebSocketConfig::default();
    config.read_buffer_size = READ_SIZE;
    config.write_buffer_size = 0;
    config.max_write_buffer_size = 2 * MAX_MESSAGE;
    config.max_message_size = Some(MAX_MESSAGE);
    config.max_frame_size = Some(MAX_MESSAGE);
    let request = upgrade(peer)?;
    let (socket, answer) =
        tokio_tungstenite::client_async_with_config(request, stream, Some(config))
            .await
            .map_err(|error| format!("{} opens no WebSocket: {error}", peer.address))?;
    let agreed = answer.headers().get("Sec-WebSocket-Protocol");
    if agreed.is_none_or(|agreed| !agreed.as_bytes().eq_ignore_ascii_case(b"sip")) {
        return Err(format!("{} speaks no SIP over WebSocket", peer.address));
    }
    Ok(socket)
}

fn upgrade(peer: &Peer) -> Result<Request, String> {
    let host = match peer.identity.as_deref() {
        Some(name) if name.contains(':') => format!("[{name}]"),
        Some(name) => name.to_owned(),
        None => peer.address.ip().to_string(),
    };
    let uri = format!("wss://{host}:{}{}", peer.address.port(), peer.path);
    let mut request = uri
        .as_str()
        .into_client_request()
        .map_err(|error| format!("{uri} is no WebSocket address: {error}"))?;
    request
        .headers_mut()
        .insert("Sec-WebSocket-Protocol", HeaderValue::from_static("sip"));
    Ok(request)
}

/// Reads and writes a stream until it ends.
async fn bytes<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    mut outbox: mpsc::Receiver<Vec<u8>>,
    events: &mpsc::Sender<Happening>,
) -> Result<(), String> {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let reading = async {
        let mut buffer = vec![0; READ_SIZE].into_boxed_slice();
        loop {
            match reader.read(&mut buffer).await {
                Ok(0) => return Err("the peer closed it".to_owned()),
                Ok(length) => tell(events, buffer[..length].to_vec()).await?,
                Err(error) => return Err(error.to_string()),
            }
        }
    };
    let writing = async {
        while let Some(bytes) = outbox.recv().await {
            let write = async {
                writer.write_all(&bytes).await?;
                writer.flush().await
            };
            written(timeout(WRITE_LIMIT, write).await)?;
        }
        let _ = timeout(WRITE_LIMIT, writer.shutdown()).await;
        Ok(())
    };
    first(reading, writing).await
}

/// Reads and writes a WebSocket until it ends. Line ends become its own ping and pong (RFC 7118 §6).
async fn messages<S: AsyncRead + AsyncWrite + Unpin>(
    socket: tokio_tungstenite::WebSocketStream<S>,
    mut outbox: mpsc::Receiver<Vec<u8>>,
    events: &mpsc::Sender<Happening>,
) -> Result<(), String> {
    let (mut writer, mut reader) = socket.split();
    let reading = async {
        while let Some(message) = reader.next().await {
            match message.map_err(|error| error.to_string())? {
                Message::Text(text) => tell(events, text.as_bytes().to_vec()).await?,
                Message::Binary(bytes) => tell(events, bytes.to_vec()).await?,
                Message::Pong(_) => tell(events, PONG.to_vec()).await?,
                Message::Close(_) => return Err("the peer closed it".to_owned()),
                // The library answers pings with the next thing written or read.
                Message::Ping(_) | Message::Frame(_) => {}
            }
        }
        Err("the peer closed it".to_owned())
    };
    let writing = async {
        while let Some(bytes) = outbox.recv().await {
            let message = match String::from_utf8(bytes) {
                Ok(text) if text.as_bytes() == PING => Message::Ping(Vec::new().into()),
                Ok(text) => Message::text(text),
                Err(error) => Message::binary(error.into_bytes()),
            };
            written(timeout(WRITE_LIMIT, put(&mut writer, message)).await)?;
        }
        let _ = timeout(WRITE_LIMIT, writer.close()).await;
        Ok(())
    };
    first(reading, writing).await
}

async fn put(
    writer: &mut (impl Sink<Message, Error = tungstenite::Error> + Unpin),
    message: Message,
) -> io::Result<()> {
    writer.send(message).await.map_err(io::Error::other)
}

async fn tell(events: &mpsc::Sender<Happening>, bytes: Vec<u8>) -> Result<(), String> {
    events
        .send(Happening::Bytes(bytes))
        .await
        .map_err(|_| "nobody reads it".to_owned())
}

fn written(result: Result<io::Result<()>, tokio::time::error::Elapsed>) -> Result<(), String> {
    match result {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err(format!(
            "the peer took nothing for {} s",
            WRITE_LIMIT.as_secs()
        )),
    }
}

async fn first(
    reading: impl Future<Output = Result<(), String>>,
    writing: impl Future<Output = Result<(), String>>,
) -> Result<(), String> {
    tokio::select! {
        end = reading => end,
        end = writing => end,
    }
}

/// Small messages leave at once, and a peer that vanished is noticed.
fn tune(stream: &TcpStream) {
    let socket = socket2::SockRef::from(stream);
    let _ = socket.set_tcp_nodelay(true);
    #[cfg(target_os = "linux")]
    let _ = socket.set_tcp_user_timeout(Some(WRITE_LIMIT));
}
