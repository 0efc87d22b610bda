//! What the root knows: calls that stand, where accounts stand, who listens.

use std::time::Duration;

use actix::dev::SendError;
use actix::{Addr, AsyncContext, Context, Handler, Recipient};

use super::Agent;
use crate::account::{Account, CallBegan};
use crate::call::Call;
use crate::command::Subscribe;
use crate::event::AgentEvent;
use crate::view::{AccountView, AgentView, CallView};

/// The most subscribers; each is a service of ours or one connection of an integration.
const MAX_SUBSCRIBERS: usize = 64;
/// How soon a subscriber that was full is told that it missed something.
const CATCH_UP: Duration = Duration::from_millis(50);

/// One call that stands.
pub(super) struct CallEntry {
    pub(super) view: CallView,
    pub(super) call: Addr<Call>,
    pub(super) account: Addr<Account>,
    pub(super) incarnation: u64,
}

/// One who listens.
pub(super) struct Subscriber {
    recipient: Recipient<AgentEvent>,
    missed: u64,
}

impl Subscriber {
    /// Whether it still lives.
    fn tell(&mut self, event: &AgentEvent) -> bool {
        if self.missed > 0 && !self.catch_up() {
            self.missed += 1;
            return self.recipient.connected();
        }
        match self.recipient.try_send(event.clone()) {
            Ok(()) => true,
            Err(SendError::Full(_)) => {
                self.missed += 1;
                true
            }
            Err(SendError::Closed(_)) => false,
        }
    }

    /// Tells how much was missed; whether it got through.
    fn catch_up(&mut self) -> bool {
        let count = self.missed;
        let told = self
            .recipient
            .try_send(AgentEvent::EventsMissed { count })
            .is_ok();
        if told {
            self.missed = 0;
        }
        told
    }
}

impl Agent {
    /// Passes an event on to everyone who listens.
    pub(super) fn publish(&mut self, event: AgentEvent) {
        self.subscribers
            .retain_mut(|subscriber| subscriber.tell(&event));
    }

    fn catch_up_later(&mut self, ctx: &mut Context<Self>) {
        if self.subscribers.iter().any(|s| s.missed > 0) {
            ctx.run_later(CATCH_UP, |agent, ctx| {
                for subscriber in &mut agent.subscribers {
                    if subscriber.missed > 0 {
                        subscriber.catch_up();
                    }
                }
                agent.catch_up_later(ctx);
            });
        }
    }

    pub(super) fn view(&self) -> AgentView {
        AgentView {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: self.started,
            name: self.config.name.clone(),
            generation: self.config.generation,
            applied_at: self.applied_at,
            accounts: self
                .config
                .accounts
                .iter()
                .filter_map(|account| {
                    Some(AccountView {
                        status: self.seats.get(account.id())?.status.clone(),
                        label: account.config.label.clone(),
                        origin: account.origin,
                    })
                })
                .collect(),
            calls: self
                .calls
                .values()
                .map(|entry| entry.view.clone())
                .collect(),
            restarts: self.roster.restarts(),
            given_up: self
                .roster
                .given_up()
                .iter()
                .map(ToString::to_string)
                .collect(),
        }
    }
}

/// What children and services say: the books first, then everyone else.
impl Handler<AgentEvent> for Agent {
    type Result = ();

    fn handle(&mut self, event: AgentEvent, ctx: &mut Context<Self>) {
        match &event {
            AgentEvent::AccountChanged(status) => match self.seats.get_mut(&status.id) {
                Some(seat) if seat.account.is_some() => seat.status = status.clone(),
                // Late news of an actor that is gone.
                _ => return,
            },
            AgentEvent::CallChanged(view) => match self.calls.get_mut(&view.id) {
                Some(entry) => entry.view = view.clone(),
                None => return,
            },
            AgentEvent::CallEnded { view, .. } if self.calls.remove(&view.id).is_none() => return,
            _ => {}
        }
        self.publish(event);
        self.catch_up_later(ctx);
        self.depart_when_empty(ctx);
    }
}

impl Handler<CallBegan> for Agent {
    type Result = ();

    fn handle(&mut self, began: CallBegan, _: &mut Context<Self>) {
        self.calls.insert(
            began.view.id,
            CallEntry {
                view: began.view,
                call: began.call,
                account: began.account,
                incarnation: began.incarnation,
            },
        );
    }
}

impl Handler<Subscribe> for Agent {
    type Result = ();

    fn handle(&mut self, Subscribe(recipient): Subscribe, _: &mut Context<Self>) {
        self.subscribers.retain(|known| known.recipient.connected());
        if self.subscribers.len() < MAX_SUBSCRIBERS {
            self.subscribers.push(Subscriber {
                recipient,
                missed: 0,
            });
        } else {
            tracing::warn!("{MAX_SUBSCRIBERS} subscribers listen already; one more is refused");
        }
    }
}
