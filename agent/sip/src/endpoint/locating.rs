//! Finding the servers of a request under way (RFC 3263): asks what `locate` wants to know, and puts those that are down last.

use super::core::{Core, Reply, RequestId};
use super::outgoing::{Outgoing, Stage};
use super::output::{Output, ResolveId};
use super::transport::Transport;
use crate::locate::{Answer, Found, MAX_RECORDS, NextHop, Question, Target, search};
use crate::message::Uri;
use std::collections::VecDeque;
use std::time::Instant;

/// Another outbound proxy to try, with the URI that stands for it in Route.
pub(super) type Spare = (NextHop, Uri);

impl Core {
    /// Where a request really goes first, and the proxies to try after that. On a WebSocket everything goes to the server it leads to
    /// (RFC 7118 §5.2).
    pub(super) fn hops_of(&self, asked: NextHop) -> (NextHop, VecDeque<Spare>) {
        let hop = match (self.config.transport, self.home.first()) {
            (Some(Transport::Wss), Some(home)) => home.clone(),
            _ => asked,
        };
        let port = self.config.default_port();
        let through_proxy = self
            .config
            .route_set
            .first()
            .is_some_and(|proxy| NextHop::of(proxy).same(&hop, port));
        let spares = match through_proxy {
            true => self
                .config
                .backup_proxies
                .iter()
                .map(|uri| (NextHop::of(uri), uri.clone()))
                .collect(),
            false => VecDeque::new(),
        };
        (hop, spares)
    }

    /// An answer came.
    pub(crate) fn resolved(&mut self, now: Instant, id: ResolveId, answer: Answer) {
        let Some((request, question)) = self.questions.remove(&id) else {
            return;
        };
        if let Some(outgoing) = self.outgoing.get_mut(&request)
            && outgoing.stage == Stage::Resolving
        {
            let answer = answer.map(|mut records| {
                records.truncate(MAX_RECORDS);
                records
            });
            outgoing.answers.insert(question, answer);
            self.locate(now, request);
        }
    }

    /// Looks for the servers of a request's hop with what is known.
    pub(super) fn locate(&mut self, now: Instant, id: RequestId) {
        let Some(outgoing) = self.outgoing.get_mut(&id) else {
            return;
        };
        outgoing.stage = Stage::Resolving;
        let found = search(
            &outgoing.hop,
            self.config.transport,
            self.config.offered(),
            &outgoing.answers,
            outgoing.seed,
        );
        match found {
            Found::Ask(questions) => self.ask(id, questions),
            Found::Targets(mut targets) => {
                let is_down =
                    |target: &Target| self.down.holds(now, target.transport, target.address);
                targets.sort_by_key(is_down);
                // Where all of them are down, another proxy is tried before.
                let all_down = targets.iter().all(is_down);
                outgoing.answers.clear();
                outgoing.targets = targets;
                outgoing.at = 0;
                let addresses: Vec<_> = outgoing.targets.iter().map(|t| t.address).collect();
                let hop = outgoing.hop.clone();
                if self.is_home(&hop) {
                    self.note_home(&addresses);
                }
                if all_down && self.defer_to_spare(id) {
                    return self.locate(now, id);
                }
                self.transmit_request(now, id);
            }
            Found::Nothing(why) => {
                if self.next_spare(id) {
                    return self.locate(now, id);
                }
                self.finish(id, Reply::Failed { why });
            }
        }
    }

    /// Goes on with the next outbound proxy; `false` when there is none.
    pub(super) fn next_spare(&mut self, id: RequestId) -> bool {
        let Some(outgoing) = self.outgoing.get_mut(&id) else {
            return false;
        };
        let Some((hop, route)) = outgoing.spares.pop_front() else {
            return false;
        };
        outgoing.use_hop(hop, Some(route));
        true
    }

    /// Puts the present hop behind the others; once around, the first is tried in spite of all.
    fn defer_to_spare(&mut self, id: RequestId) -> bool {
        let first = self.config.route_set.first().cloned();
        let Some(outgoing) = self.outgoing.get_mut(&id) else {
            return false;
        };
        let Some(route) = outgoing.route.clone().or(first) else {
            return false;
        };
        if outgoing.deferred > outgoing.spares.len() {
            return false;
        }
        outgoing.deferred += 1;
        let present = outgoing.hop.clone();
        outgoing.spares.push_back((present, route));
        self.next_spare(id)
    }

    fn ask(&mut self, id: RequestId, questions: Vec<Question>) {
        for question in questions {
            let asked = self
                .questions
                .values()
                .any(|(owner, known)| *owner == id && *known == question);
            if asked {
                continue;
            }
            let name = ResolveId(self.number());
            self.questions.insert(name, (id, question.clone()));
            self.outputs
                .push_back(Output::Resolve { id: name, question });
        }
    }

    /// Nobody waits for these answers any more.
    pub(super) fn forget_questions(&mut self, id: RequestId) {
        self.questions.retain(|_, (owner, _)| *owner != id);
    }
}

impl Outgoing {
    fn use_hop(&mut self, hop: NextHop, route: Option<Uri>) {
        self.hop = hop;
        self.route = route;
        self.targets.clear();
        self.answers.clear();
        self.at = 0;
        self.upgraded = false;
    }
}
