//! Calls.
mod cause;
pub use cause::{CallError, EndCause};
