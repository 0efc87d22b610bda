//! `run`: the agent itself, put together from its parts.

use std::path::{Path, PathBuf};
use std::time::Duration;

use carillon_media::CodePages;
use carillon_schemas::identifier::hex;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;

use super::doors;
use super::exit::{Exit, Failure};
use crate::agent::{self, Agent, Service};
use crate::desktop::Books;
use crate::desktop::contacts::{self, ContactsService};
use crate::desktop::history::{self, History};
use crate::desktop::hooks::{self, Hooks};
use crate::desktop::notify::{self, Notify, Standing};
#[cfg(windows)]
use crate::log_file::LogFile;
use crate::preferred::Preferred;
use crate::provisioning::http::Patience;
use crate::provisioning::identity::Identity;
use crate::provisioning::{self, LinkBoard, Provisioning, TicketFile};
use crate::rest::Rest;
use crate::session::SessionPlace;
use crate::standalone::{self, AgentFile, Switch};
use crate::state_folder::{StateError, StateFolder};
use crate::status::reporter::Boot;
use crate::status::{self, Status};

/// How long an agent that was killed may take to be gone.
const PREDECESSOR: Duration = Duration::from_secs(1);
/// The name of an installation that never enrolled.
const INSTANCE: &str = "instance";

pub(super) fn run(state: &Path, config: Option<PathBuf>, how: How) -> Result<(), Failure> {
    // First of all: it must see one thread.
    let pages = CodePages::of_this_process();
    start_log()?;
    drive(state, config, pages, how, agent::run)
}

/// The same as a Windows service: it ends when the service manager says so, and writes its log into the state folder.
#[cfg(windows)]
pub(super) fn serve(state: &Path, stop: crate::windows::service::Stop) -> Result<(), Failure> {
    let log = StateFolder::open(state)
        .and_then(|folder| LogFile::open(&folder))
        .map_err(state_failure)?;
    start_log_to(log)?;
    let drive_until = |make| agent::run_until(stop.asked(), make);
    let ran = drive(
        state,
        None,
        CodePages::default(),
        How {
            service: true,
            if_needed: false,
        },
        drive_until,
    );
    ran.inspect_err(|failure| tracing::error!("{}", failure.text))
}

/// How an agent is meant to run.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct How {
    /// As the machine's service: sound is left to sessions.
    pub(super) service: bool,
    /// Content when an agent runs already.
    pub(super) if_needed: bool,
}

type Make = Box<dyn FnOnce() -> Agent>;

fn drive(
    state: &Path,
    config: Option<PathBuf>,
    pages: CodePages,
    how: How,
    run: impl FnOnce(Make) -> Result<(), agent::SystemError>,
) -> Result<(), Failure> {
    let How { service, if_needed } = how;
    let folder = StateFolder::open(state)
        .map_err(state_failure)?
        .with_credentials(handed_over());
    let _lock = match folder.lock_within(PREDECESSOR) {
        Ok(lock) => lock,
        Err(StateError::InUse { .. }) if if_needed => return Ok(()),
        Err(error) => return Err(state_failure(error)),
    };
    let agent_file = config.unwrap_or_else(|| folder.place("agent.yaml"));
    let identity = Identity::load(&folder);
    let enrolled = !matches!(identity, Ok(None));
    let local = match standalone::read(&agent_file) {
        Ok(file) => file.unwrap_or_default(),
        // The server's accounts must not wait for an edit; without a server there is nothing to run.
        Err(_) if enrolled => AgentFile::default(),
        Err(error) => {
            let text = error.to_string();
            return Err(Failure::new(
                Exit::Configuration,
                "configuration-invalid",
                text,
            ));
        }
    };
    let instance = match identity {
        Ok(Some(identity)) => identity.desk.as_str().to_owned(),
        _ => instance(&folder)?,
    };
    let board = LinkBoard::default();
    let boot = Boot::new();
    let notifications = Standing::new(local.notifications == Switch::On);
    let session = SessionPlace {
        service,
        ..SessionPlace::default()
    };
    let books = Books::of(&folder);
    let others = [
        provisioning_service(&folder, agent_file, &board, service),
        status_service(&board, boot),
        doors::of(
            &folder,
            &local.control,
            service,
            &session.parts,
            &board,
            &books,
            &notifications,
        )?,
        contacts_service(&books),
        history_service(&books),
        hooks_service(),
        notify_service(notifications),
        rest_service(pages),
    ];
    // First of them: the configuration that makes the agent ready is applied as soon as provisioning starts.
    let services: Vec<_> = manager_service().into_iter().chain(others).collect();
    let preferred = Preferred::load(&folder);
    let made = move || {
        Agent::new(instance, services)
            .with_session(session)
            .preferring(preferred)
            .with_books(books)
            .at_home_in(folder.path())
    };
    let ran = run(Box::new(made));
    ran.map_err(|e| Failure::new(Exit::Unexpected, "unexpected", e.to_string()))
}

