//! The INVITE client transaction (RFC 3261 §17.1.1, RFC 6026 §7.2): timers A, B, D and M. Pure: says what to do, does nothing.

use super::step::ClientStep;
use super::timers::{T1, T1_64};
use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Calling,
    Proceeding,
    Accepted,
    Completed,
    Terminated,
}

#[derive(Debug)]
pub(crate) struct InviteClient {
    state: State,
    reliable: bool,
    interval: Duration,
    /// Timer A.
    resend_at: Option<Instant>,
    /// Timer B in Calling, D in Completed, M in Accepted.
    end_at: Option<Instant>,
}

impl InviteClient {
    pub(crate) fn new(now: Instant, reliable: bool) -> Self {
        Self {
            state: State::Calling,
            reliable,
            interval: T1,
            resend_at: (!reliable).then(|| now + T1),
            end_at: Some(now + T1_64),
        }
    }

    pub(crate) fn on_response(&mut self, now: Instant, status: u16) -> ClientStep {
        match (self.state, status) {
            (State::Calling | State::Proceeding, 100..=199) => {
                self.enter(State::Proceeding, None);
                ClientStep::deliver()
            }
            (State::Calling | State::Proceeding, 200..=299) => {
                self.enter(State::Accepted, Some(now + T1_64));
                ClientStep::deliver()
            }
            (State::Calling | State::Proceeding, _) => {
                match self.reliable {
                    true => self.enter(State::Terminated, None),
                    false => self.enter(State::Completed, Some(now + T1_64)),
                }
                ClientStep {
                    deliver: true,
                    acknowledge: true,
                    ..ClientStep::default()
                }
            }
            (State::Accepted, 200..=299) => ClientStep::deliver(),
            (State::Completed, 300..) => ClientStep {
                acknowledge: true,
                ..ClientStep::default()
            },
            _ => ClientStep::default(),
        }
    }

    pub(crate) fn wake(&mut self, now: Instant) -> ClientStep {
        if self.end_at.is_some_and(|at| at <= now) {
            let timed_out = self.state == State::Calling;
            self.enter(State::Terminated, None);
            return ClientStep {
                timed_out,
                ..ClientStep::default()
            };
        }
        if self.resend_at.is_some_and(|at| at <= now) {
            self.interval *= 2;
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

    /// Whether a CANCEL may be sent: a provisional response came and no final one.
    pub(crate) fn is_proceeding(&self) -> bool {
        self.state == State::Proceeding
    }

    fn enter(&mut self, state: State, end_at: Option<Instant>) {
        self.state = state;
        self.resend_at = None;
        self.end_at = end_at;
    }
}
