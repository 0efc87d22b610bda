//! Every server transaction of an endpoint, and the limits on how many strangers may hold. Matches repeats, ACK and CANCEL.
//! Puts what must be sent into a queue that the endpoint empties; never decides on a response.

use super::clients::Datagram;
use super::invite_server::InviteServer;
use super::key::ServerKey;
use super::server::NonInviteServer;
use super::step::ServerStep;
use super::timers::{FEW, wake_at};
use crate::endpoint::FlowId;
use crate::message::{Essentials, Method};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

/// Server transactions at one time, unless the configuration says otherwise.
pub const MAX_SERVER_TRANSACTIONS: usize = 256;
/// Of those, how many may come from elsewhere than the account's registrar and proxies: one in so many.
pub const STRANGERS_SHARE: usize = 2;

/// Names one transaction among all that ever were.
type Number = u64;

pub(crate) struct Servers {
    list: BTreeMap<Number, Server>,
    numbers: BTreeMap<ServerKey, Number>,
    /// By Call-ID: the same request may come over several ways.
    calls: BTreeMap<String, Vec<Number>>,
    due: BTreeSet<(Instant, Number)>,
    strangers: usize,
    limit: usize,
    next: Number,
    pub(crate) outbox: VecDeque<Datagram>,
}

struct Server {
    key: ServerKey,
    call_id: String,
    from_tag: String,
    cseq: u32,
    stranger: bool,
    flow: FlowId,
    to: SocketAddr,
    last: Vec<u8>,
    machine: Machine,
    /// As it stands among those that are due.
    due: Option<Instant>,
}

enum Machine {
    Invite(InviteServer),
    Other(NonInviteServer),
}

