//! Connections to SIP peers: who must prove to be whom over TLS (RFC 5922), WebSocket (RFC 7118), and what slow or hostile peers get.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use carillon_agent::transport::{
    CONNECT_LIMIT, HANDSHAKE_LIMIT, Happening, Peer, SipTls, accepted, connect, serve,
};
use carillon_sip::Transport;
use futures_util::{SinkExt as _, StreamExt as _};
use rcgen::string::Ia5String;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

/// An authority and what it signs.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    /// A certificate with those DNS names and URIs, and its key.
    fn sign(&self, names: &[&str], uris: &[&str]) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        for uri in uris {
            let uri = Ia5String::try_from(*uri).unwrap();
            params.subject_alt_names.push(SanType::URI(uri));
        }
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    fn acceptor(&self, names: &[&str], uris: &[&str], clients: Option<&str>) -> TlsAcceptor {
        let (certificate, key) = self.sign(names, uris);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(pem) => {
                use rustls_pki_types::pem::PemObject as _;
                let mut roots = rustls::RootCertStore::empty();
                let ca = rustls_pki_types::CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
                roots.add(ca).unwrap();
                builder.with_client_cert_verifier(
                    rustls::server::WebPkiClientVerifier::builder_with_provider(
                        Arc::new(roots),
                        provider,
                    )
                    .build()
                    .unwrap(),
                )
            }
        };
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = builder
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

fn peer(address: SocketAddr, transport: Transport, tls: &SipTls) -> Peer {
    Peer {
        address,
        transport,
        identity: Some("example.org".to_owned()),
        tls: Some(Arc::new(tls.client_config().unwrap())),
        path: "/sip".to_owned(),
    }
}

fn trusting(authority: &Authority) -> SipTls {
    SipTls {
        authorities: Some(authority.pem.clone()),
        client_certificate: None,
    }
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// What comes of a TLS server with those names: the first thing that happens.
async fn first_of(authority: &Authority, tls: &SipTls, acceptor: TlsAcceptor) -> Happening {
    let _ = authority;
    let (listener, address) = listen().await;
    tokio::task::spawn_local(async move {
        let (stream, _) = listener.accept().await.unwrap();
        if let Ok(mut stream) = acceptor.accept(stream).await {
            let mut buffer = [0; 64];
            while let Ok(length) = stream.read(&mut buffer).await {
                if length == 0 || stream.write_all(&buffer[..length]).await.is_err() {
                    break;
                }
            }
        }
    });
    let (connection, happenings) = connect(peer(address, Transport::Tls, tls));
    let mut happenings = pin!(happenings);
    let first = happenings.next().await.unwrap();
    if matches!(first, Happening::Opened(_)) {
        connection.send(b"hello".to_vec()).unwrap();
        match happenings.next().await.unwrap() {
            Happening::Bytes(bytes) => assert_eq!(bytes, b"hello"),
            other => return other,
        }
    }
    first
}

fn local<F: Future>(test: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, test)
}

#[test]
fn the_sip_domain_must_be_proven_letter_for_letter() {
    local(async {
        let authority = Authority::new();
        let tls = trusting(&authority);
        let cases: [(&[&str], &[&str], bool); 6] = [
            (&["example.org"], &[], true),
            (&["sbc7.example.net"], &["sip:example.org"], true),
            (&["other.example"], &[], false),
            (&["other.example"], &["sip:bob@example.org"], false),
            (&["other.example"], &["https://example.org"], false),
            (&["*.org"], &[], false),
        ];
        for (names, uris, good) in cases {
            let acceptor = authority.acceptor(names, uris, None);
            let first = first_of(&authority, &tls, acceptor).await;
            assert_eq!(
                matches!(first, Happening::Opened(_)),
                good,
                "{names:?} {uris:?}: {first:?}"
            );
        }
    });
}

#[test]
fn another_authority_proves_nothing() {
    local(async {
        let (ours, other) = (Authority::new(), Authority::new());
        let acceptor = other.acceptor(&["example.org"], &["sip:example.org"], None);
        let first = first_of(&other, &trusting(&ours), acceptor).await;
        let Happening::Ended(why) = first else {
            panic!("{first:?}")
        };
        assert!(why.contains("does not prove to be example.org"), "{why}");
    });
}

#[test]
fn a_client_certificate_is_shown_to_those_who_ask() {
    local(async {
        let authority = Authority::new();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("desk.pem");
        let (certificate, key) = authority.sign(&["desk.example.org"], &[]);
        std::fs::write(&file, certificate.pem() + &key.serialize_pem()).unwrap();
        let mut tls = trusting(&authority);
        let acceptor = || authority.acceptor(&["example.org"], &[], Some(&authority.pem));
        let without = first_of(&authority, &tls, acceptor()).await;
        assert!(matches!(without, Happening::Ended(_)), "{without:?}");
        tls.client_certificate = Some(file.clone());
        let with = first_of(&authority, &tls, acceptor()).await;
        assert!(matches!(with, Happening::Opened(_)), "{with:?}");
        std::fs::write(&file, "nonsense").unwrap();
        let why = tls.client_config().unwrap_err().to_string();
        assert!(why.contains("holds no certificate"), "{why}");
    });
}

