//! Leaving: hang up, unregister, say the last words, go. All of it within two seconds, whoever does not answer.

use std::time::{Duration, SystemTime};

use actix::{
    ActorContext, ActorFutureExt as _, AsyncContext, Context, Handler, Message, WrapFuture as _,
};
use carillon_schemas::Timestamp;
use carillon_schemas::status::AccountState;

use super::Agent;
use super::service::Service;
use crate::account::Leave;
use crate::command::Shutdown;
use crate::event::AgentEvent;

/// The longest the agent waits for accounts and calls to say good-bye.
const ACCOUNTS_LIMIT: Duration = Duration::from_millis(1_400);
/// The longest it takes in all.
const LIMIT: Duration = Duration::from_millis(1_900);

/// Say what is left to say: the agent leaves once this is answered, or does not wait any longer.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
pub struct Farewell;

impl Agent {
    /// Says good-bye when the agent is leaving and no account or call is left to wait for.
    pub(super) fn depart_when_empty(&mut self, ctx: &mut Context<Self>) {
        let busy = self.seats.values().any(|seat| seat.account.is_some())
            || !self.draining.is_empty()
            || !self.calls.is_empty();
        if self.departing && !busy {
            self.say_farewell(ctx);
        }
    }

    /// Lets the services tell how it ends, then stops.
    fn say_farewell(&mut self, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.said_farewell, true) {
            return;
        }
        // What did not end in time ends with the process.
        self.calls.clear();
        let now = Timestamp::of(SystemTime::now());
        for seat in self.seats.values_mut() {
            if seat.status.state != AccountState::Disabled {
                seat.status.state = AccountState::Stopped;
                seat.status.reason = None;
                seat.status.since = now;
            }
        }
        let said = self.services.iter().filter_map(Service::farewell);
        let said = futures_util::future::join_all(said);
        ctx.spawn(said.into_actor(self).map(|_, _, ctx| ctx.stop()));
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
        ctx.run_later(ACCOUNTS_LIMIT, |agent, ctx| agent.say_farewell(ctx));
        ctx.run_later(LIMIT, |_, ctx| ctx.stop());
        self.depart_when_empty(ctx);
    }
}
