//! Digest authentication, the client's side (RFC 7616, RFC 8760, RFC 3261 §22): MD5 and SHA-256, `qop=auth` or none.
//! Owns credentials and nonces. Never prints a password, never answers Basic, never sends anything.

mod answer;
mod authenticator;
mod challenge;
mod credential;

pub use answer::{Signed, answer};
pub(crate) use authenticator::{Attempts, Authenticator};
pub use challenge::{Algorithm, Challenge, MAX_CHALLENGE_FIELD, MAX_CHALLENGES};
pub use credential::{Credential, Password};
