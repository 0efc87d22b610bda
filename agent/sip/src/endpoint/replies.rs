//! What comes back to a request: challenges answered, the next address tried, everything else told to the request's user
//! (RFC 3261 §8.1.3, §22; RFC 3263 §4.3). Never decides what a response means for a call or a registration.

use super::core::{Core, Reply, RequestId, User};
use super::outgoing::{Cancel, Outgoing, Stage};
use crate::digest::Asked;
use crate::locate::NextHop;
use crate::message::{CSeq, Essentials, HeaderName, Method, NameAddr, Response};
use crate::transaction::{ClientId, ClientNotice, T1_64};
use std::net::SocketAddr;
use std::time::Instant;

impl Core {
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
                ClientNotice::Response(client, source, response, essentials) => {
                    if let Some(id) = self.owner(client) {
                        self.on_response(now, id, (client, source), response, essentials);
                    }
                }
                ClientNotice::TimedOut(client) => {
                    if let Some(id) = self.owner(client)
                        && !self.no_answer(now, id)
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
        outgoing.address().map(|address| address.to_string())
    }

    fn on_response(
        &mut self,
        now: Instant,
        id: RequestId,
        (client, source): (ClientId, SocketAddr),
        response: Box<Response>,
        essentials: Box<Essentials>,
    ) {
        let Some(outgoing) = self.outgoing.get_mut(&id) else {
            return;
        };
        let user = outgoing.user;
        outgoing.next_at = None;
        if outgoing.request.method == Method::Register
            && self.went_home(id)
            && !self.is_stranger(source.ip())
        {
            self.learn_public(&essentials.via);
        }
        self.heard_of(now, id, &response);
        let Some(outgoing) = self.outgoing.get_mut(&id) else {
            return;
        };
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
        if response.is_success() {
            self.learn_nonce(id, &response);
        }
        let Some(outgoing) = self.outgoing.get_mut(&id) else {
            return;
        };
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
            match self.answer_challenge(id, &response, source) {
                Ok(()) => return self.transmit_request(now, id),
                Err(why) => note = Some(why),
            }
        }
        if response.status == 503 && self.try_next_server(now, id) {
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

    fn answer_challenge(
        &mut self,
        id: RequestId,
        response: &Response,
        source: SocketAddr,
    ) -> Result<(), String> {
        if !self.went_home(id) || self.is_stranger(source.ip()) {
            return Err("a challenge from elsewhere than the account's own registrar or proxy is not answered".to_owned());
        }
        let asked = self.asked(id);
        let user = self.outgoing.get(&id).map(|outgoing| outgoing.user);
        // No number of a dialog twice: another request of the same call may be under way with a higher one.
        let highest = match user {
            Some(user @ User::Call(_)) => self.highest_cseq(user),
            _ => 0,
        };
        let Some(outgoing) = self.outgoing.get_mut(&id) else {
            return Err("the request is gone".to_owned());
        };
        self.auth.authorize(
            &mut self.random,
            &mut outgoing.request,
            response,
            &mut outgoing.attempts,
            asked,
        )?;
        outgoing.cseq = outgoing.cseq.max(highest) + 1;
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

    /// Whether the request went to our own registrar or proxy.
    fn went_home(&self, id: RequestId) -> bool {
        self.outgoing
            .get(&id)
            .and_then(Outgoing::address)
            .is_some_and(|to| self.is_trusted(id, to))
    }

    fn learn_nonce(&mut self, id: RequestId, response: &Response) {
        if self.went_home(id)
            && let Some(outgoing) = self.outgoing.get(&id)
        {
            self.auth.learn(&response.headers, &outgoing.attempts);
        }
    }

    /// Within a dialog the far side itself may be asking, unless the request is for a server of ours.
    fn asked(&self, id: RequestId) -> Asked {
        let Some(outgoing) = self.outgoing.get(&id) else {
            return Asked::PerhapsPeer;
        };
        let within = outgoing
            .request
            .headers
            .text(HeaderName::To)
            .and_then(|to| to.parse::<NameAddr>().ok())
            .is_none_or(|to| to.tag().is_some());
        let ours = outgoing.request.uri.sip().is_some_and(|uri| {
            uri.host == self.config.aor.host
                || self.is_home(&NextHop::of(uri))
                || uri.host.ip().is_some_and(|ip| !self.is_stranger(ip))
        });
        if within && !ours {
            Asked::PerhapsPeer
        } else {
            Asked::Home
        }
    }
}
