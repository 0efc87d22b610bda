//! `fleet.yaml` laid over the fleet: the diff first, then all of it in one transaction, or nothing.

use std::collections::BTreeMap;

use carillon_schemas::fleet_file::{DeskEntry, FleetFile, Layer};
use carillon_schemas::status::Level;
use carillon_schemas::{AccountId, Secret, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::change::{new_desk_id, raced};
use super::directories::{complete, has_place};
use super::publish::{ATTEMPTS, event, published};
use super::{Service, ServiceError, now};
use crate::fleet::{Actor, AuditDraft, Desk, DeskState, FleetDiff, Locked, Spec};
use crate::store::{Commit, DeskRecord, DeskWrite, StoreError};

/// How a file is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ApplyMode {
    /// Only say what it would do.
    pub dry_run: bool,
    /// Remove the desks that the file does not name.
    pub prune: bool,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Applied {
    /// What changes, deletions first.
    pub diff: FleetDiff,
    /// Whether it was only said, not done.
    pub dry_run: bool,
    /// How many desks got a new generation.
    pub published: usize,
}

/// The fleet as a file without passwords.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Export {
    /// What every desk starts from.
    pub defaults: Layer,
    /// The desks, by name.
    pub desks: Vec<Spec>,
}

impl Service {
    /// Lays a file over the fleet. Its desks become as it says; an account without a password keeps the one the server
    /// has; a revoked desk is not changed.
    ///
    /// # Errors
    /// When a setting is out of bounds, or the file names a desk that was revoked; nothing is changed then.
    pub async fn apply(
        &self,
        actor: &Actor,
        file: &FleetFile,
        mode: ApplyMode,
    ) -> Result<Applied, ServiceError> {
        for _ in 0..ATTEMPTS {
            let (applied, commit) = self.plan(actor, file, mode).await?;
            if mode.dry_run || applied.diff.is_empty() {
                return Ok(applied);
            }
            let done = self.commit(commit).await;
            if !raced(&done) {
                return done.map(|()| applied);
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// The fleet as a file; applying it changes nothing.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn export(&self) -> Result<Export, ServiceError> {
        let fleet = self.fleet().await?;
        let desks = self.store.desks().await?;
        Ok(Export {
            defaults: fleet.defaults.without_passwords(),
            desks: desks
                .into_iter()
                .filter(|desk| desk.state != DeskState::Revoked)
                .map(|desk| desk.spec)
                .collect(),
        })
    }

    async fn plan(
        &self,
        actor: &Actor,
        file: &FleetFile,
        mode: ApplyMode,
    ) -> Result<(Applied, Commit), ServiceError> {
        let fleet = self.fleet().await?;
        let mut present: BTreeMap<String, Desk> = self
            .store
            .desks()
            .await?
            .into_iter()
            .map(|desk| (desk.name().to_owned(), desk))
            .collect();
        let mut diff = FleetDiff::default();
        let defaults = self.lock_defaults(&fleet.defaults, &file.defaults, &mut diff)?;
        let mut plan = Plan {
            at: now(),
            defaults_changed: fleet.defaults != defaults,
            diff,
            commit: Commit {
                fleet_revision: Some(fleet.revision),
                ..Commit::default()
            },
        };
        let plain = Layer::without_passwords;
        plan.diff
            .compare_defaults(&plain(fleet.defaults), &plain(defaults.clone()));
        for entry in &file.desks {
            self.plan_desk(&mut plan, present.remove(&entry.name), entry, &defaults)
                .await?;
        }
        for desk in present.into_values() {
            if desk.state == DeskState::Revoked {
                continue;
            }
            if mode.prune {
                plan.diff.remove_desk(desk.name());
                plan.commit.desks.push(DeskWrite::Remove {
                    id: desk.id,
                    from: desk.revision,
                });
            } else if plan.defaults_changed {
                let spec = with_no_secrets(&desk.spec);
                self.plan_desk(&mut plan, Some(desk), &spec, &defaults)
                    .await?;
            }
        }
        plan.diff.sort();
        let Plan {
            at,
            defaults_changed,
            diff,
            mut commit,
        } = plan;
        commit.at = at;
        commit.defaults = defaults_changed.then_some(defaults);
        commit.audit = vec![AuditDraft {
            actor: actor.clone(),
            action: "fleet_applied",
            target: self.fleet_name.clone(),
            detail: json!({ "prune": mode.prune, "changes": diff.changes }),
        }];
        let published = commit
            .desks
            .iter()
            .filter(|write| match write {
                DeskWrite::Add(record) | DeskWrite::Change { record, .. } => {
                    record.config.is_some()
                }
                DeskWrite::Remove { .. } => false,
            })
            .count();
        let applied = Applied {
            diff,
            dry_run: mode.dry_run,
            published,
        };
        Ok((applied, commit))
    }

    async fn plan_desk(
        &self,
        plan: &mut Plan,
        present: Option<Desk>,
        entry: &DeskEntry<Secret>,
        defaults: &Layer<Locked>,
    ) -> Result<(), ServiceError> {
        let at = plan.at;
        let (spec, given) = split(entry);
        spec.validate(defaults)?;
        let Some(before) = present else {
            let desk = Desk::pending(new_desk_id()?, spec, at);
            plan.diff.add_desk(&desk.spec);
            let secrets = given
                .into_iter()
                .map(|(id, secret)| (id, Some(secret)))
                .collect();
            complete(&desk.spec, &BTreeMap::new(), &secrets)?;
            for id in BTreeMap::keys(&secrets) {
                plan.password_set(&desk.spec, id, false);
            }
            let added = event(at, Level::Info, "added", "the desk was added".into());
            plan.commit.events.push((desk.id.clone(), added));
            plan.commit.desks.push(DeskWrite::Add(DeskRecord {
                secrets: self.lock_away(&desk.id, &secrets)?,
                desk,
                config: None,
            }));
            return Ok(());
        };
        if before.state == DeskState::Revoked {
            return Err(ServiceError::DeskRevoked(before.name().to_owned()));
        }
        let kept = self.store.secrets(&before.id).await?;
        let mut secrets: BTreeMap<AccountId, Option<Secret>> = BTreeMap::new();
        for (account, secret) in given {
            let same = match kept.get(&account) {
                Some(_) if !has_place(&before.spec, &spec, &account) => false,
                Some(stored) => self.vault.unlock(before.id.as_str(), &account, stored)? == secret,
                None => false,
            };
            if !same {
                let had_one = kept.contains_key(&account);
                plan.password_set(&spec, &account, had_one);
                secrets.insert(account, Some(secret));
            }
        }
        for id in kept.keys() {
            if !has_place(&before.spec, &spec, id) {
                secrets.entry(id.clone()).or_insert(None);
            }
        }
        complete(&spec, &kept, &secrets)?;
        plan.diff.compare_desk(&before.spec, &spec);
        if spec == before.spec && secrets.is_empty() && !plan.defaults_changed {
            return Ok(());
        }
        let from = before.revision;
        let mut desk = Desk {
            spec,
            revision: from + 1,
            ..before
        };
        let config = self.sign_next(&mut desk, defaults, &kept, &secrets, at)?;
        if let Some(config) = &config {
            let event = published(at, config.generation);
            plan.commit.events.push((desk.id.clone(), event));
        }
        plan.commit.desks.push(DeskWrite::Change {
            from,
            record: DeskRecord {
                secrets: self.lock_away(&desk.id, &secrets)?,
                desk,
                config,
            },
        });
        Ok(())
    }
}

struct Plan {
    at: Timestamp,
    defaults_changed: bool,
    diff: FleetDiff,
    commit: Commit,
}

impl Plan {
    /// Notes that an account's or a directory's password is set.
    fn password_set(&mut self, spec: &Spec, id: &AccountId, had_one: bool) {
        let (name, id) = (spec.name.as_str(), id.as_str());
        match spec.directories.iter().any(|d| d.id.as_str() == id) {
            true => self.diff.set_directory_password(Some(name), id, had_one),
            false => self.diff.set_password(name, id, had_one),
        }
    }
}

/// What is wanted, and the passwords beside it.
fn split(entry: &DeskEntry<Secret>) -> (Spec, Vec<(AccountId, Secret)>) {
    let mut secrets = Vec::new();
    let accounts = entry
        .accounts
        .iter()
        .cloned()
        .map(|account| {
            let id = account.id.clone();
            account.map_password(|secret| {
                secrets.extend(secret.map(|secret| (id, secret)));
                None
            })
        })
        .collect();
    let directories = entry
        .directories
        .iter()
        .cloned()
        .map(|directory| {
            let id = directory.id.clone();
            directory.map_password(|secret| {
                secrets.extend(secret.map(|secret| (id, secret)));
                None
            })
        })
        .collect();
    let spec = Spec {
        name: entry.name.clone(),
        accounts,
        media: entry.media.clone(),
        network: entry.network.clone(),
        links: entry.links.clone(),
        hooks: entry.hooks.clone(),
        contacts: entry.contacts.clone(),
        phonebooks: entry.phonebooks.clone(),
        directories,
        history: entry.history,
    };
    (spec, secrets)
}

fn with_no_secrets(spec: &Spec) -> DeskEntry<Secret> {
    let spec = spec.clone();
    DeskEntry {
        name: spec.name,
        accounts: spec
            .accounts
            .into_iter()
            .map(|account| account.map_password(|_| None))
            .collect(),
        media: spec.media,
        network: spec.network,
        links: spec.links,
        hooks: spec.hooks,
        contacts: spec.contacts,
        phonebooks: spec.phonebooks,
        directories: spec
            .directories
            .into_iter()
            .map(|directory| directory.map_password(|_| None))
            .collect(),
        history: spec.history,
    }
}
