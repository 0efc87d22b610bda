//! Publishing: passwords sealed and the document signed first, then one transaction, then the desks woken.

use std::collections::BTreeMap;

use carillon_schemas::fleet_file::Layer;
use carillon_schemas::secret::{directory_seal_context, seal_context};
use carillon_schemas::status::{DeskEvent, Level};
use carillon_schemas::{AccountId, DeskId, Generation, SealedSecret, Secret, Timestamp};

use super::{Service, ServiceError};
use crate::fleet::{Desk, DeskState, Locked, compose};
use crate::store::{Commit, DeskWrite, ReadyConfig};
use crate::trust::seal::seal;
use crate::trust::vault::FLEET;

/// How often a change is made anew when someone else was faster.
pub(super) const ATTEMPTS: usize = 5;

impl Service {
    /// Gives an enrolled desk its next generation, sealed and signed. A desk that is not enrolled waits for that.
    ///
    /// `changed` are the passwords that come (`Some`) or go (`None`) with this change, `kept` those stored.
    pub(super) fn sign_next(
        &self,
        desk: &mut Desk,
        defaults: &Layer<Locked>,
        kept: &BTreeMap<AccountId, Vec<u8>>,
        changed: &BTreeMap<AccountId, Option<Secret>>,
        at: Timestamp,
    ) -> Result<Option<ReadyConfig>, ServiceError> {
        let (DeskState::Enrolled, Some(keys)) = (desk.state, &desk.keys) else {
            return Ok(None);
        };
        let generation = Generation(desk.generation.0 + 1);
        let mut sealed: BTreeMap<AccountId, SealedSecret> = BTreeMap::new();
        let secret = |id: &AccountId| match (changed.get(id), kept.get(id)) {
            (Some(None), _) | (None, None) => Ok(None),
            (Some(Some(secret)), _) => Ok(Some(secret.clone())),
            (None, Some(stored)) => self.vault.unlock(desk.id.as_str(), id, stored).map(Some),
        };
        let mut add = |id: &AccountId, context: Vec<u8>, secret: &Secret| {
            let seal = seal(&keys.sealing, &context, secret)?;
            sealed.insert(id.clone(), seal);
            Ok::<_, ServiceError>(())
        };
        for account in &desk.spec.accounts {
            let id = &account.id;
            if let Some(secret) = secret(id)? {
                add(id, seal_context(&desk.id, id, generation), &secret)?;
            }
        }
        for directory in &desk.spec.directories {
            let id = &directory.id;
            if let Some(secret) = secret(id)? {
                add(
                    id,
                    directory_seal_context(&desk.id, id, generation),
                    &secret,
                )?;
            }
        }
        for directory in &defaults.directories {
            let id = &directory.id;
            if let Some(locked) = &directory.password {
                let secret = self.vault.unlock(FLEET, id, &locked.bytes())?;
                add(
                    id,
                    directory_seal_context(&desk.id, id, generation),
                    &secret,
                )?;
            }
        }
        let config = compose::compose(desk, defaults, generation, at, sealed);
        config.validate()?;
        let envelope = self.director.sign_config(&config)?;
        if envelope.len() > carillon_schemas::config::MAX_CONFIG_BYTES {
            return Err(ServiceError::Invalid(
                carillon_schemas::config::ConfigError {
                    path: format!("desk {:?}", desk.name()),
                    why: format!(
                        "its signed configuration has {} bytes, a desk reads at most {}",
                        envelope.len(),
                        carillon_schemas::config::MAX_CONFIG_BYTES
                    ),
                },
            ));
        }
        desk.generation = generation;
        Ok(Some(ReadyConfig {
            generation,
            envelope: envelope.into(),
        }))
    }

    /// The stored form of passwords that come or go.
    pub(super) fn lock_away(
        &self,
        desk: &DeskId,
        changed: &BTreeMap<AccountId, Option<Secret>>,
    ) -> Result<BTreeMap<AccountId, Option<Vec<u8>>>, ServiceError> {
        changed
            .iter()
            .map(|(account, secret)| {
                let stored = secret
                    .as_ref()
                    .map(|secret| self.vault.lock(desk.as_str(), account, secret))
                    .transpose()?;
                Ok((account.clone(), stored))
            })
            .collect()
    }

    /// Commits, then wakes the desks that it touches.
    pub(super) async fn commit(&self, commit: Commit) -> Result<(), ServiceError> {
        let touched: Vec<DeskId> = commit
            .desks
            .iter()
            .map(|write| match write {
                DeskWrite::Add(record) | DeskWrite::Change { record, .. } => record.desk.id.clone(),
                DeskWrite::Remove { id, .. } => id.clone(),
            })
            .collect();
        self.store.commit(commit).await?;
        self.push.wake(&touched);
        for desk in &touched {
            self.changed(desk);
        }
        Ok(())
    }
}

/// An event that the server itself notes at a desk.
pub(super) fn event(at: Timestamp, level: Level, kind: &str, text: String) -> DeskEvent {
    DeskEvent {
        at,
        level,
        kind: kind.to_owned(),
        text,
    }
}

/// The event of a new generation.
pub(super) fn published(at: Timestamp, generation: Generation) -> DeskEvent {
    let text = format!("generation {generation} is ready for the desk");
    event(at, Level::Info, "published", text)
}
