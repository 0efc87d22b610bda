//! A service of the agent that keeps failing, on virtual time: restarted with back-off, given up, and tried
//! anew after a while, since nobody may be near.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use actix::{Actor, Addr, Context, Handler};
use carillon_agent::agent::{Agent, Service};
use carillon_agent::command::{QueryStatus, Subscribe};
use carillon_agent::event::AgentEvent;
use carillon_agent::supervision::Policy;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Fails at its start until it was started often enough.
struct Frail {
    starts: Rc<Cell<u32>>,
    good_from: u32,
    agent: Addr<Agent>,
    ear: mpsc::UnboundedSender<(Instant, AgentEvent)>,
}

impl Actor for Frail {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        use actix::AsyncContext;
        self.starts.set(self.starts.get() + 1);
        if self.starts.get() == 1 {
            // Only now is there somebody to listen.
            let ear = Ear(self.ear.clone()).start();
            self.agent.do_send(Subscribe(ear.recipient()));
        }
        if self.starts.get() < self.good_from {
            ctx.run_later(Duration::from_millis(1), |_, _| panic!("frail"));
        }
    }
}

struct Ear(mpsc::UnboundedSender<(Instant, AgentEvent)>);

impl Actor for Ear {
    type Context = Context<Self>;
}

impl Handler<AgentEvent> for Ear {
    type Result = ();

    fn handle(&mut self, event: AgentEvent, _: &mut Context<Self>) {
        let _ = self.0.send((Instant::now(), event));
    }
}

#[test]
fn a_service_is_restarted_given_up_and_revisited() {
    let system = actix_rt::System::with_tokio_rt(|| {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap()
    });
    system.block_on(async {
        let starts = Rc::new(Cell::new(0));
        let (ear, mut events) = mpsc::unbounded_channel();
        let service = {
            let starts = Rc::clone(&starts);
            Service::new("frail", move |agent| Frail {
                starts: Rc::clone(&starts),
                good_from: 7,
                agent,
                ear: ear.clone(),
            })
        };
        let begun = Instant::now();
        let agent = Agent::new("test desk", vec![service]).start();
        let mut waits = Vec::new();
        let given_up_at = loop {
            match events.recv().await.unwrap() {
                (
                    _,
                    AgentEvent::ActorRestarted {
                        actor,
                        account,
                        after,
                        why,
                        ..
                    },
                ) => {
                    assert_eq!((actor.as_str(), account), ("frail", None));
                    assert!(why.contains("frail"), "{why}");
                    waits.push(after.as_millis());
                }
                (at, AgentEvent::ActorGivenUp { actor, .. }) => {
                    assert_eq!(actor, "frail");
                    break at;
                }
                _ => {}
            }
        };
        assert_eq!(waits, [100, 200, 400, 800, 1_600]);
        assert!(given_up_at - begun >= Duration::from_millis(3_100));
        assert_eq!(starts.get(), 6);
        let view = agent.send(QueryStatus).await.unwrap();
        assert_eq!(
            (view.restarts, view.given_up),
            (5, vec!["frail".to_owned()])
        );

        let revisit = Policy::SERVICE.revisit.unwrap();
        tokio::time::sleep(revisit - Duration::from_secs(1)).await;
        assert_eq!(starts.get(), 6);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(starts.get(), 7);
        let view = agent.send(QueryStatus).await.unwrap();
        assert!(view.given_up.is_empty());
    });
}
