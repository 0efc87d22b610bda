//! A server that does what a test wants, over real TLS: also what no real server would do.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest as _, Sha256};

/// A request as it came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// What to answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) manner: Manner,
}

/// How to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// As a server does.
    Whole,
    /// A byte a while.
    Drip,
    /// Half of it, then the end.
    Cut,
    /// That many bytes, none announced.
    Flood(usize),
}

impl Reply {
    pub(crate) fn new(status: u16, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("content-type".into(), kind.into())],
            body: body.into(),
            manner: Manner::Whole,
        }
    }

    pub(crate) fn json(body: impl Into<Vec<u8>>) -> Self {
        Self::new(200, "application/json", body)
    }

    pub(crate) fn problem(status: u16, word: &str) -> Self {
        let problem = carillon_schemas::Problem::new(status, word, "No", "because");
        let body = serde_json::to_vec(&problem).unwrap();
        Self::new(status, carillon_schemas::problem::CONTENT_TYPE, body)
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn manner(mut self, manner: Manner) -> Self {
        self.manner = manner;
        self
    }
}

type Handler = dyn Fn(&Request) -> Reply + Send + Sync;

/// The server; ends when dropped.
pub(crate) struct Server {
    address: SocketAddr,
    pub(crate) pin: String,
    seen: Arc<Mutex<Vec<Request>>>,
    over: Arc<AtomicBool>,
}

impl Server {
    pub(crate) fn start(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        let pin = URL_SAFE_NO_PAD.encode(Sha256::digest(
            rcgen::PublicKeyData::subject_public_key_info(&made.signing_key),
        ));
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let (tls, handler): (_, Arc<Handler>) = (Arc::new(tls), Arc::new(handler));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            pin,
            seen: Arc::default(),
            over: Arc::default(),
        };
        let (seen, over) = (server.seen.clone(), server.over.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                let (tls, handler) = (tls.clone(), handler.clone());
                let (seen, over) = (seen.clone(), over.clone());
                std::thread::spawn(move || {
                    // A client that leaves in the middle is part of the tests.
                    let _ = serve(stream.unwrap(), tls, &*handler, &seen, &over);
                });
            }
        });
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The requests for a path so far.
    pub(crate) fn requests(&self, path: &str) -> Vec<Request> {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|r| r.path == path).cloned().collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(
    stream: TcpStream,
    tls: Arc<ServerConfig>,
    handler: &Handler,
    seen: &Mutex<Vec<Request>>,
    over: &AtomicBool,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let connection = ServerConnection::new(tls).unwrap();
    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
    while !over.load(Ordering::Relaxed) {
        let Some(request) = read(&mut stream)? else {
            return Ok(());
        };
        seen.lock().unwrap().push(request.clone());
        let reply = handler(&request);
        if over.load(Ordering::Relaxed) || !write(stream.get_mut(), &reply)? {
            return Ok(());
        }
    }
    Ok(())
}

fn read(
    stream: &mut BufReader<StreamOwned<ServerConnection, TcpStream>>,
) -> std::io::Result<Option<Request>> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut request = Request {
        path: line.split(' ').nth(1).unwrap_or_default().to_owned(),
        ..Request::default()
    };
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        request
            .headers
            .push((name.to_lowercase(), value.to_owned()));
    }
    let length = request
        .header("content-length")
        .map_or(0, |n| n.parse().unwrap());
    request.body = vec![0; length];
    stream.read_exact(&mut request.body)?;
    Ok(Some(request))
}

/// Whether the connection can go on.
fn write(
    stream: &mut StreamOwned<ServerConnection, TcpStream>,
    reply: &Reply,
) -> std::io::Result<bool> {
    let mut head = format!("HTTP/1.1 {} X\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    match reply.manner {
        Manner::Flood(_) => head.push_str("connection: close\r\n\r\n"),
        _ if reply.status == 304 => head.push_str("\r\n"),
        _ => head.push_str(&format!("content-length: {}\r\n\r\n", reply.body.len())),
    }
    stream.write_all(head.as_bytes())?;
    match reply.manner {
        Manner::Whole => stream.write_all(&reply.body)?,
        Manner::Cut => {
            stream.write_all(&reply.body[..reply.body.len() / 2])?;
            stream.flush()?;
            return Ok(false);
        }
        Manner::Drip => {
            for byte in &reply.body {
                stream.write_all(&[*byte])?;
                stream.flush()?;
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        Manner::Flood(bytes) => {
            let block = vec![b' '; 64 << 10];
            for _ in 0..bytes / block.len() {
                stream.write_all(&block)?;
            }
            return Ok(false);
        }
    }
    stream.flush()?;
    Ok(true)
}
