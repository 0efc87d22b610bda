//! Passwords at rest: AES-256-GCM under `vault.key`, bound to their owner and what they open.
//!
//! They are opened for one purpose, to be sealed to the desk, and no interface gives them back.

use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use carillon_schemas::{AccountId, Secret};
use zeroize::Zeroizing;

use super::{TrustError, key_file, random};

/// The owner of passwords that all desks share. No desk's id: those are hexadecimal.
pub const FLEET: &str = "fleet";

/// Holds the key. No `Debug`.
pub struct Vault(RandomizedNonceKey);

impl Vault {
    /// Makes a key and writes it, base64, to a new file.
    ///
    /// # Errors
    /// When the file is there already or cannot be written.
    pub fn create(path: &Path) -> Result<Self, TrustError> {
        let key = Zeroizing::new(random::<32>()?);
        let text = Zeroizing::new(format!("{}\n", STANDARD.encode(*key)));
        key_file::write_new(path, text.as_bytes())?;
        Self::of(&*key)
    }

    /// Reads the key.
    ///
    /// # Errors
    /// When there is none, or it is none.
    pub fn open(path: &Path) -> Result<Self, TrustError> {
        let not_a_key = || TrustError::NotAKey {
            path: path.to_owned(),
            what: "vault key (32 bytes in base64)",
        };
        let text = key_file::read(path)?;
        let key = Zeroizing::new(
            STANDARD
                .decode(text.trim_ascii())
                .map_err(|_| not_a_key())?,
        );
        if key.len() != 32 {
            return Err(not_a_key());
        }
        Self::of(&key)
    }

    /// Locks a password away: nonce, ciphertext, tag. The owner is a desk's id, or [`FLEET`].
    ///
    /// # Errors
    /// When the random generator fails.
    pub fn lock(
        &self,
        owner: &str,
        account: &AccountId,
        secret: &Secret,
    ) -> Result<Vec<u8>, TrustError> {
        let mut body = secret.expose().as_bytes().to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(context(owner, account)), &mut body)
            .map_err(|_| TrustError::Crypto("locking a secret away"))?;
        let mut stored = nonce.as_ref().to_vec();
        stored.append(&mut body);
        Ok(stored)
    }

    /// Opens a password, to seal it.
    ///
    /// # Errors
    /// [`TrustError::Vault`].
    pub fn unlock(
        &self,
        owner: &str,
        account: &AccountId,
        stored: &[u8],
    ) -> Result<Secret, TrustError> {
        let (nonce, body) = stored
            .split_at_checked(NONCE_LEN)
            .ok_or(TrustError::Vault)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| TrustError::Vault)?;
        let mut body = Zeroizing::new(body.to_vec());
        let plain = self
            .0
            .open_in_place(nonce, Aad::from(context(owner, account)), &mut body)
            .map_err(|_| TrustError::Vault)?;
        let text = std::str::from_utf8(plain).map_err(|_| TrustError::Vault)?;
        Secret::new(text.to_owned()).map_err(|_| TrustError::Vault)
    }

    fn of(key: &[u8]) -> Result<Self, TrustError> {
        RandomizedNonceKey::new(&AES_256_GCM, key)
            .map(Self)
            .map_err(|_| TrustError::Crypto("taking the vault key"))
    }
}

fn context(owner: &str, account: &AccountId) -> Vec<u8> {
    format!("carillon-vault-v1\n{owner}\n{account}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_under_its_own_key_desk_and_account_only() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::create(&folder.path().join("vault.key")).unwrap();
        let desk = "0123456789abcdef0123456789abcdef";
        let account: AccountId = "main".parse().unwrap();
        let secret = Secret::new("correct horse".into()).unwrap();
        let stored = vault.lock(desk, &account, &secret).unwrap();
        assert!(!stored.windows(7).any(|w| w == b"correct"));
        let again = Vault::open(&folder.path().join("vault.key")).unwrap();
        assert_eq!(again.unlock(desk, &account, &stored).unwrap(), secret);
        assert!(again.unlock(FLEET, &account, &stored).is_err());
        assert!(
            again
                .unlock(desk, &"other".parse().unwrap(), &stored)
                .is_err()
        );
        assert!(again.unlock(desk, &account, &stored[..5]).is_err());
        let other = Vault::create(&folder.path().join("other.key")).unwrap();
        assert!(other.unlock(desk, &account, &stored).is_err());
    }
}
