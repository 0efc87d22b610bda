//! One simulated desk: its keys, its requests, and its doubts about every answer.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use carillon_schemas::config::DeskConfig;
use carillon_schemas::desk_token::{self, Claims};
use carillon_schemas::enrolment::{DeskKeys, EnrolAnswer, EnrolRequest, HostInfo, proof_message};
use carillon_schemas::envelope::{Envelope, PayloadType};
use carillon_schemas::status::{AgentStatus, ConfigStatus, StatusReport};
use carillon_schemas::trust::{Freshness, PublicKey, Role, TrustRoot};
use carillon_schemas::{DeskId, Generation, Problem, Ticket, Timestamp};
use carillon_tests::{Fault, Outcome};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::elliptic_curve::Generate as _;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde::Deserialize;

/// A desk that is enrolled.
#[derive(Debug)]
pub(crate) struct Desk {
    client: Client,
    url: String,
    id: DeskId,
    signing: SigningKey,
    root: TrustRoot,
    generation: Generation,
    boot: String,
}

impl Desk {
    /// Enrols desk `number` and checks the trust root against the ticket.
    pub(crate) async fn enrol(client: Client, ticket: &Ticket, number: usize) -> Outcome<Self> {
        let signing = SigningKey::generate();
        let sealing = p256::SecretKey::generate();
        let keys = DeskKeys {
            signing: STANDARD.encode(signing.verifying_key().to_sec1_point(false).as_bytes()),
            sealing: STANDARD.encode(sealing.public_key().to_sec1_bytes()),
        };
        let proof: Signature = signing.sign(&proof_message(ticket.token(), &keys));
        let request = EnrolRequest {
            token: ticket.token().to_owned(),
            proof: STANDARD.encode(proof.to_bytes()),
            keys,
            host: HostInfo {
                name: format!("desk-{number:06}"),
                os: "simulated".to_owned(),
                agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            },
        };
        let url = ticket.url.trim_end_matches('/').to_owned();
        let answer = ask(
            "enrolment",
            client.post(format!("{url}/v1/enrol")).json(&request),
        )
        .await?;
        let answer: EnrolAnswer = read("enrolment", &answer.body)?;
        let root = TrustRoot::pinned(&answer.root, &ticket.root, verify)
            .map_err(|e| Fault::refused("the desk", "the trust root", e.to_string()))?;
        let boot = format!("boot-{number}");
        Ok(Self {
            client,
            url,
            id: answer.desk,
            signing,
            root,
            generation: Generation(0),
            boot,
        })
    }

    /// Its id.
    pub(crate) fn id(&self) -> &DeskId {
        &self.id
    }

    /// The newest generation it has verified.
    pub(crate) fn generation(&self) -> Generation {
        self.generation
    }

    /// Asks for news, waiting up to `wait` at the server, and verifies what comes.
    pub(crate) async fn pull(&mut self, wait: Duration) -> Outcome<()> {
        let request = self
            .client
            .get(format!("{}/v1/desk/config", self.url))
            .bearer_auth(self.token()?)
            .header("If-None-Match", format!("\"{}\"", self.generation))
            .header("Prefer", format!("wait={}", wait.as_secs()));
        let answer = ask("pull", request).await?;
        let statement = answer.freshness.ok_or_else(|| {
            Fault::refused(
                "the server",
                "a pull",
                format!("no {FRESHNESS_HEADER} in the answer"),
            )
        })?;
        let fresh: Freshness = self.believe(&statement, PayloadType::Freshness)?;
        if fresh.desk != self.id || fresh.expires <= now() || fresh.generation < self.generation {
            return Err(Fault::refused(
                "the desk",
                "a freshness statement",
                format!("{fresh:?}"),
            ));
        }
        if answer.status == StatusCode::OK {
            let envelope: Envelope = read("pull", &answer.body)?;
            let config: DeskConfig = self.believe(&envelope, PayloadType::Config)?;
            if config.desk != self.id || config.generation <= self.generation {
                let said = format!("desk {}, generation {}", config.desk, config.generation);
                return Err(Fault::refused("the desk", "a configuration", said));
            }
            self.generation = config.generation;
        }
        if fresh.generation == self.generation {
            Ok(())
        } else {
            Err(Fault::refused(
                "the server",
                "the newest configuration",
                format!("{fresh:?}"),
            ))
        }
    }

