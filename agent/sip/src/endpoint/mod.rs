//! The state machine of one account. Owns registration, calls and what they share; never touches a socket or a clock.
//! `receive` sorts what comes in, `outgoing` carries what goes out, `core` holds what both need.

mod acceptability;
mod announcing;
mod cancel;
pub(crate) mod capabilities;
mod config;
mod contact;
mod core;
mod counts;
mod event;
mod extensions;
mod failover;
mod flow;
mod flows;
mod incoming;
mod interests;
mod keep_alive;
mod locating;
mod manners;
mod outgoing;
mod output;
mod ping;
mod reach;
mod reachable;
mod receive;
mod replies;
mod route;
mod stun;
mod target;
mod transport;

pub(crate) use self::core::{ALLOW, Core, Reply, RequestId, User};
pub use config::{ConfigError, EndpointConfig, MAX_BACKUP_PROXIES, TransferPolicy};
pub use counts::Counts;
pub use event::{CallId, Event, PingId};
pub(crate) use extensions::{SUPPORTED, SUPPORTED_WITHIN};
pub use failover::FAILOVER_AFTER;
pub use flow::{FIRST_MESSAGE, IDLE};
pub use flows::{MAX_ACCEPTED, MAX_ACCEPTED_PER_SOURCE, MAX_CONNECTIONS};
pub(crate) use incoming::Incoming;
use interests::Interests;
pub use interests::{MessageId, SubscriptionId};
pub use keep_alive::KeepAlive;
pub use manners::{MAX_SOURCES, StrangerRate};
pub use outgoing::{MAX_REQUESTS, MAX_UDP_REQUEST};
pub use output::{FlowId, Output, ResolveId};
pub use transport::Transport;

use crate::call::{CallError, Calls, Replaces};
use crate::digest::Credential;
use crate::locate::Answer;
use crate::offer::LocalMedia;
use crate::registration::{Binding, Registration, RegistrationState};
use std::net::SocketAddr;
use std::time::Instant;

/// The state machine of one SIP account. Deterministic: the same seed and inputs give the same outputs.
///
/// After every call into it, the driver takes [`Endpoint::poll_output`] until it is `None`, then sleeps until [`Endpoint::next_wake`].
pub struct Endpoint {
    core: Core,
    registration: Registration,
    calls: Calls,
    interests: Interests,
    /// Shutdown began.
    stopping: bool,
    stopped: bool,
}

impl Endpoint {
    /// Makes an endpoint. It asks for nothing until a command comes; `seed` must come from a secure random source.
    ///
    /// # Errors
    /// A configuration that cannot work; the error says which field and what to write.
    pub fn new(config: EndpointConfig, seed: u64) -> Result<Self, ConfigError> {
        config.check()?;
        let mut core = Core::new(config, seed);
        let registration = Registration::new(&mut core);
        Ok(Self {
            core,
            registration,
            calls: Calls::default(),
            interests: Interests::default(),
            stopping: false,
            stopped: false,
        })
    }

    /// Takes in what came on a flow: a datagram, a message of a WebSocket, or the next bytes of a stream, cut anyhow.
    pub fn receive(&mut self, now: Instant, flow: FlowId, from: SocketAddr, bytes: &[u8]) {
        self.take_bytes(now, flow, from, bytes);
        self.settle(now);
    }

    /// Answers [`Output::Open`]: the flow is open and `local` is its address as peers see it, for Via and Contact.
    pub fn flow_opened(&mut self, now: Instant, flow: FlowId, local: SocketAddr) {
        if self.core.flows.opened(now, flow, local) {
            self.core.send_waiting(now, flow);
            let listens = self
                .core
                .flows
                .open(flow)
                .is_some_and(|flow| flow.transport == Transport::Udp);
            if listens && !self.registers() {
                self.core.flows.set_home(flow);
            } else if listens && self.core.flows.lost_home {
                self.registration.flow_opened(&mut self.core, now);
            }
            self.interests.follow_contact(&mut self.core, now);
        }
        self.settle(now);
    }

    /// Tells that a flow could not be opened, or that an open one does not work any more. Calls stand; a registration is renewed
    /// over the next flow, which is asked for after a short wait.
    pub fn flow_failed(&mut self, now: Instant, flow: FlowId, why: &str) {
        self.lose_flow(now, flow, why);
        self.settle(now);
    }

