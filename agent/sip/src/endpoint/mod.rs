//! The state machine of one account.

mod config;
mod event;
mod output;

pub use config::{ConfigError, EndpointConfig, Transport};
pub use event::{CallId, Event, PingId};
pub use output::{FlowId, Output, ResolveId};

use crate::call::CallError;
use crate::digest::Credential;
use crate::offer::LocalMedia;
use crate::registration::RegistrationState;
use std::net::SocketAddr;
use std::time::Instant;

/// The state machine of one SIP account. Deterministic: the same seed and inputs give the same outputs.
///
/// After every call into it, the driver takes [`Endpoint::poll_output`] until it is `None`, then sleeps until [`Endpoint::next_wake`].
pub struct Endpoint {
    config: EndpointConfig,
    state: RegistrationState,
}

/// How much an endpoint holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Calls that have not ended.
    pub calls: usize,
    /// Dialogs, early ones included.
    pub dialogs: usize,
    /// Client transactions.
    pub client_transactions: usize,
    /// Server transactions.
    pub server_transactions: usize,
    /// Messages dropped because they could not be read, answered or matched, since the start.
    pub dropped: u64,
    /// Requests refused because a limit was reached, since the start.
    pub refused: u64,
}

impl Endpoint {
    /// Makes an endpoint. It asks for nothing until a command comes; `seed` must come from a secure random source.
    ///
    /// # Errors
    /// A configuration that cannot work; the error says which field and what to write.
    pub fn new(config: EndpointConfig, _seed: u64) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self {
            config,
            state: RegistrationState::Unregistered,
        })
    }

    /// Takes one datagram in.
    pub fn receive(&mut self, _now: Instant, _flow: FlowId, _from: SocketAddr, _bytes: &[u8]) {}

    /// Answers [`Output::Open`]: the flow is open and `local` is its address as peers see it, for Via and Contact.
    pub fn flow_opened(&mut self, _now: Instant, _flow: FlowId, _local: SocketAddr) {}

    /// Tells that a flow could not be opened, or that an open one does not work any more.
    pub fn flow_failed(&mut self, _now: Instant, _flow: FlowId, _why: &str) {}

    /// Answers [`Output::Resolve`]: addresses in the order they are to be tried, or why there is none.
    pub fn resolved(
        &mut self,
        _now: Instant,
        _id: ResolveId,
        _result: Result<Vec<SocketAddr>, String>,
    ) {
    }

    /// Registers and keeps registered. For an account that does not register, opens its flow and listens.
    pub fn register(&mut self, _now: Instant) {}

    /// Takes the registration back. Calls stand.
    pub fn unregister(&mut self, _now: Instant) {}

    /// Replaces the credentials. Registers at once when the account is meant to be registered; calls stand, and their requests
    /// use the new credentials from now on.
    pub fn set_credentials(&mut self, _now: Instant, credentials: Vec<Credential>) {
        self.config.credentials = credentials;
    }

    /// Calls a target: a SIP URI, or a number or name in the account's own domain.
    ///
    /// # Errors
    /// A target that cannot be called, no room for another call, or media that cannot be offered.
    pub fn call(
        &mut self,
        _now: Instant,
        _target: &str,
        _offer: LocalMedia,
    ) -> Result<CallId, CallError> {
        Err(CallError::Stopping)
    }

    /// Tells the caller that it rings (180).
    ///
    /// # Errors
    /// No such call, or not an incoming one that waits.
    pub fn ring(&mut self, _now: Instant, call: CallId) -> Result<(), CallError> {
        Err(CallError::NoSuchCall { call })
    }

    /// Answers an incoming call (200).
    ///
    /// # Errors
    /// No such call, not one that waits, or media that fit nothing in the caller's offer; the call goes on waiting then.
    pub fn answer(
        &mut self,
        _now: Instant,
        call: CallId,
        _media: LocalMedia,
    ) -> Result<(), CallError> {
        Err(CallError::NoSuchCall { call })
    }

    /// Rejects an incoming call with a status from 300 to 699; another number counts as 603.
    ///
    /// # Errors
    /// No such call, or not an incoming one that waits.
    pub fn reject(&mut self, _now: Instant, call: CallId, _status: u16) -> Result<(), CallError> {
        Err(CallError::NoSuchCall { call })
    }

    /// Ends a call as its state demands: BYE, CANCEL or 603.
    ///
    /// # Errors
    /// No such call, or it ended.
    pub fn hangup(&mut self, _now: Instant, call: CallId) -> Result<(), CallError> {
        Err(CallError::NoSuchCall { call })
    }

    /// Sends OPTIONS to a target and reports the answer as [`Event::PingEnded`].
    ///
    /// # Errors
    /// A target that cannot be reached by this account.
    pub fn options(&mut self, _now: Instant, _target: &str) -> Result<PingId, CallError> {
        Err(CallError::Stopping)
    }

    /// Hangs up everything, unregisters, then reports [`Event::Stopped`].
    pub fn shutdown(&mut self, _now: Instant) {}

    /// The next thing to do, in order.
    pub fn poll_output(&mut self, _now: Instant) -> Option<Output> {
        None
    }

    /// When [`Endpoint::wake`] must be called, unless something comes in before.
    #[must_use]
    pub fn next_wake(&self) -> Option<Instant> {
        None
    }

    /// Runs the timers that are due.
    pub fn wake(&mut self, _now: Instant) {}

    /// Where the registration stands.
    #[must_use]
    pub fn registration(&self) -> &RegistrationState {
        &self.state
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> &EndpointConfig {
        &self.config
    }

    /// How much the endpoint holds.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts::default()
    }
}
