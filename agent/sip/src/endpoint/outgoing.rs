//! A request on its way: resolve the first hop, get a flow, send (RFC 3261 §8.1, RFC 3263 §4). What comes back is handled in
//! `replies`, giving up in `cancel`. Never knows what the request is for.

use super::core::{Core, Reply, RequestId, User};
use super::output::{FlowId, Output, ResolveId};
use crate::digest::Attempts;
use crate::locate::NextHop;
use crate::message::{BRANCH_COOKIE, CSeq, HeaderName, Method, Request, Via};
use crate::transaction::{ClientId, Datagram};
use std::net::SocketAddr;
use std::time::Instant;

/// Requests under way at one time.
pub const MAX_REQUESTS: usize = 512;
/// Addresses of one host that are tried.
pub const MAX_ADDRESSES: usize = 8;

pub(crate) struct Outgoing {
    pub(super) user: User,
    pub(super) request: Request,
    pub(super) cseq: u32,
    pub(super) hop: NextHop,
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) at: usize,
    pub(super) stage: Stage,
    pub(super) attempts: Attempts,
    pub(super) cancel: Cancel,
    /// The branch of an ACK, the same each time it is repeated.
    pub(super) branch: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Resolving(ResolveId),
    AwaitingFlow,
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
            Stage::Resolving(_) | Stage::AwaitingFlow => None,
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

    pub(crate) fn resolved(
        &mut self,
        now: Instant,
        question: ResolveId,
        result: Result<Vec<SocketAddr>, String>,
    ) {
        let Some((&id, outgoing)) = self
            .outgoing
            .iter_mut()
            .find(|(_, outgoing)| outgoing.stage == Stage::Resolving(question))
        else {
            return;
        };
        match result {
            Ok(addresses) if !addresses.is_empty() => {
                outgoing.addresses = addresses.into_iter().take(MAX_ADDRESSES).collect();
                self.located(now, id);
            }
            Ok(_) => {
                let why = format!("{} has no address", outgoing.hop.host);
                self.finish(id, Reply::Failed { why });
            }
            Err(error) => {
                let why = format!("{} cannot be resolved: {error}", outgoing.hop.host);
                self.finish(id, Reply::Failed { why });
            }
        }
    }

    /// The flow is open: everything that waited for it goes out.
    pub(crate) fn send_waiting(&mut self, now: Instant) {
        let waiting: Vec<RequestId> = self
            .outgoing
            .iter()
            .filter(|(_, outgoing)| outgoing.stage == Stage::AwaitingFlow)
            .map(|(id, _)| *id)
            .collect();
        for id in waiting {
            self.transmit_request(now, id);
        }
    }

    /// The flow is gone: everything on it, and everything that waited for it, failed.
    pub(crate) fn fail_on_flow(&mut self, flow: FlowId, why: &str) {
        let lost = self.clients.on_flow(flow);
        let on_flow = |outgoing: &Outgoing| match outgoing.stage {
            Stage::AwaitingFlow => true,
            Stage::Sent(client) | Stage::Accepted(client) => lost.contains(&client),
            Stage::Resolving(_) => false,
        };
        let failed: Vec<(RequestId, bool)> = self
            .outgoing
            .iter()
            .filter(|(_, outgoing)| on_flow(outgoing))
            .map(|(id, outgoing)| (*id, matches!(outgoing.stage, Stage::Accepted(_))))
            .collect();
        for (id, accepted) in failed {
            self.finish(
                id,
                if accepted {
                    Reply::Done
                } else {
                    Reply::Failed {
                        why: format!("the flow failed: {why}"),
                    }
                },
            );
        }
        for client in lost {
            self.clients.kill(client);
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
        let question = ResolveId(id.0);
        let address = hop.address(self.config.transport.default_port());
        if address.is_none() {
            self.outputs.push_back(Output::Resolve {
                id: question,
                host: hop.host.to_string(),
                port: hop.port,
                transport: self.config.transport,
            });
        }
        let outgoing = Outgoing {
            user,
            request,
            cseq,
            hop,
            addresses: address.into_iter().collect(),
            at: 0,
            stage: Stage::Resolving(question),
            attempts: Attempts::default(),
            cancel: Cancel::No,
            branch,
        };
        self.outgoing.insert(id, outgoing);
        if address.is_some() {
            self.located(now, id);
        }
        id
    }

    fn located(&mut self, now: Instant, id: RequestId) {
        let Some(outgoing) = self.outgoing.get_mut(&id) else {
            return;
        };
        outgoing.stage = Stage::AwaitingFlow;
        let addresses = outgoing.addresses.clone();
        let hop = outgoing.hop.clone();
        if self.is_home(&hop) {
            self.note_home(&addresses);
        }
        if self.flow.open().is_some() {
            self.transmit_request(now, id);
        } else {
            self.want_flow(addresses.first().copied());
        }
    }

    pub(super) fn transmit_request(&mut self, now: Instant, id: RequestId) {
        let register = matches!(self.outgoing.get(&id), Some(outgoing) if outgoing.request.method == Method::Register);
        let hidden = matches!(self.outgoing.get(&id), Some(outgoing) if outgoing.request.headers.has(HeaderName::Privacy));
        let contact = match (register, hidden) {
            (true, _) => self.registered_contact(),
            (false, true) => self.hidden_contact(),
            (false, false) => self.contact(),
        };
        let (Some((flow, local)), Some(contact), Some(outgoing)) =
            (self.flow.open(), contact, self.outgoing.get_mut(&id))
        else {
            return;
        };
        let Some(&to) = outgoing.addresses.get(outgoing.at) else {
            return;
        };
        let mut request = outgoing.request.clone();
        let branch = outgoing
            .branch
            .clone()
            .unwrap_or_else(|| format!("{BRANCH_COOKIE}{}", self.random.token()));
        request.headers.push_front(
            HeaderName::Via,
            Via::new(self.config.transport.via_name(), local, &branch).to_string(),
        );
        if takes_contact(&request.method) {
            request.headers.push(HeaderName::Contact, contact);
        }
        request
            .headers
            .push(HeaderName::UserAgent, &self.config.user_agent);
        if request.method == Method::Ack {
            let bytes = request.to_bytes();
            self.outgoing.remove(&id);
            return self.transmit(Datagram { flow, to, bytes });
        }
        if self.is_trusted(id, to)
            && let Some(outgoing) = self.outgoing.get_mut(&id)
        {
            self.auth
                .authorize_early(&mut self.random, &mut request, &mut outgoing.attempts);
        }
        let client = self.clients.start(
            now,
            request,
            branch,
            flow,
            to,
            self.config.transport.is_reliable(),
        );
        if let Some(outgoing) = self.outgoing.get_mut(&id) {
            outgoing.stage = Stage::Sent(client);
        }
        self.flush();
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
        if let Some(outgoing) = self.outgoing.remove(&id)
            && let Stage::Sent(client) | Stage::Accepted(client) = outgoing.stage
        {
            self.clients.kill(client);
        }
    }

    pub(super) fn finish(&mut self, id: RequestId, reply: Reply) {
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
