//! Bearer secrets that the server makes and afterwards knows only by hash: tickets' tokens, admin tokens, sessions.
//!
//! 256 random bits need no salt and no slow hash: SHA-256 of the text is what the store keeps.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use carillon_schemas::identifier::hex;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{TrustError, random};

/// A new secret: 43 characters of base64url.
///
/// # Errors
/// When the random generator fails.
pub fn new_secret() -> Result<Zeroizing<String>, TrustError> {
    let bytes = Zeroizing::new(random::<32>()?);
    Ok(Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes)))
}

/// What the store keeps of a secret.
pub fn hash(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}

/// A short public name, 12 hex digits: for lists and logs, worth nothing as a secret.
///
/// # Errors
/// When the random generator fails.
pub fn new_name() -> Result<String, TrustError> {
    Ok(hex(&random::<6>()?))
}

/// Whether two texts are equal, in a time that tells nothing of where they differ.
pub fn equal(one: &str, other: &str) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}
