//! The last good configurations: `config/good-1.json` runs, `config/good-2.json` ran before it.
//!
//! Owns their files. Each holds the signed document as it came (its passwords sealed) beside the trust root
//! that vouched for it, so that it can be believed again after the root has moved on.

use carillon_schemas::config::MAX_CONFIG_BYTES;
use carillon_schemas::trust::TrustRoot;
use carillon_schemas::{DeskId, Envelope};
use serde::{Deserialize, Serialize};

use super::keys::PrivateKeys;
use super::trust::{MAX_ROOT_BYTES, Trust};
use super::verify::{self, RefusedWhy, Verified};
use crate::state_folder::{StateError, StateFolder};

const NEWEST: &str = "config/good-1.json";
const BEFORE: &str = "config/good-2.json";
const CANDIDATE: &str = "config/candidate.json";
const MAX_BYTES: usize = MAX_CONFIG_BYTES + MAX_ROOT_BYTES + 1_024;

/// What [`load`] found.
#[derive(Debug)]
pub struct Loaded {
    /// The newest that is whole.
    pub config: Option<Verified>,
    /// What is wrong with those that are not, a line each.
    pub damaged: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    root: Envelope,
    config: Envelope,
}

/// Writes a believed configuration beside the good ones, before it is applied: a disk that cannot hold it
/// shows now.
///
/// # Errors
/// When it cannot be written; the good ones stand.
pub fn write_candidate(folder: &StateFolder, trust: &Trust, body: &[u8]) -> Result<(), StateError> {
    // The body is a believed envelope, so it parses; a file that did not would be passed over by `load`.
    let stored = Envelope::from_json(body).map(|config| Stored {
        root: trust.envelope().clone(),
        config,
    });
    let bytes = stored
        .ok()
        .and_then(|stored| serde_json::to_vec(&stored).ok())
        .unwrap_or_default();
    folder.write(CANDIDATE, &bytes)
}

/// Makes the candidate the newest good one, and the newest the one before.
///
/// # Errors
/// When a file cannot be written; at least one good one stands then.
pub fn promote_candidate(folder: &StateFolder) -> Result<(), StateError> {
    if let Some(newest) = folder.read(NEWEST, MAX_BYTES)?
        && serde_json::from_slice::<Stored>(&newest).is_ok()
    {
        folder.write(BEFORE, &newest)?;
    }
    folder.rename(CANDIDATE, NEWEST)
}

/// Takes away a candidate that was refused, or whose application was cut short.
///
/// # Errors
/// When it cannot be removed.
pub fn drop_candidate(folder: &StateFolder) -> Result<(), StateError> {
    folder.remove(CANDIDATE)
}

/// The newest good configuration that is whole, of this desk and this fleet.
pub fn load(folder: &StateFolder, root: &TrustRoot, desk: &DeskId, keys: &PrivateKeys) -> Loaded {
    let mut damaged = Vec::new();
    for name in [NEWEST, BEFORE] {
        match load_one(folder, name, root, desk, keys) {
            Ok(None) => {}
            Ok(Some(config)) => {
                return Loaded {
                    config: Some(config),
                    damaged,
                };
            }
            Err(why) => damaged.push(format!("{name}: {why}")),
        }
    }
    Loaded {
        config: None,
        damaged,
    }
}

fn load_one(
    folder: &StateFolder,
    name: &str,
    root: &TrustRoot,
    desk: &DeskId,
    keys: &PrivateKeys,
) -> Result<Option<Verified>, String> {
    let Some(bytes) = folder.read(name, MAX_BYTES).map_err(|e| e.to_string())? else {
        return Ok(None);
    };
    let stored: Stored = serde_json::from_slice(&bytes).map_err(|e| e.to_string())?;
    let trust = Trust::stored(stored.root).map_err(|e| e.to_string())?;
    if trust.root().fleet != root.fleet {
        // Of the identity before this one.
        return Ok(None);
    }
    let body = serde_json::to_vec(&stored.config).unwrap_or_default();
    match verify::stored_config(&body, trust.root(), desk, keys) {
        Ok(config) => Ok(Some(config)),
        // Of the identity before this one: nothing is wrong with it.
        Err(refused) if matches!(refused.why, RefusedWhy::OtherDesk { .. }) => Ok(None),
        Err(refused) => Err(refused.to_string()),
    }
}
