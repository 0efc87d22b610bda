//! The accounts of the configuration and the actors that stand for them; what to do when a child ends.

use std::cell::Cell;
use std::rc::Rc;
use std::time::SystemTime;

use actix::{Addr, AsyncContext, Context, Handler};
use carillon_schemas::status::{AccountState, AccountStatus};
use carillon_schemas::{AccountId, Timestamp};

use super::{Agent, Child, now};
use crate::account::{
    Account, AccountSeed, CallCrashed, Drain, Withdrawn, endpoint_config, initial_status,
};
use crate::call::End;
use crate::event::{AgentEvent, CallCause};
use crate::running::RunningAccount;
use crate::supervision::{self, ChildEnded, Policy, Verdict};

/// The place of one configured account.
pub(super) struct Seat {
    /// Its actor; none while it is disabled, waits for a restart or for its predecessor, or was given up.
    pub(super) account: Option<Addr<Account>>,
    pub(super) incarnation: u64,
    pub(super) status: AccountStatus,
    last_port: Rc<Cell<Option<u16>>>,
    /// The actor that must withdraw before this one starts.
    waits_for: Option<u64>,
}

impl Agent {
    /// Takes an account in, and starts its actor when it is enabled.
    pub(super) fn seat_account(&mut self, account: &RunningAccount, ctx: &mut Context<Self>) {
        self.seats.insert(
            account.id().clone(),
            Seat {
                account: None,
                incarnation: 0,
                status: initial_status(account),
                last_port: Rc::default(),
                waits_for: None,
            },
        );
        self.roster.forget(&Child::Account(account.id().clone()));
        self.start_account(account, ctx);
    }

    /// Puts another account in the place of the one of the same id. The one before lives until its calls
    /// end; the new one starts as soon as the registrar let the old one go.
    pub(super) fn replace_account(&mut self, account: &RunningAccount, ctx: &mut Context<Self>) {
        let waits_for = self.drain_account(account.id());
        let Some(waits_for) = waits_for else {
            self.seat_account(account, ctx);
            return;
        };
        let status = initial_status(account);
        self.seats.insert(
            account.id().clone(),
            Seat {
                account: None,
                incarnation: 0,
                status: status.clone(),
                last_port: Rc::default(),
                waits_for: Some(waits_for),
            },
        );
        self.publish(AgentEvent::AccountChanged(status));
    }

    /// Takes an account out of its seat. Its actor, if there is one, drains.
    pub(super) fn drain_account(&mut self, id: &AccountId) -> Option<u64> {
        let seat = self.seats.remove(id)?;
        self.roster.forget(&Child::Account(id.clone()));
        match seat.account {
            Some(account) => {
                account.do_send(Drain);
                self.draining.insert(seat.incarnation, account);
                Some(seat.incarnation)
            }
            // Changed again before its own predecessor was gone.
            None => seat
                .waits_for
                .filter(|incarnation| self.draining.contains_key(incarnation)),
        }
    }

    /// Starts the actor of an account that has a seat.
    pub(super) fn start_account(&mut self, account: &RunningAccount, ctx: &mut Context<Self>) {
        let id = account.id().clone();
        let Some(seat) = self.seats.get_mut(&id) else {
            return;
        };
        seat.waits_for = None;
        seat.status = initial_status(account);
        if account.config.enabled {
            let child = Child::Account(id.clone());
            let incarnation = self.roster.starting(child.clone(), Policy::ACCOUNT);
            seat.incarnation = incarnation;
            let switches = Rc::clone(self.switches.entry(id.clone()).or_default());
            let endpoint =
                endpoint_config(account, &self.instance).map_err(|error| error.to_string());
            let actor = endpoint.and_then(|endpoint| {
                Account::new(AccountSeed {
                    account: account.clone(),
                    endpoint,
                    settings: self.settings.clone(),
                    engine: self.engine.clone(),
                    numbers: Rc::clone(&self.numbers),
                    last_port: Rc::clone(&seat.last_port),
                    switches,
                    incarnation,
                    agent: ctx.address(),
                    trace: self.trace.clone(),
                    contacts: self.books.contacts.clone(),
                })
            });
            match actor {
                Ok(actor) => {
                    let parent = ctx.address().recipient();
                    seat.account = Some(supervision::start(actor, child, incarnation, parent));
                }
                Err(why) => {
                    seat.status.state = AccountState::Failed;
                    seat.status.reason = Some(why);
                }
            }
        }
        let status = seat.status.clone();
        self.publish(AgentEvent::AccountChanged(status));
    }

    pub(super) fn waits_for_predecessor(&self, id: &AccountId) -> bool {
        self.seats
            .get(id)
            .is_some_and(|seat| seat.waits_for.is_some())
    }

