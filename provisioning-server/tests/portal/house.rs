//! A server of our own for one test: a fresh fleet in a folder that goes with it, on a free port.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use carillon_schemas::enrolment::{DeskKeys, EnrolRequest, HostInfo, proof_message};
use carillon_schemas::fleet_file::Layer;
use carillon_schemas::status::{
    AccountState, AccountStatus, AgentStatus, CallState, CallStatus, ConfigStatus, DeskEvent,
    Direction, Level, StatusReport,
};
use carillon_schemas::{Account, DeskId, Generation, Secret, Ticket, Timestamp};
use carillon_server::data_folder::DataFolder;
use carillon_server::fleet::Actor;
use carillon_server::server::{Server, Settings};
use carillon_server::service::{NewTicket, Service};
use carillon_server::store::{
    AdminToken, DeskRef, FleetRecord, Founding, Scope, SqliteStore, Store as _,
};
use carillon_server::trust::director::SigningKey;
use carillon_server::trust::vault::Vault;
use carillon_server::trust::{password, root, tls};
use p256::ecdsa::signature::Signer as _;
use p256::elliptic_curve::Generate as _;
use reqwest::header::{COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Client, Response, StatusCode};
use tempfile::TempDir;

pub(crate) const ADMIN: &str = "admin";
pub(crate) const PASSWORD: &str = "a good long password";

/// A running server with an admin.
pub(crate) struct House {
    server: Server,
    client: Client,
    _folder: TempDir,
}

/// A signed-in browser, as far as HTTP shows it.
pub(crate) struct Visit {
    pub(crate) cookie: String,
    pub(crate) csrf: String,
}

impl House {
    pub(crate) async fn open() -> Self {
        // Another test of this process may have been first.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = TempDir::with_prefix("carillon-portal-").unwrap();
        let data = DataFolder::new(folder.path().join("data"));
        std::fs::create_dir(data.path()).unwrap();
        found(&data).await;
        let server = Server::start(Settings {
            data,
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            tls: None,
            public_url: None,
        })
        .await
        .unwrap();
        let client = Client::builder()
            .danger_accept_invalid_certs(true)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self {
            server,
            client,
            _folder: folder,
        }
    }

    pub(crate) fn service(&self) -> &Arc<Service> {
        self.server.service()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.local_url())
    }

    pub(crate) async fn get(&self, path: &str, visit: Option<&Visit>) -> Response {
        let mut request = self.client.get(self.url(path));
        if let Some(visit) = visit {
            request = request.header(COOKIE, &visit.cookie);
        }
        request.send().await.unwrap()
    }

    /// Sends a form as our own page does.
    pub(crate) async fn post(
        &self,
        path: &str,
        visit: Option<&Visit>,
        fields: &[(&str, &str)],
    ) -> Response {
        let origin = self.server.local_url();
        self.post_from(&origin, path, visit, fields).await
    }

    /// Sends a form as a page of any origin does.
    pub(crate) async fn post_from(
        &self,
        origin: &str,
        path: &str,
        visit: Option<&Visit>,
        fields: &[(&str, &str)],
    ) -> Response {
        let body: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", percent(value)))
            .collect();
        let mut request = self
            .client
            .post(self.url(path))
            .header(ORIGIN, origin)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.join("&"));
        if let Some(visit) = visit {
            request = request.header(COOKIE, &visit.cookie);
        }
        request.send().await.unwrap()
    }

    pub(crate) async fn sign_in(&self) -> Visit {
        let answer = self
            .post("/sign-in", None, &[("name", ADMIN), ("password", PASSWORD)])
            .await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        assert_eq!(answer.headers()[LOCATION], "/desks");
        let set = answer.headers()[SET_COOKIE].to_str().unwrap();
        let cookie = set.split(';').next().unwrap().to_owned();
        let mut visit = Visit {
            cookie,
            csrf: String::new(),
        };
        let page = self.get("/desks", Some(&visit)).await.text().await.unwrap();
        visit.csrf = csrf_of(&page);
        visit
    }

    /// Adds a desk with one account and enrols it, as its agent does.
    pub(crate) async fn enrolled_desk(&self, name: &str) -> Desk {
        let service = self.service();
        let id = service.add_desk(&actor(), name).await.unwrap().id;
        service
            .set_account(&actor(), DeskRef::Id(&id), account())
            .await
            .unwrap();
        let wanted = NewTicket {
            desk: Some(name.into()),
            life: Duration::from_secs(60),
            uses: 1,
        };
        let ticket: Ticket = service
            .new_ticket(&actor(), wanted)
            .await
            .unwrap()
            .ticket
            .parse()
            .unwrap();
        let signing = p256::ecdsa::SigningKey::generate();
        let key = STANDARD.encode(signing.verifying_key().to_sec1_point(false).as_bytes());
        let keys = DeskKeys {
            signing: key.clone(),
            sealing: key,
        };
        let proof: p256::ecdsa::Signature = signing.sign(&proof_message(ticket.token(), &keys));
        let request = EnrolRequest {
            token: ticket.token().to_owned(),
            keys,
            proof: STANDARD.encode(proof.to_bytes()),
            host: HostInfo {
                name: "host-1".into(),
                os: "Debian 12".into(),
                agent_version: "0.1.0".into(),
            },
        };
        service.enrol(&request, None).await.unwrap();
        Desk { id, sequence: 0 }
    }
}

