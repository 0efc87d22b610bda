//! Who this desk is: `identity.json`, written once it has enrolled, and the enrolment that is under way.
//!
//! Owns both files and the names under which [`crate::vault`] keeps the private keys. Writing `identity.json`
//! is the one moment at which a desk changes who it is: everything else of an identity names its desk or
//! fleet, and is passed over when that is another.

use carillon_schemas::enrolment::DeskKeys;
use carillon_schemas::identifier::hex;
use carillon_schemas::{DeskId, Envelope};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::keys::{KeyError, PrivateKeys};
use crate::state_folder::{StateError, StateFolder};
use crate::vault::{Vault, VaultError, VaultKind};

const FILE: &str = "identity.json";
const PENDING: &str = "enrolment.json";
const MAX_BYTES: usize = 256 << 10;

/// An enrolled desk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Its id.
    pub desk: DeskId,
    /// Its name when it enrolled.
    pub name: String,
    /// The server's address.
    pub url: String,
    /// The pin of the server's TLS key.
    pub tls_pin: Option<String>,
    /// The trust root that the ticket pinned.
    pub root: Envelope,
    /// SHA-256 of the ticket's token, in hex: to know the ticket again.
    pub ticket: String,
    /// Where the private keys are.
    pub keys: KeyPlace,
}

/// Where private keys are kept, and whose they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyPlace {
    /// In which kind of vault.
    pub vault: VaultKind,
    /// Under which name.
    pub name: String,
    /// Their public halves.
    pub public: DeskKeys,
}

/// An enrolment that was begun: the same keys are offered when it is tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// SHA-256 of the ticket's token, in hex.
    pub ticket: String,
    /// The keys it offers.
    pub keys: KeyPlace,
}

/// Why an identity cannot be used or kept.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The state folder.
    #[error(transparent)]
    State(#[from] StateError),
    /// The vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The keys.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The file is not what was written.
    #[error(
        "{FILE} in the state folder is damaged: {0} (enrol this desk anew with 'carillon enrol --replace TICKET')"
    )]
    Damaged(String),
    /// The vault has no such keys.
    #[error(
        "this desk's private keys are gone from the {0} vault (enrol it anew with 'carillon enrol --replace TICKET')"
    )]
    KeysGone(VaultKind),
}

impl Identity {
    /// Who this desk is; `None` when it has not enrolled.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn load(folder: &StateFolder) -> Result<Option<Self>, IdentityError> {
        folder
            .read(FILE, MAX_BYTES)?
            .map(|bytes| {
                serde_json::from_slice(&bytes).map_err(|e| IdentityError::Damaged(e.to_string()))
            })
            .transpose()
    }

    /// Makes this the desk's identity.
    ///
    /// # Errors
    /// When it cannot be written; the desk is then who it was.
    pub fn store(&self, folder: &StateFolder) -> Result<(), StateError> {
        folder.write(FILE, &serde_json::to_vec(self).unwrap_or_default())
    }
}

impl Pending {
    /// The enrolment that was begun; what cannot be read was not.
    pub fn load(folder: &StateFolder) -> Option<Self> {
        let bytes = folder.read(PENDING, MAX_BYTES).ok()??;
        serde_json::from_slice(&bytes).ok()
    }

    /// Keeps it until the server has answered.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn store(&self, folder: &StateFolder) -> Result<(), StateError> {
        folder.write(PENDING, &serde_json::to_vec(self).unwrap_or_default())
    }

    /// It is over.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(folder: &StateFolder) -> Result<(), StateError> {
        folder.remove(PENDING)
    }
}

impl KeyPlace {
    /// Puts keys into a vault.
    ///
    /// # Errors
    /// When the vault does not take them.
    pub fn keep(vault: &Vault, keys: &PrivateKeys) -> Result<Self, VaultError> {
        let public = keys.public().clone();
        let name = format!("desk-{}", &fingerprint(&public.signing)[..16]);
        vault.put(&name, keys.expose())?;
        Ok(Self {
            vault: vault.kind(),
            name,
            public,
        })
    }

    /// Forgets keys that no server takes any more. That a locked keyring keeps them does no harm.
    pub fn forget(&self, folder: &StateFolder) {
        if let Err(error) = Vault::of_kind(folder, self.vault).remove(&self.name) {
            tracing::warn!("former keys of this desk stay in the vault: {error}");
        }
    }

    /// Takes the keys out of their vault.
    ///
    /// # Errors
    /// When they are gone, damaged, or others than those the server knows.
    pub fn open(&self, folder: &StateFolder) -> Result<PrivateKeys, IdentityError> {
        let bytes: Zeroizing<Vec<u8>> = Vault::of_kind(folder, self.vault)
            .get(&self.name)?
            .ok_or(IdentityError::KeysGone(self.vault))?;
        let keys = PrivateKeys::from_bytes(bytes)?;
        if *keys.public() != self.public {
            return Err(KeyError::Damaged.into());
        }
        Ok(keys)
    }
}

/// SHA-256 of a text, in hex.
pub fn fingerprint(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}
