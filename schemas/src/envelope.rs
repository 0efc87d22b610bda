//! DSSE: a signed envelope over the exact bytes sent, with the payload's type inside what is signed.
//!
//! The signature covers [`pre_authentication_encoding`], so a freshness statement can never pass for a
//! configuration. No key is held here: who verifies lends the primitive.
//! Source: the DSSE protocol, version 1.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::KeyId;
use crate::trust::{PublicKey, Role, TrustRoot};

/// The most signatures on one envelope.
pub const MAX_SIGNATURES: usize = 16;

/// What a payload is. The type is signed with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadType {
    /// A [`crate::DeskConfig`].
    Config,
    /// A [`crate::trust::Freshness`].
    Freshness,
    /// A [`crate::trust::TrustRoot`].
    Root,
    /// A [`crate::order::Order`].
    Order,
}

impl PayloadType {
    /// The media type on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Config => "application/vnd.carillon.config.v1+json",
            Self::Freshness => "application/vnd.carillon.freshness.v1+json",
            Self::Root => "application/vnd.carillon.root.v1+json",
            Self::Order => "application/vnd.carillon.order.v1+json",
        }
    }
}

/// A payload, its type, and who signed both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// The media type of the payload.
    pub payload_type: String,
    /// The payload's exact bytes, base64.
    pub payload: String,
    /// One or more signatures over [`pre_authentication_encoding`].
    pub signatures: Vec<Signature>,
}

/// One signature of an envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Signature {
    /// Who signed.
    pub keyid: KeyId,
    /// The signature, base64.
    pub sig: String,
}

/// Why an envelope is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Not JSON of an envelope's shape.
    #[error("the envelope cannot be read: {0}")]
    Malformed(String),
    /// Another kind of document.
    #[error("the envelope holds {found:?}, wanted {wanted:?}")]
    WrongType {
        /// The type that was asked for.
        wanted: &'static str,
        /// The type that came.
        found: String,
    },
    /// Signatures that count are missing.
    #[error("{valid} valid signature(s) of role {role:?}, {threshold} needed")]
    Unsigned {
        /// The role that had to sign.
        role: Role,
        /// Signatures by distinct keys of the role that verified.
        valid: usize,
        /// Signatures needed.
        threshold: usize,
    },
    /// The payload is signed, but is not what its type says.
    #[error("the signed payload cannot be read: {0}")]
    Payload(String),
}

impl Envelope {
    /// Wraps a payload; `sign` gives the signature over the bytes it is handed.
    pub fn seal<E>(
        payload_type: PayloadType,
        payload: &[u8],
        signers: &[&KeyId],
        mut sign: impl FnMut(&KeyId, &[u8]) -> Result<Vec<u8>, E>,
    ) -> Result<Self, E> {
        let signed = pre_authentication_encoding(payload_type.as_str(), payload);
        let signatures = signers
            .iter()
            .map(|&keyid| {
                Ok(Signature {
                    keyid: keyid.clone(),
                    sig: STANDARD.encode(sign(keyid, &signed)?),
                })
            })
            .collect::<Result<_, E>>()?;
        Ok(Self {
            payload_type: payload_type.as_str().to_owned(),
            payload: STANDARD.encode(payload),
            signatures,
        })
    }

    /// Reads an envelope, believing nothing yet.
    ///
    /// # Errors
    /// [`EnvelopeError::Malformed`], also for more than [`MAX_SIGNATURES`].
    pub fn from_json(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        let envelope: Self =
            serde_json::from_slice(bytes).map_err(|e| EnvelopeError::Malformed(e.to_string()))?;
        if envelope.signatures.len() > MAX_SIGNATURES {
            return Err(EnvelopeError::Malformed(format!(
                "more than {MAX_SIGNATURES} signatures"
            )));
        }
        Ok(envelope)
    }

    /// The payload's bytes, once the role's keys of `root` have signed them in sufficient number.
    ///
    /// `verify(key, message, signature)` is the primitive.
    ///
    /// # Errors
    /// When the type differs, the payload is no base64, or signatures of distinct keys are missing.
    pub fn verify(
        &self,
        wanted: PayloadType,
        role: Role,
        root: &TrustRoot,
        mut verify: impl FnMut(&PublicKey, &[u8], &[u8]) -> bool,
    ) -> Result<Vec<u8>, EnvelopeError> {
        if self.payload_type != wanted.as_str() {
            return Err(EnvelopeError::WrongType {
                wanted: wanted.as_str(),
                found: self.payload_type.chars().take(80).collect(),
            });
        }
        let payload = STANDARD
            .decode(&self.payload)
            .map_err(|e| EnvelopeError::Malformed(format!("payload: {e}")))?;
        let signed = pre_authentication_encoding(wanted.as_str(), &payload);
        let keys = root.role(role);
        let mut valid = BTreeSet::new();
        for signature in self.signatures.iter().take(MAX_SIGNATURES) {
            let Some(key) = keys
                .keys
                .contains(&signature.keyid)
                .then(|| root.keys.get(&signature.keyid))
                .flatten()
            else {
                continue;
            };
            let Ok(bytes) = STANDARD.decode(&signature.sig) else {
                continue;
            };
            if !valid.contains(&signature.keyid) && verify(key, &signed, &bytes) {
                valid.insert(&signature.keyid);
            }
        }
        let threshold = keys.threshold.max(1) as usize;
        if valid.len() < threshold {
            return Err(EnvelopeError::Unsigned {
                role,
                valid: valid.len(),
                threshold,
            });
        }
        Ok(payload)
    }

    /// The payload's bytes without any belief in them: for showing, and for a root that a pin vouches for.
    ///
    /// # Errors
    /// When the payload is no base64.
    pub fn unverified_payload(&self) -> Result<Vec<u8>, EnvelopeError> {
        STANDARD
            .decode(&self.payload)
            .map_err(|e| EnvelopeError::Malformed(format!("payload: {e}")))
    }
}

/// What is signed: `DSSEv1 SP LEN(type) SP type SP LEN(body) SP body`.
pub fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut out = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        payload.len()
    )
    .into_bytes();
    out.extend_from_slice(payload);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_is_that_of_the_specification() {
        assert_eq!(
            pre_authentication_encoding("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }
}
