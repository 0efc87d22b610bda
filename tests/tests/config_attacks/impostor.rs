//! A provisioning server that signs, or does not sign, whatever a test tells it to.
//!
//! Speaks just enough HTTP/1.1 over TLS: enrolment, the long poll, status. Holds real root and
//! director keys, so that an attack differs from the good case in one thing alone.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use carillon_schemas::enrolment::{EnrolAnswer, EnrolRequest};
use carillon_schemas::envelope::PayloadType;
use carillon_schemas::status::StatusReport;
use carillon_schemas::trust::{
    Algorithm, Freshness, PublicKey, RoleKeys, TrustRoot, root_fingerprint,
};
use carillon_schemas::{DeskId, Envelope, Generation, KeyId, Ticket, Timestamp};
use ed25519_dalek::{Signer as _, SigningKey};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest as _, Sha256};

/// The id that every desk gets here.
pub(crate) const DESK: &str = "0123456789abcdef0123456789abcdef";
/// The longest a poll is held, whatever the desk asks for.
const HOLD: Duration = Duration::from_secs(20);

/// An Ed25519 key and its public side.
pub(crate) struct Key {
    signing: SigningKey,
    public: PublicKey,
    pub(crate) id: KeyId,
}

impl Key {
    pub(crate) fn new(seed: u8) -> Self {
        let signing = SigningKey::from_bytes(&[seed; 32]);
        let public = PublicKey {
            algorithm: Algorithm::Ed25519,
            public: STANDARD.encode(signing.verifying_key().as_bytes()),
        };
        let id = public.id().unwrap();
        Self {
            signing,
            public,
            id,
        }
    }

    /// An envelope signed by this key alone.
    pub(crate) fn seal(&self, kind: PayloadType, payload: &[u8]) -> Envelope {
        Envelope::seal(kind, payload, &[&self.id], |_, message| {
            Ok::<_, ()>(self.signing.sign(message).to_bytes().to_vec())
        })
        .unwrap()
    }
}

/// What a poll is answered with.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) generation: u64,
    pub(crate) body: Vec<u8>,
    /// The freshness statement in the header; the current one when absent.
    pub(crate) freshness: Option<Envelope>,
}

/// The server.
pub(crate) struct Impostor {
    pub(crate) root: Key,
    pub(crate) director: Key,
    shared: Arc<Shared>,
    root_envelope: Envelope,
    pin: String,
    port: u16,
}

struct Shared {
    replies: Mutex<VecDeque<Reply>>,
    news: Condvar,
    reports: Mutex<Vec<StatusReport>>,
    /// Answers everything with this while set: kind and body.
    page: Mutex<Option<(&'static str, Vec<u8>)>>,
    stop: AtomicBool,
    freshness_life: AtomicU64,
    enrol_answer: Vec<u8>,
    director: Key,
    newest: Mutex<u64>,
}

impl Impostor {
    pub(crate) fn start() -> Self {
        let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(
            certified.signing_key.serialize_der(),
        ));
        let pin = URL_SAFE_NO_PAD.encode(Sha256::digest(
            rcgen::PublicKeyData::subject_public_key_info(&certified.signing_key),
        ));
        Self::with(certified.cert.der().clone(), key, pin, 0)
    }

