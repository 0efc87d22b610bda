//! A hint from the telephone server that there is another configuration (`Event: check-sync`).
//!
//! A hint carries nothing and proves nothing: it ends the wait for the next turn, no more often than a person would knock. A poll
//! that stands needs none, since the server answers it as soon as there is news.

use std::time::{Duration, Instant};

use actix::{AsyncContext as _, Context, Handler};

use super::actor::Provisioning;
use crate::event::AgentEvent;

/// How long one hint keeps others from counting.
const BETWEEN_HINTS: Duration = Duration::from_secs(30);

impl Handler<AgentEvent> for Provisioning {
    type Result = ();

    fn handle(&mut self, event: AgentEvent, ctx: &mut Context<Self>) {
        if event != AgentEvent::CheckSync
            || self.hinted.is_some_and(|at| at.elapsed() < BETWEEN_HINTS)
        {
            return;
        }
        self.hinted = Some(Instant::now());
        if self.desk.is_some()
            && let Some(turn) = self.next_turn.take()
        {
            ctx.cancel_future(turn);
            self.poll(ctx);
        }
    }
}