/// A WebSocket server that agrees to a subprotocol or not, sends back what it gets, and answers no ping by itself.
async fn websocket_server(
    authority: &Authority,
    protocol: Option<&'static str>,
) -> (SocketAddr, tokio::sync::oneshot::Receiver<String>) {
    let (listener, address) = listen().await;
    let acceptor = authority.acceptor(&["example.org"], &[], None);
    let (tell, told) = tokio::sync::oneshot::channel();
    tokio::task::spawn_local(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let stream = acceptor.accept(stream).await.unwrap();
        #[expect(clippy::result_large_err, reason = "the library's own type")]
        let check = |request: &Request, mut response: Response| {
            let asked = request.headers()["Sec-WebSocket-Protocol"]
                .to_str()
                .unwrap();
            let _ = tell.send(format!("{} {asked}", request.uri().path()));
            if let Some(protocol) = protocol {
                response
                    .headers_mut()
                    .insert("Sec-WebSocket-Protocol", protocol.parse().unwrap());
            }
            Ok(response)
        };
        if let Ok(mut socket) = tokio_tungstenite::accept_hdr_async(stream, check).await {
            while let Some(Ok(message)) = socket.next().await {
                if message.is_text() && socket.send(message).await.is_err() {
                    break;
                }
                let _ = socket.flush().await;
            }
        }
    });
    (address, told)
}

#[test]
fn a_websocket_carries_whole_messages_and_its_own_pings() {
    local(async {
        let authority = Authority::new();
        let tls = trusting(&authority);
        let (address, told) = websocket_server(&authority, Some("sip")).await;
        let (connection, happenings) = connect(peer(address, Transport::Wss, &tls));
        let mut happenings = pin!(happenings);
        assert!(matches!(
            happenings.next().await,
            Some(Happening::Opened(_))
        ));
        assert_eq!(told.await.unwrap(), "/sip sip");
        for text in ["OPTIONS sip:x SIP/2.0\r\n\r\n", "another"] {
            connection.send(text.as_bytes().to_vec()).unwrap();
            let echo = Happening::Bytes(text.as_bytes().to_vec());
            assert_eq!(happenings.next().await, Some(echo));
        }
        connection.send(b"\r\n\r\n".to_vec()).unwrap();
        let pong = Happening::Bytes(b"\r\n".to_vec());
        assert_eq!(happenings.next().await, Some(pong));
        let _ = Message::Close(None);
    });
}

#[test]
fn a_websocket_without_sip_is_none() {
    local(async {
        let authority = Authority::new();
        let (address, _told) = websocket_server(&authority, None).await;
        let tls = trusting(&authority);
        let (_connection, happenings) = connect(peer(address, Transport::Wss, &tls));
        let first = pin!(happenings).next().await.unwrap();
        assert!(matches!(first, Happening::Ended(_)), "{first:?}");
    });
}

#[test]
fn a_peer_that_does_not_shake_hands_is_given_up() {
    local(async {
        let authority = Authority::new();
        let (listener, address) = listen().await;
        let tls = trusting(&authority);
        let (_connection, happenings) = connect(peer(address, Transport::Tls, &tls));
        let held = listener.accept().await.unwrap();
        tokio::time::pause();
        let began = tokio::time::Instant::now();
        let first = pin!(happenings).next().await.unwrap();
        assert!(matches!(first, Happening::Ended(_)), "{first:?}");
        assert!(began.elapsed() <= CONNECT_LIMIT + HANDSHAKE_LIMIT);
        drop(held);
    });
}

#[test]
fn a_peer_that_reads_nothing_is_noticed_and_holds_a_bounded_rest() {
    local(async {
        let (listener, address) = listen().await;
        let mut plain = peer(address, Transport::Tcp, &trusting(&Authority::new()));
        plain.tls = None;
        let (connection, happenings) = connect(plain);
        let mut happenings = pin!(happenings);
        assert!(matches!(
            happenings.next().await,
            Some(Happening::Opened(_))
        ));
        let _held = listener.accept().await.unwrap();
        let mut refused = None;
        for _ in 0..10_000 {
            if let Err(why) = connection.send(vec![0; 60_000]) {
                refused = Some(why);
                break;
            }
            tokio::task::yield_now().await;
        }
        assert!(refused.unwrap().contains("takes nothing"));
        tokio::time::pause();
        let end = tokio::time::timeout(Duration::from_secs(60), happenings.next()).await;
        assert!(matches!(end, Ok(Some(Happening::Ended(_)))), "{end:?}");
    });
}

#[test]
fn connections_come_in_on_the_same_port_and_closing_one_is_told() {
    local(async {
        let udp = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = udp.local_addr().unwrap();
        let mut incoming = pin!(accepted(address).unwrap());
        assert!(accepted(address).is_none(), "taken");
        let mut caller = TcpStream::connect(address).await.unwrap();
        let (stream, from) = incoming.next().await.unwrap();
        assert_eq!(from, caller.local_addr().unwrap());
        let (connection, happenings) = serve(stream);
        let mut happenings = pin!(happenings);
        caller.write_all(b"abc").await.unwrap();
        assert_eq!(
            happenings.next().await,
            Some(Happening::Bytes(b"abc".to_vec()))
        );
        connection.send(b"def".to_vec()).unwrap();
        drop(connection);
        let mut back = String::new();
        caller.read_to_string(&mut back).await.unwrap();
        assert_eq!(back, "def", "written before it closes");
        assert!(matches!(happenings.next().await, Some(Happening::Ended(_))));
    });
}
