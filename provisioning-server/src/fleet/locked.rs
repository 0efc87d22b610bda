//! A password under the vault key, as it lies in the fleet's stored defaults. It never leaves the server.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// Nonce, ciphertext and tag, in base64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locked(String);

impl Locked {
    /// Of what the vault made.
    pub fn of(bytes: &[u8]) -> Self {
        Self(STANDARD.encode(bytes))
    }

    /// For the vault; nothing, which it does not open, when the store is damaged.
    pub fn bytes(&self) -> Vec<u8> {
        STANDARD.decode(&self.0).unwrap_or_default()
    }
}
