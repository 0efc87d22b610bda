//! The contacts that the desk's user wrote down: `contacts.json` in the state folder.

use carillon_schemas::config::Contact;
use serde::{Deserialize, Serialize};

use crate::state_folder::{StateError, StateFolder};

/// The file in the state folder.
pub const FILE: &str = "contacts.json";
/// Where one goes that cannot be read.
const BROKEN: &str = "contacts.json.broken";
/// The most that a user may write down.
pub const MAX_LOCAL: usize = 5_000;
/// The largest file, in bytes.
const MAX_BYTES: usize = 4 << 20;

/// One contact with its number, which is never given twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalContact {
    /// The number.
    pub id: u64,
    /// Who.
    #[serde(flatten)]
    pub contact: Contact,
}

/// What the file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalContacts {
    /// The last number given.
    #[serde(default)]
    pub last: u64,
    /// The contacts, in the order they were added.
    #[serde(default)]
    pub contacts: Vec<LocalContact>,
}

impl LocalContacts {
    /// Reads the file. One that cannot be read is moved aside, and none is there.
    pub fn load(folder: &StateFolder) -> Self {
        let bytes = match folder.read(FILE, MAX_BYTES) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Self::default(),
            Err(error) => {
                tracing::warn!(%error, "the contacts of this desk are left out");
                return Self::default();
            }
        };
        serde_json::from_slice(&bytes).unwrap_or_else(|error| {
            tracing::warn!(%error, "{FILE} cannot be read; it is moved to {BROKEN}");
            if let Err(error) = folder.rename(FILE, BROKEN) {
                tracing::warn!(%error, "it stays where it is");
            }
            Self::default()
        })
    }

    /// Writes the file.
    ///
    /// # Errors
    /// When the disk is full, say; the old file then still stands.
    pub fn store(&self, folder: &StateFolder) -> Result<(), StateError> {
        // Plain values: they always serialise.
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        folder.write(FILE, &bytes)
    }
}