    fn set_down(&mut self, id: &AccountId, state: AccountState, why: &str) {
        if let Some(seat) = self.seats.get_mut(id) {
            seat.account = None;
            seat.status.state = state;
            seat.status.reason = Some(why.to_owned());
            seat.status.since = Timestamp::of(SystemTime::now());
            let status = seat.status.clone();
            self.publish(AgentEvent::AccountChanged(status));
        }
    }

    /// The calls of an account's actor that is gone: their dialogs went with it.
    fn end_orphans(&mut self, incarnation: u64) {
        let orphans = self
            .calls
            .values()
            .filter(|entry| entry.incarnation == incarnation);
        for entry in orphans {
            entry.call.do_send(End {
                cause: CallCause::ActorFailed,
                text: "its account failed and was restarted".to_owned(),
            });
        }
    }

    fn restart(&mut self, child: &Child, ctx: &mut Context<Self>) {
        if self.departing {
            return;
        }
        match child {
            Child::Service(name) => self.restart_service(name, ctx),
            Child::Account(id) => {
                if let Some(account) = self.config.account(id).cloned() {
                    self.start_account(&account, ctx);
                }
            }
        }
    }

    /// Starts the accounts that waited for this actor to leave or to let go.
    fn seat_successors(&mut self, incarnation: u64, ctx: &mut Context<Self>) {
        let waiting: Vec<AccountId> = self
            .seats
            .iter()
            .filter(|(_, seat)| seat.waits_for == Some(incarnation))
            .map(|(id, _)| id.clone())
            .collect();
        for id in waiting {
            if let Some(account) = self.config.account(&id).cloned()
                && !self.departing
            {
                self.start_account(&account, ctx);
            }
        }
    }
}

impl Handler<ChildEnded<Child>> for Agent {
    type Result = ();

    fn handle(&mut self, news: ChildEnded<Child>, ctx: &mut Context<Self>) {
        self.draining.remove(&news.incarnation);
        if let Child::Account(id) = &news.child {
            self.end_orphans(news.incarnation);
            let current = |seat: &&mut Seat| seat.incarnation == news.incarnation;
            if let Some(seat) = self.seats.get_mut(id).filter(current) {
                seat.account = None;
            }
        }
        let account = news.child.account().cloned();
        match self.roster.ended(&news, now()) {
            Verdict::Nothing => {}
            Verdict::Restart {
                after,
                attempt,
                why,
            } => {
                tracing::warn!(actor = %news.child, %why, attempt, ?after, "restarting");
                if let Some(id) = &account {
                    self.set_down(id, AccountState::Restarting, &why);
                }
                self.publish(AgentEvent::ActorRestarted {
                    actor: news.child.to_string(),
                    account,
                    why,
                    attempt,
                    after,
                });
                let (child, incarnation) = (news.child, news.incarnation);
                ctx.run_later(after, move |agent, ctx| {
                    if agent.roster.is_current(&child, incarnation) {
                        agent.restart(&child, ctx);
                    }
                });
            }
            Verdict::GiveUp { why, revisit } => {
                tracing::error!(actor = %news.child, %why, "given up");
                if let Some(id) = &account {
                    self.set_down(id, AccountState::GivenUp, &why);
                }
                self.publish(AgentEvent::ActorGivenUp {
                    actor: news.child.to_string(),
                    account,
                    why,
                });
                if let Some(revisit) = revisit {
                    let child = news.child;
                    ctx.run_later(revisit, move |agent, ctx| {
                        if agent.roster.is_given_up(&child) {
                            agent.restart(&child, ctx);
                        }
                    });
                }
            }
        }
        self.seat_successors(news.incarnation, ctx);
        self.depart_when_empty(ctx);
    }
}

impl Handler<Withdrawn> for Agent {
    type Result = ();

    fn handle(&mut self, withdrawn: Withdrawn, ctx: &mut Context<Self>) {
        tracing::debug!(account = %withdrawn.account, "a replaced account is off the air");
        self.seat_successors(withdrawn.incarnation, ctx);
    }
}

impl Handler<CallCrashed> for Agent {
    type Result = ();

    fn handle(&mut self, crashed: CallCrashed, ctx: &mut Context<Self>) {
        tracing::warn!(call = crashed.number, note = %crashed.note, "the actor of a call panicked");
        if let Some(entry) = self.calls.remove(&crashed.number) {
            self.publish(AgentEvent::CallEnded {
                view: entry.view,
                cause: CallCause::ActorFailed,
                text: format!("its actor panicked: {}", crashed.note),
            });
            self.close_conference_of_one();
            self.ring(ctx);
        }
        self.depart_when_empty(ctx);
    }
}
