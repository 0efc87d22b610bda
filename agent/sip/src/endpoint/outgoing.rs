//! A request on its way: resolve the first hop, get a flow, send, answer challenges, try the next address, cancel
//! (RFC 3261 §8.1, §9.1, §22; RFC 3263 §4.3). Tells its user what came of it; never knows what the request is for.

use super::core::{Core, Reply, RequestId, User};
use super::output::{FlowId, Output, ResolveId};
use crate::digest::Attempts;
use crate::locate::NextHop;
use crate::message::{BRANCH_COOKIE, CSeq, Essentials, HeaderName, Method, Request, Response, Via};
use crate::transaction::{ClientId, ClientNotice, Datagram, T1_64};
use std::net::SocketAddr;
use std::time::Instant;

/// Requests under way at one time.
pub const MAX_REQUESTS: usize = 512;
/// Addresses of one host that are tried.
pub const MAX_ADDRESSES: usize = 8;

pub(crate) struct Outgoing {
    user: User,
    request: Request,
    cseq: u32,
    hop: NextHop,
    addresses: Vec<SocketAddr>,
    at: usize,
    stage: Stage,
    attempts: Attempts,
    cancel: Cancel,
    /// The branch of an ACK, the same each time it is repeated.
    branch: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Resolving(ResolveId),
    AwaitingFlow,
    Sent(ClientId),
    /// An INVITE was accepted; further 2xx may come.
    Accepted(ClientId),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cancel {
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
        request: Request,
        hop: NextHop,
    ) -> RequestId {
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

    /// Ends an INVITE before its final response (§9.1). What comes of it is still told.
    pub(crate) fn cancel(&mut self, now: Instant, id: RequestId) {
        let Some(outgoing) = self.outgoing.get_mut(&id) else {
            return;
        };
        match outgoing.stage {
            Stage::Resolving(_) | Stage::AwaitingFlow => self.finish(
                id,
                Reply::Failed {
                    why: "cancelled before it was sent".to_owned(),
                },
            ),
            Stage::Sent(_) if outgoing.cancel == Cancel::No => {
                outgoing.cancel = Cancel::Wanted;
                self.try_cancel(now, id);
            }
            Stage::Sent(_) | Stage::Accepted(_) => {}
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

    pub(crate) fn wake_outgoing(&mut self, now: Instant) {
        let due =
            |outgoing: &Outgoing| matches!(outgoing.cancel, Cancel::Sent { until } if until <= now);
        let late: Vec<(RequestId, Stage)> = self
            .outgoing
            .iter()
            .filter(|(_, outgoing)| due(outgoing))
            .map(|(id, outgoing)| (*id, outgoing.stage))
            .collect();
        for (id, stage) in late {
            if let Stage::Sent(client) = stage {
                self.finish(
                    id,
                    Reply::Failed {
                        why: "cancelled, but nobody confirmed it".to_owned(),
                    },
                );
                self.clients.kill(client);
            }
        }
    }

    pub(crate) fn next_outgoing_wake(&self) -> Option<Instant> {
        let until = |outgoing: &Outgoing| match (outgoing.cancel, outgoing.stage) {
            (Cancel::Sent { until }, Stage::Sent(_)) => Some(until),
            _ => None,
        };
        self.outgoing.values().filter_map(until).min()
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

    fn transmit_request(&mut self, now: Instant, id: RequestId) {
        let (Some((flow, local)), Some(mut contact), Some(outgoing)) =
            (self.flow.open(), self.contact(), self.outgoing.get_mut(&id))
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
        if matches!(request.method, Method::Invite | Method::Register) {
            if request.method == Method::Register && !self.config.instance_id.is_empty() {
                contact.push_str(&format!(";+sip.instance=\"<{}>\"", self.config.instance_id));
            }
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
    fn is_trusted(&self, id: RequestId, to: SocketAddr) -> bool {
        self.is_home_address(to)
            || self
                .outgoing
                .get(&id)
                .is_some_and(|outgoing| self.is_home(&outgoing.hop))
    }

    fn finish(&mut self, id: RequestId, reply: Reply) {
        if let Some(outgoing) = self.outgoing.remove(&id) {
            self.replies.push_back((outgoing.user, id, reply));
        }
    }

    fn owner(&self, client: ClientId) -> Option<RequestId> {
        let owns = |outgoing: &Outgoing| matches!(outgoing.stage, Stage::Sent(own) | Stage::Accepted(own) if own == client);
        self.outgoing
            .iter()
            .find(|(_, outgoing)| owns(outgoing))
            .map(|(id, _)| *id)
    }

    /// Follows up on what transactions told since the last time.
    pub(crate) fn follow_up(&mut self, now: Instant) {
        while let Some(notice) = self.clients.notices.pop_front() {
            match notice {
                ClientNotice::Response(client, response, essentials) => {
                    if let Some(id) = self.owner(client) {
                        self.on_response(now, id, client, response, essentials);
                    }
                }
                ClientNotice::TimedOut(client) => {
                    if let Some(id) = self.owner(client)
                        && !self.try_next_address(now, id)
                    {
                        let to = self
                            .clients
                            .sent(client)
                            .map(|(.., to)| to.to_string())
                            .or_else(|| self.address_of(id));
                        let why = format!(
                            "no answer from {} within {} s",
                            to.unwrap_or_default(),
                            T1_64.as_secs()
                        );
                        self.finish(id, Reply::Failed { why });
                    }
                }
                ClientNotice::Ended(client) => {
                    if let Some(id) = self.owner(client) {
                        self.finish(id, Reply::Done);
                    }
                }
            }
        }
        self.flush();
    }

    fn address_of(&self, id: RequestId) -> Option<String> {
        let outgoing = self.outgoing.get(&id)?;
        outgoing.addresses.get(outgoing.at).map(ToString::to_string)
    }

    fn on_response(
        &mut self,
        now: Instant,
        id: RequestId,
        client: ClientId,
        response: Box<Response>,
        essentials: Box<Essentials>,
    ) {
        let Some(outgoing) = self.outgoing.get_mut(&id) else {
            return;
        };
        let user = outgoing.user;
        if response.is_provisional() {
            if outgoing.cancel == Cancel::Wanted {
                self.try_cancel(now, id);
            }
            return self.replies.push_back((
                user,
                id,
                Reply::Response {
                    response,
                    essentials,
                    note: None,
                },
            ));
        }
        if response.is_success() && outgoing.request.method == Method::Invite {
            outgoing.stage = Stage::Accepted(client);
            return self.replies.push_back((
                user,
                id,
                Reply::Response {
                    response,
                    essentials,
                    note: None,
                },
            ));
        }
        let mut note = None;
        if matches!(response.status, 401 | 407) && outgoing.cancel == Cancel::No {
            match self.answer_challenge(id, &response) {
                Ok(()) => return self.transmit_request(now, id),
                Err(why) => note = Some(why),
            }
        }
        if response.status == 503 && self.try_next_address(now, id) {
            return;
        }
        self.finish(
            id,
            Reply::Response {
                response,
                essentials,
                note,
            },
        );
    }

    fn answer_challenge(&mut self, id: RequestId, response: &Response) -> Result<(), String> {
        let to = self
            .outgoing
            .get(&id)
            .and_then(|outgoing| outgoing.addresses.get(outgoing.at))
            .copied();
        if !to.is_some_and(|to| self.is_trusted(id, to)) {
            return Err("a challenge from elsewhere than the account's own registrar or proxy is not answered".to_owned());
        }
        let Some(outgoing) = self.outgoing.get_mut(&id) else {
            return Err("the request is gone".to_owned());
        };
        self.auth.authorize(
            &mut self.random,
            &mut outgoing.request,
            response,
            &mut outgoing.attempts,
        )?;
        outgoing.cseq += 1;
        let cseq = CSeq {
            number: outgoing.cseq,
            method: outgoing.request.method.clone(),
        };
        outgoing
            .request
            .headers
            .set(HeaderName::CSeq, cseq.to_string());
        Ok(())
    }

    fn try_next_address(&mut self, now: Instant, id: RequestId) -> bool {
        let Some(outgoing) = self.outgoing.get_mut(&id) else {
            return false;
        };
        if outgoing.cancel != Cancel::No || outgoing.at + 1 >= outgoing.addresses.len() {
            return false;
        }
        outgoing.at += 1;
        outgoing.stage = Stage::AwaitingFlow;
        self.transmit_request(now, id);
        true
    }

    fn try_cancel(&mut self, now: Instant, id: RequestId) {
        let Some(Outgoing {
            stage: Stage::Sent(client),
            ..
        }) = self.outgoing.get(&id)
        else {
            return;
        };
        if !self.clients.may_cancel(*client) {
            return;
        }
        let Some((invite, branch, flow, to)) = self.clients.sent(*client) else {
            return;
        };
        let (cancel, branch) = (cancel_of(invite), branch.to_owned());
        self.clients.start(
            now,
            cancel,
            branch,
            flow,
            to,
            self.config.transport.is_reliable(),
        );
        if let Some(outgoing) = self.outgoing.get_mut(&id) {
            outgoing.cancel = Cancel::Sent { until: now + T1_64 };
        }
        self.flush();
    }
}

/// The CANCEL of an INVITE (§9.1): the same Request-URI, Via, Route, From, To, Call-ID and CSeq number.
fn cancel_of(invite: &Request) -> Request {
    let mut cancel = Request::new(Method::Cancel, invite.uri.clone());
    if let Some(via) = invite.headers.get(HeaderName::Via) {
        cancel.headers.push(HeaderName::Via, via);
    }
    cancel.headers.push(HeaderName::MaxForwards, "70");
    for name in [
        HeaderName::Route,
        HeaderName::From,
        HeaderName::To,
        HeaderName::CallId,
    ] {
        cancel.headers.copy(name, &invite.headers);
    }
    let number = invite
        .headers
        .text(HeaderName::CSeq)
        .and_then(|text| text.parse::<CSeq>().ok())
        .map_or(1, |cseq| cseq.number);
    cancel
        .headers
        .push(HeaderName::CSeq, format!("{number} CANCEL"));
    cancel
}
