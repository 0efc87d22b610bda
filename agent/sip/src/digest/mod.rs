//! Digest.
mod credential;
pub use credential::{Credential, Password};
