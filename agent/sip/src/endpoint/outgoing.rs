//! A request on its way: locate the first hop, get a flow, send (RFC 3261 §8.1, §18.1.1, RFC 3263 §4). What comes back is handled in
//! `replies`, going on to the next server in `failover`, giving up in `cancel`. Never knows what the request is for.

use super::core::{Core, Reply, RequestId, User};
use super::failover::FAILOVER_AFTER;
use super::locating::Spare;
use super::output::FlowId;
use super::transport::Transport;
use crate::digest::Attempts;
use crate::locate::{Answers, NextHop, Target};
use crate::message::{BRANCH_COOKIE, CSeq, HeaderName, Method, Request, Uri};
use crate::transaction::{ClientId, Datagram};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

/// Requests under way at one time.
pub const MAX_REQUESTS: usize = 512;
/// A request larger than this goes over TCP where it would have gone over UDP (RFC 3261 §18.1.1).
pub const MAX_UDP_REQUEST: usize = 1300;

pub(crate) struct Outgoing {
    pub(super) user: User,
    pub(super) request: Request,
    pub(super) cseq: u32,
    /// The hop being tried.
    pub(super) hop: NextHop,
    /// Outbound proxies to try after it.
    pub(super) spares: VecDeque<Spare>,
    /// How many of them were put off because they are down.
    pub(super) deferred: usize,
    /// What stands first in Route instead of the first proxy.
    pub(super) route: Option<Uri>,
    /// What the name servers said of the hop.
    pub(super) answers: Answers,
    /// Chance for the order of servers.
    pub(super) seed: u64,
    pub(super) targets: Vec<Target>,
    pub(super) at: usize,
    /// Over TCP only because it is too large for UDP.
    pub(super) upgraded: bool,
    /// The flow it went out on last.
    pub(super) flow: Option<FlowId>,
    /// When the next server is tried unless something comes from this one.
    pub(super) next_at: Option<Instant>,
    pub(super) stage: Stage,
    pub(super) attempts: Attempts,
    pub(super) cancel: Cancel,
    /// The branch of an ACK, the same each time it is repeated.
    pub(super) branch: Option<String>,
}

