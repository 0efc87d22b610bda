//! What an admin changes at one desk: it comes, its accounts change, it is shut out, it goes.

use std::collections::BTreeMap;

use carillon_schemas::config::ConfigError;
use carillon_schemas::fleet_file::validate_desk_name;
use carillon_schemas::identifier::hex;
use carillon_schemas::status::Level;
use carillon_schemas::{Account, AccountId, DeskId, Secret};
use serde_json::json;

use super::publish::{ATTEMPTS, event, published};
use super::{DeskRow, Service, ServiceError, now};
use crate::fleet::{Actor, AuditDraft, Desk, DeskState, FleetDiff, Spec};
use crate::store::{Commit, DeskRecord, DeskRef, DeskWrite, StoreError};
use crate::trust;

/// One desk's change while it is being made.
pub(super) struct Draft {
    pub(super) desk: Desk,
    /// Passwords that come or go.
    pub(super) secrets: BTreeMap<AccountId, Option<Secret>>,
}

impl Service {
    /// Adds a desk that waits for its agent.
    ///
    /// # Errors
    /// When the name is none, or taken.
    pub async fn add_desk(&self, actor: &Actor, name: &str) -> Result<DeskRow, ServiceError> {
        validate_desk_name(name)?;
        let at = now();
        let desk = Desk::pending(new_desk_id()?, Spec::named(name), at);
        let row_desk = desk.clone();
        self.commit(Commit {
            at,
            events: vec![(
                desk.id.clone(),
                event(at, Level::Info, "added", "the desk was added".into()),
            )],
            audit: vec![AuditDraft {
                actor: actor.clone(),
                action: "desk_added",
                target: name.to_owned(),
                detail: json!({ "desk": desk.id }),
            }],
            desks: vec![DeskWrite::Add(DeskRecord {
                desk,
                secrets: BTreeMap::new(),
                config: None,
            })],
            ..Commit::default()
        })
        .await?;
        self.row_of(&row_desk).await
    }

