//! Driving the endpoint: outputs carried out, inputs handed in, one timer.

use actix::{ActorContext, ActorFutureExt, AsyncContext, Context, StreamHandler, WrapFuture};
use carillon_sip::{
    Event, FlowId, LookupError, Output, Question, Record, RecordKind, RegistrationState, ResolveId,
    Transport,
};

use super::listening::open_flow;
use super::{Account, Flow, Leaving, now};
use crate::event::AgentEvent;
use crate::trace::Way;
use crate::transport::{Datagram, FlowError, resolve};

/// A datagram on a flow, or its end.
pub(super) struct Arrived {
    flow: FlowId,
    what: Result<Datagram, FlowError>,
}

impl Account {
    /// Carries out what the endpoint wants until it wants nothing, then sets the timer.
    pub(super) fn drive(&mut self, ctx: &mut Context<Self>) {
        while let Some(output) = self.endpoint.poll_output(now()) {
            match output {
                Output::Transmit { flow, to, bytes } => self.transmit(flow, to, &bytes, ctx),
                Output::Event(event) => self.happened(event, ctx),
                Output::Resolve { id, question } => self.look_up(id, question, ctx),
                Output::Open {
                    flow,
                    transport: Transport::Udp,
                    remote,
                    ..
                } => self.open(flow, remote, ctx),
                Output::Open { flow, .. } => {
                    self.endpoint
                        .flow_failed(now(), flow, "only UDP is opened here")
                }
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

    fn transmit(
        &mut self,
        id: FlowId,
        to: std::net::SocketAddr,
        bytes: &[u8],
        ctx: &mut Context<Self>,
    ) {
        let Some(flow) = self.flow.as_ref().filter(|flow| flow.id == id) else {
            return;
        };
        let way = Way {
            sent: true,
            transport: Transport::Udp,
            local: flow.udp.advertised(),
            remote: to,
        };
        self.trace.note(self.account.id(), way, bytes);
        if let Err(error) = flow.udp.send(to, bytes) {
            self.flow_broke(id, &error, ctx);
        }
    }

    fn open(&mut self, id: FlowId, remote: Option<std::net::SocketAddr>, ctx: &mut Context<Self>) {
        let config = self.endpoint.config();
        let registers = !config.register_expires.is_zero();
        match open_flow(&config.aor, registers, self.last_port.get(), remote) {
            Ok(udp) => {
                let local = udp.advertised();
                let stream = udp.datagrams();
                let arrivals =
                    futures_util::StreamExt::map(stream, move |what| Arrived { flow: id, what });
                let reader = ctx.add_stream(arrivals);
                self.last_port.set(Some(local.port()));
                self.flow = Some(Flow { id, udp, reader });
                self.flow_trouble = None;
                self.endpoint.flow_opened(now(), id, local);
            }
            Err(error) => self.flow_broke(id, &error, ctx),
        }
    }

    fn close(&mut self, id: FlowId, ctx: &mut Context<Self>) {
        if let Some(flow) = self.flow.take_if(|flow| flow.id == id) {
            ctx.cancel_future(flow.reader);
        }
    }

    fn flow_broke(&mut self, id: FlowId, error: &FlowError, ctx: &mut Context<Self>) {
        tracing::info!(account = %self.account.id(), %error, "a flow does not work");
        self.close(id, ctx);
        self.flow_trouble = Some(error.to_string());
        self.endpoint.flow_failed(now(), id, &error.to_string());
    }

    fn look_up(&mut self, id: ResolveId, question: Question, ctx: &mut Context<Self>) {
        let answer = async move {
            match question.kind {
                RecordKind::Address => match resolve(&question.name, 0).await {
                    Ok(found) => Ok(found.iter().map(|a| Record::Address(a.ip())).collect()),
                    Err(why) => Err(LookupError::Failed(why)),
                },
                _ => Err(LookupError::NoRecords),
            }
        };
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

impl StreamHandler<Arrived> for Account {
    fn handle(&mut self, arrived: Arrived, ctx: &mut Context<Self>) {
        match arrived.what {
            Ok(datagram) => {
                if let Some(flow) = self.flow.as_ref().filter(|flow| flow.id == arrived.flow) {
                    let way = Way {
                        sent: false,
                        transport: Transport::Udp,
                        local: flow.udp.advertised(),
                        remote: datagram.from,
                    };
                    self.trace.note(self.account.id(), way, &datagram.bytes);
                }
                self.endpoint
                    .receive(now(), arrived.flow, datagram.from, &datagram.bytes)
            }
            Err(error) => self.flow_broke(arrived.flow, &error, ctx),
        }
        self.drive(ctx);
    }

    /// A flow that ends is opened again by the endpoint; the actor goes on.
    fn finished(&mut self, _: &mut Context<Self>) {}
}
