//! An enrolled desk at work: its keys, whom it believes, what it has seen, and how often it failed.
//!
//! Owns the floors on disk and in memory, and lets them fall together when the root takes a director key away.

use std::mem::Discriminant;
use std::sync::Arc;
use std::time::{Duration, Instant};

use carillon_schemas::trust::{Freshness, RootError};
use carillon_schemas::{Generation, Timestamp};

use super::backoff::Backoff;
use super::clock::Clock;
use super::good;
use super::http::{Http, LinkError, Patience};
use super::identity::{Identity, IdentityError};
use super::keys::PrivateKeys;
use super::link::Link;
use super::seen::Seen;
use super::tls::ServerTrust;
use super::trust::Trust;
use super::verify::{self, FreshnessError, Refused, Verified};
use crate::state_folder::{StateError, StateFolder};

/// How far signed time may move on before it is written down again, in seconds: an idle desk does not write.
const TIME_STEP: u64 = 600;
/// The most new roots taken in one go.
pub(super) const MAX_ROOT_STEPS: usize = 32;

/// An enrolled desk.
pub(super) struct Desk {
    pub(super) identity: Identity,
    pub(super) link: Arc<Link>,
    pub(super) trust: Trust,
    pub(super) running: Option<Verified>,
    /// The tag of what was refused last, which is not fetched again before the time.
    pub(super) refused: Option<RefusedTag>,
    /// The last poll was answered. Until then the server is asked not to wait: an answer tells that it is there.
    pub(super) in_contact: bool,
    /// What the polls since the last good answer met in the server's place.
    pub(super) stranger: Option<Stranger>,
    pub(super) failures: Backoff,
    pub(super) refusals: Backoff,
    pub(super) hasty_answers: Backoff,
    folder: StateFolder,
    keys: Arc<PrivateKeys>,
    clock: Arc<Clock>,
    seen: Seen,
    written: Timestamp,
}

/// Something the server must not be asked for again too soon.
pub(super) struct RefusedTag {
    pub(super) etag: String,
    pub(super) until: Instant,
}

/// Something that answers in the server's place.
pub(super) struct Stranger {
    /// Of what kind its answer is.
    pub(super) kind: Discriminant<LinkError>,
    /// What was said of it.
    pub(super) reason: String,
}

