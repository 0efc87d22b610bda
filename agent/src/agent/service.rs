//! Services: the root's children that are no accounts.

use std::any::Any;

use actix::{Actor, Addr, AsyncContext, Context, Recipient};

use super::{Agent, Child};
use crate::supervision::{self, ChildEnded, Policy};

type Start = dyn Fn(Addr<Agent>, Child, u64, Recipient<ChildEnded<Child>>) -> Box<dyn Any>;

/// A supervised service of the agent: its name, and how to make its actor.
pub struct Service {
    name: &'static str,
    start: Box<Start>,
    /// The address of the running actor: an actor that nobody can write to ends.
    running: Option<Box<dyn Any>>,
}

impl Service {
    /// A service whose actor is made by `make`, at the start and again after each unexpected end.
    pub fn new<A>(name: &'static str, make: impl Fn(Addr<Agent>) -> A + 'static) -> Self
    where
        A: Actor<Context = Context<A>>,
    {
        let start = move |agent: Addr<Agent>, child, incarnation, parent| {
            let addr = supervision::start(make(agent), child, incarnation, parent);
            Box::new(addr) as Box<dyn Any>
        };
        Self {
            name,
            start: Box::new(start),
            running: None,
        }
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
