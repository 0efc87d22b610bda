//! The one UDP flow of an endpoint: down, being opened, or open with the local address peers see.
//! A stream transport adds flows per peer; the rest of the endpoint asks only for the flow to a remote address.

use super::output::FlowId;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Longest wait before a flow that failed is opened again.
const MAX_WAIT: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(crate) struct Flow {
    state: State,
    next: u64,
    failures: u32,
    retry_at: Option<Instant>,
}

#[derive(Debug, Default, Clone, Copy)]
enum State {
    #[default]
    Down,
    Opening(FlowId),
    Open(FlowId, SocketAddr),
}

impl Flow {
    /// The flow and its local address, when it is open.
    pub(crate) fn open(&self) -> Option<(FlowId, SocketAddr)> {
        match self.state {
            State::Open(flow, local) => Some((flow, local)),
            State::Down | State::Opening(_) => None,
        }
    }

    pub(crate) fn is_current(&self, flow: FlowId) -> bool {
        matches!(self.state, State::Open(current, _) | State::Opening(current) if current == flow)
    }

    /// A new flow to open, when there is none.
    pub(crate) fn begin(&mut self) -> Option<FlowId> {
        if !matches!(self.state, State::Down) {
            return None;
        }
        self.next += 1;
        self.retry_at = None;
        let flow = FlowId(self.next);
        self.state = State::Opening(flow);
        Some(flow)
    }

    pub(crate) fn opened(&mut self, flow: FlowId, local: SocketAddr) -> bool {
        if !self.is_current(flow) {
            return false;
        }
        self.state = State::Open(flow, local);
        self.failures = 0;
        true
    }

    /// `retry`: whether the account wants to be reachable, and so the flow back.
    pub(crate) fn failed(&mut self, now: Instant, flow: FlowId, retry: bool) -> bool {
        if !self.is_current(flow) {
            return false;
        }
        self.state = State::Down;
        self.failures = (self.failures + 1).min(16);
        let wait = Duration::from_secs(1 << self.failures.min(6)).min(MAX_WAIT);
        self.retry_at = retry.then(|| now + wait);
        true
    }

    /// Takes the flow down for good; the one to close, if any.
    pub(crate) fn close(&mut self) -> Option<FlowId> {
        self.retry_at = None;
        match std::mem::take(&mut self.state) {
            State::Down => None,
            State::Opening(flow) | State::Open(flow, _) => Some(flow),
        }
    }

    pub(crate) fn retry_at(&self) -> Option<Instant> {
        self.retry_at
    }
}
