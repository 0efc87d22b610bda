//! LDAP directories: people found by what somebody types, and the names of callers.
//!
//! Owns who is asked, and the names told lately. A connection lives as long as one question; while nobody asks, there
//! is none and nothing waits. No call waits for a directory, a password goes only over TLS, and what the other side may
//! send is bounded in size, number and time. `ber`, `message` are LDAP as far as that takes it.

mod ber;
mod callers;
mod lookup;
mod message;
mod source;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use carillon_schemas::Secret;
use carillon_schemas::directory::{Directory, MAX_DIRECTORIES};
use futures_util::{StreamExt as _, stream};

pub use lookup::LookupError;
pub use source::DirectoryView;

use super::contacts::{ContactView, Reach, Search};
use source::Source;

/// A search shorter than this would find everybody.
const SHORTEST: usize = 2;

/// The directories of this desk. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Directories {
    sources: Arc<Mutex<Vec<Arc<Source>>>>,
}

impl Directories {
    /// Takes these from the configuration from now on; one that did not change keeps what it knows.
    pub fn use_configured(&self, configured: &[Directory<Secret>]) {
        let mut sources = self.lock();
        let before = std::mem::take(&mut *sources);
        let source = |config: &Directory<Secret>| {
            let same = before.iter().find(|source| source.config == *config);
            same.map_or_else(|| Arc::new(Source::new(config.clone())), Arc::clone)
        };
        *sources = configured.iter().map(source).collect();
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// The name of whoever has that address, of the first directory that knows.
    pub async fn name_of(&self, address: &str) -> Option<String> {
        let wanted = &Reach::of(address)?;
        let asked = stream::iter(self.sources())
            .map(|source| async move { source.name_of(wanted).await })
            .buffered(MAX_DIRECTORIES);
        let mut named = std::pin::pin!(asked.filter_map(std::future::ready));
        named.next().await
    }

    /// Those that a search finds, directory by directory; all are asked at once.
    pub async fn find(&self, search: &Search) -> Vec<ContactView> {
        if search.text().chars().count() < SHORTEST {
            return Vec::new();
        }
        let asked = stream::iter(self.sources().into_iter().enumerate())
            .map(|(number, source)| async move {
                let people = source.find(search.text()).await.into_iter().enumerate();
                let name = source.config.name().to_owned();
                let view =
                    |(place, person): (usize, carillon_schemas::config::Contact)| ContactView {
                        id: format!("ldap-{number}-{place}"),
                        name: person.name,
                        number: person.number,
                        source: name.clone(),
                        lamp: None,
                    };
                people.map(view).collect::<Vec<_>>()
            })
            .buffered(MAX_DIRECTORIES);
        let found: Vec<_> = asked.collect().await;
        found.into_iter().flatten().take(search.limit).collect()
    }

    /// How each stands.
    #[must_use]
    pub fn views(&self) -> Vec<DirectoryView> {
        self.sources().iter().map(|source| source.view()).collect()
    }

    fn sources(&self) -> Vec<Arc<Source>> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Source>>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
