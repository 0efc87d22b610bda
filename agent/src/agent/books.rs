//! What the root knows: calls that stand, where accounts stand, who listens.

use std::time::Duration;

use actix::dev::SendError;
use actix::{Addr, AsyncContext, Context, Handler, Recipient};
use carillon_schemas::status::AccountState;

use super::Agent;
use crate::account::{Account, CallBegan};
use crate::call::{Call, Named};
use crate::command::{NameCall, Subscribe};
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
        let preferred = self.preferred_account();
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
                        preferred: Some(account.id()) == preferred,
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
                Some(seat) if seat.account.is_some() => {
                    seat.status = status.clone();
                    if status.state != AccountState::Registering {
                        self.queue.release(&status.id);
                    }
                }
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
        if matches!(event, AgentEvent::CallEnded { .. }) {
            self.close_conference_of_one();
        }
        self.ring(ctx);
        self.sound_busy(&event, ctx);
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

impl Handler<NameCall> for Agent {
    type Result = ();

    fn handle(&mut self, named: NameCall, _: &mut Context<Self>) {
        let NameCall { call, peer, name } = named;
        if let Some(entry) = self.calls.get(&call) {
            entry.call.do_send(Named { peer, name });
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use actix::{Actor, ActorContext};
    use tokio::sync::mpsc;

    /// Takes nothing until it is told to.
    struct Slow {
        heard: mpsc::UnboundedSender<AgentEvent>,
        begin: Option<tokio::sync::oneshot::Receiver<()>>,
    }

    impl Actor for Slow {
        type Context = Context<Self>;

        fn started(&mut self, ctx: &mut Context<Self>) {
            ctx.set_mailbox_capacity(4);
            if let Some(begin) = self.begin.take() {
                let begin = async { begin.await.unwrap_or(()) };
                ctx.wait(actix::WrapFuture::into_actor(begin, self));
            }
        }
    }

    impl Handler<AgentEvent> for Slow {
        type Result = ();

        fn handle(&mut self, event: AgentEvent, ctx: &mut Context<Self>) {
            if event == AgentEvent::ShuttingDown {
                ctx.stop();
            }
            self.heard.send(event).unwrap();
        }
    }

    fn warning(number: u32) -> AgentEvent {
        AgentEvent::ConfigWarning {
            text: number.to_string(),
        }
    }

    #[test]
    fn a_slow_subscriber_misses_events_and_learns_how_many() {
        actix_rt::System::new().block_on(async {
            let (heard, mut events) = mpsc::unbounded_channel();
            let (begin, wait) = tokio::sync::oneshot::channel();
            let slow = Slow {
                heard,
                begin: Some(wait),
            }
            .start();
            tokio::task::yield_now().await;
            let agent = Agent::new("test", Vec::new()).start();
            let listen = Subscribe(slow.clone().recipient());
            agent.send(listen).await.unwrap();
            for number in 0..100 {
                agent.send(warning(number)).await.unwrap();
            }
            begin.send(()).unwrap();
            let (mut got, mut missed) = (0, 0);
            while got + missed < 100 {
                match events.recv().await.unwrap() {
                    AgentEvent::EventsMissed { count } => missed += count,
                    _ => got += 1,
                }
            }
            assert_eq!(got + missed, 100);
            assert!(got < 20, "{got} waited in a mailbox for 4");
            assert!(missed > 0);
        });
    }

    #[test]
    fn subscribers_are_counted_and_the_dead_make_room() {
        actix_rt::System::new().block_on(async {
            let (heard, mut events) = mpsc::unbounded_channel();
            let slow = |heard| Slow { heard, begin: None }.start();
            let agent = Agent::new("test", Vec::new()).start();
            let first = slow(heard.clone());
            agent.do_send(Subscribe(first.clone().recipient()));
            let kept: Vec<_> = (1..MAX_SUBSCRIBERS + 10)
                .map(|_| slow(heard.clone()))
                .collect();
            for subscriber in &kept {
                agent
                    .send(Subscribe(subscriber.clone().recipient()))
                    .await
                    .unwrap();
            }
            agent.send(warning(1)).await.unwrap();
            for _ in 0..MAX_SUBSCRIBERS {
                events.recv().await.unwrap();
            }
            tokio::task::yield_now().await;
            assert!(events.try_recv().is_err(), "one too many was told");
            first.send(AgentEvent::ShuttingDown).await.unwrap();
            events.recv().await.unwrap();
            let late = slow(heard);
            agent.send(Subscribe(late.recipient())).await.unwrap();
            agent.send(warning(2)).await.unwrap();
            // Those that remained, and the late one in the room that was made.
            for _ in 0..MAX_SUBSCRIBERS {
                events.recv().await.unwrap();
            }
        });
    }
}
