//! Keys, signing, sealing, tickets and tokens: everything of the server that must not be guessed or forged.
//!
//! Owns the director's key and the vault key while the server runs. The root keys are used once, by `init`, and
//! are not needed again to serve. Nothing here prints a secret.

pub mod bearer;
pub mod director;
pub mod key_file;
pub mod password;
pub mod possession;
pub mod replay;
pub mod root;
pub mod seal;
pub mod throttle;
pub mod tls;
pub mod vault;

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};

/// Why something of trust did not work.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A key file that cannot be read or written.
    #[error("key file {path}: {source}")]
    File {
        /// Which.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A key file whose content is no such key.
    #[error("key file {path} holds no valid {what}")]
    NotAKey {
        /// Which.
        path: std::path::PathBuf,
        /// What was wanted.
        what: &'static str,
    },
    /// A desk's public key that is none.
    #[error("the desk's {which} key is no uncompressed P-256 point in base64")]
    BadDeskKey {
        /// Signing or sealing.
        which: &'static str,
    },
    /// A secret at rest that this vault key does not open.
    #[error(
        "a stored secret cannot be opened: vault.key is not the one it was stored with, or the store is damaged"
    )]
    Vault,
    /// The operation of the cryptography library failed.
    #[error("{0} failed in the cryptography library")]
    Crypto(&'static str),
}

/// Random bytes of the operating system's generator.
///
/// # Errors
/// When the generator fails.
pub fn random<const N: usize>() -> Result<[u8; N], TrustError> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| TrustError::Crypto("drawing random bytes"))?;
    Ok(bytes)
}
