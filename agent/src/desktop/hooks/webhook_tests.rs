//! Posts to real TLS listeners: signed, tried again, never sent on.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

const SECRET: &str = "0123456789abcdef";

fn secret() -> Secret {
    Secret::new(SECRET.into()).unwrap()
}

/// An HTTPS host on loopback that gives these answers, one a request, and keeps what it was sent.
struct Host {
    port: u16,
    heard: Rc<RefCell<Vec<String>>>,
    folder: tempfile::TempDir,
}

impl Host {
    async fn start(answers: Vec<String>) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), made.cert.pem()).unwrap();
        let certificate = CertificateDer::from(made.cert);
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Rc::new(RefCell::new(Vec::new()));
        let told = Rc::clone(&heard);
        actix_rt::spawn(async move {
            for answer in answers {
                let (stream, _) = listener.accept().await.unwrap();
                let mut stream = acceptor.accept(stream).await.unwrap();
                let mut request = Vec::new();
                let mut buffer = [0; 4_096];
                while !request.ends_with(b"}") {
                    let count = stream.read(&mut buffer).await.unwrap();
                    request.extend_from_slice(&buffer[..count]);
                }
                let request = String::from_utf8_lossy(&request).into_owned();
                told.borrow_mut().push(request);
                let text = format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n");
                stream.write_all(text.as_bytes()).await.unwrap();
                let _ = stream.shutdown().await;
            }
        });
        Self {
            port,
            heard,
            folder,
        }
    }

    fn post(&self, body: &str) -> Post {
        Post {
            url: format!("https://127.0.0.1:{}/hook", self.port),
            trust: ServerTrust::Authorities(self.folder.path().join("ca.pem")),
            secret: secret(),
            id: "an-id".into(),
            body: body.into(),
            limit: Duration::from_secs(5),
        }
    }
}

fn block_on(test: impl Future<Output = ()>) {
    actix_rt::System::new().block_on(test);
}

#[test]
fn a_signature_is_the_one_that_others_compute() {
    // printf '1795426860.{"event":"missed"}' | openssl dgst -sha256 -hmac 0123456789abcdef
    assert_eq!(
        signature(
            &secret(),
            Timestamp(1_795_426_860),
            "{\"event\":\"missed\"}"
        ),
        "t=1795426860,v1=2616a56a28f801d5183668cccda05cbd0e1acc0f8226ff86b24d74a6e200e5a9"
    );
}

#[test]
fn waits_are_jittered_within_their_bound() {
    for _ in 0..100 {
        let wait = jittered(Duration::from_secs(8));
        assert!((Duration::from_secs(4)..=Duration::from_secs(8)).contains(&wait));
    }
}

#[test]
fn what_may_go_better_is_tried_again_under_the_same_name() {
    block_on(async {
        let host = Host::start(vec!["503 Busy".into(), "204 Fine".into()]).await;
        deliver(&host.post("{\"n\":1}")).await.unwrap();
        let heard = host.heard.borrow();
        assert_eq!(heard.len(), 2);
        for request in heard.iter() {
            let lower = request.to_lowercase();
            assert!(lower.contains("carillon-id: an-id"), "{request}");
            let at = lower.split("carillon-signature: t=").nth(1).unwrap();
            let seconds = at.split(',').next().unwrap().parse().unwrap();
            let right = signature(&secret(), Timestamp(seconds), "{\"n\":1}");
            assert!(request.contains(&right), "{request}");
            assert!(!request.contains(SECRET));
        }
    });
}

#[test]
fn a_refusal_is_final() {
    block_on(async {
        let host = Host::start(vec!["410 Gone".into(), "200 OK".into()]).await;
        let error = deliver(&host.post("{}")).await.unwrap_err();
        assert!(error.to_string().ends_with("answered 410"), "{error}");
        assert_eq!(host.heard.borrow().len(), 1);
    });
}

#[test]
fn attack_b_a_redirection_to_another_host_is_not_followed() {
    block_on(async {
        let thief = Host::start(vec!["200 OK".into()]).await;
        for status in ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"] {
            let to = format!(
                "{status}\r\nLocation: https://127.0.0.1:{}/steal",
                thief.port
            );
            let host = Host::start(vec![to]).await;
            let error = deliver(&host.post("{\"number\":\"1001\"}"))
                .await
                .unwrap_err();
            assert!(matches!(error, PostError::Redirected { .. }), "{error}");
            assert_eq!(host.heard.borrow().len(), 1, "it is not tried again");
        }
        assert_eq!(*thief.heard.borrow(), Vec::<String>::new());
    });
}

#[test]
fn who_is_not_vouched_for_gets_nothing() {
    block_on(async {
        let host = Host::start(vec!["200 OK".into()]).await;
        let other = Host::start(vec![]).await;
        let mut post = host.post("{}");
        post.trust = ServerTrust::Authorities(other.folder.path().join("ca.pem"));
        let client = client(&post).unwrap();
        assert!(matches!(attempt(&client, &post).await, Tried::Again(_)));
        assert_eq!(*host.heard.borrow(), Vec::<String>::new());
    });
}
