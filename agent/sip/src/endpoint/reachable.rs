//! Staying reachable: flows that peers open, keep-alives and what they tell of our address, and a network that changes
//! (RFC 3581, RFC 5626 §4.4, RFC 5389). Never decides what a message means.

use super::Endpoint;
use super::core::Core;
use super::keep_alive::{Due, KeepAlive, Kind};
use super::output::{FlowId, Output};
use super::stun;
use super::transport::Transport;
use crate::message::{HeaderName, Headers, PING};
use crate::transaction::Datagram;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The shortest and longest Flow-Timer obeyed, in seconds.
const FLOW_TIMER: std::ops::RangeInclusive<u64> = 10..=3_600;

impl Endpoint {
    /// A peer opened a connection to the address and port of a UDP flow; the flow it gets, or `None` when there are too many: close
    /// it then.
    pub fn flow_accepted(
        &mut self,
        now: Instant,
        transport: Transport,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Option<FlowId> {
        if self.stopping {
            return None;
        }
        let flow = self.core.flows.accept(now, transport, local, remote);
        self.core.refused += u64::from(flow.is_none());
        flow
    }

    /// Our end of the flow that the account is reached over.
    #[must_use]
    pub fn local_address(&self) -> Option<SocketAddr> {
        self.core.flows.home().and_then(|home| home.local)
    }

    /// The network is another one, or the machine slept: what was known of servers is forgotten, lost flows are opened at once, and
    /// the account registers anew. Flows that cannot work any more must be told by [`Endpoint::flow_failed`] before.
    pub fn network_changed(&mut self, now: Instant) {
        if self.stopping {
            return;
        }
        self.core.down.clear();
        self.core.flows.hurry(now);
        self.core.keeper.hurry(now);
        if self.core.listening && self.registers() {
            self.core.flows.take_retry(now);
        }
        self.registration.network_changed(&mut self.core, now);
        self.interests.network_changed(&mut self.core, now);
        self.settle(now);
    }

    /// Runs what is due on flows.
    pub(super) fn wake_flows(&mut self, now: Instant) {
        for flow in self.core.flows.expired(now) {
            self.core.outputs.push_back(Output::Close { flow });
            self.lose_flow(now, flow, "it was silent, or too slow");
        }
        let core = &mut self.core;
        let share = match core.keeper.next_wake().is_some_and(|at| at <= now) {
            true => core.random.share(),
            false => 0.0,
        };
        let random = &mut core.random;
        let due = core.keeper.wake(now, share, || {
            let mut id = [0; 12];
            id.copy_from_slice(&random.token().as_bytes()[..12]);
            id
        });
        match due {
            Some(Due::LineEnds(flow, to)) => core.transmit(Datagram {
                flow,
                to,
                bytes: PING.to_vec(),
            }),
            Some(Due::Stun(flow, to, bytes)) => core.transmit(Datagram { flow, to, bytes }),
            Some(Due::Dead(flow)) => {
                core.outputs.push_back(Output::Close { flow });
                self.lose_flow(now, flow, "the server does not answer keep-alives");
            }
            None => {}
        }
        if self.core.flows.take_retry(now) {
            if self.registers() {
                self.registration.renew(&mut self.core, now);
            } else {
                self.core.listen(now);
            }
        }
    }

    /// A flow is gone, for whatever reason.
    pub(super) fn lose_flow(&mut self, now: Instant, flow: FlowId, why: &str) {
        let retry = self.core.listening;
        if self.core.flows.remove(now, flow, retry).is_some() {
            self.core.keeper.forget(flow);
            self.core.fail_on_flow(now, flow, why);
        }
    }

    /// A STUN message came.
    pub(super) fn take_stun(&mut self, now: Instant, flow: FlowId, from: SocketAddr, bytes: &[u8]) {
        let share = self.core.random.share();
        let Some(address) = self.core.keeper.on_stun(now, flow, from, bytes, share) else {
            self.core.dropped += 1;
            return;
        };
        // Behind the NAT's new address the registrar's binding leads nowhere.
        if self.core.see_at(address) {
            self.registration.renew(&mut self.core, now);
        }
    }
}

impl Core {
    /// The registrar granted a binding over a flow: that flow is kept open from now on.
    pub(super) fn keep_open(
        &mut self,
        now: Instant,
        flow: FlowId,
        registrar: SocketAddr,
        headers: &Headers,
    ) {
        let Some(known) = self
            .flows
            .open(flow)
            .filter(|flow| self.flows.is_home(flow.id))
        else {
            return;
        };
        let datagram = known.transport == Transport::Udp;
        let (stun, keep) = match self.config.keep_alive {
            KeepAlive::Auto => (false, !datagram || self.public.is_some()),
            KeepAlive::LineEnds => (false, true),
            KeepAlive::Stun => (true, true),
            KeepAlive::Off => (false, false),
        };
        if !keep {
            return self.keeper.stop();
        }
        let flow_timer = headers
            .text(HeaderName::FlowTimer)
            .and_then(|text| text.trim().parse().ok())
            .filter(|seconds| FLOW_TIMER.contains(seconds))
            .map(Duration::from_secs);
        let every = self.config.keep_alive_interval.or(flow_timer);
        // An edge proxy that does RFC 5626 answers (§4.4.1).
        let answers = headers.lists(HeaderName::Require, "outbound");
        let share = self.random.share();
        let kind = Kind {
            datagram,
            stun,
            answers,
        };
        self.keeper.keep(now, (flow, registrar), kind, every, share);
    }
}

/// Whether what came over UDP is no SIP: STUN, to be told from SIP by its first bits.
pub(super) fn is_stun(bytes: &[u8]) -> bool {
    stun::is_stun(bytes)
}
