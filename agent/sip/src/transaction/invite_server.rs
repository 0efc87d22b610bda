//! The INVITE server transaction (RFC 3261 §17.2.1, RFC 6026 §7.1): timers G, H, I and L. Pure.
//! A 2xx is repeated by the call, not here.

use super::step::ServerStep;
use super::timers::{T1, T1_64, T2, T4};
use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Proceeding,
    Accepted,
    Completed,
    Confirmed,
    Terminated,
}

#[derive(Debug)]
pub(crate) struct InviteServer {
    state: State,
    reliable: bool,
    interval: Duration,
    /// Timer G.
    resend_at: Option<Instant>,
    /// Timer H in Completed, I in Confirmed, L in Accepted.
    end_at: Option<Instant>,
}

impl InviteServer {
    pub(crate) fn new(reliable: bool) -> Self {
        Self {
            state: State::Proceeding,
            reliable,
            interval: T1,
            resend_at: None,
            end_at: None,
        }
    }

    /// The same INVITE came again.
    pub(crate) fn on_repeat(&self) -> ServerStep {
        ServerStep {
            send: matches!(self.state, State::Proceeding | State::Completed),
        }
    }

    pub(crate) fn respond(&mut self, now: Instant, status: u16) -> ServerStep {
        if self.state != State::Proceeding {
            return ServerStep { send: false };
        }
        match status {
            ..=199 => {}
            200..=299 => {
                self.state = State::Accepted;
                self.end_at = Some(now + T1_64);
            }
            _ => {
                self.state = State::Completed;
                self.resend_at = (!self.reliable).then(|| now + T1);
                self.end_at = Some(now + T1_64);
            }
        }
        ServerStep { send: true }
    }

    /// An ACK of this transaction came. `false` when it is the call's to handle.
    pub(crate) fn on_ack(&mut self, now: Instant) -> bool {
        match self.state {
            State::Completed => {
                self.resend_at = None;
                self.state = if self.reliable {
                    State::Terminated
                } else {
                    State::Confirmed
                };
                self.end_at = (!self.reliable).then(|| now + T4);
                true
            }
            State::Confirmed => true,
            State::Proceeding | State::Accepted | State::Terminated => false,
        }
    }

    pub(crate) fn wake(&mut self, now: Instant) -> ServerStep {
        if self.end_at.is_some_and(|at| at <= now) {
            self.state = State::Terminated;
            self.resend_at = None;
            self.end_at = None;
        } else if self.resend_at.is_some_and(|at| at <= now) {
            self.interval = (self.interval * 2).min(T2);
            self.resend_at = Some(now + self.interval);
            return ServerStep { send: true };
        }
        ServerStep { send: false }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.resend_at.into_iter().chain(self.end_at).min()
    }

    pub(crate) fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }

    /// Whether all that is left to do is to absorb repeats.
    pub(crate) fn only_absorbs(&self) -> bool {
        matches!(self.state, State::Confirmed | State::Accepted)
    }

    /// Whether no final response was given yet.
    pub(crate) fn is_proceeding(&self) -> bool {
        self.state == State::Proceeding
    }
}
