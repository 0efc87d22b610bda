//! `enrol`: through the running agent, or without one.

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use carillon_schemas::Ticket;
use carillon_schemas::ticket::MAX_TICKET;

use super::client::Client;
use super::exit::{Exit, Failure, exit_of};
use super::print::{self, line, plain};
use super::run::handed_over;
use crate::control::EnrolBody;
use crate::provisioning::Enrolled;
use crate::provisioning::enrol::{EnrolError, Options, enrol as enrol_desk};
use crate::provisioning::http::Patience;
use crate::standalone;
use crate::state_folder::{StateError, StateFolder};
use crate::vault::VaultKind;

/// How long the agent may take: to ask the server, and the keyring.
const PATIENCE: Duration = Duration::from_secs(70);

pub(super) fn enrol(
    state: &Path,
    ticket: String,
    replace: bool,
    as_json: bool,
) -> Result<(), Failure> {
    let text = if ticket == "-" {
        from_stdin("a ticket")?
    } else {
        ticket
    };
    // A ticket that is cut is told apart before anyone is asked.
    let ticket: Ticket = text.parse().map_err(|e| failure(&EnrolError::Ticket(e)))?;
    let folder = StateFolder::open(state)
        .map_err(state_failure)?
        .with_credentials(handed_over());
    let enrolled = match folder.lock() {
        Ok(_lock) => directly(&folder, &ticket, replace)?,
        Err(StateError::InUse { .. }) => {
            let body = EnrolBody {
                ticket: text,
                replace,
            };
            Client::of(state)?.post("/v1/enrol", &body, PATIENCE)?
        }
        Err(error) => return Err(state_failure(error)),
    };
    if as_json {
        print::json(&enrolled);
        return Ok(());
    }
    let Enrolled {
        desk, name, server, ..
    } = &enrolled;
    let how = if enrolled.already {
        "is already enrolled"
    } else {
        "enrolled"
    };
    line(&format!(
        "this desk {how} at {server} as {:?} ({desk})",
        plain(name)
    ));
    Ok(())
}

fn directly(folder: &StateFolder, ticket: &Ticket, replace: bool) -> Result<Enrolled, Failure> {
    let file = standalone::read(&folder.place("agent.yaml"))
        .map_err(|e| Failure::new(Exit::Configuration, "configuration-invalid", e.to_string()))?;
    let file = file.unwrap_or_default();
    let options = Options {
        ca_file: file.server.ca_file.as_deref(),
        replace,
        vault: VaultKind::from_environment().map_err(|e| failure(&e.into()))?,
        patience: Patience::default(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::new(Exit::Unexpected, "unexpected", e.to_string()))?;
    runtime
        .block_on(enrol_desk(folder, ticket, options))
        .map_err(|e| failure(&e))
}

/// One line from standard input, where no process list shows it.
pub(super) fn from_stdin(what: &str) -> Result<String, Failure> {
    let mut text = String::new();
    std::io::stdin()
        .take(MAX_TICKET as u64 + 2)
        .read_to_string(&mut text)
        .map_err(|e| {
            let text = format!("cannot read {what} from standard input: {e}");
            Failure::new(Exit::Usage, "usage", text)
        })?;
    Ok(text.trim().to_owned())
}

fn failure(error: &EnrolError) -> Failure {
    Failure::new(exit_of(error.word(), 0), error.word(), error.to_string())
}

fn state_failure(error: StateError) -> Failure {
    Failure::new(Exit::Unexpected, "state-unusable", error.to_string())
}
