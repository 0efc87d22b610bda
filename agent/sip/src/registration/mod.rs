//! Registration.
mod state;
pub use state::RegistrationState;
