//! Passwords of people: Argon2id (RFC 9106), salted.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::{TrustError, random};

/// The longest password that is hashed, in bytes.
pub const MAX_PASSWORD: usize = 256;

/// Hashes a password: tens of milliseconds and 19 MiB, so never on a thread that serves others.
///
/// # Errors
/// When the hash cannot be made.
pub fn hash(password: &str) -> Result<String, TrustError> {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|_| TrustError::Crypto("hashing a password"))
}

/// Whether a password is the one hashed. As costly as [`hash`], whatever the answer.
pub fn matches(password: &str, hash: &str) -> bool {
    password.len() <= MAX_PASSWORD
        && PasswordHash::new(hash).is_ok_and(|hash| {
            Argon2::default()
                .verify_password(password.as_bytes(), &hash)
                .is_ok()
        })
}

/// A password made up: 20 characters, 120 bits.
///
/// # Errors
/// When the random generator fails.
pub fn generate() -> Result<Zeroizing<String>, TrustError> {
    let bytes = Zeroizing::new(random::<15>()?);
    Ok(Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_password_matches() {
        let password = generate().unwrap();
        let hashed = hash(&password).unwrap();
        assert!(hashed.starts_with("$argon2id$"));
        assert!(matches(&password, &hashed));
        assert!(!matches("other", &hashed));
        assert!(!matches(&password, "junk"));
    }
}
