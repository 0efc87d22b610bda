//! Holding calls of an account and taking them back: commands to the endpoint, and its word on them.

use actix::{ActorFutureExt, Context, Handler, ResponseActFuture, WrapFuture};
use carillon_sip::CallId;
use carillon_sip::call::Change;
use tokio::sync::oneshot;

use super::messages::Hold;
use super::{Account, now};
use crate::call::HoldIs;
use crate::command::CommandError;

/// Who waits for the far side to agree, and to what.
#[derive(Debug)]
pub(super) struct HoldWaiter {
    hold: bool,
    told: oneshot::Sender<Result<(), CommandError>>,
}

impl Account {
    /// The endpoint says who holds a call now.
    pub(super) fn hold_changed(&mut self, call: CallId, here: bool, there: bool) {
        let Some(line) = self.lines.get_mut(&call) else {
            return;
        };
        line.held_here = here;
        line.call.do_send(HoldIs { here, there });
        if let Some(waiter) = line.hold_waiter.take_if(|waiter| waiter.hold == here) {
            // Who asked may have gone.
            let _ = waiter.told.send(Ok(()));
        }
    }

    /// The far side did not want to; the call goes on as it was.
    pub(super) fn hold_refused(
        &mut self,
        call: CallId,
        change: Change,
        status: Option<u16>,
        why: &str,
    ) {
        let Some(line) = self.lines.get_mut(&call) else {
            return;
        };
        let wanted = match change {
            Change::Hold => "hold",
            _ => "resume",
        };
        let status = status.map_or_else(String::new, |status| format!(" with {status}"));
        let why = format!(
            "the far side refused to {wanted}{status}: {}",
            super::lines::shown(why)
        );
        if let Some(waiter) = line.hold_waiter.take() {
            let call = line.number;
            // Who asked may have gone.
            let _ = waiter
                .told
                .send(Err(CommandError::WrongState { call, why }));
        }
    }
}

impl Handler<Hold> for Account {
    type Result = ResponseActFuture<Self, Result<(), CommandError>>;

    fn handle(&mut self, asked: Hold, ctx: &mut Context<Self>) -> Self::Result {
        let Hold { number, hold } = asked;
        let begun = self.begin_hold(number, hold);
        self.drive(ctx);
        let outcome = async move {
            match begun? {
                None => Ok(()),
                // The line is gone with its waiter when the call ends first.
                Some(told) => told
                    .await
                    .unwrap_or(Err(CommandError::NoSuchCall { call: number })),
            }
        };
        Box::pin(outcome.into_actor(self).map(|outcome, _, _| outcome))
    }
}

impl Account {
    /// `None` when the call is as wanted already.
    fn begin_hold(
        &mut self,
        number: u32,
        hold: bool,
    ) -> Result<Option<oneshot::Receiver<Result<(), CommandError>>>, CommandError> {
        let (call, _) = self.line(number)?;
        let result = if hold {
            self.endpoint.hold(now(), call)
        } else {
            self.endpoint.resume(now(), call)
        };
        result.map_err(|error| self.refused(Some(number), "", error))?;
        let Some(line) = self
            .lines
            .get_mut(&call)
            .filter(|line| line.held_here != hold)
        else {
            return Ok(None);
        };
        let (told, outcome) = oneshot::channel();
        line.hold_waiter = Some(HoldWaiter { hold, told });
        Ok(Some(outcome))
    }
}
