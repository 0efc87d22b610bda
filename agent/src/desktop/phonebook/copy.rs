//! The last good copy of a phonebook: a file in the state folder, read line by line, so that no desk holds
//! twenty thousand people in memory for the one who calls.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;

use carillon_schemas::Timestamp;
use carillon_schemas::config::Contact;
use carillon_schemas::identifier::hex;
use carillon_schemas::phonebook::Phonebook;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::entries::Entries;
use super::fetch::Version;
use crate::state_folder::{StateError, StateFolder};

/// The folder of all copies, in the state folder.
pub const FOLDER: &str = "phonebooks";
/// The largest copy, in bytes: as many people as are kept, each with the longest name and number.
const MAX_BYTES: u64 = 16 << 20;

/// The first line of a copy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// When it was last known to be the newest.
    pub(super) fetched: Timestamp,
    /// `ETag` of its server.
    #[serde(default)]
    pub(super) etag: Option<String>,
    /// `Last-Modified` of its server.
    #[serde(default)]
    pub(super) modified: Option<String>,
    /// How many people follow, a line each.
    pub(super) people: usize,
    /// How many were too many.
    #[serde(default)]
    pub(super) left_out: usize,
}

/// Where the copy of one phonebook is.
#[derive(Clone, Debug)]
pub(super) struct Copy {
    folder: StateFolder,
    name: String,
}

impl Copy {
    /// The copy of that phonebook.
    #[must_use]
    pub(super) fn of(folder: &StateFolder, book: &Phonebook) -> Self {
        let digest = Sha256::digest(format!("{:?} {}", book.format, book.url));
        Self {
            folder: folder.clone(),
            name: format!("{FOLDER}/{}.jsonl", hex(&digest[..12])),
        }
    }

    /// Its head; `None` when there is no copy, or none that can be read. Blocks.
    #[must_use]
    pub(super) fn head(&self) -> Option<Head> {
        self.open()?.0.into()
    }

    /// Shows every person to `see` until it has seen enough. Blocks.
    pub(super) fn each(&self, mut see: impl FnMut(usize, Contact) -> bool) {
        let Some((_, reader)) = self.open() else {
            return;
        };
        for (place, line) in reader.lines().enumerate() {
            let contact = line.ok().and_then(|line| serde_json::from_str(&line).ok());
            let Some(contact) = contact else { return };
            if !see(place, contact) {
                return;
            }
        }
    }

    /// Puts another in its place. Blocks.
    ///
    /// # Errors
    /// When the disk is full, say; the copy before still stands.
    pub(super) fn store(
        &self,
        now: Timestamp,
        version: Version,
        entries: &Entries,
    ) -> Result<Head, StateError> {
        let head = Head {
            fetched: now,
            etag: version.etag,
            modified: version.modified,
            people: entries.people.len(),
            left_out: entries.left_out,
        };
        // Plain values: they always serialise.
        let mut bytes = serde_json::to_vec(&head).unwrap_or_default();
        for person in &entries.people {
            bytes.push(b'\n');
            bytes.extend(serde_json::to_vec(person).unwrap_or_default());
        }
        self.folder.write(&self.name, &bytes)?;
        Ok(head)
    }

    /// Takes it away. Blocks.
    pub(super) fn remove(&self) {
        if let Err(error) = self.folder.remove(&self.name) {
            tracing::warn!(%error, "the copy of a phonebook stays");
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.place(&self.name)
    }

    fn open(&self) -> Option<(Head, BufReader<std::io::Take<File>>)> {
        let mut reader = BufReader::new(File::open(self.path()).ok()?.take(MAX_BYTES));
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        Some((serde_json::from_str(&line).ok()?, reader))
    }
}