    /// Answers [`Output::Resolve`] with the records, or why there are none.
    pub fn resolved(&mut self, now: Instant, id: ResolveId, answer: Answer) {
        self.core.resolved(now, id, answer);
        self.settle(now);
    }

    /// Registers and keeps registered. For an account that does not register, opens its flow and listens.
    pub fn register(&mut self, now: Instant) {
        if self.stopping {
            return;
        }
        self.core.listening = true;
        if self.registers() {
            self.registration.register(&mut self.core, now);
        } else {
            self.core.listen(now);
        }
        self.settle(now);
    }

    /// Takes the registration back. Calls stand.
    pub fn unregister(&mut self, now: Instant) {
        self.registration.unregister(&mut self.core, now);
        self.settle(now);
    }

    /// Replaces the credentials. Registers at once when the account is meant to be registered; calls stand, and their requests
    /// use the new credentials from now on.
    pub fn set_credentials(&mut self, now: Instant, credentials: Vec<Credential>) {
        self.core.auth.replace(credentials.clone());
        self.core.config.credentials = credentials;
        self.registration.renew(&mut self.core, now);
        self.settle(now);
    }

    /// Calls a target: a SIP URI, or a number or name in the account's own domain.
    ///
    /// # Errors
    /// A target that cannot be called, no room for another call, or media that cannot be offered.
    pub fn call(
        &mut self,
        now: Instant,
        target: &str,
        offer: LocalMedia,
    ) -> Result<CallId, CallError> {
        if self.stopping {
            return Err(CallError::Stopping);
        }
        let target = target::read(target, &self.core.config)?;
        let placed = self.calls.place(&mut self.core, now, target, offer, None);
        self.settle(now);
        placed
    }

    /// Calls a target in the place of a dialog it has (RFC 3891): takes over a call that rings or stands elsewhere.
    ///
    /// # Errors
    /// As [`Endpoint::call`].
    pub fn call_replacing(
        &mut self,
        now: Instant,
        target: &str,
        offer: LocalMedia,
        replaces: Replaces,
    ) -> Result<CallId, CallError> {
        if self.stopping {
            return Err(CallError::Stopping);
        }
        let target = target::read(target, &self.core.config)?;
        let placed = self
            .calls
            .place(&mut self.core, now, target, offer, Some(replaces));
        self.settle(now);
        placed
    }

    /// Tells the caller that it rings (180).
    ///
    /// # Errors
    /// No such call, or not an incoming one that waits.
    pub fn ring(&mut self, now: Instant, call: CallId) -> Result<(), CallError> {
        let result = self
            .calls
            .command(&mut self.core, now, call, |call, core| call.ring(core, now));
        self.settle(now);
        result?
    }

    /// Gives the caller sound before the answer (183 with a session description). The media are those of the answer too.
    ///
    /// # Errors
    /// No such call, not one that waits, media that fit nothing in the caller's offer, or a caller that cannot take it.
    pub fn early_media(
        &mut self,
        now: Instant,
        call: CallId,
        media: LocalMedia,
    ) -> Result<(), CallError> {
        let result = self.calls.command(&mut self.core, now, call, |call, core| {
            call.early_media(core, now, media)
        });
        self.settle(now);
        result?
    }

    /// Holds a call. [`Event::HoldChanged`] or [`Event::ChangeRefused`] tells what came of it.
    ///
    /// # Errors
    /// No such call, or not one that stands.
    pub fn hold(&mut self, now: Instant, call: CallId) -> Result<(), CallError> {
        self.set_hold(now, call, true)
    }

    /// Takes a call off hold. [`Event::HoldChanged`] or [`Event::ChangeRefused`] tells what came of it.
    ///
    /// # Errors
    /// No such call, or not one that stands.
    pub fn resume(&mut self, now: Instant, call: CallId) -> Result<(), CallError> {
        self.set_hold(now, call, false)
    }

