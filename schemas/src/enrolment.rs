//! Enrolment and the desk's own keys: `POST /v1/enrol` and `POST /v1/desk/keys`.
//!
//! Keys are P-256 (so that a TPM can hold them), as uncompressed SEC1 points (65 bytes) in base64. A proof of
//! possession is an ECDSA signature (SHA-256, fixed 64 bytes `r || s`) by the new signing key over [`proof_message`].

use serde::{Deserialize, Serialize};

use crate::{DeskId, Envelope};

/// The largest enrolment request, in bytes.
pub const MAX_ENROL_BYTES: usize = 16 << 10;

/// `POST /v1/enrol`. No `Debug`: it carries the token.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct EnrolRequest {
    /// The ticket's token.
    pub token: String,
    /// The desk's public keys.
    pub keys: DeskKeys,
    /// ECDSA by the signing key over [`proof_message`] with the token, base64.
    pub proof: String,
    /// What the desk is.
    pub host: HostInfo,
}

/// A desk's public keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct DeskKeys {
    /// Signs desk tokens.
    pub signing: String,
    /// Secrets are sealed to it.
    pub sealing: String,
}

/// What the desk says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct HostInfo {
    /// The host's name.
    pub name: String,
    /// The operating system and its version.
    pub os: String,
    /// The agent's version.
    pub agent_version: String,
}

/// The answer to enrolment. Asking again with the same token and keys gives the same answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct EnrolAnswer {
    /// The desk's id from now on.
    pub desk: DeskId,
    /// The desk's name, as the admin knows it.
    pub name: String,
    /// The trust root that the ticket pins.
    pub root: Envelope,
}

/// `POST /v1/desk/keys`: the desk, authenticated by its present key, takes new ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct RotateKeys {
    /// The new keys.
    pub keys: DeskKeys,
    /// ECDSA by the *new* signing key over [`proof_message`] with the desk id, base64.
    pub proof: String,
}

/// What a proof of possession signs: the token (or desk id) it is for, and both keys.
pub fn proof_message(context: &str, keys: &DeskKeys) -> Vec<u8> {
    format!(
        "carillon-proof-v1\n{context}\n{}\n{}",
        keys.signing, keys.sealing
    )
    .into_bytes()
}
