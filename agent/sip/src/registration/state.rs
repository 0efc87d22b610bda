//! What the owner of an endpoint sees of its registration.

use crate::message::Uri;
use std::time::{Duration, Instant};

/// Where the registration stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistrationState {
    /// Not registered and not trying to be.
    Unregistered,
    /// The first REGISTER is under way, or one after a failure.
    Registering,
    /// The registrar holds our contact.
    Registered {
        /// The contact it holds.
        contact: Uri,
        /// Lifetime granted, after bounds.
        expires_in: Duration,
        /// When this registration first succeeded without a break since.
        since: Instant,
    },
    /// The last attempt failed.
    Failed {
        /// Final status, when there was an answer.
        status: Option<u16>,
        /// What went wrong, for a person.
        reason: String,
        /// When the next attempt comes; `None` when only new settings can help.
        retry_in: Option<Duration>,
    },
}
