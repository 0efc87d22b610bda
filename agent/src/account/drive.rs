//! Driving the endpoint: outputs carried out, inputs handed in, one timer.

use actix::{ActorContext, ActorFutureExt, AsyncContext, Context, WrapFuture};
use carillon_sip::{Event, Output, Question, RegistrationState, ResolveId};

use super::{Account, Leaving, now};
use crate::event::AgentEvent;
use crate::transport::resolve;

impl Account {
    /// Carries out what the endpoint wants until it wants nothing, then sets the timer.
    pub(super) fn drive(&mut self, ctx: &mut Context<Self>) {
        while let Some(output) = self.endpoint.poll_output(now()) {
            match output {
                Output::Transmit { flow, to, bytes } => self.transmit(flow, to, bytes, ctx),
                Output::Event(event) => self.happened(event, ctx),
                Output::Resolve { id, question } => self.look_up(id, question, ctx),
                Output::Open {
                    flow,
                    transport,
                    remote,
                    identity,
                } => self.open(flow, transport, remote, identity, ctx),
                Output::Close { flow } => self.close(flow, ctx),
                _ => tracing::warn!("the endpoint asked for what this driver does not know"),
            }
        }
        self.tell_standing();
        self.attend();
        self.set_timer(ctx);
    }

    fn happened(&mut self, event: Event, ctx: &mut Context<Self>) {
        match event {
            Event::Registration(RegistrationState::Unregistered)
                if self.leaving == Leaving::AfterCalls =>
            {
                if self.account.config.register {
                    self.tell_withdrawn();
                }
            }
            // Where the registration stands is told once, after the outputs.
            Event::Registration(_) | Event::PingEnded { .. } => {}
            Event::Stopped => ctx.stop(),
            event => {
                if let Some(event) = self.interest_event(event) {
                    self.line_event(event, ctx);
                }
            }
        }
    }

    fn tell_standing(&mut self) {
        if self.leaving != Leaving::Stays {
            return;
        }
        let news = self.standing.update(
            &self.account,
            self.endpoint.registration(),
            self.flow_trouble.as_deref(),
        );
        if let Some(status) = news {
            self.agent.do_send(AgentEvent::AccountChanged(status));
        }
    }

    fn look_up(&mut self, id: ResolveId, question: Question, ctx: &mut Context<Self>) {
        let answer = async move { resolve(&question).await };
        ctx.spawn(answer.into_actor(self).map(move |answer, account, ctx| {
            account.endpoint.resolved(now(), id, answer);
            account.drive(ctx);
        }));
    }

    fn set_timer(&mut self, ctx: &mut Context<Self>) {
        let due = self.endpoint.next_wake();
        if self.wake.as_ref().map(|(at, _)| *at) == due {
            return;
        }
        if let Some((_, timer)) = self.wake.take() {
            ctx.cancel_future(timer);
        }
        let Some(due) = due else {
            return;
        };
        let wait = due.saturating_duration_since(now());
        let timer = ctx.run_later(wait, |account, ctx| {
            account.wake = None;
            account.endpoint.wake(now());
            account.drive(ctx);
        });
        self.wake = Some((due, timer));
    }
}
