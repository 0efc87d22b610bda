//! Telephone events: DTMF digits beside the audio (RFC 4733).
//!
//! Owns digits, what is sent for them and which of the received ones are new.

pub(crate) mod digit;
pub(crate) mod receiver;
pub(crate) mod sender;
