//! A desk pulls its configuration, and waits for the next.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use carillon_schemas::desk_token::Unverified;
use carillon_schemas::trust::Freshness;
use carillon_schemas::{DeskId, Envelope, Generation};

use super::{Service, ServiceError, now};
use crate::fleet::DeskState;
use crate::push::Wake;
use crate::store::{DeskRef, ReadyConfig};
use crate::trust::possession;
use crate::trust::replay::Replay;

/// How long a freshness statement holds. A desk asks anew every few minutes; it calls itself stale only after it
/// was kept from that for this long.
pub const FRESHNESS_LIFE: Duration = Duration::from_secs(2 * 3_600);
/// The longest wait of a poll.
pub const MAX_WAIT: Duration = Duration::from_secs(3_600);

/// A desk whose token held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedDesk {
    /// Which.
    pub id: DeskId,
    /// Its newest generation at that moment.
    pub generation: Generation,
}

/// What a poll gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The configuration, when it is another than the desk has.
    pub config: Option<ReadyConfig>,
    /// The newest generation.
    pub generation: Generation,
    /// 'This is the newest', signed: the envelope's JSON in base64, for a header.
    pub freshness: String,
}

impl Service {
    /// Believes a desk token, once.
    ///
    /// # Errors
    /// Why not.
    pub async fn verify_desk(&self, token: &str) -> Result<VerifiedDesk, ServiceError> {
        let unverified = Unverified::read(token)?;
        let id = unverified.claimed_desk().clone();
        let desk = self
            .store
            .desk(DeskRef::Id(&id))
            .await?
            .ok_or_else(|| ServiceError::DeskUnknown(id.clone()))?;
        let key = desk.keys.as_ref().map_or("", |keys| keys.signing.as_str());
        let at = now();
        let claims = unverified.verify(&self.root.root.fleet, at, |message, signature| {
            possession::verify(key, message, signature)
        })?;
        if desk.state != DeskState::Enrolled {
            return Err(ServiceError::DeskRevoked(desk.name().to_owned()));
        }
        self.replay
            .take(&id, &claims.jti, claims.exp, at)
            .map_err(|why| match why {
                Replay::Seen => ServiceError::TokenReplayed,
                Replay::TooMany => ServiceError::Busy {
                    what: "the desk makes too many requests",
                    seconds: 60,
                },
            })?;
        Ok(VerifiedDesk {
            id,
            generation: desk.generation,
        })
    }

    /// Gives the desk its configuration when it is another than `has`; else waits until it is, at most `wait`.
    ///
    /// # Errors
    /// When the desk is removed or revoked meanwhile.
    pub async fn pull(
        &self,
        id: &DeskId,
        has: Option<Generation>,
        wait: Duration,
    ) -> Result<Pulled, ServiceError> {
        let until = tokio::time::Instant::now() + wait.min(MAX_WAIT);
        loop {
            let was_waiting = self.push.is_waiting(id);
            let mut poll = self.push.wait(id);
            if !was_waiting {
                self.changed(id);
            }
            let newest = self.newest(id).await?;
            if newest.0 != 0 && has != Some(newest) {
                drop(poll);
                let config = self.store.config(id).await?;
                // A publish between the two reads gives a newer document; its own generation counts.
                let generation = config.as_ref().map_or(newest, |config| config.generation);
                return Ok(Pulled {
                    freshness: self.freshness(id, generation)?,
                    config,
                    generation,
                });
            }
            let woken = tokio::time::timeout_at(until, poll.woken()).await;
            drop(poll);
            match woken {
                Ok(Wake::Changed) => {}
                Ok(Wake::Displaced | Wake::ShuttingDown) | Err(_) => {
                    return Ok(Pulled {
                        freshness: self.freshness(id, newest)?,
                        config: None,
                        generation: newest,
                    });
                }
            }
        }
    }

    /// A version of the trust root.
    ///
    /// # Errors
    /// When there is none of that version.
    pub async fn root(&self, version: u64) -> Result<Envelope, ServiceError> {
        self.store
            .root(version)
            .await?
            .ok_or(ServiceError::NoRoot(version))
    }

    async fn newest(&self, id: &DeskId) -> Result<Generation, ServiceError> {
        let desk = self
            .store
            .desk(DeskRef::Id(id))
            .await?
            .ok_or_else(|| ServiceError::DeskUnknown(id.clone()))?;
        if desk.state != DeskState::Enrolled {
            return Err(ServiceError::DeskRevoked(desk.name().to_owned()));
        }
        Ok(desk.generation)
    }

    fn freshness(&self, desk: &DeskId, generation: Generation) -> Result<String, ServiceError> {
        let issued = now();
        let signed = self.director.sign_freshness(&Freshness {
            desk: desk.clone(),
            generation,
            root_version: self.root.root.version,
            issued,
            expires: issued.after(FRESHNESS_LIFE),
        })?;
        Ok(STANDARD.encode(signed))
    }
}
