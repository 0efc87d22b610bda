//! A server in a folder of its own, and desks that speak to it as an agent does, with other implementations of the
//! cryptography than the server's.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use carillon_schemas::desk_token::{self, Claims};
use carillon_schemas::enrolment::{DeskKeys, EnrolAnswer, EnrolRequest, HostInfo, proof_message};
use carillon_schemas::envelope::PayloadType;
use carillon_schemas::secret::{SEAL_INFO, seal_context};
use carillon_schemas::trust::{Freshness, Role, TrustRoot};
use carillon_schemas::{DeskConfig, DeskId, Envelope, Problem, SealedSecret, Ticket, Timestamp};
use carillon_server::data_folder::DataFolder;
use carillon_server::founding::{self, Plan};
use carillon_server::server::{Server, Settings};
use hpke::{Deserializable as _, Kem, OpModeR, Serializable as _};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::elliptic_curve::Generate as _;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) type DeskKem = hpke::kem::DhP256HkdfSha256;

/// A server that runs in this process.
pub(crate) struct Lab {
    pub(crate) folder: TempDir,
    pub(crate) server: Option<Server>,
    pub(crate) admin_password: String,
    pub(crate) http: reqwest::Client,
    url: String,
}

/// One desk's keys.
pub(crate) struct Keys {
    pub(crate) signing: SigningKey,
    pub(crate) sealing: <DeskKem as Kem>::PrivateKey,
    pub(crate) public: DeskKeys,
}

/// An enrolled desk.
pub(crate) struct Desk {
    pub(crate) id: DeskId,
    pub(crate) keys: Keys,
    pub(crate) root: TrustRoot,
    http: reqwest::Client,
    url: String,
}

/// What a poll gave.
pub(crate) struct Polled {
    pub(crate) status: StatusCode,
    pub(crate) etag: String,
    pub(crate) config: Option<DeskConfig>,
    pub(crate) freshness: Freshness,
}

