//! Keeping one address of record registered (RFC 3261 §10, RFC 5626, RFC 5627, RFC 3608). `machine` is the life of a registration;
//! `granted` and `binding` read what a registrar grants; `backoff` says how long to wait after a failure.

pub(crate) mod backoff;
mod binding;
pub(crate) mod granted;
mod machine;
mod state;

pub use binding::Binding;
pub(crate) use machine::Registration;
pub use state::RegistrationState;
