//! Going on to the next server (RFC 3263 §4.3): after a time-out, a 503, or a flow that fails; and back to UDP where a peer takes no
//! TCP (RFC 3261 §18.1.1). Remembers who is down, as `Retry-After` says or for a while.

use super::core::{Core, Reply, RequestId};
use super::outgoing::{Cancel, Outgoing, Stage};
use super::output::FlowId;
use super::transport::Transport;
use crate::locate::DOWN_FOR;
use crate::message::{HeaderName, Method, Response};
use crate::transaction::ClientId;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long a server may stay silent while there is another one: five transmissions over UDP.
pub const FAILOVER_AFTER: Duration = Duration::from_secs(8);
/// How long a peer that refused TCP gets large requests over UDP.
const NO_TCP_FOR: Duration = Duration::from_secs(600);

impl Core {
    /// Whether large requests to that peer should go over TCP.
    pub(super) fn takes_tcp(&self, now: Instant, peer: SocketAddr) -> bool {
        self.config.offered().contains(&Transport::Tcp)
            && !self.down.holds(now, Transport::Tcp, peer)
    }

    /// Tries the next server, when there is one and the request is not being given up.
    pub(super) fn try_next_server(&mut self, now: Instant, id: RequestId) -> bool {
        let Some(outgoing) = self.outgoing.get_mut(&id) else {
            return false;
        };
        if outgoing.cancel != Cancel::No {
            return false;
        }
        outgoing.upgraded = false;
        if outgoing.at + 1 < outgoing.targets.len() {
            outgoing.at += 1;
            self.transmit_request(now, id);
            return true;
        }
        if self.next_spare(id) {
            self.locate(now, id);
            return true;
        }
        false
    }

    /// Nobody answered: that server is down.
    pub(super) fn no_answer(&mut self, now: Instant, id: RequestId) -> bool {
        self.note_down(now, id, DOWN_FOR);
        self.try_next_server(now, id)
    }

    /// Goes on where a server stayed silent too long while there is another.
    pub(super) fn move_on(&mut self, now: Instant) {
        let silent: Vec<(RequestId, ClientId)> = self
            .outgoing
            .iter()
            .filter(|(_, outgoing)| outgoing.next_at.is_some_and(|at| at <= now))
            .filter_map(|(id, outgoing)| match outgoing.stage {
                Stage::Sent(client) => Some((*id, client)),
                _ => None,
            })
            .collect();
        for (id, client) in silent {
            if let Some(outgoing) = self.outgoing.get_mut(&id) {
                outgoing.next_at = None;
            }
            if self.no_answer(now, id) {
                self.clients.kill(client);
            }
        }
    }

    /// A server said something: it is up, or says itself for how long it is not.
    pub(super) fn heard_of(&mut self, now: Instant, id: RequestId, response: &Response) {
        if response.status == 503 {
            let wait = response
                .headers
                .text(HeaderName::RetryAfter)
                .and_then(|text| {
                    let digits = text.trim().bytes().take_while(u8::is_ascii_digit).count();
                    text.trim()[..digits].parse().ok().map(Duration::from_secs)
                });
            return self.note_down(now, id, wait.unwrap_or(DOWN_FOR));
        }
        let Some(outgoing) = self.outgoing.get(&id) else {
            return;
        };
        if let Some(target) = outgoing.target() {
            self.down.forget(target.transport, target.address);
        }
        if outgoing.request.method == Method::Register
            && response.is_success()
            && let Some(flow) = outgoing.flow
            && let Some(to) = outgoing.address()
        {
            self.keep_open(now, flow, to, &response.headers);
        }
    }

    /// A flow is gone. Requests on it that nobody answered go to the next server, and large ones back to UDP; the others failed.
    pub(crate) fn fail_on_flow(&mut self, now: Instant, flow: FlowId, why: &str) {
        let lost = self.clients.on_flow(flow);
        let on_flow = |outgoing: &Outgoing| match outgoing.stage {
            Stage::AwaitingFlow(own) => own == flow,
            Stage::Sent(client) | Stage::Accepted(client) => lost.contains(&client),
            Stage::Resolving => false,
        };
        let failed: Vec<(RequestId, Stage)> = self
            .outgoing
            .iter()
            .filter(|(_, outgoing)| on_flow(outgoing))
            .map(|(id, outgoing)| (*id, outgoing.stage))
            .collect();
        for (id, stage) in failed {
            if matches!(stage, Stage::Accepted(_)) {
                self.finish(id, Reply::Done);
                continue;
            }
            let answered = match stage {
                Stage::Sent(client) => self.clients.may_cancel(client),
                _ => false,
            };
            if !answered && self.retry_elsewhere(now, id) {
                continue;
            }
            let why = format!("the flow failed: {why}");
            self.finish(id, Reply::Failed { why });
        }
        for client in lost {
            self.clients.kill(client);
        }
    }

    fn retry_elsewhere(&mut self, now: Instant, id: RequestId) -> bool {
        let Some(outgoing) = self.outgoing.get_mut(&id) else {
            return false;
        };
        if let Some(target) = outgoing.target().filter(|_| outgoing.upgraded) {
            outgoing.upgraded = false;
            self.down
                .note(now, Transport::Tcp, target.address, NO_TCP_FOR);
            if outgoing.cancel == Cancel::No {
                self.transmit_request(now, id);
                return true;
            }
            return false;
        }
        self.note_down(now, id, DOWN_FOR);
        self.try_next_server(now, id)
    }

    fn note_down(&mut self, now: Instant, id: RequestId, time: Duration) {
        if let Some(target) = self.outgoing.get(&id).and_then(Outgoing::target) {
            self.down.note(now, target.transport, target.address, time);
        }
    }
}
