//! Phonebooks from elsewhere: read by HTTP in the formats of MicroSIP, Cisco, Yealink, vCard and JSON.
//!
//! Owns the last good copies in the state folder and when they are fetched: when somebody looks and the copy is
//! a day old, or now and then where the configuration says so. Nothing of them is in memory while nobody looks,
//! and nothing wakes up by itself unless the configuration wants it. A phonebook that is too large, never ends
//! or cannot be read is reported, and the copy before stands.

mod book;
mod copy;
mod entries;
mod fetch;
mod json;
mod vcard;
mod xml;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix::Recipient;
use carillon_schemas::phonebook::Phonebook;

pub use book::PhonebookView;
pub use copy::FOLDER;
pub use entries::{Entries, MAX_ENTRIES, ReadError, read};
pub use fetch::{FetchError, LIMIT, MAX_BYTES};

use super::contacts::{ContactView, Reach, Search};
use crate::event::AgentEvent;
use crate::state_folder::StateFolder;
use book::Book;

/// How long somebody who looks waits for phonebooks that were never fetched.
const PATIENCE: Duration = Duration::from_secs(5);

/// The phonebooks of this desk. Cheap to clone; those of no folder are none.
#[derive(Clone, Debug, Default)]
pub struct Phonebooks {
    folder: Option<StateFolder>,
    shelf: Arc<Mutex<Shelf>>,
}

#[derive(Debug, Default)]
struct Shelf {
    books: Vec<Arc<Book>>,
    events: Option<Recipient<AgentEvent>>,
}

impl Phonebooks {
    /// The phonebooks whose copies are in a state folder.
    #[must_use]
    pub fn of(folder: &StateFolder) -> Self {
        Self {
            folder: Some(folder.clone()),
            shelf: Arc::default(),
        }
    }

    /// Takes these from the configuration from now on. Within the runtime.
    pub fn use_configured(&self, configured: &[Phonebook]) {
        let Some(folder) = &self.folder else { return };
        let mut shelf = self.shelf();
        let before = std::mem::take(&mut shelf.books);
        for config in configured {
            let book = match before.iter().find(|book| book.config == *config) {
                Some(book) => Arc::clone(book),
                None => {
                    let book = Arc::new(Book::new(folder, config.clone()));
                    book.keep_fresh(Arc::downgrade(&book));
                    if let Some(events) = &shelf.events {
                        book.tell(events.clone());
                    }
                    book
                }
            };
            shelf.books.push(book);
        }
        let gone: Vec<_> = before
            .into_iter()
            .filter(|book| {
                !configured
                    .iter()
                    .any(|config| config.url == book.config.url)
            })
            .collect();
        if !gone.is_empty() {
            tokio::task::spawn_blocking(move || gone.iter().for_each(|book| book.discard()));
        }
    }

    /// Tells there when a phonebook changed.
    pub fn tell(&self, events: Recipient<AgentEvent>) {
        let mut shelf = self.shelf();
        for book in &shelf.books {
            book.tell(events.clone());
        }
        shelf.events = Some(events);
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shelf().books.is_empty()
    }

    /// The name of whoever has that address, of the first phonebook that knows.
    pub async fn name_of(&self, address: &str) -> Option<String> {
        let wanted = Reach::of(address)?;
        for book in self.ready().await {
            let wanted = wanted.clone();
            let found = tokio::task::spawn_blocking(move || {
                let mut name = None;
                book.each(|_, person| {
                    let meets = Reach::of(&person.number).is_some_and(|reach| reach.meets(&wanted));
                    if meets {
                        name = Some(person.name);
                    }
                    !meets
                });
                name
            });
            if let Ok(Some(name)) = found.await {
                return Some(name);
            }
        }
        None
    }

    /// Those that a search finds, phonebook by phonebook.
    pub async fn find(&self, search: &Search) -> Vec<ContactView> {
        let mut found = Vec::new();
        for (number, book) in self.ready().await.into_iter().enumerate() {
            let search = search.clone();
            let room = search.limit.saturating_sub(found.len());
            if room == 0 {
                break;
            }
            let of_book = tokio::task::spawn_blocking(move || {
                let mut of_book = Vec::new();
                book.each(|place, person| {
                    if search.finds(&person.name, &person.number) {
                        of_book.push(ContactView {
                            id: format!("book-{number}-{place}"),
                            name: person.name,
                            number: person.number,
                            source: book.config.name.clone(),
                            lamp: None,
                        });
                    }
                    of_book.len() < room
                });
                of_book
            });
            found.extend(of_book.await.unwrap_or_default());
        }
        found
    }

    /// How each stands.
    pub async fn views(&self) -> Vec<PhonebookView> {
        let books = self.books();
        let views = tokio::task::spawn_blocking(move || books.iter().map(|b| b.view()).collect());
        views.await.unwrap_or_default()
    }

    /// All of them: those without a copy are fetched first, within patience; old ones meanwhile.
    async fn ready(&self) -> Vec<Arc<Book>> {
        let books = self.books();
        let mut missing = Vec::new();
        for book in &books {
            let looked_at = Arc::clone(book);
            let wants = tokio::task::spawn_blocking(move || looked_at.wants());
            if let Some(none_yet) = wants.await.unwrap_or_default() {
                let book = Arc::clone(book);
                let fetched = tokio::spawn(async move { book.fetch().await });
                missing.extend(none_yet.then_some(fetched));
            }
        }
        // One that takes longer is there the next time.
        let all = futures_util::future::join_all(missing);
        let _ = tokio::time::timeout(PATIENCE, all).await;
        books
    }

    fn books(&self) -> Vec<Arc<Book>> {
        self.shelf().books.clone()
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
