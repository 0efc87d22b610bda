//! The client transaction of every method but INVITE (RFC 3261 §17.1.2): timers E, F and K. Pure.

use super::step::ClientStep;
use super::timers::{T1, T1_64, T2, T4};
use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Trying,
    Proceeding,
    Completed,
    Terminated,
}

#[derive(Debug)]
pub(crate) struct NonInviteClient {
    state: State,
    reliable: bool,
    interval: Duration,
    /// Timer E.
    resend_at: Option<Instant>,
    /// Timer F, then K.
    end_at: Option<Instant>,
}

impl NonInviteClient {
    pub(crate) fn new(now: Instant, reliable: bool) -> Self {
        Self {
            state: State::Trying,
            reliable,
            interval: T1,
            resend_at: (!reliable).then(|| now + T1),
            end_at: Some(now + T1_64),
        }
    }

    pub(crate) fn on_response(&mut self, now: Instant, status: u16) -> ClientStep {
        match (self.state, status) {
            (State::Trying | State::Proceeding, 100..=199) => {
                self.state = State::Proceeding;
                ClientStep::deliver()
            }
            (State::Trying | State::Proceeding, _) => {
                self.resend_at = None;
                self.state = if self.reliable {
                    State::Terminated
                } else {
                    State::Completed
                };
                self.end_at = (!self.reliable).then(|| now + T4);
                ClientStep::deliver()
            }
            _ => ClientStep::default(),
        }
    }

    pub(crate) fn wake(&mut self, now: Instant) -> ClientStep {
        if self.end_at.is_some_and(|at| at <= now) {
            let timed_out = self.state != State::Completed;
            self.state = State::Terminated;
            self.resend_at = None;
            self.end_at = None;
            return ClientStep {
                timed_out,
                ..ClientStep::default()
            };
        }
        if self.resend_at.is_some_and(|at| at <= now) {
            self.interval = if self.state == State::Proceeding {
                T2
            } else {
                (self.interval * 2).min(T2)
            };
            self.resend_at = Some(now + self.interval);
            return ClientStep {
                resend: true,
                ..ClientStep::default()
            };
        }
        ClientStep::default()
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.resend_at.into_iter().chain(self.end_at).min()
    }

    pub(crate) fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }

    /// Whether all that is left to do is to absorb repeats.
    pub(crate) fn only_absorbs(&self) -> bool {
        self.state == State::Completed
    }
}