    /// Takes a desk out of the fleet, with its accounts and passwords.
    ///
    /// # Errors
    /// When there is no such desk.
    pub async fn remove_desk(&self, actor: &Actor, which: DeskRef<'_>) -> Result<(), ServiceError> {
        for _ in 0..ATTEMPTS {
            let desk = self.find(which).await?;
            let done = self
                .commit(Commit {
                    at: now(),
                    audit: vec![AuditDraft {
                        actor: actor.clone(),
                        action: "desk_removed",
                        target: desk.name().to_owned(),
                        detail: json!({ "desk": desk.id, "spec": desk.spec }),
                    }],
                    desks: vec![DeskWrite::Remove {
                        id: desk.id.clone(),
                        from: desk.revision,
                    }],
                    ..Commit::default()
                })
                .await;
            if !raced(&done) {
                return done;
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Shuts a desk out: its keys and its tickets open nothing any more. Its record stays.
    ///
    /// # Errors
    /// When there is no such desk.
    pub async fn revoke_desk(
        &self,
        actor: &Actor,
        which: DeskRef<'_>,
    ) -> Result<DeskRow, ServiceError> {
        for _ in 0..ATTEMPTS {
            let mut desk = self.find(which).await?;
            if desk.state == DeskState::Revoked {
                return self.row_of(&desk).await;
            }
            let from = desk.revision;
            desk.state = DeskState::Revoked;
            desk.revision += 1;
            let at = now();
            let done = self
                .commit(Commit {
                    at,
                    events: vec![(
                        desk.id.clone(),
                        event(
                            at,
                            Level::Warning,
                            "revoked",
                            "the desk was shut out".into(),
                        ),
                    )],
                    audit: vec![AuditDraft {
                        actor: actor.clone(),
                        action: "desk_revoked",
                        target: desk.name().to_owned(),
                        detail: json!({ "desk": desk.id }),
                    }],
                    desks: vec![DeskWrite::Change {
                        from,
                        record: DeskRecord {
                            desk: desk.clone(),
                            secrets: BTreeMap::new(),
                            config: None,
                        },
                    }],
                    ..Commit::default()
                })
                .await;
            if !raced(&done) {
                done?;
                return self.row_of(&desk).await;
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Adds an account to a desk, or puts it in place of the one with its id. Without a password, the one the server
    /// has stays.
    ///
    /// # Errors
    /// When there is no such desk, or a setting is out of bounds.
    pub async fn set_account(
        &self,
        actor: &Actor,
        which: DeskRef<'_>,
        account: Account<Secret>,
    ) -> Result<DeskRow, ServiceError> {
        self.change_desk(actor, which, "account_set", |draft| {
            let mut account = account.clone();
            if let Some(secret) = account.password.take() {
                draft.secrets.insert(account.id.clone(), Some(secret));
            }
            draft.desk.set_account(account.map_password(|_| None))?;
            Ok(())
        })
        .await
    }

    /// Gives an account another password.
    ///
    /// # Errors
    /// When there is no such desk or account.
    pub async fn set_password(
        &self,
        actor: &Actor,
        which: DeskRef<'_>,
        account: &AccountId,
        password: Secret,
    ) -> Result<DeskRow, ServiceError> {
        self.change_desk(actor, which, "password_set", |draft| {
            if draft.desk.account(account).is_none() {
                return Err(no_account(&draft.desk, account));
            }
            draft
                .secrets
                .insert(account.clone(), Some(password.clone()));
            Ok(())
        })
        .await
    }

    /// Takes an account off a desk, with its password.
    ///
    /// # Errors
    /// When there is no such desk or account.
    pub async fn remove_account(
        &self,
        actor: &Actor,
        which: DeskRef<'_>,
        account: &AccountId,
    ) -> Result<DeskRow, ServiceError> {
        self.change_desk(actor, which, "account_removed", |draft| {
            if !draft.desk.remove_account(account) {
                return Err(no_account(&draft.desk, account));
            }
            draft.secrets.insert(account.clone(), None);
            Ok(())
        })
        .await
    }

    pub(super) async fn find(&self, which: DeskRef<'_>) -> Result<Desk, ServiceError> {
        self.store.desk(which).await?.ok_or_else(|| {
            ServiceError::NoDesk(match which {
                DeskRef::Id(id) => id.to_string(),
                DeskRef::Name(name) => name.chars().take(80).collect(),
            })
        })
    }

    /// Changes one desk and publishes it, anew when someone else was faster.
    async fn change_desk(
        &self,
        actor: &Actor,
        which: DeskRef<'_>,
        action: &'static str,
        change: impl Fn(&mut Draft) -> Result<(), ServiceError>,
    ) -> Result<DeskRow, ServiceError> {
        for _ in 0..ATTEMPTS {
            let fleet = self.fleet().await?;
            let before = self.find(which).await?;
            if before.state == DeskState::Revoked {
                return Err(ServiceError::DeskRevoked(before.name().to_owned()));
            }
            let kept = self.store.secrets(&before.id).await?;
            let mut draft = Draft {
                desk: before.clone(),
                secrets: BTreeMap::new(),
            };
            change(&mut draft)?;
            let Draft { mut desk, secrets } = draft;
            desk.spec.validate(&fleet.defaults)?;
            let mut diff = FleetDiff::default();
            diff.compare_desk(&before.spec, &desk.spec);
            for (account, secret) in &secrets {
                if secret.is_some() {
                    let had_one = kept.contains_key(account);
                    diff.set_password(desk.name(), account.as_str(), had_one);
                }
            }
            if diff.is_empty() {
                return self.row_of(&desk).await;
            }
            diff.sort();
            let at = now();
            let config = self.sign_next(&mut desk, &fleet.defaults, &kept, &secrets, at)?;
            desk.revision += 1;
            let done = self
                .commit(Commit {
                    at,
                    fleet_revision: Some(fleet.revision),
                    events: config
                        .iter()
                        .map(|config| (desk.id.clone(), published(at, config.generation)))
                        .collect(),
                    audit: vec![AuditDraft {
                        actor: actor.clone(),
                        action,
                        target: desk.name().to_owned(),
                        detail: json!({ "generation": desk.generation, "changes": diff.changes }),
                    }],
                    desks: vec![DeskWrite::Change {
                        from: before.revision,
                        record: DeskRecord {
                            secrets: self.lock_away(&desk.id, &secrets)?,
                            desk: desk.clone(),
                            config,
                        },
                    }],
                    ..Commit::default()
                })
                .await;
            if !raced(&done) {
                done?;
                return self.row_of(&desk).await;
            }
        }
        Err(StoreError::Conflict.into())
    }
}

/// Whether a commit lost against another, so that the change is to be made anew.
pub(super) fn raced<T>(done: &Result<T, ServiceError>) -> bool {
    matches!(done, Err(ServiceError::Store(StoreError::Conflict)))
}

/// A random identity.
pub(super) fn new_desk_id() -> Result<DeskId, ServiceError> {
    hex(&trust::random::<16>()?).parse().map_err(|e| {
        ServiceError::Invalid(ConfigError {
            path: "desk id".into(),
            why: format!("{e}"),
        })
    })
}

fn no_account(desk: &Desk, account: &AccountId) -> ServiceError {
    ServiceError::NoAccount {
        desk: desk.name().to_owned(),
        account: account.to_string(),
    }
}
