//! A desk enrols with a ticket, and later takes new keys.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Instant;

use carillon_schemas::enrolment::{DeskKeys, EnrolAnswer, EnrolRequest, HostInfo, RotateKeys};
use carillon_schemas::status::Level;
use carillon_schemas::{DeskId, Generation};
use serde_json::json;

use super::change::{new_desk_id, raced};
use super::publish::{ATTEMPTS, event, published};
use super::{Service, ServiceError, now};
use crate::fleet::ticket::TicketRefusal;
use crate::fleet::{Actor, AuditDraft, Desk, DeskState, Spec, TicketRecord};
use crate::store::{Commit, DeskRecord, DeskRef, DeskWrite, StoreError, TicketWrite};
use crate::trust::{bearer, possession, throttle};

/// The longest text a desk says of its host, in bytes.
const MAX_HOST_TEXT: usize = 256;

/// A desk that has enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolled {
    /// What it is told.
    pub answer: EnrolAnswer,
    /// Whether this very request had been answered before.
    pub again: bool,
}

impl Service {
    /// Enrols a desk. The same token with the same keys gives the same desk.
    ///
    /// # Errors
    /// When the ticket does not (any more) allow it, or the keys are not proved.
    pub async fn enrol(
        &self,
        request: &EnrolRequest,
        from: Option<IpAddr>,
    ) -> Result<Enrolled, ServiceError> {
        let key = from.map(throttle::address_key).unwrap_or_default();
        if let Some(wait) = self.enrolment_failures.wait(&key, Instant::now()) {
            return Err(ServiceError::Busy {
                what: "too many failed enrolments from this address",
                seconds: wait.as_secs() + 1,
            });
        }
        let Ok(_turn) = self.enrolments.try_acquire() else {
            return Err(ServiceError::Busy {
                what: "too many enrolments at once",
                seconds: 1,
            });
        };
        let result = self.try_enrol(request, from).await;
        if let Err(error) = &result
            && !error.is_internal()
        {
            self.enrolment_failures.failed(&key, Instant::now());
        }
        result
    }

    /// Gives a desk new keys, and its configuration sealed to them.
    ///
    /// # Errors
    /// When the keys are not proved.
    pub async fn rotate_keys(
        &self,
        desk: &DeskId,
        request: &RotateKeys,
    ) -> Result<Generation, ServiceError> {
        check_proof(&request.keys, desk.as_str(), &request.proof)?;
        for _ in 0..ATTEMPTS {
            let fleet = self.fleet().await?;
            let mut desk = self
                .store
                .desk(DeskRef::Id(desk))
                .await?
                .ok_or_else(|| ServiceError::DeskUnknown(desk.clone()))?;
            if desk.state != DeskState::Enrolled {
                return Err(ServiceError::DeskRevoked(desk.name().to_owned()));
            }
            if desk.keys.as_ref() == Some(&request.keys) {
                return Ok(desk.generation);
            }
            let kept = self.store.secrets(&desk.id).await?;
            let from = desk.revision;
            let at = now();
            desk.keys = Some(request.keys.clone());
            let config = self.sign_next(&mut desk, &fleet.defaults, &kept, &BTreeMap::new(), at)?;
            desk.revision += 1;
            let generation = desk.generation;
            let done = self
                .commit(Commit {
                    at,
                    fleet_revision: Some(fleet.revision),
                    events: vec![
                        (
                            desk.id.clone(),
                            event(
                                at,
                                Level::Info,
                                "keys_rotated",
                                "the desk took new keys".into(),
                            ),
                        ),
                        (desk.id.clone(), published(at, generation)),
                    ],
                    audit: vec![AuditDraft {
                        actor: Actor::local(&format!("desk:{}", desk.id)),
                        action: "keys_rotated",
                        target: desk.name().to_owned(),
                        detail: json!({ "keys": request.keys, "generation": generation }),
                    }],
                    desks: vec![DeskWrite::Change {
                        from,
                        record: DeskRecord {
                            desk,
                            secrets: BTreeMap::new(),
                            config,
                        },
                    }],
                    ..Commit::default()
                })
                .await;
            if !raced(&done) {
                return done.map(|()| generation);
            }
        }
        Err(StoreError::Conflict.into())
    }

