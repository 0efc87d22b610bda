//! Why a call ended, and why a command on a call was refused.

use crate::endpoint::CallId;
use std::time::Duration;
use thiserror::Error;

/// Why a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndCause {
    /// This side hung up or gave up.
    LocalHangup,
    /// The peer hung up.
    RemoteHangup,
    /// The caller gave up before an answer.
    Cancelled,
    /// This side rejected the call with this status.
    Declined {
        /// The status sent.
        status: u16,
    },
    /// The peer, or a server on the way, refused the call.
    Rejected {
        /// The final status, 300 to 699.
        status: u16,
        /// Its reason phrase.
        reason: String,
        /// How long to wait before the next try, when it says.
        retry_after: Option<Duration>,
    },
    /// Another call took its place (RFC 3891).
    Replaced {
        /// The call that did.
        by: CallId,
    },
    /// The peer talks to somebody else now, as this side asked it to.
    Transferred,
    /// Nobody refreshed the session in time (RFC 4028).
    SessionExpired,
    /// It rang as long as it may.
    NoAnswer,
    /// The peer's session description fits nothing of ours, or could not be read.
    MediaRefused {
        /// What did not fit.
        why: String,
    },
    /// The peer could not be reached, or stopped answering.
    Failed {
        /// What was tried and what came of it.
        why: String,
    },
}

/// What this side wants changed in a call that stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// Put on hold.
    Hold,
    /// Taken off hold.
    Resume,
}

/// What came of a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransferOutcome {
    /// The peer reached the target.
    Completed,
    /// The peer did not want to, or could not reach the target.
    Refused {
        /// The final status.
        status: u16,
        /// Its reason phrase.
        reason: String,
    },
    /// The peer took it, but told nothing of its end.
    Unknown,
}

/// Why a command on a call cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CallError {
    /// The target is no URI and no user name that could be made into one.
    #[error(
        "cannot call {target:?}: {why}; write sip:user@host, or a number or name for the account's own domain"
    )]
    Target {
        /// What was given.
        target: String,
        /// What is wrong with it.
        why: String,
    },
    /// As many calls as the account may have.
    #[error("the account has {limit} calls already, which is its limit")]
    TooManyCalls {
        /// The limit.
        limit: usize,
    },
    /// No such call, or it ended.
    #[error("call {call} does not exist or has ended")]
    NoSuchCall {
        /// What was given.
        call: CallId,
    },
    /// The call is not in a state that allows it.
    #[error("call {call} cannot be {what} now")]
    WrongState {
        /// The call.
        call: CallId,
        /// What was wanted.
        what: &'static str,
    },
    /// The media given cannot be offered, or fits nothing the caller offered.
    #[error("the media cannot be used: {why}")]
    Media {
        /// What does not fit.
        why: String,
    },
    /// The endpoint is shutting down.
    #[error("the account is shutting down")]
    Stopping,
}
