//! A desk without telephony: provisioning on a state folder, and in the agent's place one who notes what it
//! is told to run.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use actix::{Actor, Addr, Context, Handler};
use carillon_agent::command::{Applied, ApplyConfig, ApplyError};
use carillon_agent::event::AgentEvent;
use carillon_agent::provisioning::enrol::{Options, enrol};
use carillon_agent::provisioning::http::Patience;
use carillon_agent::provisioning::{
    EnrolError, Enrolled, LinkBoard, LinkView, Provisioning, Setup, TicketFile,
};
use carillon_agent::running::RunningConfig;
use carillon_agent::state_folder::StateFolder;
use carillon_agent::vault::VaultKind;
use carillon_schemas::enrolment::{DeskKeys, EnrolAnswer, EnrolRequest};
use carillon_schemas::{DeskId, Ticket};

use crate::forge::Fleet;
use crate::server::{Reply, Request, Server};

pub(crate) const PATIENCE: Patience = Patience {
    connect: Duration::from_secs(5),
    answer: Duration::from_secs(5),
    body: Duration::from_millis(500),
};

pub(crate) fn desk_id() -> DeskId {
    "0123456789abcdef0123456789abcdef".parse().unwrap()
}

/// A state folder that goes with the test.
pub(crate) fn state() -> (tempfile::TempDir, StateFolder) {
    let temporary = tempfile::tempdir().unwrap();
    let folder = StateFolder::open(&temporary.path().join("state")).unwrap();
    (temporary, folder)
}

/// Runs a test in a system as the agent's.
pub(crate) fn in_system<F: Future>(test: F) -> F::Output {
    actix_rt::System::new().block_on(test)
}

pub(crate) fn ticket(server: &Server, fleet: &Fleet) -> Ticket {
    Ticket::new(
        server.url(),
        "token".into(),
        fleet.fingerprint(),
        Some(server.pin.clone()),
    )
}

pub(crate) async fn enrol_with(
    folder: &StateFolder,
    ticket: &Ticket,
) -> Result<Enrolled, EnrolError> {
    let options = Options {
        vault: Some(VaultKind::File),
        patience: PATIENCE,
        ..Options::default()
    };
    enrol(folder, ticket, options).await
}

/// A state folder of a desk that has enrolled with that server.
pub(crate) async fn enrolled_at(
    server: &Server,
    fleet: &Fleet,
) -> (tempfile::TempDir, StateFolder) {
    let (temporary, folder) = state();
    enrol_with(&folder, &ticket(server, fleet)).await.unwrap();
    (temporary, folder)
}

/// The answer to an enrolment; notes the desk's keys.
pub(crate) fn enrolled(request: &Request, fleet: &Fleet, keys: &Mutex<Option<DeskKeys>>) -> Reply {
    let asked: EnrolRequest = serde_json::from_slice(&request.body).unwrap();
    *keys.lock().unwrap() = Some(asked.keys);
    let answer = EnrolAnswer {
        desk: desk_id(),
        name: "desk".into(),
        root: fleet.root_envelope(1),
    };
    Reply::json(serde_json::to_vec(&answer).unwrap())
}

/// Stands in the agent's place.
#[derive(Clone, Default)]
pub(crate) struct Told {
    pub(crate) configs: Arc<Mutex<Vec<RunningConfig>>>,
    pub(crate) events: Arc<Mutex<Vec<AgentEvent>>>,
}

impl Told {
    pub(crate) fn last(&self) -> Option<RunningConfig> {
        self.configs.lock().unwrap().last().cloned()
    }

    /// The password of the first account, and the generation, of what runs.
    pub(crate) fn running(&self) -> (Option<u64>, Option<String>) {
        let Some(config) = self.last() else {
            return (None, None);
        };
        let password = config
            .accounts
            .first()
            .and_then(|a| a.config.password.clone());
        (
            config.generation.map(|g| g.0),
            password.map(|p| p.expose().to_owned()),
        )
    }
}

impl Actor for Told {
    type Context = Context<Self>;
}

impl Handler<ApplyConfig> for Told {
    type Result = Result<Applied, ApplyError>;

    fn handle(&mut self, ApplyConfig(config): ApplyConfig, _: &mut Context<Self>) -> Self::Result {
        if config.media.input() == "refuse-me" {
            return Err(ApplyError::Setting {
                path: "media.input".into(),
                why: "a test refuses it".into(),
            });
        }
        let generation = config.generation;
        self.configs.lock().unwrap().push(config);
        Ok(Applied {
            generation,
            changes: vec![],
            took: Duration::ZERO,
        })
    }
}

impl Handler<AgentEvent> for Told {
    type Result = ();

    fn handle(&mut self, event: AgentEvent, _: &mut Context<Self>) {
        self.events.lock().unwrap().push(event);
    }
}

/// Provisioning at work on a state folder.
pub(crate) struct Desk {
    pub(crate) told: Told,
    pub(crate) board: LinkBoard,
    _provisioning: Addr<Provisioning>,
}

impl Desk {
    pub(crate) fn start(folder: &StateFolder) -> Self {
        let told = Told::default();
        let board = LinkBoard::default();
        let agent = told.clone().start();
        let provisioning = Provisioning::new(Setup {
            folder: folder.clone(),
            agent_file: folder.place("agent.yaml"),
            board: board.clone(),
            apply: agent.clone().recipient(),
            hints: None,
            events: agent.recipient(),
            patience: PATIENCE,
            tickets: TicketFile::places(folder, false),
        })
        .start();
        Self {
            told,
            board,
            _provisioning: provisioning,
        }
    }

    pub(crate) fn view(&self) -> LinkView {
        self.board.view()
    }
}

/// Waits until something holds; far longer than it ever takes.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "never came: {what}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
