//! The commands of a person: which account, which call, and the answer.

use std::future::ready;
use std::time::Duration;

use actix::{Addr, Context, Handler, Message, ResponseFuture};
use carillon_schemas::AccountId;
use carillon_schemas::features::DtmfWay;
use carillon_schemas::status::{AccountState, CallState, Direction};
use futures_util::FutureExt;

use super::Agent;
use crate::account::{Account, Answer, Hangup, Place, PressByInfo, is_emergency};
use crate::call::{PressKeys, QueryCall};
use crate::command::{
    AnswerCall, CallKind, CallsToEnd, CommandError, HangupCall, PlaceCall, QueryStatus,
    RestartAccount, SendDtmf,
};
use crate::view::{AgentView, CallView};

/// The longest a call's counters are waited for.
const COUNTERS_LIMIT: Duration = Duration::from_millis(500);

impl Agent {
    pub(super) fn known(&self) -> Vec<AccountId> {
        let accounts = self.config.accounts.iter();
        accounts.map(|account| account.id().clone()).collect()
    }

    /// The account to call on.
    pub(super) fn choose(
        &self,
        asked: Option<AccountId>,
    ) -> Result<(AccountId, Addr<Account>), CommandError> {
        let id = match asked {
            Some(id) => id,
            None => self.default_account().ok_or(CommandError::NoAccount)?,
        };
        let Some(seat) = self.seats.get(&id) else {
            return Err(CommandError::NoSuchAccount {
                account: id,
                known: self.known(),
            });
        };
        match &seat.account {
            Some(addr) => Ok((id, addr.clone())),
            None => {
                let why = match seat.status.state {
                    AccountState::Disabled => {
                        "it is disabled in the configuration; enable it".into()
                    }
                    AccountState::GivenUp => format!(
                        "it failed too often ({}); restart it when the cause is gone",
                        seat.status.reason.as_deref().unwrap_or("no reason known")
                    ),
                    _ => "it is just being restarted; try again in a moment".to_owned(),
                };
                Err(CommandError::AccountUnavailable { account: id, why })
            }
        }
    }

    fn presses_by_info(&self, id: &AccountId) -> bool {
        self.config
            .account(id)
            .is_some_and(|account| account.config.features.dtmf() == DtmfWay::Info)
    }

    /// The preferred account while it can be used. Else the first that is registered, else one that needs no
    /// registrar, else any that runs: a call may go through even when the registration does not. Else the first
    /// enabled, for the reason.
    fn default_account(&self) -> Option<AccountId> {
        let rank = |id: &AccountId| {
            self.seats.get(id).map(|seat| match seat.status.state {
                AccountState::Registered | AccountState::Local | AccountState::Registering
                    if self.preferred.account() == Some(id) =>
                {
                    0
                }
                AccountState::Registered => 1,
                AccountState::Local => 2,
                AccountState::Registering => 3,
                AccountState::Failed => 4,
                _ => 5,
            })
        };
        self.config
            .accounts
            .iter()
            .filter(|account| account.config.enabled)
            .map(|account| account.id())
            .min_by_key(|id| rank(id))
            .cloned()
    }
}

/// Asks a child; one that is gone says nothing.
pub(super) fn ask<A, M, T>(
    actor: String,
    to: &Addr<A>,
    message: M,
) -> impl Future<Output = Result<T, CommandError>> + use<A, M, T>
where
    A: Handler<M>,
    A::Context: actix::dev::ToEnvelope<A, M>,
    M: Message<Result = Result<T, CommandError>> + Send + 'static,
    T: Send + 'static,
{
    to.send(message).map(move |reply| match reply {
        Ok(result) => result,
        Err(_) => Err(CommandError::NoAnswer { actor }),
    })
}

pub(super) fn refuse<T: 'static>(error: CommandError) -> ResponseFuture<Result<T, CommandError>> {
    Box::pin(ready(Err(error)))
}

impl Handler<PlaceCall> for Agent {
    type Result = ResponseFuture<Result<CallView, CommandError>>;

    fn handle(&mut self, place: PlaceCall, _: &mut Context<Self>) -> Self::Result {
        if self.departing {
            return refuse(CommandError::ShuttingDown);
        }
        let rescue = self.config.accounts.iter().any(|account| {
            let config = &account.config;
            is_emergency(&place.target, &config.features, &config.address)
        });
        let asked = place.account.or_else(|| self.peer_account(&place.target));
        let chosen = match self.choose(asked) {
            // Any account will do when life depends on it.
            Err(_) if rescue => self.choose(None),
            chosen => chosen,
        };
        match chosen {
            Ok((id, addr)) => {
                let target = place.target;
                let actor = format!("account {id}");
                if rescue {
                    return Box::pin(ask(actor, &addr, Place { target }));
                }
                let turn = self.until_registered(&id);
                Box::pin(async move {
                    turn.await;
                    ask(actor, &addr, Place { target }).await
                })
            }
            Err(error) => refuse(error),
        }
    }
}

impl Handler<AnswerCall> for Agent {
    type Result = ResponseFuture<Result<CallView, CommandError>>;

    fn handle(&mut self, answer: AnswerCall, _: &mut Context<Self>) -> Self::Result {
        let entry = match answer.call {
            Some(call) => self
                .calls
                .get(&call)
                .ok_or(CommandError::NoSuchCall { call }),
            None => self
                .calls
                .values()
                .find(|entry| {
                    entry.view.direction == Direction::Incoming
                        && entry.view.state == CallState::Ringing
                })
                .ok_or(CommandError::NoCall { what: "ringing" }),
        };
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => return refuse(error),
        };
        let number = entry.view.id;
        let actor = format!("account {}", entry.view.account);
        let answered = ask(actor, &entry.account, Answer { number });
        Box::pin(async move {
            let call = answered.await?;
            call.send(QueryCall)
                .await
                .map_err(|_| CommandError::NoSuchCall { call: number })
        })
    }
}

