//! Every flow of an endpoint: opened when it is needed, reused while it lasts (RFC 3261 §18, RFC 5923), bounded in number and time.
//! Decides which flow reaches a server; never what is sent on it.

use super::flow::Flow;
use super::output::FlowId;
use super::transport::Transport;
use crate::locate::Target;
use crate::message::{Framer, Host};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The most connections that this side opened.
pub const MAX_CONNECTIONS: usize = 16;
/// The most connections that peers opened.
pub const MAX_ACCEPTED: usize = 16;
/// The most connections that peers opened from one address.
pub const MAX_ACCEPTED_PER_SOURCE: usize = 4;
/// Longest wait before the account's own flow is opened again.
const MAX_WAIT: Duration = Duration::from_secs(60);
/// UDP flows that are gone and whose answers may leave over another one.
const MAX_GONE: usize = 16;

#[derive(Default)]
pub(crate) struct Flows {
    list: BTreeMap<FlowId, Flow>,
    next: u64,
    /// The flow the account registered over, or listens on.
    home: Option<FlowId>,
    /// The account's own flow was lost and is to come back.
    pub(crate) lost_home: bool,
    failures: u32,
    retry_at: Option<Instant>,
    gone_udp: VecDeque<FlowId>,
}

impl Flows {
    pub(crate) fn get(&self, id: FlowId) -> Option<&Flow> {
        self.list.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: FlowId) -> Option<&mut Flow> {
        self.list.get_mut(&id)
    }

    /// An open flow.
    pub(crate) fn open(&self, id: FlowId) -> Option<&Flow> {
        self.list.get(&id).filter(|flow| flow.local.is_some())
    }

    pub(crate) fn is_reliable(&self, id: FlowId) -> bool {
        self.list
            .get(&id)
            .is_some_and(|flow| flow.transport.is_reliable())
    }

    /// The flow, open or being opened, over which a server is reached.
    pub(crate) fn towards(&self, target: &Target) -> Option<&Flow> {
        self.list
            .values()
            .find(|flow| flow.reaches(target.transport, target.address, &target.identity))
    }

    /// The open UDP flow of an address family.
    pub(crate) fn udp(&self, v6: bool) -> Option<&Flow> {
        self.list
            .values()
            .find(|flow| flow.transport == Transport::Udp && flow.v6 == v6 && flow.local.is_some())
    }

    /// Whether there is a UDP flow of that family, open or being opened.
    pub(crate) fn listens(&self, v6: bool) -> bool {
        self.list
            .values()
            .any(|flow| flow.transport == Transport::Udp && flow.v6 == v6)
    }

    /// The flow the account is reached over: the one it registered over, else the first that is open.
    pub(crate) fn home(&self) -> Option<&Flow> {
        self.home.and_then(|id| self.open(id)).or_else(|| {
            self.list
                .values()
                .find(|flow| flow.local.is_some() && !flow.accepted)
        })
    }

    pub(crate) fn note_use(&mut self, now: Instant, id: FlowId) {
        if let Some(flow) = self.list.get_mut(&id) {
            flow.last_use = now;
        }
    }

    pub(crate) fn is_home(&self, id: FlowId) -> bool {
        self.home == Some(id)
    }

    pub(crate) fn set_home(&mut self, id: FlowId) {
        self.home = Some(id);
        self.lost_home = false;
        self.retry_at = None;
    }

    /// A new flow to be opened; the second is one that must be closed for it.
    pub(crate) fn begin(
        &mut self,
        now: Instant,
        transport: Transport,
        remote: Option<SocketAddr>,
        identity: Option<Host>,
        alias: String,
        busy: impl Fn(FlowId) -> bool,
    ) -> (FlowId, Option<FlowId>) {
        let ours = |flow: &&Flow| flow.transport != Transport::Udp && !flow.accepted;
        let mut closed = None;
        if transport != Transport::Udp && self.list.values().filter(ours).count() >= MAX_CONNECTIONS
        {
            closed = self
                .list
                .values()
                .filter(ours)
                .filter(|flow| self.home != Some(flow.id))
                .min_by_key(|flow| (busy(flow.id), flow.last_use))
                .map(|flow| flow.id);
        }
        if let Some(id) = closed {
            self.list.remove(&id);
        }
        self.next += 1;
        let id = FlowId(self.next);
        self.list.insert(
            id,
            Flow {
                id,
                transport,
                remote: remote.filter(|_| transport != Transport::Udp),
                v6: remote.is_some_and(|remote| remote.is_ipv6()),
                identity,
                accepted: false,
                local: None,
                framer: Framer::new(),
                proven: false,
                last_use: now,
                alias,
            },
        );
        (id, closed)
    }

