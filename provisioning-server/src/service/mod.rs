//! The use cases: what an admin or a desk can ask of the server, whichever way the question came.
//!
//! Joins fleet, trust, store and push; holds no HTTP. Reading for people is in [`view`], changes by an admin in
//! `change`, `apply` and `tickets`, what desks ask in `enrolment`, `pull` and `reports`, people in `sign_in`.

mod apply;
mod change;
mod changes;
mod directories;
mod enrolment;
mod error;
mod publish;
mod pull;
mod reports;
mod sign_in;
mod tickets;
mod tokens;
pub mod view;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use carillon_schemas::{DeskId, Timestamp};
use tokio::sync::{Semaphore, broadcast};

use crate::push::Push;
use crate::store::Store;
use crate::trust::director::Director;
use crate::trust::replay::ReplayGuard;
use crate::trust::root::SignedRoot;
use crate::trust::throttle::Throttle;
use crate::trust::vault::Vault;

pub use apply::{Applied, ApplyMode, Export};
pub use changes::{CHANGES_KEPT, FleetChange};
pub use enrolment::Enrolled;
pub use error::ServiceError;
pub use pull::{FRESHNESS_LIFE, MAX_WAIT, Pulled, VerifiedDesk};
pub use sign_in::{SESSION_LIFE, Session, SignInError, SignedIn};
pub use tickets::{NewTicket, TicketMade};
pub use tokens::TokenMade;
pub use view::{AccountRow, DeskPage, DeskRow};

/// What the service needs to know of the place it runs in.
#[derive(Debug, Clone)]
pub struct Place {
    /// The URL that tickets name.
    pub public_url: String,
    /// The pin that tickets carry, when the certificate is self-made.
    pub tls_pin: Option<String>,
}

/// The server's use cases.
pub struct Service {
    store: Arc<dyn Store>,
    push: Push,
    director: Director,
    vault: Vault,
    root: SignedRoot,
    fleet_name: String,
    place: Place,
    replay: ReplayGuard,
    changes: Arc<changes::Changes>,
    reports: reports::ReportQueue,
    enrolments: Semaphore,
    enrolment_failures: Throttle,
    sign_ins: Semaphore,
    sign_in_failures: Throttle,
}

/// Enrolments worked on at once; more are told to come again.
const ENROLMENTS_AT_ONCE: usize = 64;
/// Passwords checked at once: each takes 19 MiB.
const SIGN_INS_AT_ONCE: usize = 2;

impl Service {
    /// Takes up the work on what is stored.
    ///
    /// # Errors
    /// When the store was not initialised, or does not belong to these keys.
    pub async fn start(
        store: Arc<dyn Store>,
        director: Director,
        vault: Vault,
        place: Place,
    ) -> Result<Arc<Self>, ServiceError> {
        let fleet = store.fleet().await?.ok_or(ServiceError::NotInitialised)?;
        let version = store.newest_root().await?;
        let envelope = store
            .root(version)
            .await?
            .ok_or(ServiceError::NotInitialised)?;
        let root = crate::trust::root::stored_root(envelope)?;
        if !root.root.director.keys.contains(director.key_id()) {
            return Err(ServiceError::OtherDirector);
        }
        let changes = Arc::<changes::Changes>::default();
        let reports = reports::ReportQueue::start(Arc::clone(&store), Arc::clone(&changes));
        Ok(Arc::new(Self {
            store,
            push: Push::default(),
            director,
            vault,
            root,
            fleet_name: fleet.name,
            place,
            replay: ReplayGuard::default(),
            changes,
            reports,
            enrolments: Semaphore::new(ENROLMENTS_AT_ONCE),
            enrolment_failures: Throttle::new(60, Duration::from_secs(1)),
            sign_ins: Semaphore::new(SIGN_INS_AT_ONCE),
            sign_in_failures: Throttle::new(8, Duration::from_secs(15)),
        }))
    }

    /// The fleet's name.
    pub fn fleet_name(&self) -> &str {
        &self.fleet_name
    }

    /// The URL that tickets name.
    pub fn public_url(&self) -> &str {
        &self.place.public_url
    }

    /// Who waits for what.
    pub fn push(&self) -> &Push {
        &self.push
    }

    /// Hears of every change. A receiver that lags is told so, and should look at everything anew;
    /// one that is closed is told that the server stops.
    pub fn subscribe(&self) -> broadcast::Receiver<FleetChange> {
        self.changes.subscribe()
    }

    /// Answers every waiting poll and ends every subscription: what keeps connections open.
    pub fn release_waiting(&self) {
        self.push.shut_down();
        self.changes.end();
    }

    /// Finishes what is being written and closes the store.
    pub async fn stop(&self) {
        self.release_waiting();
        self.reports.close().await;
        self.store.close().await;
    }

    pub(crate) fn changed(&self, desk: &DeskId) {
        self.changes.tell(desk);
    }
}

pub(crate) fn now() -> Timestamp {
    Timestamp::of(SystemTime::now())
}