    /// Asks the peer to call a target instead. [`Event::TransferEnded`] tells what came of it.
    ///
    /// # Errors
    /// No such call, not one that stands, one that is being transferred already, or a target that cannot be called.
    pub fn transfer(&mut self, now: Instant, call: CallId, target: &str) -> Result<(), CallError> {
        let target = target::read(target, &self.core.config)?;
        let result = self.calls.command(&mut self.core, now, call, |call, core| {
            call.transfer(core, now, target)
        });
        self.settle(now);
        result?
    }

    /// Puts the peers of two calls together: asks the peer of `call` to take the place of this side in `other`.
    ///
    /// # Errors
    /// No such call, not two that stand, or one that is being transferred already.
    pub fn transfer_to_call(
        &mut self,
        now: Instant,
        call: CallId,
        other: CallId,
    ) -> Result<(), CallError> {
        let result = self
            .calls
            .transfer_to_call(&mut self.core, now, call, other);
        self.settle(now);
        result
    }

    /// Places the call that the peer of `call` asked for by [`Event::TransferRequested`], and tells it how that goes.
    ///
    /// # Errors
    /// No such call, nothing asked for, no room for another call, or media that cannot be offered.
    pub fn accept_transfer(
        &mut self,
        now: Instant,
        call: CallId,
        offer: LocalMedia,
    ) -> Result<CallId, CallError> {
        if self.stopping {
            return Err(CallError::Stopping);
        }
        let placed = self.calls.place_referred(&mut self.core, now, call, offer);
        self.settle(now);
        placed
    }

    /// Tells the peer that the call it asked for is not placed; a status from 300 to 699, another number counts as 603.
    ///
    /// # Errors
    /// No such call, or it ended.
    pub fn refuse_transfer(
        &mut self,
        now: Instant,
        call: CallId,
        status: u16,
    ) -> Result<(), CallError> {
        let result = self.calls.command(&mut self.core, now, call, |call, core| {
            call.refuse_transfer(core, now, status)
        });
        self.settle(now);
        result
    }

    /// Answers an incoming call (200).
    ///
    /// # Errors
    /// No such call, not one that waits, or media that fit nothing in the caller's offer; the call goes on waiting then.
    pub fn answer(
        &mut self,
        now: Instant,
        call: CallId,
        media: LocalMedia,
    ) -> Result<(), CallError> {
        let result = self.calls.command(&mut self.core, now, call, |call, core| {
            call.answer(core, now, media)
        });
        self.settle(now);
        result?
    }

    /// Rejects an incoming call with a status from 300 to 699; another number counts as 603.
    ///
    /// # Errors
    /// No such call, or not an incoming one that waits.
    pub fn reject(&mut self, now: Instant, call: CallId, status: u16) -> Result<(), CallError> {
        let result = self.calls.command(&mut self.core, now, call, |call, core| {
            call.reject(core, now, status)
        });
        self.settle(now);
        result?
    }

    /// Ends a call as its state demands: BYE, CANCEL or 603.
    ///
    /// # Errors
    /// No such call, or it ended.
    pub fn hangup(&mut self, now: Instant, call: CallId) -> Result<(), CallError> {
        let result = self.calls.command(&mut self.core, now, call, |call, core| {
            call.hangup(core, now)
        });
        self.settle(now);
        result
    }

    /// Sends OPTIONS to a target and reports the answer as [`Event::PingEnded`].
    ///
    /// # Errors
    /// A target that cannot be reached by this account.
    pub fn options(&mut self, now: Instant, target: &str) -> Result<PingId, CallError> {
        if self.stopping {
            return Err(CallError::Stopping);
        }
        let target = target::read(target, &self.core.config)?;
        let ping = ping::send(&mut self.core, now, target);
        self.settle(now);
        Ok(ping)
    }

    /// Hangs up everything, unregisters, then reports [`Event::Stopped`]: at the latest when the peers stayed silent for a minute.
    pub fn shutdown(&mut self, now: Instant) {
        if self.stopping {
            return;
        }
        self.stopping = true;
        self.core.listening = false;
        self.calls.hang_up_all(&mut self.core, now);
        self.interests.withdraw(&mut self.core, now);
        self.registration.unregister(&mut self.core, now);
        self.settle(now);
    }