impl Lab {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::new(folder.path().join("data"));
        let founded = founding::found(&Plan {
            root_keys: data.root_keys(),
            data,
            name: "The lab".into(),
            roots: 1,
            threshold: 1,
            tls_names: vec!["127.0.0.1".into()],
            settings: "{}\n".into(),
        })
        .await
        .unwrap();
        let mut lab = Self {
            folder,
            server: None,
            admin_password: founded.password.to_string(),
            http: reqwest::Client::new_insecure(),
            url: String::new(),
        };
        lab.serve().await;
        lab
    }

    pub(crate) async fn serve(&mut self) {
        let server = Server::start(Settings {
            data: self.data(),
            listen: "127.0.0.1:0".parse().unwrap(),
            tls: None,
            public_url: None,
        })
        .await
        .unwrap();
        self.url = server.local_url();
        self.server = Some(server);
    }

    pub(crate) async fn stop(&mut self) {
        self.server.take().unwrap().stop().await;
    }

    pub(crate) fn data(&self) -> DataFolder {
        DataFolder::new(self.folder.path().join("data"))
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    pub(crate) fn admin_token(&self) -> String {
        std::fs::read_to_string(self.data().admin_token()).unwrap()
    }

    /// Asks the admin API; the status and the document.
    pub(crate) async fn try_admin(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let mut request = self
            .http
            .request(method, self.url(&format!("/v1/admin/{path}")))
            .bearer_auth(self.admin_token());
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        (
            status,
            serde_json::from_str(&text).unwrap_or(Value::String(text)),
        )
    }

    /// Asks the admin API, which must do it.
    pub(crate) async fn admin(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let (status, answer) = self.try_admin(method, path, body).await;
        assert!(status.is_success(), "{path}: {status} {answer}");
        answer
    }

    /// A ticket; its token and root are inside.
    pub(crate) async fn ticket(&self, wanted: Value) -> Ticket {
        let made = self.admin(Method::POST, "tickets", Some(wanted)).await;
        made["ticket"].as_str().unwrap().parse().unwrap()
    }

    /// Sends an enrolment; the status and the document.
    pub(crate) async fn try_enrol(&self, ticket: &Ticket, keys: &Keys) -> (StatusCode, Value) {
        self.send_enrolment(&enrolment(ticket.token(), keys)).await
    }

    pub(crate) async fn send_enrolment(&self, request: &EnrolRequest) -> (StatusCode, Value) {
        let answer = self
            .http
            .post(self.url("/v1/enrol"))
            .json(request)
            .send()
            .await
            .unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    /// Enrols with new keys.
    pub(crate) async fn enrol(&self, ticket: &Ticket) -> Desk {
        self.enrol_with(ticket, Keys::new()).await
    }

    pub(crate) async fn enrol_with(&self, ticket: &Ticket, keys: Keys) -> Desk {
        let (status, answer) = self.try_enrol(ticket, &keys).await;
        assert!(status.is_success(), "{status} {answer}");
        let answer: EnrolAnswer = serde_json::from_value(answer).unwrap();
        let root = TrustRoot::pinned(&answer.root, &ticket.root, verify_ed25519).unwrap();
        Desk {
            id: answer.desk,
            keys,
            root,
            http: reqwest::Client::new_insecure(),
            url: self.url.clone(),
        }
    }

    /// A desk of that name with one account, enrolled.
    pub(crate) async fn desk(&self, name: &str, password: &str) -> Desk {
        self.admin(Method::POST, "desks", Some(json!({ "name": name })))
            .await;
        self.set_account(name, password).await;
        let ticket = self.ticket(json!({ "desk": name })).await;
        self.enrol(&ticket).await
    }

    pub(crate) async fn set_account(&self, desk: &str, password: &str) -> Value {
        let account = json!({
            "id": "main", "address": "sip:1001@127.0.0.1", "password": password
        });
        let path = format!("desks/{desk}/accounts/main");
        self.admin(Method::PUT, &path, Some(account)).await
    }

    pub(crate) async fn set_password(&self, desk: &str, password: &str) -> Value {
        let path = format!("desks/{desk}/accounts/main/password");
        let body = json!({ "password": password });
        self.admin(Method::PUT, &path, Some(body)).await
    }

    /// Waits until as many polls wait at the server.
    pub(crate) async fn waiting(&self, polls: usize) {
        let service = self.server.as_ref().unwrap().service();
        for _ in 0..1_000 {
            if service.push().waiting() == polls {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} polls wait, wanted {polls}", service.push().waiting());
    }
}

impl Keys {
    pub(crate) fn new() -> Self {
        let signing = SigningKey::generate();
        let (sealing, sealing_public) = DeskKem::gen_keypair();
        let point = signing.verifying_key().to_sec1_point(false);
        Self {
            public: DeskKeys {
                signing: STANDARD.encode(point.as_bytes()),
                sealing: STANDARD.encode(sealing_public.to_bytes()),
            },
            signing,
            sealing,
        }
    }

    pub(crate) fn proof(&self, context: &str) -> String {
        let proof: Signature = self.signing.sign(&proof_message(context, &self.public));
        STANDARD.encode(proof.to_bytes())
    }
}

pub(crate) fn enrolment(token: &str, keys: &Keys) -> EnrolRequest {
    EnrolRequest {
        token: token.to_owned(),
        keys: keys.public.clone(),
        proof: keys.proof(token),
        host: HostInfo {
            name: "host-1".into(),
            os: "Debian 12".into(),
            agent_version: "0.1.0".into(),
        },
    }
}

impl Desk {
    pub(crate) fn claims(&self) -> Claims {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let now = now();
        Claims {
            iss: self.id.clone(),
            aud: self.root.fleet.clone(),
            iat: now,
            exp: Timestamp(now.0 + 60),
            jti: format!("{:032}", NEXT.fetch_add(1, Ordering::Relaxed)),
        }
    }

    pub(crate) fn token(&self) -> String {
        token(&self.claims(), &self.keys)
    }

    /// Asks for the configuration with this token.
    pub(crate) async fn ask(&self, token: &str, has: Option<u64>, wait: u32) -> reqwest::Response {
        let mut request = self
            .http
            .get(format!("{}/v1/desk/config", self.url))
            .bearer_auth(token)
            .header("Prefer", format!("wait={wait}"));
        if let Some(has) = has {
            request = request.header("If-None-Match", format!("\"{has}\""));
        }
        request.send().await.unwrap()
    }

    /// Asks and believes the answer only as an agent would.
    pub(crate) async fn poll(&self, has: Option<u64>, wait: u32) -> Polled {
        let answer = self.ask(&self.token(), has, wait).await;
        let status = answer.status();
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        let etag = header("etag");
        let freshness = STANDARD.decode(header("carillon-freshness")).unwrap();
        let freshness = self.believe(&freshness, PayloadType::Freshness);
        let config = (status == StatusCode::OK).then_some(answer);
        let config: Option<DeskConfig> = match config {
            Some(answer) => Some(self.believe(&answer.bytes().await.unwrap(), PayloadType::Config)),
            None => None,
        };
        Polled {
            status,
            etag,
            config,
            freshness,
        }
    }

    pub(crate) async fn refused(&self, token: &str) -> (StatusCode, String) {
        let answer = self.ask(token, None, 0).await;
        let status = answer.status();
        let problem: Problem = answer.json().await.unwrap();
        (status, problem.word().to_owned())
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Value,
    ) -> (StatusCode, Value) {
        let answer = self
            .http
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(self.token())
            .json(&body)
            .send()
            .await
            .unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or_default())
    }

    /// The password of the account `main`, unsealed.
    pub(crate) fn password(&self, config: &DeskConfig) -> Option<String> {
        let account = config.accounts.iter().find(|a| a.id.as_str() == "main")?;
        let SealedSecret { enc, ciphertext } = account.password.as_ref()?;
        let enc = <DeskKem as Kem>::EncappedKey::from_bytes(&STANDARD.decode(enc).ok()?).ok()?;
        let plain =
            hpke::single_shot_open::<hpke::aead::AesGcm128, hpke::kdf::HkdfSha256, DeskKem>(
                &OpModeR::Base,
                &self.keys.sealing,
                &enc,
                SEAL_INFO,
                &STANDARD.decode(ciphertext).ok()?,
                &seal_context(&self.id, &account.id, config.generation),
            )
            .ok()?;
        String::from_utf8(plain).ok()
    }

    fn believe<T: serde::de::DeserializeOwned>(&self, bytes: &[u8], wanted: PayloadType) -> T {
        let envelope = Envelope::from_json(bytes).unwrap();
        let payload = envelope
            .verify(wanted, Role::Director, &self.root, verify_ed25519)
            .unwrap();
        serde_json::from_slice(&payload).unwrap()
    }
}

pub(crate) fn token(claims: &Claims, keys: &Keys) -> String {
    desk_token::make(claims, |message| {
        let signature: Signature = keys.signing.sign(message);
        Ok::<_, ()>(signature.to_bytes().to_vec())
    })
    .unwrap()
}

pub(crate) fn now() -> Timestamp {
    Timestamp::of(SystemTime::now())
}

pub(crate) fn word(answer: &Value) -> &str {
    answer["type"].as_str().unwrap().rsplit(':').next().unwrap()
}

fn verify_ed25519(key: &carillon_schemas::trust::PublicKey, message: &[u8], sig: &[u8]) -> bool {
    use ed25519_dalek::{Signature, VerifyingKey};
    let verify = || {
        let key = VerifyingKey::from_bytes(&key.bytes().ok()?).ok()?;
        key.verify_strict(message, &Signature::from_slice(sig).ok()?)
            .ok()
    };
    verify().is_some()
}

/// The lab's servers have certificates of their own make; the pins have their own tests.
trait Insecure {
    fn new_insecure() -> Self;
}

impl Insecure for reqwest::Client {
    fn new_insecure() -> Self {
        // Every test may be the first.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        Self::builder()
            .tls_danger_accept_invalid_certs(true)
            .no_proxy()
            .build()
            .unwrap()
    }
}