    /// One that has a server's address and TLS key, and nothing else of it: what stands before a server whose TLS it
    /// ends, as a balancer does.
    pub(crate) fn before(data: &Path, port: u16) -> Self {
        let cert = CertificateDer::from_pem_file(data.join("tls-cert.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(data.join("tls-key.pem")).unwrap();
        Self::with(cert, key, String::new(), port)
    }

    fn with(
        cert: CertificateDer<'static>,
        key: PrivateKeyDer<'static>,
        pin: String,
        port: u16,
    ) -> Self {
        let (root, director) = (Key::new(1), Key::new(2));
        let keys = BTreeMap::from([
            (root.id.clone(), root.public.clone()),
            (director.id.clone(), director.public.clone()),
        ]);
        let role = |key: &Key| RoleKeys {
            threshold: 1,
            keys: BTreeSet::from([key.id.clone()]),
        };
        let document = TrustRoot {
            fleet: "the-impostors-fleet".to_owned(),
            version: 1,
            issued: now(),
            keys,
            root: role(&root),
            director: role(&director),
        };
        let root_envelope = root.seal(PayloadType::Root, &serde_json::to_vec(&document).unwrap());
        let answer = EnrolAnswer {
            desk: DESK.parse().unwrap(),
            name: "victim".to_owned(),
            root: root_envelope.clone(),
        };
        let tls =
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![cert], key)
                .unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            replies: Mutex::default(),
            news: Condvar::new(),
            reports: Mutex::default(),
            page: Mutex::default(),
            stop: AtomicBool::new(false),
            freshness_life: AtomicU64::new(300),
            enrol_answer: serde_json::to_vec(&answer).unwrap(),
            director: Key::new(2),
            newest: Mutex::new(0),
        });
        let (tls, serving) = (Arc::new(tls), Arc::clone(&shared));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if serving.stop.load(Ordering::Relaxed) {
                    break;
                }
                let (tls, serving) = (Arc::clone(&tls), Arc::clone(&serving));
                std::thread::spawn(move || serve(stream, tls, &serving));
            }
        });
        Self {
            root,
            director,
            shared,
            root_envelope,
            pin,
            port,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// A ticket that pins this server's root.
    pub(crate) fn ticket(&self) -> String {
        let fingerprint = root_fingerprint(&self.root_envelope.unverified_payload().unwrap());
        self.ticket_for_root(&fingerprint)
    }

    /// A ticket that pins some other root.
    pub(crate) fn ticket_for_root(&self, fingerprint: &str) -> String {
        Ticket::new(
            self.url(),
            "a-token".to_owned(),
            fingerprint.to_owned(),
            Some(self.pin.clone()),
        )
        .encode()
        .to_string()
    }

    /// From now on every answer is this, or what it should be again.
    pub(crate) fn answer_all(&self, page: Option<(&'static str, Vec<u8>)>) {
        *self.shared.page.lock().unwrap() = page;
    }

    /// The next poll gets this.
    pub(crate) fn push(&self, reply: Reply) {
        self.shared.replies.lock().unwrap().push_back(reply);
        self.shared.news.notify_all();
    }

    /// The next poll gets this generation, signed as it must be.
    pub(crate) fn publish(&self, generation: u64, payload: &[u8]) {
        *self.shared.newest.lock().unwrap() = generation;
        self.push(Reply {
            status: 200,
            content_type: "application/json",
            generation,
            body: serde_json::to_vec(&self.director.seal(PayloadType::Config, payload)).unwrap(),
            freshness: None,
        });
    }

    /// The reasons of refusal reported so far, as what stands and as what happened.
    pub(crate) fn refusals(&self) -> Vec<String> {
        let reports = self.shared.reports.lock().unwrap();
        let standing = reports
            .iter()
            .filter_map(|report| report.config.as_ref()?.refused.as_ref())
            .map(|refusal| refusal.reason.clone());
        let happened = reports
            .iter()
            .flat_map(|report| &report.events)
            .filter(|event| event.kind == "config_refused")
            .map(|event| event.text.clone());
        standing.chain(happened).collect()
    }

    /// Whether some report said that freshness ran out.
    pub(crate) fn was_told_stale(&self) -> bool {
        let reports = self.shared.reports.lock().unwrap();
        reports
            .iter()
            .filter_map(|report| report.config.as_ref())
            .any(|config| config.stale)
    }

    /// Statements made from now on hold for so many seconds.
    pub(crate) fn freshness_holds(&self, seconds: u64) {
        self.shared.freshness_life.store(seconds, Ordering::Relaxed);
    }

    /// Forgets the reports.
    pub(crate) fn forget(&self) {
        self.shared.reports.lock().unwrap().clear();
    }
}

impl Drop for Impostor {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.shared.news.notify_all();
        // The listener looks at the flag when somebody comes.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

impl Shared {
    fn freshness(&self) -> Envelope {
        let life = Duration::from_secs(self.freshness_life.load(Ordering::Relaxed));
        let statement = Freshness {
            desk: DESK.parse::<DeskId>().unwrap(),
            generation: Generation(*self.newest.lock().unwrap()),
            root_version: 1,
            issued: now(),
            expires: now().after(life),
        };
        self.director.seal(
            PayloadType::Freshness,
            &serde_json::to_vec(&statement).unwrap(),
        )
    }

    /// Holds a poll until there is news or the wait is over.
    fn poll(&self, wait: Duration) -> Option<Reply> {
        let mut replies = self.replies.lock().unwrap();
        if replies.is_empty() {
            let over = |waiting: &mut VecDeque<Reply>| {
                waiting.is_empty() && !self.stop.load(Ordering::Relaxed)
            };
            replies = self
                .news
                .wait_timeout_while(replies, wait.min(HOLD), over)
                .unwrap()
                .0;
        }
        replies.pop_front()
    }
}

fn serve(stream: TcpStream, tls: Arc<ServerConfig>, shared: &Shared) {
    let _ = stream.set_nodelay(true);
    let Ok(connection) = ServerConnection::new(tls) else {
        return;
    };
    let mut stream = StreamOwned::new(connection, stream);
    while let Some((head, body)) = request(&mut stream) {
        if answer(&mut stream, &head, &body, shared).is_err() {
            break;
        }
    }
}

fn request(stream: &mut impl Read) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4_096];
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        match stream.read(&mut chunk) {
            Ok(length) if length > 0 => bytes.extend_from_slice(&chunk[..length]),
            _ => return None,
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let length: usize = header(&head, "content-length")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    while bytes.len() < end + length {
        match stream.read(&mut chunk) {
            Ok(length) if length > 0 => bytes.extend_from_slice(&chunk[..length]),
            _ => return None,
        }
    }
    Some((head, bytes[end..end + length].to_vec()))
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn answer(
    stream: &mut impl Write,
    head: &str,
    body: &[u8],
    shared: &Shared,
) -> std::io::Result<()> {
    let page = shared.page.lock().unwrap().clone();
    if let Some((kind, body)) = page {
        return send(stream, 200, kind, None, &body);
    }
    let line = head.lines().next().unwrap_or_default();
    if line.starts_with("POST /v1/enrol ") {
        assert!(
            serde_json::from_slice::<EnrolRequest>(body).is_ok(),
            "an enrolment that cannot be read"
        );
        return send(stream, 201, "application/json", None, &shared.enrol_answer);
    }
    if line.starts_with("PUT /v1/desk/status ") {
        let report = serde_json::from_slice(body).unwrap();
        shared.reports.lock().unwrap().push(report);
        return send(
            stream,
            200,
            "application/json",
            None,
            b"{\"send_all\":false}",
        );
    }
    if line.starts_with("GET /v1/desk/config ") {
        let wait = header(head, "prefer")
            .and_then(|prefer| {
                prefer
                    .split(',')
                    .find_map(|part| part.trim().strip_prefix("wait="))
            })
            .and_then(|seconds| seconds.parse().ok())
            .map_or(Duration::ZERO, Duration::from_secs);
        let reply = shared.poll(wait);
        let envelope = reply.as_ref().and_then(|reply| reply.freshness.clone());
        let envelope = envelope.unwrap_or_else(|| shared.freshness());
        let freshness = STANDARD.encode(serde_json::to_vec(&envelope).unwrap());
        return match reply {
            Some(reply) => send(
                stream,
                reply.status,
                reply.content_type,
                Some((reply.generation, &freshness)),
                &reply.body,
            ),
            None => {
                let newest = *shared.newest.lock().unwrap();
                send(
                    stream,
                    304,
                    "application/json",
                    Some((newest, &freshness)),
                    b"",
                )
            }
        };
    }
    send(stream, 404, "application/problem+json", None, b"{}")
}

fn send(
    stream: &mut impl Write,
    status: u16,
    content_type: &str,
    news: Option<(u64, &str)>,
    body: &[u8],
) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {status} Answer\r\nContent-Type: {content_type}\r\n");
    if status != 304 {
        head += &format!("Content-Length: {}\r\n", body.len());
    }
    if let Some((generation, freshness)) = news {
        head += &format!("ETag: \"{generation}\"\r\n{FRESHNESS_HEADER}: {freshness}\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    stream.write_all(body)?;
    stream.flush()
}

/// The header that carries a freshness statement.
const FRESHNESS_HEADER: &str = "Carillon-Freshness";

/// This moment.
pub(crate) fn now() -> Timestamp {
    Timestamp::of(SystemTime::now())
}
