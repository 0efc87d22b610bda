//! The service that lets the agent shrink when nothing happens.
//!
//! Listens to what happens on the desk; some seconds after the last event, and never while a call stands, it
//! gives back the pages of code that only work needs ([`CodePages`]). Owns nothing else, and never wakes by
//! itself while the desk is quiet.

use std::collections::BTreeSet;
use std::time::Duration;

use actix::{Actor, AsyncContext as _, Context, Handler, Recipient, SpawnHandle};
use carillon_media::CodePages;

use crate::command::Subscribe;
use crate::event::AgentEvent;

/// How long the desk is quiet before the agent rests: longer than a report and a registration take.
const QUIET: Duration = Duration::from_secs(3);

/// The actor.
pub struct Rest {
    pages: CodePages,
    events: Recipient<Subscribe>,
    calls: BTreeSet<u32>,
    timer: Option<SpawnHandle>,
}

impl Rest {
    /// An actor that is not started yet, for the pages found at the start of the program.
    pub fn new(pages: CodePages, events: Recipient<Subscribe>) -> Self {
        Self {
            pages,
            events,
            calls: BTreeSet::new(),
            timer: None,
        }
    }

    fn stir(&mut self, ctx: &mut Context<Self>) {
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        if self.calls.is_empty() {
            self.timer = Some(ctx.run_later(QUIET, |rest, _| {
                rest.timer = None;
                if let Err(error) = rest.pages.give_back() {
                    tracing::debug!(%error, "pages of code cannot be given back");
                }
            }));
        }
    }
}

impl Actor for Rest {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.events.do_send(Subscribe(ctx.address().recipient()));
        self.stir(ctx);
    }
}

impl Handler<AgentEvent> for Rest {
    type Result = ();

    fn handle(&mut self, event: AgentEvent, ctx: &mut Context<Self>) {
        match &event {
            AgentEvent::CallChanged(view) => {
                self.calls.insert(view.id);
            }
            AgentEvent::CallEnded { view, .. } => {
                self.calls.remove(&view.id);
            }
            // The end of a call may be among them; resting within a call costs it some page faults, no more.
            AgentEvent::EventsMissed { .. } => self.calls.clear(),
            // A scanner at the door keeps nobody awake.
            AgentEvent::CallBarred { .. } => return,
            _ => {}
        }
        self.stir(ctx);
    }
}
