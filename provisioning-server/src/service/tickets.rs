//! Making tickets.

use std::time::Duration;

use carillon_schemas::config::ConfigError;
use carillon_schemas::{Ticket, Timestamp};
use serde_json::json;
use zeroize::Zeroizing;

use super::{Service, ServiceError, now};
use crate::fleet::ticket::{MAX_TICKET_LIFE, MAX_TICKET_USES};
use crate::fleet::{Actor, AuditDraft, DeskState, TicketRecord};
use crate::store::{Commit, DeskRef, TicketWrite};
use crate::trust::bearer;

/// What a ticket shall allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTicket {
    /// The desk it enrols, by name; a new desk for every use when absent.
    pub desk: Option<String>,
    /// For how long.
    pub life: Duration,
    /// How many desks.
    pub uses: u32,
}

/// A ticket made: the only moment that its token is seen. No `Debug`.
pub struct TicketMade {
    /// Its public name.
    pub id: String,
    /// The whole string for the installer.
    pub ticket: Zeroizing<String>,
    /// From when on it is refused.
    pub expires: Timestamp,
}

impl Service {
    /// Makes a ticket.
    ///
    /// # Errors
    /// When the desk is not there or was revoked, or the life or the uses are out of bounds.
    pub async fn new_ticket(
        &self,
        actor: &Actor,
        wanted: NewTicket,
    ) -> Result<TicketMade, ServiceError> {
        let invalid = |path: &str, why: String| {
            Err(ServiceError::Invalid(ConfigError {
                path: path.into(),
                why,
            }))
        };
        let life = wanted.life.as_secs();
        if !(1..=MAX_TICKET_LIFE).contains(&life) {
            return invalid(
                "expires",
                format!(
                    "{life} s is not between 1 s and {} days",
                    MAX_TICKET_LIFE / 86_400
                ),
            );
        }
        if !(1..=MAX_TICKET_USES).contains(&wanted.uses) {
            return invalid(
                "uses",
                format!("{} is not between 1 and {MAX_TICKET_USES}", wanted.uses),
            );
        }
        if !self.place.public_url.starts_with("https://") {
            return invalid(
                "public_url",
                format!(
                    "{:?} is not where desks reach this server: start it with --public-url https://HOST:PORT",
                    self.place.public_url
                ),
            );
        }
        let desk = match &wanted.desk {
            None => None,
            Some(_) if wanted.uses != 1 => {
                return invalid("uses", "a ticket for one desk is for one use".into());
            }
            Some(name) => {
                let desk = self.find(DeskRef::Name(name)).await?;
                if desk.state == DeskState::Revoked {
                    return Err(ServiceError::DeskRevoked(name.clone()));
                }
                Some(desk.id)
            }
        };
        let token = bearer::new_secret()?;
        let at = now();
        let record = TicketRecord {
            id: bearer::new_name()?,
            desk,
            created: at,
            expires: at.after(wanted.life),
            uses: wanted.uses,
            uses_left: wanted.uses,
            created_by: actor.name.clone(),
        };
        let ticket = Ticket::new(
            self.place.public_url.clone(),
            token.to_string(),
            self.root.fingerprint.clone(),
            self.place.tls_pin.clone(),
        );
        let made = TicketMade {
            id: record.id.clone(),
            ticket: ticket.encode(),
            expires: record.expires,
        };
        self.commit(Commit {
            at,
            audit: vec![AuditDraft {
                actor: actor.clone(),
                action: "ticket_made",
                target: record.id.clone(),
                detail: json!({
                    "desk": wanted.desk, "uses": wanted.uses, "expires": record.expires,
                }),
            }],
            ticket: Some(TicketWrite::New {
                ticket: record,
                token_hash: bearer::hash(&token),
            }),
            ..Commit::default()
        })
        .await?;
        Ok(made)
    }
}
