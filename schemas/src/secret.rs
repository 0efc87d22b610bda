//! Secrets: in the clear for the moment they are used, sealed on the wire.
//!
//! A [`Secret`] can be read from a document and shown to nobody: it has no `Display`, its `Debug` prints no
//! character of it, it is never serialised, and it is wiped when dropped. A [`SealedSecret`] is HPKE
//! (RFC 9180: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-128-GCM) to one desk's key; [`seal_context`] binds
//! it to desk, account and generation.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{AccountId, DeskId, Generation};

/// The longest secret, in bytes.
pub const MAX_SECRET: usize = 512;

/// The `info` of every seal: which protocol and version made it.
pub const SEAL_INFO: &[u8] = b"carillon-seal-v1";

/// A secret in the clear.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a text as a secret.
    ///
    /// # Errors
    /// When it is empty, longer than [`MAX_SECRET`], or holds a control character.
    pub fn new(text: String) -> Result<Self, SecretError> {
        let text = Zeroizing::new(text);
        if text.is_empty() {
            Err(SecretError::Empty)
        } else if text.len() > MAX_SECRET {
            Err(SecretError::TooLong)
        } else if text.chars().any(char::is_control) {
            Err(SecretError::ControlCharacter)
        } else {
            Ok(Self(text))
        }
    }

    /// The secret itself, for the place that uses it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Secret {
    type Error = SecretError;
    fn try_from(text: String) -> Result<Self, SecretError> {
        Self::new(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(feature = "json-schema")]
impl schemars::JsonSchema for Secret {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Secret".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string", "minLength": 1, "maxLength": MAX_SECRET, "writeOnly": true
        })
    }
}

/// Why a text cannot be a secret. Says nothing of the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Nothing there.
    #[error("a secret must not be empty")]
    Empty,
    /// Above [`MAX_SECRET`].
    #[error("a secret must not be longer than {MAX_SECRET} bytes")]
    TooLong,
    /// A newline, NUL or the like: often a file read with its line end.
    #[error("a secret must not hold a control character (a line end, perhaps?)")]
    ControlCharacter,
}

/// A secret sealed to one desk's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct SealedSecret {
    /// The encapsulated key, base64.
    pub enc: String,
    /// The ciphertext with its tag, base64.
    pub ciphertext: String,
}

/// The associated data of a seal: whose secret, of which account, in which generation.
pub fn seal_context(desk: &DeskId, account: &AccountId, generation: Generation) -> Vec<u8> {
    format!("{desk}\n{account}\n{generation}").into_bytes()
}

/// The same of a directory's password, so that none can stand in the place of an account's, nor the other way.
pub fn directory_seal_context(
    desk: &DeskId,
    directory: &AccountId,
    generation: Generation,
) -> Vec<u8> {
    format!("{desk}\ndirectory {directory}\n{generation}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print() {
        let secret = Secret::new("correct horse".into()).unwrap();
        assert_eq!(format!("{secret:?}"), "Secret");
        assert_eq!(secret.expose(), "correct horse");
    }

    #[test]
    fn attack_b_a_seal_of_an_account_is_none_of_a_directory() {
        let desk: DeskId = "0123456789abcdef0123456789abcdef".parse().unwrap();
        let id: AccountId = "main".parse().unwrap();
        let account = seal_context(&desk, &id, Generation(7));
        assert_ne!(account, directory_seal_context(&desk, &id, Generation(7)));
        // No account's id has a space in it.
        assert!("directory main".parse::<AccountId>().is_err());
    }

    #[test]
    fn a_bad_secret_is_refused_without_being_quoted() {
        for bad in ["", "with\nline end", &"x".repeat(MAX_SECRET + 1)] {
            let error = serde_json::from_value::<Secret>(bad.into()).unwrap_err();
            assert!(!error.to_string().contains("with"), "{error}");
        }
    }
}
