//! Giving up an INVITE before its final response (RFC 3261 §9.1): wait for a provisional response, send CANCEL, and do not wait for
//! ever for the 487.

use super::core::{Core, Reply, RequestId};
use super::outgoing::{Cancel, Outgoing, Stage};
use crate::message::{CSeq, HeaderName, Method, Request};
use crate::transaction::T1_64;
use std::time::Instant;

impl Core {
    /// Ends an INVITE before its final response (§9.1). What comes of it is still told.
    pub(crate) fn cancel(&mut self, now: Instant, id: RequestId) {
        let Some(outgoing) = self.outgoing.get_mut(&id) else {
            return;
        };
        match outgoing.stage {
            Stage::Resolving | Stage::AwaitingFlow(_) => self.finish(
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

    pub(super) fn try_cancel(&mut self, now: Instant, id: RequestId) {
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
        self.clients
            .start(now, cancel, branch, flow, to, self.flows.is_reliable(flow));
        if let Some(outgoing) = self.outgoing.get_mut(&id) {
            outgoing.cancel = Cancel::Sent { until: now + T1_64 };
        }
        self.flush();
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
        self.move_on(now);
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
        let next_server = |outgoing: &Outgoing| match outgoing.stage {
            Stage::Sent(_) => outgoing.next_at,
            _ => None,
        };
        self.outgoing
            .values()
            .flat_map(|outgoing| until(outgoing).into_iter().chain(next_server(outgoing)))
            .min()
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
