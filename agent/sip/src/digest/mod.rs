//! Digest authentication, the client's side (RFC 7616, RFC 8760, RFC 3261 §22): MD5, SHA-256 and SHA-512/256, `qop`
//! of `auth`, `auth-int` or none.
//! Owns credentials and nonces. Never prints a password, never answers Basic, never sends anything.

mod answer;
mod authenticator;
mod challenge;
mod credential;

pub use answer::{Signed, answer};
pub(crate) use authenticator::{Asked, Attempts, Authenticator};
pub use challenge::{Algorithm, Challenge, MAX_CHALLENGE_FIELD, MAX_CHALLENGES, Protection};
pub use credential::{Credential, Password};