fn provisioning_service(
    folder: &StateFolder,
    agent_file: PathBuf,
    board: &LinkBoard,
    service: bool,
) -> Service {
    let (folder, board) = (folder.clone(), board.clone());
    let tickets = TicketFile::places(&folder, service);
    Service::new("provisioning", move |agent| {
        Provisioning::new(provisioning::Setup {
            folder: folder.clone(),
            agent_file: agent_file.clone(),
            board: board.clone(),
            apply: agent.clone().recipient(),
            hints: Some(agent.clone().recipient()),
            events: agent.recipient(),
            patience: Patience::default(),
            tickets: tickets.clone(),
        })
    })
}

fn status_service(board: &LinkBoard, boot: Boot) -> Service {
    let board = board.clone();
    Service::with_last_words("status", move |agent| {
        Status::new(status::Setup {
            board: board.clone(),
            agent: agent.clone().recipient(),
            events: agent.recipient(),
            boot: boot.clone(),
        })
    })
}

fn contacts_service(books: &Books) -> Service {
    let books = books.clone();
    Service::new("contacts", move |agent| {
        ContactsService::new(contacts::Setup {
            books: books.clone(),
            subscribe: agent.clone().recipient(),
            events: agent.clone().recipient(),
            name: agent.recipient(),
        })
    })
}

fn history_service(books: &Books) -> Service {
    let ledger = books.history.clone();
    Service::with_last_words("history", move |agent| {
        History::new(history::Setup {
            ledger: ledger.clone(),
            subscribe: agent.clone().recipient(),
            events: agent.recipient(),
        })
    })
}

fn notify_service(standing: Standing) -> Service {
    Service::new("notify", move |agent| {
        Notify::new(notify::Setup {
            events: agent.clone().recipient(),
            answer: agent.clone().recipient(),
            hangup: agent.recipient(),
            standing: standing.clone(),
        })
    })
}

fn hooks_service() -> Service {
    Service::with_last_words("hooks", |agent| {
        Hooks::new(hooks::Setup {
            assignment: agent.clone().recipient(),
            subscribe: agent.clone().recipient(),
            events: agent.recipient(),
        })
    })
}

fn rest_service(pages: CodePages) -> Service {
    Service::new("rest", move |agent| {
        Rest::new(pages.clone(), agent.recipient())
    })
}

#[cfg(unix)]
fn manager_service() -> Option<Service> {
    use crate::service_manager::ServiceManager;
    let socket = ServiceManager::socket()?;
    Some(Service::new("service-manager", move |agent| {
        ServiceManager::new(socket.clone(), agent.recipient())
    }))
}

/// None is told by datagram here.
#[cfg(not(unix))]
fn manager_service() -> Option<Service> {
    None
}

/// Where systemd puts what its `LoadCredential=` names.
pub(super) fn handed_over() -> Option<PathBuf> {
    let folder = std::env::var_os("CREDENTIALS_DIRECTORY")?;
    (!folder.is_empty()).then(|| folder.into())
}

/// A random name that stays with the installation.
fn instance(folder: &StateFolder) -> Result<String, Failure> {
    let known = folder.read(INSTANCE, 64).ok().flatten();
    let known = known.and_then(|bytes| String::from_utf8(bytes).ok());
    if let Some(known) = known.filter(|text| text.len() == 32) {
        return Ok(known);
    }
    let mut random = [0; 16];
    getrandom::fill(&mut random)
        .map_err(|e| Failure::new(Exit::Unexpected, "unexpected", e.to_string()))?;
    let new = hex(&random);
    folder
        .write(INSTANCE, new.as_bytes())
        .map_err(state_failure)?;
    Ok(new)
}

/// To stderr: warnings, and what `CARILLON_LOG` asks for.
pub(super) fn start_log() -> Result<(), Failure> {
    start_log_to(std::io::stderr)
}

fn start_log_to<W>(to: W) -> Result<(), Failure>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let wanted = std::env::var("CARILLON_LOG").unwrap_or_default();
    let wanted = if wanted.is_empty() { "warn" } else { &wanted };
    let filter: Targets = wanted.parse().map_err(|e| {
        let text = format!("CARILLON_LOG is {wanted:?}, which is no filter: {e} (try 'info')");
        Failure::new(Exit::Usage, "usage", text)
    })?;
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(to)
        .with_ansi(false);
    // A second subscriber cannot be: this is the program's only start.
    let _ = tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .try_init();
    Ok(())
}

/// What an installer is told of a state that cannot be read.
#[cfg(windows)]
pub(super) fn unusable(error: &dyn std::error::Error) -> Failure {
    Failure::new(Exit::Unexpected, "state-unusable", error.to_string())
}

pub(super) fn state_failure(error: StateError) -> Failure {
    match error {
        StateError::InUse { .. } => {
            Failure::new(Exit::AlreadyRunning, "already-running", error.to_string())
        }
        _ => Failure::new(Exit::Unexpected, "state-unusable", error.to_string()),
    }
}