    async fn try_enrol(
        &self,
        request: &EnrolRequest,
        from: Option<IpAddr>,
    ) -> Result<Enrolled, ServiceError> {
        let ticket = self
            .store
            .ticket(&bearer::hash(&request.token))
            .await?
            .ok_or(ServiceError::TicketUnknown)?;
        let result = self.enrol_with(&ticket, request, from).await;
        if let Err(error) = &result
            && !error.is_internal()
        {
            self.note_refusal(&ticket, request, from, error).await?;
        }
        result
    }

    /// Writes a refusal down. Only the holder of a ticket that was once good gets here, no stranger with a guess.
    async fn note_refusal(
        &self,
        ticket: &TicketRecord,
        request: &EnrolRequest,
        from: Option<IpAddr>,
        error: &ServiceError,
    ) -> Result<(), ServiceError> {
        self.commit(Commit {
            at: now(),
            audit: vec![AuditDraft {
                actor: ticket_actor(ticket, from),
                action: "enrolment_refused",
                target: ticket.id.clone(),
                detail: json!({
                    "reason": error.problem().word(), "host": host_info(&request.host),
                }),
            }],
            ..Commit::default()
        })
        .await
    }

    async fn enrol_with(
        &self,
        ticket: &TicketRecord,
        request: &EnrolRequest,
        from: Option<IpAddr>,
    ) -> Result<Enrolled, ServiceError> {
        check_proof(&request.keys, &request.token, &request.proof)?;
        let keys_hash = bearer::hash(&format!(
            "{}\n{}",
            request.keys.signing, request.keys.sealing
        ));
        for _ in 0..ATTEMPTS {
            if let Some(id) = self.store.ticket_use(&ticket.id, &keys_hash).await? {
                return self.enrolled_before(&id, &request.keys).await;
            }
            ticket.usable(now()).map_err(|why| refusal(ticket, why))?;
            let done = self.enrol_once(request, ticket, &keys_hash, from).await;
            match done {
                Err(ServiceError::Store(StoreError::Conflict | StoreError::NameTaken(_))) => {}
                // Another enrolment took the last use, perhaps this very one in a second copy.
                Err(ServiceError::Store(StoreError::TicketSpent)) => {
                    let used = self.store.ticket_use(&ticket.id, &keys_hash).await?;
                    return match used {
                        Some(id) => self.enrolled_before(&id, &request.keys).await,
                        None if now() >= ticket.expires => {
                            Err(refusal(ticket, TicketRefusal::Expired))
                        }
                        None => Err(refusal(ticket, TicketRefusal::UsedUp)),
                    };
                }
                other => return other,
            }
        }
        Err(StoreError::Conflict.into())
    }

