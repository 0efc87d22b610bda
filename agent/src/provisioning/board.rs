//! The board on which provisioning shows how the link to the server stands; status report and control API read it.
//!
//! Outlives each of these actors, so that a restart of one loses nothing the others show.

use std::sync::Arc;
use std::time::Duration;

use actix::WeakRecipient;
use carillon_schemas::status::Refusal;
use carillon_schemas::{DeskId, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::actor::Enrol;
use super::link::Link;

/// How the link stands, for a person and for programs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkView {
    /// The desk's id; `None` before it enrols.
    pub desk: Option<DeskId>,
    /// The server's address.
    pub server: Option<String>,
    /// When the server last gave a good answer.
    pub last_contact: Option<Timestamp>,
    /// What stands between this desk and news; `None` when all is well.
    pub trouble: Option<String>,
    /// The newest configuration that was refused, until a later one runs.
    pub refused: Option<Refusal>,
    /// No freshness statement holds: news may be held back.
    pub stale: bool,
    /// The version of the trust root in force.
    pub root_version: Option<u64>,
    /// What is wrong with `agent.yaml`; the content before runs on.
    pub agent_file_error: Option<String>,
}

/// The board's content.
#[derive(Clone)]
pub struct LinkState {
    /// What may be shown.
    pub view: LinkView,
    /// The link itself, for the status report.
    pub link: Option<Arc<Link>>,
    /// Who enrols; `None` while provisioning is not up.
    pub enrol: Option<WeakRecipient<Enrol>>,
    /// The longest silence of the status report.
    pub heartbeat: Duration,
}

/// The board. Cheap to clone.
#[derive(Clone)]
pub struct LinkBoard(Arc<watch::Sender<LinkState>>);

impl Default for LinkBoard {
    fn default() -> Self {
        let heartbeat = carillon_schemas::config::Network::default().heartbeat();
        Self(Arc::new(watch::Sender::new(LinkState {
            view: LinkView::default(),
            link: None,
            enrol: None,
            heartbeat: Duration::from_secs(heartbeat.into()),
        })))
    }
}

impl LinkBoard {
    /// What it says now.
    pub fn read(&self) -> LinkState {
        self.0.borrow().clone()
    }

    /// What may be shown of it now.
    pub fn view(&self) -> LinkView {
        self.0.borrow().view.clone()
    }

    /// To be woken when it changes.
    pub fn watch(&self) -> watch::Receiver<LinkState> {
        self.0.subscribe()
    }

    pub(super) fn change(&self, with: impl FnOnce(&mut LinkState)) {
        self.0.send_modify(with);
    }
}