    /// The next thing to do, in order.
    pub fn poll_output(&mut self, now: Instant) -> Option<Output> {
        self.settle(now);
        self.core.outputs.pop_front()
    }

    /// When [`Endpoint::wake`] must be called, unless something comes in before.
    #[must_use]
    pub fn next_wake(&self) -> Option<Instant> {
        let core = &self.core;
        let transactions = core
            .clients
            .next_wake()
            .into_iter()
            .chain(core.servers.next_wake());
        let requests = core
            .next_outgoing_wake()
            .into_iter()
            .chain(core.flows.next_wake())
            .chain(core.keeper.next_wake());
        transactions
            .chain(requests)
            .chain(self.registration.next_wake())
            .chain(self.calls.next_wake())
            .chain(self.interests.next_wake())
            .min()
    }

    /// Runs the timers that are due.
    pub fn wake(&mut self, now: Instant) {
        self.core.clients.wake(now);
        self.core.servers.wake(now);
        self.core.follow_up(now);
        self.core.wake_outgoing(now);
        self.wake_flows(now);
        self.calls.wake(&mut self.core, now);
        self.registration.wake(&mut self.core, now);
        self.interests.wake(&mut self.core, now);
        self.settle(now);
    }

    /// Where the registration stands.
    #[must_use]
    pub fn registration(&self) -> &RegistrationState {
        self.registration.state()
    }

    /// What the registrar said of our binding; nothing while there is none.
    #[must_use]
    pub fn binding(&self) -> &Binding {
        &self.core.binding
    }

    /// Where the registrar sees us, when that is elsewhere than the flow's own address: a NAT is between.
    #[must_use]
    pub fn public_address(&self) -> Option<SocketAddr> {
        self.core.public
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> &EndpointConfig {
        &self.core.config
    }

    /// Requests of strangers dropped because there were too many of them, since the start.
    #[must_use]
    pub fn rationed(&self) -> u64 {
        self.core.manners.rationed()
    }

    /// How much the endpoint holds.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            calls: self.calls.count(),
            ending: self.calls.ending(),
            dialogs: self.calls.dialogs(),
            client_transactions: self.core.clients.len(),
            server_transactions: self.core.servers.len(),
            subscriptions: self.interests.subscriptions(),
            requests: self.core.outgoing.len(),
            flows: self.core.flows.len(),
            dropped: self.core.dropped,
            rationed: self.core.manners.rationed(),
            refused: self.core.refused,
        }
    }

    fn set_hold(&mut self, now: Instant, call: CallId, hold: bool) -> Result<(), CallError> {
        let result = self.calls.command(&mut self.core, now, call, |call, core| {
            call.hold(core, now, hold)
        });
        self.settle(now);
        result?
    }

    fn registers(&self) -> bool {
        !self.core.config.register_expires.is_zero()
    }

    /// Hands replies to whom they belong until nothing moves, then sees whether a shutdown is done.
    fn settle(&mut self, now: Instant) {
        self.core.follow_up(now);
        while let Some((user, request, reply)) = self.core.next_reply() {
            match user {
                User::Registration => {
                    self.registration
                        .on_reply(&mut self.core, now, request, reply);
                    self.interests.follow_contact(&mut self.core, now);
                }
                User::Call(call) => self
                    .calls
                    .on_reply(&mut self.core, now, call, request, reply),
                User::Ping(ping) => ping::on_reply(&mut self.core, ping, reply),
                User::Subscription(_) | User::Publication | User::Message(_) => self
                    .interests
                    .on_reply(&mut self.core, now, (user, request), reply),
                User::Nobody => {}
            }
            self.core.follow_up(now);
        }
        if self.stopping
            && !self.stopped
            && self.calls.is_settled()
            && self.registration.is_idle()
            && self.interests.is_settled()
            && !self.core.has_unanswered()
        {
            self.stop();
        }
    }

    fn stop(&mut self) {
        self.stopped = true;
        self.calls.clear();
        self.interests.clear();
        self.core.clients.kill_all();
        self.core.servers.kill_all();
        self.core.outgoing.clear();
        self.core.keeper.stop();
        for flow in self.core.flows.close_all() {
            self.core.outputs.push_back(Output::Close { flow });
        }
        self.core.event(Event::Stopped);
    }
}
