//! Enrolment: from a ticket to an identity.
//!
//! The keys are kept before the server hears of them, so that trying again after a lost answer offers the
//! same keys and the server gives the same answer. Nothing of a former identity is touched before the new
//! one is whole.

use std::path::Path;
use std::time::Duration;

use carillon_schemas::enrolment::{EnrolAnswer, EnrolRequest};
use carillon_schemas::ticket::TicketError;
use carillon_schemas::trust::RootError;
use carillon_schemas::{DeskId, Ticket};
use reqwest::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};

use super::host;
use super::http::{Http, LinkError, MAX_ANSWER_BYTES, Patience};
use super::identity::{Identity, IdentityError, KeyPlace, Pending, fingerprint};
use super::keys::{KeyError, PrivateKeys};
use super::tls::ServerTrust;
use super::trust::Trust;
use crate::state_folder::{StateError, StateFolder};
use crate::vault::{Vault, VaultError, VaultKind, VaultKindError};

/// How an enrolment ended well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolled {
    /// The desk's id.
    pub desk: DeskId,
    /// Its name, as the admin knows it.
    pub name: String,
    /// The server's address.
    pub server: String,
    /// It had enrolled with this very ticket before; nothing changed.
    pub already: bool,
}

/// How an enrolment ended otherwise.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The ticket cannot be read.
    #[error(transparent)]
    Ticket(#[from] TicketError),
    /// The desk has an identity.
    #[error("this desk is enrolled as {desk} at {server} (to give that up, enrol with --replace)")]
    AlreadyEnrolled {
        /// As which.
        desk: DeskId,
        /// Where.
        server: String,
    },
    /// The server, or the way to it.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The root is not the ticket's.
    #[error("this ticket is for another fleet: {0} (ask the admin for a ticket of this server)")]
    Root(#[from] RootError),
    /// `CARILLON_VAULT`.
    #[error(transparent)]
    VaultKind(#[from] VaultKindError),
    /// What must be kept cannot be kept.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

impl From<StateError> for EnrolError {
    fn from(error: StateError) -> Self {
        Self::Identity(error.into())
    }
}

impl From<VaultError> for EnrolError {
    fn from(error: VaultError) -> Self {
        Self::Identity(error.into())
    }
}

impl From<KeyError> for EnrolError {
    fn from(error: KeyError) -> Self {
        Self::Identity(error.into())
    }
}

impl EnrolError {
    /// One stable word for programs.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Ticket(_) => "ticket-invalid",
            Self::Root(_) => "ticket-of-another-fleet",
            Self::AlreadyEnrolled { .. } => "already-enrolled",
            Self::Link(error) => match error.problem() {
                Some(problem) if (400..500).contains(&problem.status) && problem.status != 429 => {
                    "ticket-refused"
                }
                _ => "server-unreachable",
            },
            Self::VaultKind(_) => "configuration-invalid",
            Self::Identity(_) => "state-unusable",
        }
    }
}

/// How to enrol.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// `server.ca_file` of `agent.yaml`.
    pub ca_file: Option<&'a Path>,
    /// Give up the identity that the desk has.
    pub replace: bool,
    /// Which vault takes the keys; `None` chooses.
    pub vault: Option<VaultKind>,
    /// How long the server may take.
    pub patience: Patience,
}

/// Enrols the desk.
///
/// # Errors
/// What stood in the way; the desk is then who it was.
pub async fn enrol(
    folder: &StateFolder,
    ticket: &Ticket,
    options: Options<'_>,
) -> Result<Enrolled, EnrolError> {
    let mark = fingerprint(ticket.token());
    // With --replace even an identity that cannot be read gives way.
    let present = match Identity::load(folder) {
        Err(_) if options.replace => None,
        other => other?,
    };
    if let Some(present) = &present {
        if present.ticket == mark {
            return Ok(Enrolled {
                desk: present.desk.clone(),
                name: present.name.clone(),
                server: present.url.clone(),
                already: true,
            });
        }
        if !options.replace {
            return Err(EnrolError::AlreadyEnrolled {
                desk: present.desk.clone(),
                server: present.url.clone(),
            });
        }
    }
    let trust = ServerTrust::of(ticket.tls_pin.as_deref(), options.ca_file);
    let http = Http::new(&ticket.url, &trust, options.patience)?;
    let (keys, place) = offered_keys(folder, &mark, options.vault)?;
    let answer = ask(&http, ticket, &keys).await?;
    let root = Trust::pinned(answer.root, &ticket.root)?;
    let identity = Identity {
        desk: answer.desk,
        name: answer.name,
        url: http.base().to_owned(),
        tls_pin: ticket.tls_pin.clone(),
        root: root.envelope().clone(),
        ticket: mark,
        keys: place,
    };
    identity.store(folder)?;
    Pending::remove(folder)?;
    if let Some(former) = present {
        former.keys.forget(folder);
    }
    Ok(Enrolled {
        desk: identity.desk,
        name: identity.name,
        server: identity.url,
        already: false,
    })
}

/// The keys that were offered with this ticket before, else new ones, kept.
fn offered_keys(
    folder: &StateFolder,
    mark: &str,
    vault: Option<VaultKind>,
) -> Result<(PrivateKeys, KeyPlace), EnrolError> {
    match Pending::load(folder) {
        Some(pending) if pending.ticket == mark => {
            if let Ok(keys) = pending.keys.open(folder) {
                return Ok((keys, pending.keys));
            }
        }
        Some(other) => other.keys.forget(folder),
        None => {}
    }
    let keys = PrivateKeys::generate()?;
    let place = KeyPlace::keep(&Vault::choose(folder, vault), &keys)?;
    let pending = Pending {
        ticket: mark.to_owned(),
        keys: place,
    };
    pending.store(folder)?;
    Ok((keys, pending.keys))
}

async fn ask(http: &Http, ticket: &Ticket, keys: &PrivateKeys) -> Result<EnrolAnswer, EnrolError> {
    let request = EnrolRequest {
        token: ticket.token().to_owned(),
        keys: keys.public().clone(),
        proof: keys.proof(ticket.token())?,
        host: host::info(),
    };
    let request = http
        .post("/v1/enrol")
        .header(CONTENT_TYPE, "application/json")
        .body(serde_json::to_vec(&request).unwrap_or_default());
    let answer = http
        .answer(request, MAX_ANSWER_BYTES, Duration::ZERO)
        .await?;
    serde_json::from_slice(&answer.body)
        .map_err(|_| http.not_carillon(answer.status, "no enrolment").into())
}
