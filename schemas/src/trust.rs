//! Who may sign what, and what is newest.
//!
//! A [`TrustRoot`] is signed by the offline root keys; its fingerprint is pinned by the ticket, and each later
//! version is signed by the keys of the one before *and* its own. A [`Freshness`] statement, short-lived, says
//! which generation is the newest, so that silence cannot pass for 'nothing new'.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::envelope::{Envelope, EnvelopeError, PayloadType};
use crate::identifier::hex;
use crate::{DeskId, Generation, KeyId, Timestamp};

/// The most keys in one root.
pub const MAX_KEYS: usize = 64;

/// Who may sign what, version by version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct TrustRoot {
    /// The fleet's random id: the audience of desk tokens.
    pub fleet: String,
    /// Rises by one with every change.
    pub version: u64,
    /// When it was signed.
    pub issued: Timestamp,
    /// All keys, by id.
    pub keys: BTreeMap<KeyId, PublicKey>,
    /// May sign the next root.
    pub root: RoleKeys,
    /// May sign configurations, freshness and orders.
    pub director: RoleKeys,
}

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct PublicKey {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// The key's bytes (Ed25519: 32), base64.
    pub public: String,
}

/// Signature algorithms of the trust root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// RFC 8032.
    Ed25519,
}

/// The keys of a role, and how many must sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct RoleKeys {
    /// Signatures needed, by distinct keys. At least one.
    pub threshold: u32,
    /// The keys of the role.
    pub keys: BTreeSet<KeyId>,
}

/// A part someone plays in signing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Offline: says who may sign.
    Root,
    /// Online: signs configurations, freshness, orders.
    Director,
}

/// 'This is the newest', for a short while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Freshness {
    /// For which desk.
    pub desk: DeskId,
    /// Its newest generation.
    pub generation: Generation,
    /// The newest version of the trust root.
    pub root_version: u64,
    /// When it was said.
    pub issued: Timestamp,
    /// Until when it holds.
    pub expires: Timestamp,
}

impl PublicKey {
    /// The id of the key: SHA-256 over its algorithm and bytes.
    ///
    /// # Errors
    /// When `public` is no base64 of 32 bytes.
    pub fn id(&self) -> Result<KeyId, EnvelopeError> {
        let bytes = self.bytes()?;
        let mut hash = Sha256::new();
        hash.update(b"ed25519:");
        hash.update(bytes);
        hex(&hash.finalize())
            .parse()
            .map_err(|e| EnvelopeError::Payload(format!("{e}")))
    }

    /// The 32 bytes of the key.
    ///
    /// # Errors
    /// When `public` is no base64 of 32 bytes.
    pub fn bytes(&self) -> Result<[u8; 32], EnvelopeError> {
        STANDARD
            .decode(&self.public)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| EnvelopeError::Payload("a key is not 32 bytes in base64".into()))
    }
}

impl TrustRoot {
    /// The keys of a role.
    pub fn role(&self, role: Role) -> &RoleKeys {
        match role {
            Role::Root => &self.root,
            Role::Director => &self.director,
        }
    }

    /// Takes the root that a ticket pins: its payload's fingerprint must be the pinned one, and it must be
    /// signed by its own root keys.
    ///
    /// # Errors
    /// [`RootError::OtherRoot`] for another fingerprint, else what is wrong with the document.
    pub fn pinned(
        envelope: &Envelope,
        fingerprint: &str,
        verify: impl FnMut(&PublicKey, &[u8], &[u8]) -> bool,
    ) -> Result<Self, RootError> {
        let payload = envelope.unverified_payload()?;
        let found = root_fingerprint(&payload);
        if found != fingerprint {
            return Err(RootError::OtherRoot {
                pinned: fingerprint.to_owned(),
                found,
            });
        }
        let root = Self::read(&payload)?;
        envelope.verify(PayloadType::Root, Role::Root, &root, verify)?;
        Ok(root)
    }

    /// Takes the next version: exactly one higher, of the same fleet, signed by the root keys of this one and
    /// by its own.
    ///
    /// # Errors
    /// What does not fit.
    pub fn successor(
        &self,
        envelope: &Envelope,
        mut verify: impl FnMut(&PublicKey, &[u8], &[u8]) -> bool,
    ) -> Result<Self, RootError> {
        let payload = envelope.verify(PayloadType::Root, Role::Root, self, &mut verify)?;
        let next = Self::read(&payload)?;
        if next.version != self.version + 1 || next.fleet != self.fleet {
            return Err(RootError::NotNext {
                have: self.version,
                found: next.version,
            });
        }
        envelope.verify(PayloadType::Root, Role::Root, &next, &mut verify)?;
        Ok(next)
    }

    /// Reads a root's payload and checks that it is consistent.
    fn read(payload: &[u8]) -> Result<Self, RootError> {
        let root: Self =
            serde_json::from_slice(payload).map_err(|e| EnvelopeError::Payload(e.to_string()))?;
        if root.keys.len() > MAX_KEYS {
            return Err(RootError::Inconsistent("too many keys"));
        }
        for (id, key) in &root.keys {
            if key.id()? != *id {
                return Err(RootError::Inconsistent("a key's id is not its fingerprint"));
            }
        }
        for role in [&root.root, &root.director] {
            if role.threshold == 0 || role.threshold as usize > role.keys.len() {
                return Err(RootError::Inconsistent("a role's threshold cannot be met"));
            }
            if role.keys.iter().any(|id| !root.keys.contains_key(id)) {
                return Err(RootError::Inconsistent(
                    "a role names a key that is not there",
                ));
            }
        }
        Ok(root)
    }
}

/// Why a trust root is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RootError {
    /// The server's root is not the one the ticket vouches for.
    #[error("the server's trust root has fingerprint {found}, the ticket pins {pinned}")]
    OtherRoot {
        /// The fingerprint in the ticket.
        pinned: String,
        /// The fingerprint of what came.
        found: String,
    },
    /// A version that does not follow.
    #[error("trust root version {found} does not follow version {have}")]
    NotNext {
        /// The version held.
        have: u64,
        /// The version that came.
        found: u64,
    },
    /// The document contradicts itself.
    #[error("the trust root contradicts itself: {0}")]
    Inconsistent(&'static str),
    /// The envelope is not believed.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
}

/// The fingerprint of a root: SHA-256 of the signed payload, base64url without padding.
pub fn root_fingerprint(payload: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(payload))
}
