//! Calls that come in: what becomes of each by the account's features, before a person hears of it.

use std::net::SocketAddr;

use actix::{AsyncContext, Context};
use carillon_schemas::status::{CallState, Direction};
use carillon_sip::{CallError, CallId, CallerFacts};

use super::features::{Arrival, Decision, decide};
use super::lines::shown;
use super::messages::Answer;
use super::{Account, Leaving, now};
use crate::call::target_uri;
use crate::event::AgentEvent;
use crate::view::CallerView;

/// Status for a call that comes in while the account leaves.
const TEMPORARILY_UNAVAILABLE: u16 = 480;

impl Account {
    pub(super) fn arrive(
        &mut self,
        call: CallId,
        facts: &CallerFacts,
        (source, takes_place): (SocketAddr, bool),
        ctx: &mut Context<Self>,
    ) {
        let come_and_gone = |result: Result<(), CallError>| {
            if let Err(error) = result {
                tracing::debug!(%error, "a call came and went");
            }
        };
        if self.leaving != Leaving::Stays {
            return come_and_gone(self.endpoint.reject(now(), call, TEMPORARILY_UNAVAILABLE));
        }
        let arrival = Arrival {
            facts,
            others: self.lines.len(),
            takes_place,
            awaits_rescue: self.awaits_rescue(),
        };
        let turned_away = match decide(&self.features(), &self.account.config.address, &arrival) {
            Decision::Ring {
                answer_after,
                send_on_after,
            } => {
                let mut view = self.view(
                    Direction::Incoming,
                    CallState::Ringing,
                    shown(&facts.shown.uri.to_string()),
                    facts.shown.display_name.as_deref().map(shown),
                );
                view.caller = Some(CallerView::of(facts));
                let number = view.id;
                self.begin(call, view, None, Some(source), ctx);
                if takes_place {
                    return self.take_over(call, ctx);
                }
                come_and_gone(self.endpoint.ring(now(), call));
                if let Some(after) = answer_after {
                    ctx.run_later(after, move |_, ctx| ctx.notify(Answer { number }));
                }
                if let Some((after, target)) = send_on_after {
                    ctx.run_later(after, move |account, ctx| {
                        account.send_on_unanswered(call, &target, ctx);
                    });
                }
                return;
            }
            Decision::Reject(status, why) => {
                come_and_gone(self.endpoint.reject(now(), call, status));
                why.to_owned()
            }
            Decision::SendOn(target) => {
                come_and_gone(self.send_on(call, &target));
                format!("sent on to {target}")
            }
        };
        self.agent.do_send(AgentEvent::CallTurnedAway {
            account: self.account.id().clone(),
            peer: shown(&facts.shown.uri.to_string()),
            name: facts.shown.display_name.as_deref().map(shown),
            why: turned_away,
        });
    }

    fn send_on(&mut self, call: CallId, target: &str) -> Result<(), CallError> {
        let uri = target_uri(target, &self.account.config.address);
        match uri {
            Ok(uri) => self.endpoint.forward(now(), call, &uri),
            Err(error) => {
                tracing::warn!(account = %self.account.id(), %error, "a call cannot be sent on");
                self.endpoint.reject(now(), call, TEMPORARILY_UNAVAILABLE)
            }
        }
    }

    fn send_on_unanswered(&mut self, call: CallId, target: &str, ctx: &mut Context<Self>) {
        if self.lines.get(&call).is_some_and(|line| !line.answered) {
            if let Err(error) = self.send_on(call, target) {
                tracing::debug!(%error, "a call ended before it was sent on");
            }
            self.drive(ctx);
        }
    }
}
