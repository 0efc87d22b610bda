//! What the desk has seen and will not go back behind: `seen.json`.
//!
//! Owns the floor of the generation (with the digest of the document that had it) and of the time. A floor
//! falls only when the trust root takes a director key away.

use carillon_schemas::identifier::hex;
use carillon_schemas::{DeskId, Generation, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::state_folder::{StateError, StateFolder};

const FILE: &str = "seen.json";
const MAX_BYTES: usize = 4_096;

/// The floors of one desk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Of which desk.
    pub desk: DeskId,
    /// The highest generation believed.
    pub generation: Generation,
    /// SHA-256 of the payload that had it, in hex.
    pub digest: String,
    /// The newest signed time.
    pub time: Timestamp,
    /// Until when the newest freshness statement holds.
    pub fresh_until: Timestamp,
}

impl Seen {
    /// Nothing seen yet.
    pub fn nothing(desk: DeskId) -> Self {
        Self {
            desk,
            generation: Generation::default(),
            digest: String::new(),
            time: Timestamp::default(),
            fresh_until: Timestamp::default(),
        }
    }

    /// What this desk has seen; nothing when the file is missing, damaged or another desk's.
    pub fn load(folder: &StateFolder, desk: &DeskId) -> Self {
        folder
            .read(FILE, MAX_BYTES)
            .ok()
            .flatten()
            .and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok())
            .filter(|seen| seen.desk == *desk)
            .unwrap_or_else(|| Self::nothing(desk.clone()))
    }

    /// Keeps it for the next start.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn store(&self, folder: &StateFolder) -> Result<(), StateError> {
        folder.write(FILE, &serde_json::to_vec(self).unwrap_or_default())
    }
}

/// The digest by which two documents of one generation are told apart.
pub fn digest(payload: &[u8]) -> String {
    hex(&Sha256::digest(payload))
}
