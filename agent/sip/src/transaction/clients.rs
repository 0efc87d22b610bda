//! Every client transaction of an endpoint. Matches responses, keeps the bytes to repeat, and builds the ACK of a failed INVITE.
//! Puts what must be sent and told into queues that the endpoint empties; never sends by itself.

use super::client::NonInviteClient;
use super::invite_client::InviteClient;
use super::step::ClientStep;
use super::timers::{FEW, wake_at};
use crate::endpoint::FlowId;
use crate::message::{CSeq, Essentials, HeaderName, Method, Request, Response};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

/// Names one client transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ClientId(u64);

/// What a client transaction tells.
#[derive(Debug)]
pub(crate) enum ClientNotice {
    /// A response came from that address.
    Response(ClientId, SocketAddr, Box<Response>, Box<Essentials>),
    /// Nobody answered.
    TimedOut(ClientId),
    /// The transaction is gone.
    Ended(ClientId),
}

/// A datagram to send.
#[derive(Debug)]
pub(crate) struct Datagram {
    pub(crate) flow: FlowId,
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Vec<u8>,
}

#[derive(Default)]
pub(crate) struct Clients {
    next: u64,
    list: BTreeMap<ClientId, Client>,
    pub(crate) outbox: VecDeque<Datagram>,
    pub(crate) notices: VecDeque<ClientNotice>,
}

struct Client {
    branch: String,
    cseq: Option<CSeq>,
    request: Request,
    bytes: Vec<u8>,
    acknowledgement: Vec<u8>,
    flow: FlowId,
    to: SocketAddr,
    machine: Machine,
}

enum Machine {
    Invite(InviteClient),
    Other(NonInviteClient),
}

impl Clients {
    /// Sends a request, complete with its Via, and keeps it until it is answered.
    pub(crate) fn start(
        &mut self,
        now: Instant,
        request: Request,
        branch: String,
        flow: FlowId,
        to: SocketAddr,
        reliable: bool,
    ) -> ClientId {
        self.next += 1;
        let id = ClientId(self.next);
        let bytes = request.to_bytes();
        self.outbox.push_back(Datagram {
            flow,
            to,
            bytes: bytes.clone(),
        });
        let cseq = request
            .headers
            .text(HeaderName::CSeq)
            .and_then(|text| text.parse().ok());
        let machine = match request.method {
            Method::Invite => Machine::Invite(InviteClient::new(now, reliable)),
            _ => Machine::Other(NonInviteClient::new(now, reliable)),
        };
        self.list.insert(
            id,
            Client {
                branch,
                cseq,
                request,
                bytes,
                acknowledgement: Vec::new(),
                flow,
                to,
                machine,
            },
        );
        id
    }

    /// Takes a response in. `false` when it belongs to no transaction.
    pub(crate) fn on_response(
        &mut self,
        now: Instant,
        source: SocketAddr,
        response: Response,
        essentials: Essentials,
    ) -> bool {
        let branch = essentials.via.branch().unwrap_or("");
        let found = self.list.iter_mut().find(|(_, client)| {
            client.branch == branch && client.cseq.as_ref() == Some(&essentials.cseq)
        });
        let Some((&id, client)) = found else {
            return false;
        };
        let step = match &mut client.machine {
            Machine::Invite(machine) => machine.on_response(now, response.status),
            Machine::Other(machine) => machine.on_response(now, response.status),
        };
        if step.acknowledge && client.acknowledgement.is_empty() {
            client.acknowledgement =
                acknowledge(&client.request, &response, essentials.cseq.number);
        }
        if step.deliver {
            self.notices.push_back(ClientNotice::Response(
                id,
                source,
                Box::new(response),
                Box::new(essentials),
            ));
        }
        self.follow(id, step);
        true
    }

    /// Ends a transaction without another word.
    pub(crate) fn kill(&mut self, id: ClientId) {
        if self.list.remove(&id).is_some() {
            self.notices.push_back(ClientNotice::Ended(id));
        }
    }

    pub(crate) fn kill_all(&mut self) {
        self.list.clear();
        self.notices.clear();
    }

    /// The request as it was sent, and where to.
    pub(crate) fn sent(&self, id: ClientId) -> Option<(&Request, &str, FlowId, SocketAddr)> {
        self.list.get(&id).map(|client| {
            (
                &client.request,
                client.branch.as_str(),
                client.flow,
                client.to,
            )
        })
    }

    /// Transactions that went over a flow.
    pub(crate) fn on_flow(&self, flow: FlowId) -> Vec<ClientId> {
        self.list
            .iter()
            .filter(|(_, client)| client.flow == flow)
            .map(|(id, _)| *id)
            .collect()
    }

    pub(crate) fn may_cancel(&self, id: ClientId) -> bool {
        matches!(self.list.get(&id), Some(Client { machine: Machine::Invite(machine), .. }) if machine.is_proceeding())
    }

    pub(crate) fn wake(&mut self, now: Instant) {
        let due: Vec<ClientId> = self
            .list
            .iter()
            .filter(|(_, client)| client.machine.deadline().is_some_and(|at| at <= now))
            .map(|(id, _)| *id)
            .collect();
        for id in due {
            let Some(client) = self.list.get_mut(&id) else {
                continue;
            };
            let step = match &mut client.machine {
                Machine::Invite(machine) => machine.wake(now),
                Machine::Other(machine) => machine.wake(now),
            };
            self.follow(id, step);
        }
    }

    pub(crate) fn next_wake(&self) -> Option<Instant> {
        let few = self.list.len() <= FEW;
        let wakes = self.list.values().filter_map(|client| {
            let machine = &client.machine;
            Some(wake_at(machine.deadline()?, few && machine.only_absorbs()))
        });
        wakes.min()
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    fn follow(&mut self, id: ClientId, step: ClientStep) {
        let Some(client) = self.list.get(&id) else {
            return;
        };
        for bytes in step
            .resend
            .then_some(&client.bytes)
            .into_iter()
            .chain(step.acknowledge.then_some(&client.acknowledgement))
        {
            self.outbox.push_back(Datagram {
                flow: client.flow,
                to: client.to,
                bytes: bytes.clone(),
            });
        }
        if step.timed_out {
            self.notices.push_back(ClientNotice::TimedOut(id));
        }
        if client.machine.is_terminated() {
            self.kill(id);
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

    fn only_absorbs(&self) -> bool {
        match self {
            Self::Invite(machine) => machine.only_absorbs(),
            Self::Other(machine) => machine.only_absorbs(),
        }
    }
}

/// The ACK of a response from 300 to 699 (§17.1.1.3): same Via, From, Call-ID, CSeq number and Route; To from the response.
fn acknowledge(request: &Request, response: &Response, cseq: u32) -> Vec<u8> {
    let mut ack = Request::new(Method::Ack, request.uri.clone());
    if let Some(via) = request.headers.get(HeaderName::Via) {
        ack.headers.push(HeaderName::Via, via);
    }
    ack.headers.push(HeaderName::MaxForwards, "70");
    ack.headers.copy(HeaderName::From, &request.headers);
    ack.headers.copy(HeaderName::To, &response.headers);
    ack.headers.copy(HeaderName::CallId, &request.headers);
    ack.headers.push(HeaderName::CSeq, format!("{cseq} ACK"));
    ack.headers.copy(HeaderName::Route, &request.headers);
    ack.to_bytes()
}
