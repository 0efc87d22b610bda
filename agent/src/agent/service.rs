//! Services: the root's children that are no accounts.

use std::any::Any;

use actix::dev::RecipientRequest;
use actix::{Actor, Addr, AsyncContext, Context, Handler, Recipient};

use super::{Agent, Child, Farewell};
use crate::supervision::{self, ChildEnded, Policy};

type Start = dyn Fn(Addr<Agent>, Child, u64, Recipient<ChildEnded<Child>>) -> Running;

/// A supervised service of the agent: its name, and how to make its actor.
pub struct Service {
    name: &'static str,
    start: Box<Start>,
    running: Option<Running>,
}

struct Running {
    /// The address of the actor: an actor that nobody can write to ends.
    _address: Box<dyn Any>,
    /// Where to ask for its last words, when it has any.
    farewell: Option<Recipient<Farewell>>,
}

impl Service {
    /// A service whose actor is made by `make`, at the start and again after each unexpected end.
    pub fn new<A>(name: &'static str, make: impl Fn(Addr<Agent>) -> A + 'static) -> Self
    where
        A: Actor<Context = Context<A>>,
    {
        Self::started_by(name, make, |_| None)
    }

    /// A service like [`Service::new`]'s that has something to say when the agent leaves.
    pub fn with_last_words<A>(name: &'static str, make: impl Fn(Addr<Agent>) -> A + 'static) -> Self
    where
        A: Actor<Context = Context<A>> + Handler<Farewell>,
    {
        Self::started_by(name, make, |addr| Some(addr.clone().recipient()))
    }

    fn started_by<A>(
        name: &'static str,
        make: impl Fn(Addr<Agent>) -> A + 'static,
        farewell: fn(&Addr<A>) -> Option<Recipient<Farewell>>,
    ) -> Self
    where
        A: Actor<Context = Context<A>>,
    {
        let start = move |agent: Addr<Agent>, child, incarnation, parent| {
            let addr = supervision::start(make(agent), child, incarnation, parent);
            Running {
                farewell: farewell(&addr),
                _address: Box::new(addr),
            }
        };
        Self {
            name,
            start: Box::new(start),
            running: None,
        }
    }

    /// Asks for the last words; `None` when there are none.
    pub(super) fn farewell(&self) -> Option<RecipientRequest<Farewell>> {
        let running = self.running.as_ref()?;
        Some(running.farewell.as_ref()?.send(Farewell))
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }
}

impl Agent {
    pub(super) fn start_service(&mut self, index: usize, ctx: &mut Context<Self>) {
        let Some(service) = self.services.get_mut(index) else {
            return;
        };
        let child = Child::Service(service.name);
        let incarnation = self.roster.starting(child.clone(), Policy::SERVICE);
        let agent = ctx.address();
        let parent = ctx.address().recipient();
        service.running = Some((service.start)(agent, child, incarnation, parent));
    }

    pub(super) fn restart_service(&mut self, name: &'static str, ctx: &mut Context<Self>) {
        let found = self
            .services
            .iter()
            .position(|service| service.name() == name);
        if let Some(index) = found {
            self.start_service(index, ctx);
        }
    }
}
