//! Every server transaction of an endpoint, and the limits on how many strangers may hold. Matches repeats, ACK and CANCEL.
//! Puts what must be sent into a queue that the endpoint empties; never decides on a response.

use super::clients::Datagram;
use super::invite_server::InviteServer;
use super::key::ServerKey;
use super::server::NonInviteServer;
use super::step::ServerStep;
use crate::endpoint::FlowId;
use crate::message::{Essentials, Method};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

/// Server transactions at one time.
pub const MAX_SERVER_TRANSACTIONS: usize = 256;
/// Server transactions at one time that came from elsewhere than the account's registrar and proxies.
pub const MAX_STRANGER_TRANSACTIONS: usize = 128;

#[derive(Default)]
pub(crate) struct Servers {
    list: BTreeMap<ServerKey, Server>,
    pub(crate) outbox: VecDeque<Datagram>,
}

struct Server {
    call_id: String,
    from_tag: String,
    cseq: u32,
    stranger: bool,
    flow: FlowId,
    to: SocketAddr,
    last: Vec<u8>,
    machine: Machine,
}

enum Machine {
    Invite(InviteServer),
    Other(NonInviteServer),
}

impl Servers {
    /// Whether another transaction may begin.
    pub(crate) fn has_room(&self, stranger: bool) -> bool {
        let strangers = self.list.values().filter(|server| server.stranger).count();
        self.list.len() < MAX_SERVER_TRANSACTIONS
            && !(stranger && strangers >= MAX_STRANGER_TRANSACTIONS)
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
        let from_tag = essentials.from.tag().unwrap_or("").to_owned();
        let server = Server {
            call_id: essentials.call_id.clone(),
            from_tag,
            cseq: essentials.cseq.number,
            stranger,
            flow,
            to,
            last: Vec::new(),
            machine,
        };
        self.list.insert(key, server);
    }

    /// Whether the request is a repeat; its last response is sent again.
    pub(crate) fn absorbs(&mut self, key: &ServerKey) -> bool {
        let Some(server) = self.list.get_mut(key) else {
            return false;
        };
        let step = match &server.machine {
            Machine::Invite(machine) => machine.on_repeat(),
            Machine::Other(machine) => machine.on_repeat(),
        };
        self.follow(key, step);
        true
    }

    /// Whether the ACK belongs to a failed INVITE here.
    pub(crate) fn absorbs_ack(&mut self, now: Instant, key: &ServerKey) -> bool {
        let absorbed = match self.list.get_mut(key) {
            Some(Server {
                machine: Machine::Invite(machine),
                ..
            }) => machine.on_ack(now),
            _ => false,
        };
        self.follow(key, ServerStep { send: false });
        absorbed
    }

    /// Whether the same request came over another way (§8.2.2.2).
    pub(crate) fn is_merged(&self, key: &ServerKey, essentials: &Essentials) -> bool {
        let from_tag = essentials.from.tag().unwrap_or("");
        self.list.iter().any(|(other, server)| {
            other != key
                && server.cseq == essentials.cseq.number
                && server.call_id == essentials.call_id
                && server.from_tag == from_tag
                && other.same_method(key)
        })
    }

    /// Whether a CANCEL fits the INVITE of that key in all that must be equal, not only in what a stranger could guess.
    pub(crate) fn cancel_fits(&self, invite: &ServerKey, cancel: &Essentials) -> bool {
        self.list.get(invite).is_some_and(|server| {
            server.call_id == cancel.call_id
                && server.cseq == cancel.cseq.number
                && server.from_tag == cancel.from.tag().unwrap_or("")
        })
    }

    /// Whether the INVITE still waits for its final response.
    pub(crate) fn awaits_final(&self, key: &ServerKey) -> bool {
        matches!(self.list.get(key), Some(Server { machine: Machine::Invite(machine), .. }) if machine.is_proceeding())
    }

    pub(crate) fn respond(&mut self, now: Instant, key: &ServerKey, status: u16, bytes: Vec<u8>) {
        let Some(server) = self.list.get_mut(key) else {
            return;
        };
        let step = match &mut server.machine {
            Machine::Invite(machine) => machine.respond(now, status),
            Machine::Other(machine) => machine.respond(now, status),
        };
        if step.send {
            server.last = bytes;
        }
        self.follow(key, step);
    }

    pub(crate) fn kill_all(&mut self) {
        self.list.clear();
    }

    pub(crate) fn wake(&mut self, now: Instant) {
        let due: Vec<ServerKey> = self
            .list
            .iter()
            .filter(|(_, server)| server.machine.deadline().is_some_and(|at| at <= now))
            .map(|(key, _)| key.clone())
            .collect();
        for key in due {
            let step = match self.list.get_mut(&key).map(|server| &mut server.machine) {
                Some(Machine::Invite(machine)) => machine.wake(now),
                Some(Machine::Other(machine)) => {
                    machine.wake(now);
                    ServerStep { send: false }
                }
                None => continue,
            };
            self.follow(&key, step);
        }
    }

    pub(crate) fn next_wake(&self) -> Option<Instant> {
        self.list
            .values()
            .filter_map(|server| server.machine.deadline())
            .min()
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    fn follow(&mut self, key: &ServerKey, step: ServerStep) {
        let Some(server) = self.list.get(key) else {
            return;
        };
        if step.send && !server.last.is_empty() {
            self.outbox.push_back(Datagram {
                flow: server.flow,
                to: server.to,
                bytes: server.last.clone(),
            });
        }
        if server.machine.is_terminated() {
            self.list.remove(key);
        }
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
}
