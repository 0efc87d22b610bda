//! Leaving: hang up, unregister, go.

use std::time::Duration;

use actix::{ActorContext, AsyncContext, Context, Handler};

use super::Agent;
use crate::account::Leave;
use crate::command::Shutdown;
use crate::event::AgentEvent;

/// The longest the agent waits for accounts and calls to say good-bye.
const LIMIT: Duration = Duration::from_millis(1_800);

impl Agent {
    /// Stops when the agent is leaving and nothing is left to wait for.
    pub(super) fn depart_when_empty(&mut self, ctx: &mut Context<Self>) {
        let busy = self.seats.values().any(|seat| seat.account.is_some())
            || !self.draining.is_empty()
            || !self.calls.is_empty();
        if self.departing && !busy {
            ctx.stop();
        }
    }
}

impl Handler<Shutdown> for Agent {
    type Result = ();

    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.departing, true) {
            return;
        }
        self.publish(AgentEvent::ShuttingDown);
        let seated = self.seats.values().filter_map(|seat| seat.account.as_ref());
        for account in seated.chain(self.draining.values()) {
            account.do_send(Leave);
        }
        ctx.run_later(LIMIT, |_, ctx| ctx.stop());
        self.depart_when_empty(ctx);
    }
}
