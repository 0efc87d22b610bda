//! Where the running agent's local API listens, and to whom besides its owner.

use std::path::PathBuf;

use super::exit::{Exit, Failure};
use crate::agent::Service;
use crate::control::{AgentPort, Control, SOCKET, Setup, Visitors};
use crate::desktop::Books;
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
) -> Result<Service, Failure> {
    let listen = control
        .listen()
        .map_err(|e| Failure::new(Exit::Configuration, "configuration-invalid", e.to_string()))?;
    // A machine's service is found where every user may look.
    let usual = match std::env::var_os("RUNTIME_DIRECTORY") {
        Some(folder) if service && !folder.is_empty() => PathBuf::from(folder).join(SOCKET),
        _ => folder.place(SOCKET),
    };
    let socket = control.socket(usual);
    let visitors = Visitors {
        group: control.group.clone(),
        users: control.users.clone(),
    };
    let (folder, sessions) = (folder.clone(), sessions.clone());
    let (board, books) = (board.clone(), books.clone());
    Ok(Service::new("control", move |agent| {
        Control::new(Setup {
            folder: folder.clone(),
            listen,
            socket: socket.clone(),
            visitors: visitors.clone(),
            port: AgentPort::new(&agent, board.clone(), books.clone()),
            sessions: sessions.clone(),
        })
    }))
}
