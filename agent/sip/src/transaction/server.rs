//! The server transaction of every method but INVITE (RFC 3261 §17.2.2): timer J. Pure.

use super::step::ServerStep;
use super::timers::T1_64;
use std::time::Instant;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Trying,
    Proceeding,
    Completed,
    Terminated,
}

#[derive(Debug)]
pub(crate) struct NonInviteServer {
    state: State,
    reliable: bool,
    /// Timer J.
    end_at: Option<Instant>,
}

impl NonInviteServer {
    pub(crate) fn new(reliable: bool) -> Self {
        Self {
            state: State::Trying,
            reliable,
            end_at: None,
        }
    }

    /// The same request came again.
    pub(crate) fn on_repeat(&self) -> ServerStep {
        ServerStep {
            send: matches!(self.state, State::Proceeding | State::Completed),
        }
    }

    pub(crate) fn respond(&mut self, now: Instant, status: u16) -> ServerStep {
        if !matches!(self.state, State::Trying | State::Proceeding) {
            return ServerStep { send: false };
        }
        if status < 200 {
            self.state = State::Proceeding;
        } else {
            self.state = if self.reliable {
                State::Terminated
            } else {
                State::Completed
            };
            self.end_at = (!self.reliable).then(|| now + T1_64);
        }
        ServerStep { send: true }
    }

    pub(crate) fn wake(&mut self, now: Instant) {
        if self.end_at.is_some_and(|at| at <= now) {
            self.state = State::Terminated;
            self.end_at = None;
        }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.end_at
    }

    pub(crate) fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }

    /// Whether all that is left to do is to absorb repeats.
    pub(crate) fn only_absorbs(&self) -> bool {
        self.state == State::Completed
    }
}