impl Outgoing {
    /// The server being tried.
    pub(super) fn target(&self) -> Option<Target> {
        let mut target = self.targets.get(self.at)?.clone();
        if self.upgraded {
            target.transport = Transport::Tcp;
        }
        Some(target)
    }

    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.targets.get(self.at).map(|target| target.address)
    }

    pub(super) fn has_alternative(&self) -> bool {
        self.at + 1 < self.targets.len() || !self.spares.is_empty()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Resolving,
    AwaitingFlow(FlowId),
    Sent(ClientId),
    /// An INVITE was accepted; further 2xx may come.
    Accepted(ClientId),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cancel {
    No,
    /// To be sent when a provisional response allows it.
    Wanted,
    /// Sent; without a final response by then, the INVITE counts as ended.
    Sent {
        until: Instant,
    },
}

impl Core {
    /// Sends a request. Via, Contact, User-Agent and credentials are added; CSeq must be there.
    pub(crate) fn send(
        &mut self,
        now: Instant,
        user: User,
        mut request: Request,
        hop: NextHop,
    ) -> RequestId {
        self.announce(user, &mut request);
        self.enqueue(now, user, request, hop, None)
    }

    /// Sends the ACK of a 2xx; `branch` stays the same when it is repeated.
    pub(crate) fn send_ack(&mut self, now: Instant, request: Request, hop: NextHop, branch: &str) {
        let waiting = self
            .outgoing
            .values()
            .any(|outgoing| outgoing.branch.as_deref() == Some(branch));
        if !waiting {
            self.enqueue(now, User::Nobody, request, hop, Some(branch.to_owned()));
        }
    }

    /// The request as it went out last, credentials included.
    pub(crate) fn sent(&self, id: RequestId) -> Option<&Request> {
        match self.outgoing.get(&id)?.stage {
            Stage::Sent(client) | Stage::Accepted(client) => {
                self.clients.sent(client).map(|(request, ..)| request)
            }
            Stage::Resolving | Stage::AwaitingFlow(_) => None,
        }
    }

    /// The highest CSeq number in use by requests of a user.
    pub(crate) fn highest_cseq(&self, user: User) -> u32 {
        self.outgoing
            .values()
            .filter(|outgoing| outgoing.user == user)
            .map(|outgoing| outgoing.cseq)
            .max()
            .unwrap_or(0)
    }

    /// Whether a request still waits for a final response.
    pub(crate) fn has_unanswered(&self) -> bool {
        self.outgoing
            .values()
            .any(|outgoing| !matches!(outgoing.stage, Stage::Accepted(_)))
    }

    pub(crate) fn next_reply(&mut self) -> Option<(User, RequestId, Reply)> {
        self.replies.pop_front()
    }

    /// A flow is open: everything that waited for it goes out.
    pub(crate) fn send_waiting(&mut self, now: Instant, flow: FlowId) {
        let waiting: Vec<RequestId> = self
            .outgoing
            .iter()
            .filter(|(_, outgoing)| outgoing.stage == Stage::AwaitingFlow(flow))
            .map(|(id, _)| *id)
            .collect();
        for id in waiting {
            self.transmit_request(now, id);
        }
    }

    fn enqueue(
        &mut self,
        now: Instant,
        user: User,
        request: Request,
        hop: NextHop,
        branch: Option<String>,
    ) -> RequestId {
        let id = RequestId(self.number());
        let cseq = request
            .headers
            .text(HeaderName::CSeq)
            .and_then(|text| text.parse::<CSeq>().ok())
            .map_or(1, |cseq| cseq.number);
        if self.outgoing.len() >= MAX_REQUESTS {
            self.replies.push_back((
                user,
                id,
                Reply::Failed {
                    why: format!("{MAX_REQUESTS} requests are under way already"),
                },
            ));
            return id;
        }
        let (hop, spares) = self.hops_of(hop);
        let outgoing = Outgoing {
            user,
            request,
            cseq,
            hop,
            spares,
            deferred: 0,
            route: None,
            answers: Answers::new(),
            seed: self.random.session_id(),
            targets: Vec::new(),
            at: 0,
            upgraded: false,
            flow: None,
            next_at: None,
            stage: Stage::Resolving,
            attempts: Attempts::default(),
            cancel: Cancel::No,
            branch,
        };
        self.outgoing.insert(id, outgoing);
        self.locate(now, id);
        id
    }

    /// Sends a request to the server whose turn it is, as soon as there is a flow.
    pub(super) fn transmit_request(&mut self, now: Instant, id: RequestId) {
        let Some(target) = self.outgoing.get(&id).and_then(Outgoing::target) else {
            return;
        };
        let flow = self.flow_towards(now, &target);
        let Some(outgoing) = self.outgoing.get_mut(&id) else {
            return;
        };
        outgoing.flow = Some(flow);
        outgoing.stage = Stage::AwaitingFlow(flow);
        outgoing.next_at = None;
        let branch = outgoing
            .branch
            .clone()
            .unwrap_or_else(|| format!("{BRANCH_COOKIE}{}", self.random.token()));
        if self.flows.open(flow).is_none() {
            return;
        }
        if outgoing.request.method == Method::Register && !outgoing.upgraded {
            if !self.flows.is_home(flow) {
                self.public = None;
            }
            self.flows.set_home(flow);
        }
        self.flows.note_use(now, flow);
        let Some(mut request) = self.request_on(id, flow, &branch) else {
            return;
        };
        if request.method == Method::Ack {
            self.outgoing.remove(&id);
            let datagram = Datagram {
                flow,
                to: target.address,
                bytes: request.to_bytes(),
            };
            return self.transmit(datagram);
        }
        if self.is_trusted(id, target.address)
            && let Some(outgoing) = self.outgoing.get_mut(&id)
        {
            self.auth
                .authorize_early(&mut self.random, &mut request, &mut outgoing.attempts);
        }
        if target.transport == Transport::Udp
            && request.to_bytes().len() > MAX_UDP_REQUEST
            && self.takes_tcp(now, target.address)
            && let Some(outgoing) = self.outgoing.get_mut(&id)
        {
            outgoing.upgraded = true;
            return self.transmit_request(now, id);
        }
        let client = self.clients.start(
            now,
            request,
            branch,
            flow,
            target.address,
            target.transport.is_reliable(),
        );
        if let Some(outgoing) = self.outgoing.get_mut(&id) {
            outgoing.stage = Stage::Sent(client);
            outgoing.next_at = outgoing.has_alternative().then(|| now + FAILOVER_AFTER);
        }
        self.flush();
    }

    /// The request as it leaves on a flow: with Via, Contact, User-Agent, and the Route of the proxy it goes to.
    fn request_on(&mut self, id: RequestId, flow: FlowId, branch: &str) -> Option<Request> {
        let outgoing = self.outgoing.get(&id)?;
        let mut request = outgoing.request.clone();
        if let Some(route) = &outgoing.route {
            let mut route = route.clone();
            route.params.set("lr", None);
            request
                .headers
                .replace_first_value(HeaderName::Route, &format!("<{route}>"));
        }
        let via = self.via(self.flows.open(flow)?, branch)?;
        request.headers.push_front(HeaderName::Via, via.to_string());
        let secure = request.uri.sip().is_some_and(|uri| uri.secure);
        let contact = match &request.method {
            Method::Register => Some(self.registered_contact()?),
            method if takes_contact(method) && request.headers.has(HeaderName::Privacy) => {
                Some(self.hidden_contact(flow, secure)?)
            }
            method if takes_contact(method) => Some(self.contact_for(flow, secure)?),
            _ => None,
        };
        if let Some(contact) = contact {
            request.headers.push(HeaderName::Contact, contact);
        }
        request
            .headers
            .push(HeaderName::UserAgent, &self.config.user_agent);
        Some(request)
    }

    /// Whether credentials may go there: only to our own registrar and proxies.
    pub(super) fn is_trusted(&self, id: RequestId, to: SocketAddr) -> bool {
        self.is_home_address(to)
            || self
                .outgoing
                .get(&id)
                .is_some_and(|outgoing| self.is_home(&outgoing.hop))
    }

    /// Forgets a request of which nothing more is wanted, also its answer.
    pub(crate) fn abandon(&mut self, id: RequestId) {
        self.forget_questions(id);
        if let Some(outgoing) = self.outgoing.remove(&id)
            && let Stage::Sent(client) | Stage::Accepted(client) = outgoing.stage
        {
            self.clients.kill(client);
        }
    }

    pub(super) fn finish(&mut self, id: RequestId, reply: Reply) {
        self.forget_questions(id);
        if let Some(outgoing) = self.outgoing.remove(&id) {
            self.replies.push_back((outgoing.user, id, reply));
        }
    }
}

/// Whether a request says where its sender is reached: those that begin or refresh a dialog, and REGISTER.
fn takes_contact(method: &Method) -> bool {
    matches!(
        method,
        Method::Invite
            | Method::Register
            | Method::Update
            | Method::Refer
            | Method::Subscribe
            | Method::Notify
    )
}