/// A desk whose agent is played by the test.
pub(crate) struct Desk {
    pub(crate) id: DeskId,
    sequence: u64,
}

impl Desk {
    pub(crate) async fn report(&mut self, house: &House, report: StatusReport) {
        self.sequence += 1;
        let report = StatusReport {
            boot: "boot".into(),
            sequence: self.sequence,
            ..report
        };
        house.service().report(&self.id, report).await.unwrap();
    }

    /// Reports its one account in a state, and nothing wrong besides.
    pub(crate) async fn report_account(
        &mut self,
        house: &House,
        state: AccountState,
        reason: Option<&str>,
    ) {
        let report = StatusReport {
            agent: Some(agent()),
            config: Some(ConfigStatus {
                applied: Generation(1),
                applied_at: Some(now()),
                refused: None,
                stale: false,
            }),
            accounts: Some(vec![AccountStatus {
                id: account().id,
                address: account().address.to_string(),
                state,
                reason: reason.map(str::to_owned),
                since: now(),
            }]),
            calls: Some(vec![]),
            ..StatusReport::default()
        };
        self.report(house, report).await;
    }

    pub(crate) async fn report_call(&mut self, house: &House, peer: &str) {
        let call = CallStatus {
            id: "1".into(),
            account: account().id,
            direction: Direction::Incoming,
            state: CallState::Ringing,
            peer: peer.into(),
            since: now(),
            held: false,
        };
        self.report(
            house,
            StatusReport {
                calls: Some(vec![call]),
                ..StatusReport::default()
            },
        )
        .await;
    }

    pub(crate) async fn report_event(
        &mut self,
        house: &House,
        level: Level,
        kind: &str,
        text: &str,
    ) {
        let event = DeskEvent {
            at: now(),
            level,
            kind: kind.into(),
            text: text.into(),
        };
        self.report(
            house,
            StatusReport {
                events: vec![event],
                ..StatusReport::default()
            },
        )
        .await;
    }
}

pub(crate) fn actor() -> Actor {
    Actor {
        name: "admin:admin".into(),
        address: None,
    }
}

pub(crate) fn agent() -> AgentStatus {
    AgentStatus {
        version: "0.1.0".into(),
        os: "Debian 12".into(),
        host: "host-1".into(),
        started: now(),
        restarts: 0,
        given_up: vec![],
    }
}

pub(crate) fn now() -> Timestamp {
    Timestamp::of(SystemTime::now())
}

/// The token that the forms of a page carry.
pub(crate) fn csrf_of(page: &str) -> String {
    let (_, rest) = page
        .split_once("name=\"csrf\" value=\"")
        .expect("a form with a token");
    rest.split('"').next().unwrap().to_owned()
}

fn account() -> Account<Secret> {
    let text = r#"{"id":"main","address":"sip:200@pbx.example.org","password":"sip secret"}"#;
    serde_json::from_str(text).unwrap()
}

async fn found(data: &DataFolder) {
    let director = SigningKey::create(&data.director()).unwrap();
    Vault::create(&data.vault()).unwrap();
    tls::create(&data.tls_cert(), &data.tls_key(), vec!["127.0.0.1".into()]).unwrap();
    let roots = root::create_root_keys(&data.root_keys(), 1).unwrap();
    let root = root::first_root("fleet", &roots, 1, &director, now()).unwrap();
    let token = AdminToken {
        id: "000000000000".into(),
        name: "first".into(),
        scope: Scope::Write,
        created: now(),
        expires: None,
        last_used: None,
    };
    let store = SqliteStore::open(&data.database()).await.unwrap();
    let founding = Founding {
        at: now(),
        fleet: FleetRecord {
            id: "fleet".into(),
            name: "Fleet".into(),
            revision: 1,
            defaults: Layer::default(),
        },
        root: root.envelope,
        admin: ADMIN.into(),
        password_hash: password::hash(PASSWORD).unwrap(),
        token: (token, "no token has this hash".into()),
    };
    store.found(&founding).await.unwrap();
    store.close().await;
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
