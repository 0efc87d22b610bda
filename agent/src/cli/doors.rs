//! Where the running agent's local API listens, and to whom besides its owner.

use std::path::PathBuf;

use super::exit::{Exit, Failure};
use crate::agent::Service;
#[cfg(unix)]
use crate::control::SOCKET;
use crate::control::{AgentPort, Control, Setup, Visitors};
use crate::desktop::Books;
use crate::desktop::notify::Standing;
use crate::provisioning::LinkBoard;
use crate::session::SessionParts;
use crate::standalone;
use crate::state_folder::StateFolder;

/// The service that `control` in `agent.yaml` asks for.
pub(super) fn of(
    folder: &StateFolder,
    control: &standalone::Control,
    service: bool,
    sessions: &SessionParts,
    board: &LinkBoard,
    books: &Books,
    notifications: &Standing,
) -> Result<Service, Failure> {
    let listen = control
        .listen()
        .map_err(|e| Failure::new(Exit::Configuration, "configuration-invalid", e.to_string()))?;
    let socket = control.socket(usual(folder, service));
    let visitors = Visitors {
        group: control.group.clone().or_else(usual_group),
        users: control.users.clone(),
    };
    let (folder, sessions) = (folder.clone(), sessions.clone());
    let (board, books) = (board.clone(), books.clone());
    let notifications = notifications.clone();
    Ok(Service::new("control", move |agent| {
        Control::new(Setup {
            folder: folder.clone(),
            listen,
            socket: socket.clone(),
            visitors: visitors.clone(),
            port: AgentPort::new(&agent, board.clone(), books.clone())
                .with_notifications(notifications.clone()),
            sessions: sessions.clone(),
        })
    }))
}

/// A machine's service is found where every user may look.
#[cfg(unix)]
fn usual(folder: &StateFolder, service: bool) -> PathBuf {
    match std::env::var_os("RUNTIME_DIRECTORY") {
        Some(folder) if service && !folder.is_empty() => PathBuf::from(folder).join(SOCKET),
        _ => folder.place(SOCKET),
    }
}

/// Pipes have a space of their own; the service's state folder has the machine's.
#[cfg(windows)]
fn usual(folder: &StateFolder, _: bool) -> PathBuf {
    crate::windows::pipe::name_of(folder.path()).into()
}

/// On Unix nobody, until an administrator says so.
#[cfg(unix)]
fn usual_group() -> Option<String> {
    None
}

/// On Windows the pipe lets in no others anyway.
#[cfg(windows)]
fn usual_group() -> Option<String> {
    Some(crate::windows::pipe::LOGGED_ON.to_owned())
}
