//! Calling features that a person switches, and short messages.

use std::time::Duration;

use actix::{Addr, AsyncContext as _, Context, Handler, ResponseFuture};
use carillon_schemas::AccountId;

use super::Agent;
use super::commands::{ask, refuse};
use crate::account::{Account, Kind, SendText, SwitchesChanged};
use crate::call::{MAX_TARGET, target_uri};
use crate::command::{CommandError, ForwardKind, SendMessage, SwitchFeatures};
use crate::event::AgentEvent;
use crate::view::FeaturesView;

/// The longest a message is waited for: as long as its transaction lives, and a little more.
const MESSAGE_LIMIT: Duration = Duration::from_secs(40);

impl Agent {
    /// The actor of an account, when it runs.
    pub(super) fn running(&self, id: &AccountId) -> Option<Addr<Account>> {
        self.seats.get(id)?.account.clone()
    }

    fn features_view(&self, id: &AccountId) -> Option<FeaturesView> {
        let account = self.config.account(id)?;
        let switches = self.switches.get(id);
        let features = match switches {
            Some(switches) => switches.borrow().over(&account.config.features),
            None => account.config.features.clone(),
        };
        let forward = features.forward.clone().unwrap_or_default();
        Some(FeaturesView {
            account: id.clone(),
            do_not_disturb: features.do_not_disturb(),
            forward_always: forward.always,
            forward_busy: forward.busy,
            forward_no_answer: forward.no_answer,
        })
    }
}

impl Handler<SwitchFeatures> for Agent {
    type Result = Result<Vec<FeaturesView>, CommandError>;

    fn handle(&mut self, switch: SwitchFeatures, _: &mut Context<Self>) -> Self::Result {
        let ids: Vec<AccountId> = match &switch.account {
            Some(id) if self.config.account(id).is_some() => vec![id.clone()],
            Some(id) => {
                return Err(CommandError::NoSuchAccount {
                    account: id.clone(),
                    known: self.known(),
                });
            }
            None => self.known(),
        };
        for id in &ids {
            let Some(account) = self.config.account(id) else {
                continue;
            };
            if let Some((_, target)) = &switch.forward
                && !target.is_empty()
            {
                target_uri(target, &account.config.address).map_err(|error| {
                    CommandError::BadTarget {
                        target: target.chars().take(80).collect(),
                        why: error.to_string(),
                    }
                })?;
            }
            let mut switches = self.switches.entry(id.clone()).or_default().borrow_mut();
            if let Some(on) = switch.do_not_disturb {
                switches.do_not_disturb = Some(on);
            }
            if let Some((kind, target)) = &switch.forward {
                let kind = match kind {
                    ForwardKind::Always => Kind::Always,
                    ForwardKind::Busy => Kind::Busy,
                    ForwardKind::NoAnswer => Kind::NoAnswer,
                };
                switches.forward(kind, Some(target.trim().to_owned()));
            }
        }
        for id in &ids {
            if let Some(running) = self.running(id) {
                running.do_send(SwitchesChanged);
            }
        }
        let views: Vec<_> = ids.iter().filter_map(|id| self.features_view(id)).collect();
        if switch.do_not_disturb.is_some() || switch.forward.is_some() {
            for view in &views {
                self.publish(AgentEvent::FeaturesChanged(view.clone()));
            }
        }
        Ok(views)
    }
}

impl Handler<SendMessage> for Agent {
    type Result = ResponseFuture<Result<u16, CommandError>>;

    fn handle(&mut self, message: SendMessage, ctx: &mut Context<Self>) -> Self::Result {
        if self.departing {
            return refuse(CommandError::ShuttingDown);
        }
        let (id, addr) = match self.choose(message.account) {
            Ok(chosen) => chosen,
            Err(error) => return refuse(error),
        };
        let actor = format!("account {id}");
        let to = self.config.account(&id).map_or_else(
            || message.target.clone(),
            |account| match target_uri(&message.target, &account.config.address) {
                Ok(uri) => uri.to_string(),
                Err(_) => message.target.clone(),
            },
        );
        let told = AgentEvent::TextSent {
            account: id,
            to: to.chars().take(MAX_TARGET).collect(),
            text: message.text.clone(),
            delivered: false,
        };
        let text = SendText {
            target: message.target,
            text: message.text,
        };
        let sent = ask(actor.clone(), &addr, text);
        let root = ctx.address();
        Box::pin(async move {
            let sent = tokio::time::timeout(MESSAGE_LIMIT, sent)
                .await
                .unwrap_or(Err(CommandError::NoAnswer { actor }));
            let mut told = told;
            if let AgentEvent::TextSent { delivered, .. } = &mut told {
                *delivered = sent.is_ok();
            }
            root.do_send(told);
            sent
        })
    }
}
