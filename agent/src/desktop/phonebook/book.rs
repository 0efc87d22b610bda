//! One phonebook of the configuration: when it is fetched, and what is known of it.

use std::sync::{Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};

use actix::Recipient;
use carillon_schemas::Timestamp;
use carillon_schemas::config::Contact;
use carillon_schemas::phonebook::Phonebook;
use serde::{Deserialize, Serialize};

use super::copy::Copy;
use super::entries;
use super::fetch::{Fetched, Version, fetch};
use crate::event::AgentEvent;
use crate::state_folder::StateFolder;

/// A copy this old is fetched anew when somebody looks into it.
const OLD: Duration = Duration::from_secs(86_400);
/// After one that failed, the next try waits.
const PATIENCE: Duration = Duration::from_secs(60);

/// One phonebook.
#[derive(Debug)]
pub(super) struct Book {
    pub(super) config: Phonebook,
    copy: Copy,
    standing: Mutex<Standing>,
    /// Held by the one who fetches.
    turn: tokio::sync::Mutex<()>,
    timer: Mutex<Option<tokio::task::AbortHandle>>,
}

#[derive(Debug, Default)]
struct Standing {
    tried: Option<Instant>,
    trouble: Option<String>,
    events: Option<Recipient<AgentEvent>>,
}

/// How a phonebook stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhonebookView {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// How many people are in the copy here.
    pub people: Option<usize>,
    /// When the copy was last known to be the newest.
    pub fetched: Option<Timestamp>,
    /// What is wrong, for a person; the copy before stands.
    pub trouble: Option<String>,
}

impl Book {
    pub(super) fn new(folder: &StateFolder, config: Phonebook) -> Self {
        Self {
            copy: Copy::of(folder, &config),
            config,
            standing: Mutex::default(),
            turn: tokio::sync::Mutex::new(()),
            timer: Mutex::default(),
        }
    }

    /// Fetches it now and then, where the configuration says how often; ends with the book.
    pub(super) fn keep_fresh(&self, me: Weak<Self>) {
        let Some(seconds) = self.config.refresh else {
            return;
        };
        let task = tokio::spawn(async move {
            loop {
                // A fleet must not come all at once: each wait is up to a tenth shorter or longer.
                let chance = f64::from(getrandom::u32().unwrap_or(0)) / f64::from(u32::MAX);
                let wait = f64::from(seconds) * (0.9 + 0.2 * chance);
                tokio::time::sleep(Duration::from_secs_f64(wait)).await;
                let Some(book) = me.upgrade() else { return };
                book.fetch().await;
            }
        });
        let handle = Some(task.abort_handle());
        *self.timer.lock().unwrap_or_else(PoisonError::into_inner) = handle;
    }

    pub(super) fn tell(&self, events: Recipient<AgentEvent>) {
        self.standing().events = Some(events);
    }

    /// Whether somebody who looks into it should have it fetched; `Some(true)` when there is none yet.
    /// Blocks.
    pub(super) fn wants(&self) -> Option<bool> {
        let rests = self
            .standing()
            .tried
            .is_some_and(|at| at.elapsed() < PATIENCE);
        if rests {
            return None;
        }
        match self.copy.head() {
            None => Some(true),
            Some(head) => {
                let age = Timestamp::of(SystemTime::now()).since(head.fetched);
                (age >= OLD && self.config.refresh.is_none()).then_some(false)
            }
        }
    }

    /// Fetches it, unless somebody just does.
    pub(super) async fn fetch(&self) {
        let Ok(_turn) = self.turn.try_lock() else {
            // Whoever waits for it waits for the other.
            drop(self.turn.lock().await);
            return;
        };
        self.standing().tried = Some(Instant::now());
        let outcome = self.fetch_and_keep().await;
        let mut standing = self.standing();
        if let Err(why) = &outcome {
            tracing::warn!(phonebook = %self.config.name, "{why}");
        }
        let trouble = outcome.err();
        let changed = trouble.is_none() || trouble != standing.trouble;
        standing.trouble = trouble;
        if changed && let Some(events) = &standing.events {
            events.do_send(AgentEvent::ContactsChanged);
        }
    }

    async fn fetch_and_keep(&self) -> Result<(), String> {
        let copy = self.copy.clone();
        let head = blocking(move || copy.head()).await?;
        let known = head.as_ref().map_or_else(Version::default, |head| Version {
            etag: head.etag.clone(),
            modified: head.modified.clone(),
        });
        let fetched = fetch(&self.config.url, &known).await;
        let now = Timestamp::of(SystemTime::now());
        let (copy, format) = (self.copy.clone(), self.config.format);
        match fetched.map_err(|error| error.to_string())? {
            Fetched::New(version, body) => blocking(move || {
                let entries = entries::read(format, &body).map_err(|e| e.to_string())?;
                copy.store(now, version, &entries)
                    .map_err(|e| e.to_string())
            })
            .await?
            .map(drop),
            Fetched::Same => blocking(move || {
                let mut same = entries::Entries::default();
                copy.each(|_, person| {
                    same.people.push(person);
                    true
                });
                same.left_out = head.map_or(0, |head| head.left_out);
                copy.store(now, known, &same).map_err(|e| e.to_string())
            })
            .await?
            .map(drop),
        }
    }

    /// Shows every person to `see` until it has seen enough. Blocks.
    pub(super) fn each(&self, see: impl FnMut(usize, Contact) -> bool) {
        self.copy.each(see);
    }

    /// Blocks.
    pub(super) fn view(&self) -> PhonebookView {
        let head = self.copy.head();
        let trouble = self.standing().trouble.clone();
        let left_out = head.as_ref().map_or(0, |head| head.left_out);
        PhonebookView {
            name: self.config.name.clone(),
            url: self.config.url.clone(),
            people: head.as_ref().map(|head| head.people),
            fetched: head.map(|head| head.fetched),
            trouble: trouble.or_else(|| {
                (left_out > 0).then(|| {
                    format!(
                        "{left_out} people are left out: at most {} are kept",
                        entries::MAX_ENTRIES
                    )
                })
            }),
        }
    }

    /// Takes the copy away. Blocks.
    pub(super) fn discard(&self) {
        self.copy.remove();
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Book {
    fn drop(&mut self) {
        let timer = self.timer.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(timer) = timer.take() {
            timer.abort();
        }
    }
}

async fn blocking<T: Send + 'static>(
    job: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    tokio::task::spawn_blocking(job)
        .await
        .map_err(|error| error.to_string())
}
