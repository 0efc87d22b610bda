//! Registration at one registrar (RFC 3261 §10, back-off of RFC 5626 §4.5). Owns when to register, refresh, retry and unregister.
//! Never trusts a number from the registrar without bounds; Service-Route and Path of its answers are not followed.

mod backoff;
mod granted;
mod machine;
mod state;

pub(crate) use machine::Registration;
pub use state::RegistrationState;
