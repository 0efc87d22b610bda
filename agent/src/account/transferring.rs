//! Transfers of an account's calls, asked for here or by a far side, and calls that take the place of others.

use std::net::IpAddr;

use actix::{ActorFutureExt, AsyncContext, Context, Handler, WrapFuture};
use carillon_schemas::status::{CallState, Direction};
use carillon_sip::{CallId, NameAddr, TransferOutcome, Uri};

use super::lines::shown;
use super::messages::{Answer, Transfer};
use super::{Account, Leaving, now};
use crate::call::{Quiet, Sound};
use crate::command::{CommandError, TransferTarget};
use crate::event::AgentEvent;

/// Status for a transfer asked for while the account leaves, or has no room or no sound for another call.
const CANNOT: u16 = 480;

impl Handler<Transfer> for Account {
    type Result = Result<(), CommandError>;

    fn handle(&mut self, asked: Transfer, ctx: &mut Context<Self>) -> Self::Result {
        let (call, _) = self.line(asked.number)?;
        let result = match &asked.to {
            TransferTarget::Target(uri) => self.endpoint.transfer(now(), call, uri),
            TransferTarget::Call(other) => {
                let (other, _) = self.line(*other)?;
                self.endpoint.transfer_to_call(now(), call, other)
            }
        };
        self.drive(ctx);
        result.map_err(|error| self.refused(Some(asked.number), "", error))
    }
}

impl Account {
    /// The far side of a call asks for another call. The account's policy was asked by the endpoint.
    pub(super) fn transfer_requested(
        &mut self,
        call: CallId,
        target: &Uri,
        referred_by: Option<&NameAddr>,
        ctx: &mut Context<Self>,
    ) {
        let Some(line) = self.lines.get(&call) else {
            return;
        };
        let peer = shown(&target.to_string());
        self.agent.do_send(AgentEvent::TransferRequested {
            call: line.number,
            target: peer.clone(),
            by: referred_by.map(|by| shown(&by.label())),
        });
        if self.leaving != Leaving::Stays {
            return self.refuse_transfer(call);
        }
        // Nobody shall hear on the old call what is said on the new one.
        line.call.do_send(Quiet(true));
        let settings = self.call_settings();
        let address: IpAddr = self.address_for(&target.to_string());
        let sound = async move {
            let sound = Sound::open(&settings, address).await;
            sound.map(|sound| (sound, settings))
        };
        ctx.spawn(sound.into_actor(self).map(move |sound, account, ctx| {
            let (sound, settings) = match sound {
                Ok(opened) => opened,
                Err(error) => {
                    tracing::warn!(%error, "no sound for the call a transfer asks for");
                    account.refuse_transfer(call);
                    return account.drive(ctx);
                }
            };
            let offer = sound.local_media(&settings);
            match account.endpoint.accept_transfer(now(), call, offer) {
                Ok(new) => {
                    let view = account.view(Direction::Outgoing, CallState::Calling, peer, None);
                    account.begin(new, view, Some(sound), None, ctx);
                    if let Some(line) = account.lines.get_mut(&new) {
                        line.asked_by = Some(call);
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "a call that a transfer asks for was not placed");
                    account.refuse_transfer(call);
                }
            }
            account.drive(ctx);
        }));
    }

    fn refuse_transfer(&mut self, call: CallId) {
        self.speak_again(call);
        if let Err(error) = self.endpoint.refuse_transfer(now(), call, CANNOT) {
            tracing::debug!(%error, "a transfer was gone before it was refused");
        }
    }

    /// A call goes on after the one that was to replace it failed.
    pub(super) fn speak_again(&self, call: CallId) {
        if let Some(line) = self.lines.get(&call) {
            line.call.do_send(Quiet(false));
        }
    }

    pub(super) fn transfer_progressed(&self, call: CallId, status: u16) {
        if let Some(line) = self.lines.get(&call) {
            self.agent.do_send(AgentEvent::TransferProgress {
                call: line.number,
                status,
            });
        }
    }

    pub(super) fn transfer_ended(&self, call: CallId, outcome: &TransferOutcome) {
        let Some(line) = self.lines.get(&call) else {
            return;
        };
        let (completed, text) = match outcome {
            TransferOutcome::Completed => (Some(true), "the target answered".to_owned()),
            TransferOutcome::Refused { status, reason } => {
                (Some(false), format!("{status} {}", shown(reason)))
            }
            _ => (None, "the far side does not say what came of it".to_owned()),
        };
        self.agent.do_send(AgentEvent::TransferEnded {
            call: line.number,
            completed,
            text,
        });
    }

    /// A call came that takes the place of one that stands: the person talks already, or waits for it, so it is answered.
    pub(super) fn take_over(&mut self, call: CallId, ctx: &mut Context<Self>) {
        let Some(line) = self.lines.get(&call) else {
            return;
        };
        let number = line.number;
        let answered = ctx.address().send(Answer { number });
        ctx.spawn(answered.into_actor(self).map(move |answered, account, ctx| {
            if let Ok(Err(error)) = answered {
                tracing::warn!(%error, "a call that takes another's place cannot be answered");
                if let Err(error) = account.endpoint.reject(now(), call, CANNOT) {
                    tracing::debug!(%error, "a call was gone before it was refused");
                }
                account.drive(ctx);
            }
        }));
    }
}
