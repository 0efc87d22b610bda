//! Whom the desk believes: the trust root, from the one that the ticket pinned to the newest.
//!
//! Owns `trust/root.json` and the Ed25519 primitive that the documents of `carillon-schemas` ask for.
//! A root is only ever replaced by its successor, signed by the keys of the one before and its own.

use carillon_schemas::Envelope;
use carillon_schemas::envelope::EnvelopeError;
use carillon_schemas::trust::{PublicKey, Role, RootError, TrustRoot, root_fingerprint};
use ring::signature::{ED25519, UnparsedPublicKey};

use crate::state_folder::{StateError, StateFolder};

const FILE: &str = "trust/root.json";
/// The largest root that is read, in bytes.
pub const MAX_ROOT_BYTES: usize = 64 << 10;

/// The root in force, with the envelope it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    root: TrustRoot,
    envelope: Envelope,
}

/// Verifies an Ed25519 signature (RFC 8032 §5.1.7).
pub fn verify(key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    key.bytes().is_ok_and(|public| {
        UnparsedPublicKey::new(&ED25519, public)
            .verify(message, signature)
            .is_ok()
    })
}

impl Trust {
    /// Takes the root that the ticket's fingerprint vouches for.
    ///
    /// # Errors
    /// When it is another, or contradicts itself.
    pub fn pinned(envelope: Envelope, fingerprint: &str) -> Result<Self, RootError> {
        let root = TrustRoot::pinned(&envelope, fingerprint, verify)?;
        Ok(Self { root, envelope })
    }

    /// Takes a root that this desk stored itself: it must be whole and signed by its own keys.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn stored(envelope: Envelope) -> Result<Self, RootError> {
        let fingerprint = root_fingerprint(&envelope.unverified_payload()?);
        Self::pinned(envelope, &fingerprint)
    }

    /// The newest root of the fleet that the desk enrolled with: the stored one, or the first one when that is
    /// missing, damaged or of another fleet.
    ///
    /// # Errors
    /// When even the first one is not whole.
    pub fn load(folder: &StateFolder, first: Envelope) -> Result<Self, RootError> {
        let first = Self::stored(first)?;
        let newest = folder
            .read(FILE, MAX_ROOT_BYTES)
            .ok()
            .flatten()
            .and_then(|bytes| Self::stored(Envelope::from_json(&bytes).ok()?).ok())
            .filter(|stored| {
                stored.root.fleet == first.root.fleet && stored.root.version >= first.root.version
            });
        Ok(newest.unwrap_or(first))
    }

    /// Keeps the root for the next start.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn store(&self, folder: &StateFolder) -> Result<(), StateError> {
        folder.write(
            FILE,
            &serde_json::to_vec(&self.envelope).unwrap_or_default(),
        )
    }

    /// The root.
    pub fn root(&self) -> &TrustRoot {
        &self.root
    }

    /// What it came in.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Takes the next version.
    ///
    /// # Errors
    /// When it is not the next, or a signature is missing.
    pub fn successor(&self, envelope: Envelope) -> Result<Self, RootError> {
        let root = self.root.successor(&envelope, verify)?;
        Ok(Self { root, envelope })
    }

    /// Whether `next` took a director key away: what that key signed, also how high it drove generation and
    /// time, is then worth nothing.
    pub fn revokes_director(&self, next: &Self) -> bool {
        let kept = &next.root.role(Role::Director).keys;
        self.root
            .role(Role::Director)
            .keys
            .iter()
            .any(|key| !kept.contains(key))
    }
}

/// Whether a document might be believed under a newer root than the one at hand.
pub fn may_need_newer_root(error: &EnvelopeError) -> bool {
    matches!(error, EnvelopeError::Unsigned { .. })
}
