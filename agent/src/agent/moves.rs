//! The commands that move a call: hold, take back, transfer.

use actix::{Addr, Context, Handler, ResponseFuture};
use carillon_schemas::AccountId;
use carillon_schemas::status::CallState;

use super::Agent;
use super::books::CallEntry;
use super::commands::{ask, refuse};
use crate::account::{Account, Hold, Transfer};
use crate::call::{Call, QueryCall, target_uri};
use crate::command::{CommandError, HoldCall, TransferCall, TransferTarget};
use crate::view::CallView;

/// A call that something is done with.
pub(super) struct Chosen {
    pub(super) number: u32,
    account: Addr<Account>,
    account_id: AccountId,
    pub(super) call: Addr<Call>,
}

impl Agent {
    /// The call asked for; else the only established one that `fits`.
    pub(super) fn established(
        &self,
        call: Option<u32>,
        fits: impl Fn(&CallView) -> bool,
    ) -> Result<Chosen, CommandError> {
        let what = "established";
        let entry = match call {
            Some(call) => self
                .calls
                .get(&call)
                .ok_or(CommandError::NoSuchCall { call })?,
            None => {
                let fitting: Vec<&CallEntry> = self
                    .calls
                    .values()
                    .filter(|entry| entry.view.state == CallState::Established && fits(&entry.view))
                    .collect();
                match fitting[..] {
                    [] => return Err(CommandError::NoCall { what }),
                    [only] => only,
                    _ => {
                        let calls = fitting.iter().map(|entry| entry.view.id).collect();
                        return Err(CommandError::WhichCall { what, calls });
                    }
                }
            }
        };
        Ok(Chosen {
            number: entry.view.id,
            account: entry.account.clone(),
            account_id: entry.view.account.clone(),
            call: entry.call.clone(),
        })
    }

    /// Whom to transfer to, as the account's endpoint wants it.
    fn transfer_target(
        &self,
        chosen: &Chosen,
        to: TransferTarget,
    ) -> Result<TransferTarget, CommandError> {
        match to {
            TransferTarget::Target(target) => {
                let account = self
                    .config
                    .account(&chosen.account_id)
                    .ok_or(CommandError::NoAccount)?;
                target_uri(&target, &account.config.address)
                    .map(TransferTarget::Target)
                    .map_err(|error| CommandError::BadTarget {
                        target: target.chars().take(80).collect(),
                        why: error.to_string(),
                    })
            }
            TransferTarget::Call(other) => match self.calls.get(&other) {
                Some(entry) if entry.account == chosen.account => Ok(TransferTarget::Call(other)),
                Some(_) => Err(CommandError::WrongState {
                    call: other,
                    why: format!(
                        "it is not on account {}; both calls must be",
                        chosen.account_id
                    ),
                }),
                None => Err(CommandError::NoSuchCall { call: other }),
            },
        }
    }
}

/// How the call stands after the command.
async fn view_of(chosen: Addr<Call>, number: u32) -> Result<CallView, CommandError> {
    chosen
        .send(QueryCall)
        .await
        .map_err(|_| CommandError::NoSuchCall { call: number })
}

impl Handler<HoldCall> for Agent {
    type Result = ResponseFuture<Result<CallView, CommandError>>;

    fn handle(&mut self, asked: HoldCall, _: &mut Context<Self>) -> Self::Result {
        let HoldCall { call, hold } = asked;
        let chosen = match self.established(call, |view| view.on_hold != hold) {
            Ok(chosen) => chosen,
            Err(error) => return refuse(error),
        };
        let number = chosen.number;
        let actor = format!("account {}", chosen.account_id);
        let held = ask(actor, &chosen.account, Hold { number, hold });
        Box::pin(async move {
            held.await?;
            view_of(chosen.call, number).await
        })
    }
}

impl Handler<TransferCall> for Agent {
    type Result = ResponseFuture<Result<CallView, CommandError>>;

    fn handle(&mut self, asked: TransferCall, _: &mut Context<Self>) -> Self::Result {
        let TransferCall { call, to } = asked;
        let besides =
            |view: &CallView| !matches!(to, TransferTarget::Call(other) if other == view.id);
        let chosen = match self.established(call, besides) {
            Ok(chosen) => chosen,
            Err(error) => return refuse(error),
        };
        let to = match self.transfer_target(&chosen, to) {
            Ok(to) => to,
            Err(error) => return refuse(error),
        };
        let number = chosen.number;
        let actor = format!("account {}", chosen.account_id);
        let asked = ask(actor, &chosen.account, Transfer { number, to });
        Box::pin(async move {
            asked.await?;
            view_of(chosen.call, number).await
        })
    }
}