    async fn enrol_once(
        &self,
        request: &EnrolRequest,
        ticket: &TicketRecord,
        keys_hash: &str,
        from: Option<IpAddr>,
    ) -> Result<Enrolled, ServiceError> {
        let fleet = self.fleet().await?;
        let at = now();
        let host = host_info(&request.host);
        let (mut desk, revision) = match &ticket.desk {
            Some(id) => {
                let desk = self
                    .store
                    .desk(DeskRef::Id(id))
                    .await?
                    .ok_or(ServiceError::TicketUnknown)?;
                if desk.state == DeskState::Revoked {
                    return Err(ServiceError::DeskRevoked(desk.name().to_owned()));
                }
                let revision = desk.revision;
                (desk, Some(revision))
            }
            None => {
                let name = self.free_name(&host.name).await?;
                (Desk::pending(new_desk_id()?, Spec::named(&name), at), None)
            }
        };
        let kept = self.store.secrets(&desk.id).await?;
        let before = desk.state;
        desk.state = DeskState::Enrolled;
        desk.keys = Some(request.keys.clone());
        desk.enrolled = Some(at);
        desk.host = Some(host);
        let config = self.sign_next(&mut desk, &fleet.defaults, &kept, &BTreeMap::new(), at)?;
        let name = desk.name().to_owned();
        let text = match before {
            DeskState::Enrolled => {
                format!(
                    "enrolled anew with ticket {}: the keys before are void",
                    ticket.id
                )
            }
            _ => format!("enrolled with ticket {}", ticket.id),
        };
        let answer = EnrolAnswer {
            desk: desk.id.clone(),
            name: name.clone(),
            root: self.root.envelope.clone(),
        };
        let id = desk.id.clone();
        let detail = json!({ "desk": id, "host": desk.host, "keys": desk.keys });
        let generation = desk.generation;
        let record = |desk| DeskRecord {
            desk,
            secrets: BTreeMap::new(),
            config,
        };
        let write = match revision {
            Some(from) => {
                desk.revision = from + 1;
                DeskWrite::Change {
                    from,
                    record: record(desk),
                }
            }
            None => DeskWrite::Add(record(desk)),
        };
        self.commit(Commit {
            at,
            fleet_revision: Some(fleet.revision),
            desks: vec![write],
            ticket: Some(TicketWrite::Use {
                ticket: ticket.id.clone(),
                keys_hash: keys_hash.to_owned(),
                desk: id.clone(),
            }),
            events: vec![
                (id.clone(), event(at, Level::Info, "enrolled", text)),
                (id, published(at, generation)),
            ],
            audit: vec![AuditDraft {
                actor: ticket_actor(ticket, from),
                action: "desk_enrolled",
                target: name,
                detail,
            }],
            ..Commit::default()
        })
        .await?;
        Ok(Enrolled {
            answer,
            again: false,
        })
    }

    async fn enrolled_before(
        &self,
        id: &DeskId,
        keys: &DeskKeys,
    ) -> Result<Enrolled, ServiceError> {
        let desk = self
            .store
            .desk(DeskRef::Id(id))
            .await?
            .filter(|desk| desk.keys.as_ref() == Some(keys))
            .ok_or(ServiceError::TicketUnknown)?;
        if desk.state == DeskState::Revoked {
            return Err(ServiceError::DeskRevoked(desk.name().to_owned()));
        }
        Ok(Enrolled {
            answer: EnrolAnswer {
                name: desk.name().to_owned(),
                desk: desk.id,
                root: self.root.envelope.clone(),
            },
            again: true,
        })
    }

    /// The host's name, or with a random tail when a desk has it already.
    async fn free_name(&self, host: &str) -> Result<String, ServiceError> {
        let mut name: String = host.trim().to_owned();
        while name.len() > 48 {
            name.pop();
        }
        let name = match name.trim() {
            "" => "desk".to_owned(),
            name => name.to_owned(),
        };
        if self.store.desk(DeskRef::Name(&name)).await?.is_none() {
            return Ok(name);
        }
        Ok(format!("{name}-{}", bearer::new_name()?))
    }
}

fn ticket_actor(ticket: &TicketRecord, from: Option<IpAddr>) -> Actor {
    Actor {
        name: format!("ticket:{}", ticket.id),
        address: from.map(|address| address.to_string()),
    }
}

fn check_proof(keys: &DeskKeys, context: &str, proof: &str) -> Result<(), ServiceError> {
    possession::check_keys(keys).map_err(ServiceError::BadKey)?;
    if possession::proves(keys, context, proof) {
        Ok(())
    } else {
        Err(ServiceError::BadProof)
    }
}

fn refusal(ticket: &TicketRecord, why: TicketRefusal) -> ServiceError {
    let id = ticket.id.clone();
    match why {
        TicketRefusal::Expired => ServiceError::TicketExpired {
            id,
            expired: ticket.expires,
        },
        TicketRefusal::UsedUp => ServiceError::TicketUsedUp {
            id,
            uses: ticket.uses,
        },
    }
}

/// What the desk says of its host, without control characters and cut to size.
fn host_info(host: &HostInfo) -> HostInfo {
    let clean = |text: &str| {
        let mut text: String = text
            .chars()
            .filter(|c| !c.is_control())
            .take(MAX_HOST_TEXT)
            .collect();
        while text.len() > MAX_HOST_TEXT {
            text.pop();
        }
        text
    };
    HostInfo {
        name: clean(&host.name),
        os: clean(&host.os),
        agent_version: clean(&host.agent_version),
    }
}
