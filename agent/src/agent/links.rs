//! Links from web pages: most ask, some are dialled, as the configuration says.

use std::time::SystemTime;

use actix::{Addr, AsyncContext, Context, Handler, MessageResult, ResponseFuture};
use carillon_schemas::Timestamp;
use carillon_schemas::links::LinkDial;
use carillon_schemas::status::{CallState, Direction};

use super::Agent;
use super::commands::refuse;
use crate::account::is_emergency;
use crate::command::{CommandError, FollowLink, Linked, PlaceCall, QueryLinks, SettleLink};
use crate::desktop::links::{self, Ask, EXPIRES, Offer, Outcome};
use crate::event::AgentEvent;
use crate::view::CallView;

impl Agent {
    /// Whether the configuration lets this link dial, here and now.
    fn dials_at_once(&self, offer: &Offer) -> bool {
        let rescue = self.config.accounts.iter().any(|account| {
            let config = &account.config;
            is_emergency(&offer.target, &config.features, &config.address)
        });
        // One call at a time: a page that clicks for itself must not fill the lines.
        let calling = self.calls.values().any(|entry| {
            let view = &entry.view;
            view.direction == Direction::Outgoing && view.state != CallState::Established
        });
        self.config.links.dial() == LinkDial::Now && !offer.always_asks && !rescue && !calling
    }

    fn ask_for(&mut self, target: &str, ctx: &mut Context<Self>) -> Result<Linked, CommandError> {
        let now = Timestamp::of(SystemTime::now());
        let asked = self.asks.add(target, now);
        let (ask, new) = asked.ok_or(CommandError::TooManyLinks)?;
        let id = ask.id;
        if new {
            self.publish(AgentEvent::LinkAsked(ask));
            ctx.run_later(EXPIRES, move |agent, _| {
                if agent.asks.take(id).is_some() {
                    agent.settled(id, Outcome::Expired);
                }
            });
        }
        Ok(Linked::Asked { asked: id })
    }

    fn settled(&mut self, id: u32, outcome: Outcome) {
        self.publish(AgentEvent::LinkSettled { id, outcome });
    }
}

/// Places the call as a person's would be.
async fn place(agent: Addr<Agent>, target: String) -> Result<CallView, CommandError> {
    let account = None;
    let placed = agent.send(PlaceCall { account, target }).await;
    placed.unwrap_or(Err(CommandError::ShuttingDown))
}

impl Handler<FollowLink> for Agent {
    type Result = ResponseFuture<Result<Linked, CommandError>>;

    fn handle(&mut self, follow: FollowLink, ctx: &mut Context<Self>) -> Self::Result {
        if self.departing {
            return refuse(CommandError::ShuttingDown);
        }
        let offer = match links::read(&follow.link, &self.config.links) {
            Ok(offer) => offer,
            Err(error) => return refuse(error.into()),
        };
        if self.dials_at_once(&offer) {
            let placed = place(ctx.address(), offer.target);
            return Box::pin(async { placed.await.map(|call| Linked::Placed(Box::new(call))) });
        }
        Box::pin(std::future::ready(self.ask_for(&offer.target, ctx)))
    }
}

impl Handler<QueryLinks> for Agent {
    type Result = MessageResult<QueryLinks>;

    fn handle(&mut self, _: QueryLinks, _: &mut Context<Self>) -> Self::Result {
        MessageResult(self.asks.list().to_vec())
    }
}

impl Handler<SettleLink> for Agent {
    type Result = ResponseFuture<Result<Option<CallView>, CommandError>>;

    fn handle(&mut self, settle: SettleLink, ctx: &mut Context<Self>) -> Self::Result {
        let SettleLink { id, allow } = settle;
        let Some(Ask { target, .. }) = self.asks.take(id) else {
            return refuse(CommandError::NoSuchLink { id });
        };
        if !allow {
            self.settled(id, Outcome::Denied);
            return Box::pin(std::future::ready(Ok(None)));
        }
        self.settled(id, Outcome::Allowed);
        let placed = place(ctx.address(), target);
        Box::pin(async { placed.await.map(Some) })
    }
}
