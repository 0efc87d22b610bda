//! What makes a softphone at home on its desk: whom it knows, what it remembers, and the
//! programs, pages and notifications for when something happens or a link is clicked.
//!
//! Owns the handles that root actor, services and local API share. It never places or takes a call, and a
//! trouble in here never touches one.

pub mod contacts;
pub mod directory;
pub mod history;
pub mod hooks;
pub mod import;
pub mod links;
pub mod notify;
pub mod phonebook;

use crate::state_folder::StateFolder;

use contacts::Contacts;
use directory::Directories;
use history::Ledger;
use phonebook::Phonebooks;

/// Contacts, phonebooks, directories and history of this desk. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Books {
    /// Who is known by name.
    pub contacts: Contacts,
    /// What is read from elsewhere.
    pub phonebooks: Phonebooks,
    /// Who is asked elsewhere.
    pub directories: Directories,
    /// What happened.
    pub history: Ledger,
}

impl Books {
    /// The books kept in a state folder. Opens no database and fetches nothing.
    #[must_use]
    pub fn of(folder: &StateFolder) -> Self {
        Self {
            contacts: Contacts::of(folder),
            phonebooks: Phonebooks::of(folder),
            directories: Directories::default(),
            history: Ledger::of(folder),
        }
    }
}