    /// Sends a status report: a whole one first, then one section.
    pub(crate) async fn report(&mut self, sequence: u64) -> Outcome<()> {
        let agent = (sequence == 0).then(|| AgentStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            os: "simulated".to_owned(),
            host: self.boot.clone(),
            started: now(),
            restarts: 0,
            given_up: Vec::new(),
        });
        let report = StatusReport {
            boot: self.boot.clone(),
            sequence,
            agent,
            config: Some(ConfigStatus {
                applied: self.generation,
                applied_at: Some(now()),
                refused: None,
                stale: false,
            }),
            ..StatusReport::default()
        };
        let request = self
            .client
            .put(format!("{}/v1/desk/status", self.url))
            .bearer_auth(self.token()?)
            .json(&report);
        ask("status report", request).await.map(drop)
    }

    /// A token for one request.
    fn token(&self) -> Outcome<String> {
        let mut random = [0; 16];
        getrandom::fill(&mut random)
            .map_err(|e| Fault::refused("the system", "random bytes", e.to_string()))?;
        let claims = Claims {
            iss: self.id.clone(),
            aud: self.root.fleet.clone(),
            iat: now(),
            exp: now().after(Duration::from_secs(60)),
            jti: carillon_schemas::identifier::hex(&random),
        };
        desk_token::make(&claims, |message| {
            self.signing
                .try_sign(message)
                .map(|signature: Signature| signature.to_bytes().to_vec())
        })
        .map_err(|e| Fault::refused("the desk's key", "a signature", e.to_string()))
    }

    fn believe<T: for<'de> Deserialize<'de>>(
        &self,
        envelope: &Envelope,
        kind: PayloadType,
    ) -> Outcome<T> {
        let payload = envelope
            .verify(kind, Role::Director, &self.root, verify)
            .map_err(|e| Fault::refused("the desk", kind.as_str(), e.to_string()))?;
        read(kind.as_str(), &payload)
    }
}

/// The header that carries the freshness statement, base64 of its envelope.
const FRESHNESS_HEADER: &str = "carillon-freshness";

/// An answer that is no problem document.
struct Answer {
    status: StatusCode,
    freshness: Option<Envelope>,
    body: Vec<u8>,
}

async fn ask(what: &str, request: RequestBuilder) -> Outcome<Answer> {
    let refused = |answer: String| Fault::refused("the server", what, answer);
    let response = request.send().await.map_err(|e| refused(chain(&e)))?;
    let status = response.status();
    let freshness = response
        .headers()
        .get(FRESHNESS_HEADER)
        .and_then(|value| STANDARD.decode(value.as_bytes()).ok())
        .and_then(|json| Envelope::from_json(&json).ok());
    let body = response
        .bytes()
        .await
        .map_err(|e| refused(chain(&e)))?
        .to_vec();
    if status.is_success() || status == StatusCode::NOT_MODIFIED {
        return Ok(Answer {
            status,
            freshness,
            body,
        });
    }
    Err(refused(match serde_json::from_slice::<Problem>(&body) {
        Ok(problem) => format!("{status}: {problem}"),
        Err(_) => format!(
            "{status}: {}",
            String::from_utf8_lossy(&body[..body.len().min(200)])
        ),
    }))
}

fn read<T: for<'de> Deserialize<'de>>(what: &str, body: &[u8]) -> Outcome<T> {
    serde_json::from_slice(body).map_err(|e| Fault::refused("the desk", what, e.to_string()))
}

/// An error with its causes: what failed below says more than 'error sending request'.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(below) = cause {
        text = format!("{text}: {below}");
        cause = below.source();
    }
    text
}

fn verify(key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    let (Ok(key), Ok(signature)) = (key.bytes(), ed25519_dalek::Signature::from_slice(signature))
    else {
        return false;
    };
    ed25519_dalek::VerifyingKey::from_bytes(&key)
        .is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
}

fn now() -> Timestamp {
    Timestamp::of(SystemTime::now())
}