impl Servers {
    /// None yet, and at most so many at one time.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            list: BTreeMap::new(),
            numbers: BTreeMap::new(),
            calls: BTreeMap::new(),
            due: BTreeSet::new(),
            strangers: 0,
            limit,
            next: 0,
            outbox: VecDeque::new(),
        }
    }

    /// Whether another transaction may begin.
    pub(crate) fn has_room(&self, stranger: bool) -> bool {
        self.list.len() < self.limit
            && !(stranger && self.strangers >= self.limit / STRANGERS_SHARE)
    }

    pub(crate) fn start(
        &mut self,
        key: ServerKey,
        essentials: &Essentials,
        stranger: bool,
        flow: FlowId,
        to: SocketAddr,
        reliable: bool,
    ) {
        let machine = match essentials.cseq.method {
            Method::Invite => Machine::Invite(InviteServer::new(reliable)),
            _ => Machine::Other(NonInviteServer::new(reliable)),
        };
        let number = self.next;
        self.next += 1;
        self.numbers.insert(key.clone(), number);
        let of_call = self.calls.entry(essentials.call_id.clone());
        of_call.or_default().push(number);
        self.strangers += usize::from(stranger);
        let server = Server {
            key,
            call_id: essentials.call_id.clone(),
            from_tag: essentials.from.tag().unwrap_or("").to_owned(),
            cseq: essentials.cseq.number,
            stranger,
            flow,
            to,
            last: Vec::new(),
            machine,
            due: None,
        };
        self.list.insert(number, server);
        self.follow(number, ServerStep { send: false });
    }

    /// Whether the request is a repeat; its last response is sent again.
    pub(crate) fn absorbs(&mut self, key: &ServerKey) -> bool {
        let Some((number, server)) = self.find(key) else {
            return false;
        };
        let step = match &server.machine {
            Machine::Invite(machine) => machine.on_repeat(),
            Machine::Other(machine) => machine.on_repeat(),
        };
        self.follow(number, step);
        true
    }

    /// Whether the ACK belongs to a failed INVITE here.
    pub(crate) fn absorbs_ack(&mut self, now: Instant, key: &ServerKey) -> bool {
        let Some((number, server)) = self.find(key) else {
            return false;
        };
        let absorbed = match &mut server.machine {
            Machine::Invite(machine) => machine.on_ack(now),
            Machine::Other(_) => false,
        };
        self.follow(number, ServerStep { send: false });
        absorbed
    }

    /// Whether the same request came over another way (§8.2.2.2).
    pub(crate) fn is_merged(&self, key: &ServerKey, essentials: &Essentials) -> bool {
        let from_tag = essentials.from.tag().unwrap_or("");
        let same_call = self.calls.get(&essentials.call_id).into_iter().flatten();
        same_call
            .filter_map(|number| self.list.get(number))
            .any(|server| {
                server.key != *key
                    && server.cseq == essentials.cseq.number
                    && server.from_tag == from_tag
                    && server.key.same_method(key)
            })
    }

    /// Whether a CANCEL fits the INVITE of that key in all that must be equal, not only in what a stranger could guess.
    pub(crate) fn cancel_fits(&self, invite: &ServerKey, cancel: &Essentials) -> bool {
        self.get(invite).is_some_and(|server| {
            server.call_id == cancel.call_id
                && server.cseq == cancel.cseq.number
                && server.from_tag == cancel.from.tag().unwrap_or("")
        })
    }

    /// Whether the INVITE still waits for its final response.
    pub(crate) fn awaits_final(&self, key: &ServerKey) -> bool {
        matches!(self.get(key), Some(Server { machine: Machine::Invite(machine), .. }) if machine.is_proceeding())
    }

    pub(crate) fn respond(&mut self, now: Instant, key: &ServerKey, status: u16, bytes: Vec<u8>) {
        let Some((number, server)) = self.find(key) else {
            return;
        };
        let step = match &mut server.machine {
            Machine::Invite(machine) => machine.respond(now, status),
            Machine::Other(machine) => machine.respond(now, status),
        };
        if step.send {
            server.last = bytes;
        }
        self.follow(number, step);
    }

    pub(crate) fn kill_all(&mut self) {
        let outbox = std::mem::take(&mut self.outbox);
        *self = Self {
            outbox,
            ..Self::new(self.limit)
        };
    }

    pub(crate) fn wake(&mut self, now: Instant) {
        while let Some(&(at, number)) = self.due.first()
            && at <= now
        {
            self.due.pop_first();
            let Some(server) = self.list.get_mut(&number) else {
                continue;
            };
            server.due = None;
            let step = match &mut server.machine {
                Machine::Invite(machine) => machine.wake(now),
                Machine::Other(machine) => {
                    machine.wake(now);
                    ServerStep { send: false }
                }
            };
            self.follow(number, step);
        }
    }

    pub(crate) fn next_wake(&self) -> Option<Instant> {
        if self.list.len() > FEW {
            return self.due.first().map(|(at, _)| *at);
        }
        let wakes = self
            .list
            .values()
            .filter_map(|server| Some(wake_at(server.due?, server.machine.only_absorbs())));
        wakes.min()
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    fn get(&self, key: &ServerKey) -> Option<&Server> {
        self.list.get(self.numbers.get(key)?)
    }

    fn find(&mut self, key: &ServerKey) -> Option<(Number, &mut Server)> {
        let number = *self.numbers.get(key)?;
        Some((number, self.list.get_mut(&number)?))
    }

    /// Sends what a step wants sent, and keeps the time of the next.
    fn follow(&mut self, number: Number, step: ServerStep) {
        let Some(server) = self.list.get_mut(&number) else {
            return;
        };
        if step.send && !server.last.is_empty() {
            self.outbox.push_back(Datagram {
                flow: server.flow,
                to: server.to,
                bytes: server.last.clone(),
            });
        }
        let due = server.machine.deadline();
        if due != server.due {
            let before = std::mem::replace(&mut server.due, due);
            if let Some(at) = before {
                self.due.remove(&(at, number));
            }
            if let Some(at) = due {
                self.due.insert((at, number));
            }
        }
        if server.machine.is_terminated() {
            self.forget(number);
        }
    }

    fn forget(&mut self, number: Number) {
        let Some(server) = self.list.remove(&number) else {
            return;
        };
        self.numbers.remove(&server.key);
        if let Some(at) = server.due {
            self.due.remove(&(at, number));
        }
        if let Some(of_call) = self.calls.get_mut(&server.call_id) {
            of_call.retain(|other| *other != number);
            if of_call.is_empty() {
                self.calls.remove(&server.call_id);
            }
        }
        self.strangers -= usize::from(server.stranger);
    }
}

impl Machine {
    fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Invite(machine) => machine.deadline(),
            Self::Other(machine) => machine.deadline(),
        }
    }

    fn is_terminated(&self) -> bool {
        match self {
            Self::Invite(machine) => machine.is_terminated(),
            Self::Other(machine) => machine.is_terminated(),
        }
    }

    fn only_absorbs(&self) -> bool {
        match self {
            Self::Invite(machine) => machine.only_absorbs(),
            Self::Other(machine) => machine.only_absorbs(),
        }
    }
}