/// Why a desk that is enrolled cannot work.
#[derive(Debug, thiserror::Error)]
pub(super) enum DeskError {
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(
        "the stored trust root cannot be used: {0} (enrol this desk anew with 'carillon enrol --replace TICKET')"
    )]
    Root(#[from] RootError),
    #[error(transparent)]
    Link(#[from] LinkError),
}

impl Desk {
    /// Opens everything that belongs to an identity, and the newest good configuration.
    /// The second part tells what was damaged, a line each.
    pub(super) fn open(
        folder: &StateFolder,
        identity: Identity,
        ca_file: Option<&std::path::Path>,
        patience: Patience,
    ) -> Result<(Self, Vec<String>), DeskError> {
        let keys = Arc::new(identity.keys.open(folder)?);
        let trust = Trust::load(folder, identity.root.clone())?;
        let seen = Seen::load(folder, &identity.desk);
        let clock = Arc::new(Clock::new(seen.time));
        let server = ServerTrust::of(identity.tls_pin.as_deref(), ca_file);
        let http = Http::new(&identity.url, &server, patience)?;
        let fleet = trust.root().fleet.clone();
        let link = Link::new(
            http,
            identity.desk.clone(),
            fleet,
            keys.clone(),
            clock.clone(),
        );
        let loaded = good::load(folder, trust.root(), &identity.desk, &keys);
        let desk = Self {
            link: Arc::new(link),
            trust,
            running: loaded.config,
            refused: None,
            in_contact: false,
            stranger: None,
            failures: Backoff::default(),
            refusals: Backoff::default(),
            hasty_answers: Backoff::default(),
            folder: folder.clone(),
            keys,
            clock,
            written: seen.time,
            seen,
            identity,
        };
        Ok((desk, loaded.damaged))
    }

    /// The time, never below the newest signed one.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The generation that runs.
    pub(super) fn generation(&self) -> Generation {
        self.running
            .as_ref()
            .map_or(Generation::default(), |c| c.generation)
    }

    /// What to ask the server with: the refused tag while it holds, else what runs.
    pub(super) fn tag(&self) -> Option<String> {
        match &self.refused {
            Some(refused) if Instant::now() < refused.until => Some(refused.etag.clone()),
            _ => self
                .running
                .as_ref()
                .map(|config| format!("\"{}\"", config.generation)),
        }
    }

    /// How long the server may wait: not at all before there is contact, and no longer than what was refused
    /// shall rest.
    pub(super) fn wait(&self, configured: Duration) -> Duration {
        if !self.in_contact {
            return Duration::ZERO;
        }
        match &self.refused {
            Some(refused) => configured
                .min(refused.until.saturating_duration_since(Instant::now()))
                .max(Duration::from_secs(5)),
            None => configured,
        }
    }

    /// Believes a configuration, or says why not.
    pub(super) fn verify(&self, body: &[u8]) -> Result<Verified, Refused> {
        verify::config(
            body,
            self.trust.root(),
            &self.identity.desk,
            &self.keys,
            &self.seen,
        )
    }

    /// Whether this is what runs already.
    pub(super) fn runs(&self, config: &Verified) -> bool {
        self.running
            .as_ref()
            .is_some_and(|running| running.digest == config.digest)
    }

    /// Raises the floors to a configuration that is believed.
    pub(super) fn saw(&mut self, config: &Verified) -> Result<(), StateError> {
        self.clock.raise(config.issued);
        self.seen.time = self.seen.time.max(config.issued);
        self.seen.generation = config.generation;
        self.seen.digest.clone_from(&config.digest);
        self.write_seen()
    }

    /// Believes a freshness statement, or says why not.
    pub(super) fn refresh(&mut self, header: &str) -> Result<Freshness, FreshnessError> {
        let statement = verify::freshness(
            header,
            self.trust.root(),
            &self.identity.desk,
            &self.seen,
            self.now(),
        )?;
        self.clock.raise(statement.issued);
        self.seen.time = self.seen.time.max(statement.issued);
        self.seen.fresh_until = self.seen.fresh_until.max(statement.expires);
        if self.seen.time.0 >= self.written.0 + TIME_STEP
            && let Err(error) = self.write_seen()
        {
            tracing::warn!(%error, "the newest signed time is not kept");
        }
        Ok(statement)
    }

    /// How long the newest freshness statement still holds.
    pub(super) fn fresh_for(&self) -> Duration {
        self.seen.fresh_until.since(self.now())
    }

    /// Takes a newer trust root. Whatever a key that it revokes has signed no longer holds anything up.
    pub(super) fn adopt_root(&mut self, next: Trust) -> Result<(), StateError> {
        let revoked = self.trust.revokes_director(&next);
        next.store(&self.folder)?;
        self.trust = next;
        self.refused = None;
        if revoked {
            self.seen = Seen::nothing(self.identity.desk.clone());
            self.clock.forget();
            self.write_seen()?;
        }
        Ok(())
    }

    /// Puts a believed configuration beside the good ones.
    pub(super) fn write_candidate(&self, body: &[u8]) -> Result<(), StateError> {
        good::write_candidate(&self.folder, &self.trust, body)
    }

    /// The candidate runs.
    pub(super) fn promote(&mut self, config: Verified) -> Result<(), StateError> {
        self.running = Some(config);
        self.refused = None;
        self.refusals.reset();
        good::promote_candidate(&self.folder)
    }

    /// Notes that what has this tag was refused; gives how long to wait before the next poll. It is fetched
    /// again after a rest that grows from half a minute to an hour, since what stood in the way may have gone.
    pub(super) fn refused(&mut self, etag: Option<String>) -> Duration {
        let wait = self.refusals.next(None);
        let rest = (wait * 12).max(Duration::from_secs(30));
        self.refused = etag.map(|etag| RefusedTag {
            etag,
            until: Instant::now() + rest,
        });
        wait
    }

    fn write_seen(&mut self) -> Result<(), StateError> {
        self.written = self.seen.time;
        self.seen.store(&self.folder)
    }
}

/// The roots after `trust`, one by one as far as the server has them; with the last that follows comes what
/// is wrong with the one after it.
pub(super) async fn newer_roots(link: &Link, mut trust: Trust) -> (Trust, Option<RootsError>) {
    for _ in 0..MAX_ROOT_STEPS {
        let next = match link.root(trust.root().version.saturating_add(1)).await {
            Ok(Some(next)) => trust.successor(next),
            Ok(None) => break,
            Err(error) => return (trust, Some(error.into())),
        };
        match next {
            Ok(next) => trust = next,
            Err(error) => return (trust, Some(error.into())),
        }
    }
    (trust, None)
}

/// Why a newer root was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum RootsError {
    #[error("no newer trust root: {0}")]
    Link(#[from] LinkError),
    #[error("the server's newer trust root is not believed: {0}")]
    Root(#[from] RootError),
}
