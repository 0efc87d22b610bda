//! States in the words and shapes of the portal: an account's registration, a call, an event's weight, a desk as a whole.
//!
//! The rules of a desk as a whole stand here too. A shape is a class of the style sheet; shape and word together say the state, colour only helps.

use std::time::Duration;

use carillon_schemas::Timestamp;
use carillon_schemas::status::{AccountState, CallState, Level};

use crate::fleet::DeskState;
use crate::service::{AccountRow, DeskRow};

/// How long a desk may be unheard before it counts as offline: longer than the gap between two polls.
const SILENCE: Duration = Duration::from_secs(60);

/// A state as shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StateMark {
    pub(super) shape: &'static str,
    pub(super) word: &'static str,
}

impl StateMark {
    /// Of an account; from a desk that is silent, the last thing known.
    pub(super) fn of_account(account: &AccountRow, silent: bool) -> Self {
        let state = account.status.as_ref().map(|status| status.state);
        if silent && state == Some(AccountState::Registered) {
            return Self {
                shape: "off",
                word: "was registered",
            };
        }
        let (shape, word) = match state {
            _ if !account.enabled => ("none", "disabled"),
            None => ("none", "not reported"),
            Some(AccountState::Disabled) => ("none", "disabled"),
            Some(AccountState::Local) => ("off", "local"),
            Some(AccountState::Registering) => ("busy", "registering"),
            Some(AccountState::Registered) => ("good", "registered"),
            Some(AccountState::Failed) => ("bad", "failed"),
            Some(AccountState::Restarting) => ("warn", "restarting"),
            Some(AccountState::GivenUp) => ("dead", "given up"),
            Some(AccountState::Stopped) => ("off", "stopped"),
        };
        Self { shape, word }
    }

    /// Of a call.
    pub(super) fn of_call(state: CallState) -> Self {
        let (shape, word) = match state {
            CallState::Calling => ("busy", "calling"),
            CallState::Ringing => ("busy", "ringing"),
            CallState::Established => ("call", "talking"),
        };
        Self { shape, word }
    }

    /// Of an event.
    pub(super) fn of_level(level: Level) -> Self {
        let (shape, word) = match level {
            Level::Info => ("off", "info"),
            Level::Warning => ("warn", "warning"),
            Level::Error => ("bad", "error"),
        };
        Self { shape, word }
    }
}

/// A desk as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// Seen lately, and something on it does not work.
    Attention,
    /// Enrolled, and not heard of for too long.
    Offline,
    /// Its ticket was not used yet.
    Pending,
    /// Shut out by an admin.
    Revoked,
    /// Seen lately, all works.
    Well,
}

impl Standing {
    /// How a desk stands at a time.
    pub(super) fn of(desk: &DeskRow, now: Timestamp) -> Self {
        match desk.state {
            DeskState::Pending => return Self::Pending,
            DeskState::Revoked => return Self::Revoked,
            DeskState::Enrolled => {}
        }
        let heard = desk.last_seen.max(desk.enrolled);
        if !desk.connected && heard.is_none_or(|at| now.since(at) > SILENCE) {
            return Self::Offline;
        }
        let fails = |account: &AccountRow| {
            let state = account.status.as_ref().map(|status| status.state);
            account.enabled && matches!(state, Some(AccountState::Failed | AccountState::GivenUp))
        };
        let trouble = desk.stale
            || desk.refused.is_some()
            || !desk.given_up.is_empty()
            || desk.accounts.iter().any(fails);
        if trouble { Self::Attention } else { Self::Well }
    }

    pub(super) fn shape(self) -> &'static str {
        match self {
            Self::Attention => "bad",
            Self::Offline => "off",
            Self::Pending => "busy",
            Self::Revoked => "none",
            Self::Well => "good",
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Attention => "Needs attention",
            Self::Offline => "Offline",
            Self::Pending => "Not enrolled",
            Self::Revoked => "Revoked",
            Self::Well => "OK",
        }
    }
}