impl Handler<HangupCall> for Agent {
    type Result = ResponseFuture<Result<Vec<CallView>, CommandError>>;

    fn handle(&mut self, hangup: HangupCall, _: &mut Context<Self>) -> Self::Result {
        let ends = |entry: &super::CallEntry| {
            let number = entry.view.id;
            let actor = format!("account {}", entry.view.account);
            let view = entry.view.clone();
            ask(actor, &entry.account, Hangup { number }).map(|done| done.map(|()| view))
        };
        let kind = match hangup.0 {
            CallsToEnd::One(call) => {
                return match self.calls.get(&call) {
                    Some(entry) => Box::pin(ends(entry).map(|done| done.map(|view| vec![view]))),
                    None => refuse(CommandError::NoSuchCall { call }),
                };
            }
            CallsToEnd::Every(kind) => kind,
        };
        let fitting = self.calls.values().filter(|entry| is_of(kind, &entry.view));
        let ending: Vec<_> = fitting.map(ends).collect();
        if ending.is_empty() {
            let what = match kind {
                CallKind::All => "standing",
                CallKind::Incoming => "incoming",
                CallKind::Calling => "calling",
            };
            return refuse(CommandError::NoCall { what });
        }
        Box::pin(futures_util::future::join_all(ending).map(|done| {
            // One that ended by itself meanwhile is as good as hung up.
            Ok(done.into_iter().filter_map(Result::ok).collect())
        }))
    }
}

fn is_of(kind: CallKind, call: &CallView) -> bool {
    let waits = call.state != CallState::Established;
    match kind {
        CallKind::All => true,
        CallKind::Incoming => waits && call.direction == Direction::Incoming,
        CallKind::Calling => waits && call.direction == Direction::Outgoing,
    }
}

impl Handler<SendDtmf> for Agent {
    type Result = ResponseFuture<Result<CallView, CommandError>>;

    fn handle(&mut self, keys: SendDtmf, _: &mut Context<Self>) -> Self::Result {
        let entry = match keys.call {
            Some(call) => self
                .calls
                .get(&call)
                .ok_or(CommandError::NoSuchCall { call }),
            None => {
                let what = "established";
                let mut standing = self
                    .calls
                    .values()
                    .filter(|entry| entry.view.state == CallState::Established);
                match (standing.next(), standing.next()) {
                    (None, _) => Err(CommandError::NoCall { what }),
                    (Some(entry), None) => Ok(entry),
                    (Some(first), Some(second)) => Err(CommandError::WhichCall {
                        what,
                        calls: [first, second]
                            .into_iter()
                            .chain(standing)
                            .map(|entry| entry.view.id)
                            .collect(),
                    }),
                }
            }
        };
        match entry {
            Ok(entry) if self.presses_by_info(&entry.view.account) => {
                let (number, view) = (entry.view.id, entry.view.clone());
                let actor = format!("account {}", view.account);
                let digits = keys.digits;
                let pressed = ask(actor, &entry.account, PressByInfo { number, digits });
                Box::pin(async move { pressed.await.map(|()| view) })
            }
            Ok(entry) => {
                let actor = format!("call {}", entry.view.id);
                Box::pin(ask(actor, &entry.call, PressKeys(keys.digits)))
            }
            Err(error) => refuse(error),
        }
    }
}

impl Handler<RestartAccount> for Agent {
    type Result = Result<(), CommandError>;

    fn handle(&mut self, restart: RestartAccount, ctx: &mut Context<Self>) -> Self::Result {
        if self.departing {
            return Err(CommandError::ShuttingDown);
        }
        let Some(account) = self.config.account(&restart.account).cloned() else {
            return Err(CommandError::NoSuchAccount {
                account: restart.account,
                known: self.known(),
            });
        };
        let running = self
            .seats
            .get(account.id())
            .and_then(|seat| seat.account.clone());
        if let Some(running) = running {
            running.do_send(crate::account::Leave);
        }
        self.replace_account(&account, ctx);
        Ok(())
    }
}

impl Handler<QueryStatus> for Agent {
    type Result = ResponseFuture<AgentView>;

    fn handle(&mut self, _: QueryStatus, _: &mut Context<Self>) -> Self::Result {
        let mut view = self.view();
        let counters: Vec<_> = self
            .calls
            .values()
            .map(|entry| entry.call.send(QueryCall).timeout(COUNTERS_LIMIT))
            .collect();
        Box::pin(async move {
            let answers = futures_util::future::join_all(counters).await;
            for current in answers.into_iter().flatten() {
                if let Some(known) = view.calls.iter_mut().find(|call| call.id == current.id) {
                    *known = current;
                }
            }
            view
        })
    }
}

#[cfg(feature = "panic-injection")]
impl Handler<crate::command::InjectPanic> for Agent {
    type Result = Result<(), CommandError>;

    fn handle(
        &mut self,
        inject: crate::command::InjectPanic,
        _: &mut Context<Self>,
    ) -> Self::Result {
        let (_, addr) = self.choose(Some(inject.account))?;
        addr.do_send(crate::account::Panic);
        Ok(())
    }
}

#[cfg(feature = "panic-injection")]
impl Handler<crate::command::InjectCallPanic> for Agent {
    type Result = Result<(), CommandError>;

    fn handle(
        &mut self,
        inject: crate::command::InjectCallPanic,
        _: &mut Context<Self>,
    ) -> Self::Result {
        let call = inject.call;
        let entry = self.calls.get(&call);
        let entry = entry.ok_or(CommandError::NoSuchCall { call })?;
        entry.call.do_send(crate::call::Panic);
        Ok(())
    }
}