    /// A connection that a peer opened, unless there are too many.
    pub(crate) fn accept(
        &mut self,
        now: Instant,
        transport: Transport,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Option<FlowId> {
        let accepted = || self.list.values().filter(|flow| flow.accepted);
        let same_source = |flow: &&Flow| flow.remote.map(|r| r.ip()) == Some(remote.ip());
        if accepted().count() >= MAX_ACCEPTED
            || accepted().filter(same_source).count() >= MAX_ACCEPTED_PER_SOURCE
        {
            return None;
        }
        self.next += 1;
        let id = FlowId(self.next);
        self.list.insert(
            id,
            Flow {
                id,
                transport,
                remote: Some(remote),
                v6: remote.is_ipv6(),
                identity: None,
                accepted: true,
                local: Some(local),
                framer: Framer::new(),
                proven: false,
                last_use: now,
                alias: String::new(),
            },
        );
        Some(id)
    }

    pub(crate) fn opened(&mut self, now: Instant, id: FlowId, local: SocketAddr) -> bool {
        let Some(flow) = self.list.get_mut(&id).filter(|flow| flow.local.is_none()) else {
            return false;
        };
        flow.local = Some(local);
        flow.v6 = local.is_ipv6();
        flow.last_use = now;
        self.failures = 0;
        true
    }

    /// Takes a flow out that is gone; what it was, when it was there. `retry`: whether the account wants to be reachable, and so
    /// its own flow back.
    pub(crate) fn remove(&mut self, now: Instant, id: FlowId, retry: bool) -> Option<Flow> {
        let flow = self.list.remove(&id)?;
        if flow.transport == Transport::Udp {
            if self.gone_udp.len() >= MAX_GONE {
                self.gone_udp.pop_front();
            }
            self.gone_udp.push_back(id);
        }
        let never_home = self.home.is_none() && !flow.accepted;
        if self.home == Some(id) || never_home {
            self.home = None;
            if retry {
                self.lost_home = true;
                self.failures = (self.failures + 1).min(16);
                let wait = Duration::from_secs(1 << self.failures.min(6)).min(MAX_WAIT);
                self.retry_at = Some(now + wait);
            }
        }
        Some(flow)
    }

    /// Where a datagram of a UDP flow that is gone may leave: over the present one of the same family.
    pub(crate) fn successor(&self, gone: FlowId, to: SocketAddr) -> Option<&Flow> {
        self.gone_udp
            .contains(&gone)
            .then(|| self.udp(to.is_ipv6()))
            .flatten()
    }

    /// Takes every flow down for good.
    pub(crate) fn close_all(&mut self) -> Vec<FlowId> {
        self.retry_at = None;
        self.lost_home = false;
        self.home = None;
        std::mem::take(&mut self.list).into_keys().collect()
    }

    /// The account's own flow is to come back at once.
    pub(crate) fn hurry(&mut self, now: Instant) {
        self.failures = 0;
        if self.lost_home {
            self.retry_at = Some(now);
        }
    }

    /// The wait for the account's own flow is over.
    pub(crate) fn take_retry(&mut self, now: Instant) -> bool {
        self.retry_at.take_if(|at| *at <= now).is_some()
    }

    /// Connections that are idle, or too slow.
    pub(crate) fn expired(&self, now: Instant) -> Vec<FlowId> {
        let expired = |flow: &&Flow| {
            flow.expires_at(self.is_home(flow.id))
                .is_some_and(|at| at <= now)
        };
        self.list
            .values()
            .filter(expired)
            .map(|flow| flow.id)
            .collect()
    }

    pub(crate) fn next_wake(&self) -> Option<Instant> {
        self.list
            .values()
            .filter_map(|flow| flow.expires_at(self.is_home(flow.id)))
            .chain(self.retry_at)
            .min()
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }
}
