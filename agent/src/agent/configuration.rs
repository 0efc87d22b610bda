//! A new configuration: checked as a whole first, then carried out change by change.

use std::collections::BTreeSet;
use std::time::SystemTime;

use actix::{Context, Handler};
use carillon_schemas::Timestamp;

use super::Agent;
use crate::account::{UseCredentials, UseFeatures, endpoint_config};
use crate::call::CallSettings;
use crate::command::{Applied, ApplyConfig, ApplyError};
use crate::event::AgentEvent;
use crate::reload::{Change, plan};
use crate::running::{RunningAccount, RunningConfig};

impl Agent {
    /// Whether every part of a configuration can run; touches nothing.
    fn check(&self, config: &RunningConfig) -> Result<CallSettings, ApplyError> {
        if self.departing {
            return Err(ApplyError::ShuttingDown);
        }
        let mut ids = BTreeSet::new();
        for account in &config.accounts {
            if !ids.insert(account.id()) {
                return Err(ApplyError::Account {
                    account: account.id().clone(),
                    why: "two accounts have this id; rename one".to_owned(),
                });
            }
            endpoint_config(account, &self.instance)?;
        }
        CallSettings::of(&config.media, &config.network, self.home.as_deref())
    }

    fn carry_out(&mut self, change: &Change, ctx: &mut Context<Self>) {
        match change {
            Change::Remove(id) => {
                self.drain_account(id);
                self.publish(AgentEvent::AccountRemoved(id.clone()));
            }
            Change::Add(account) => self.seat_account(account, ctx),
            Change::Replace(account) => self.replace_account(account, ctx),
            Change::SetCredentials(account) => self.set_credentials(account, ctx),
            Change::SetFeatures(account) => {
                if let Some(running) = self.running(account.id()) {
                    running.do_send(UseFeatures(account.clone()));
                }
            }
            Change::Media(_) | Change::Network(_) => self.spread_settings(),
            Change::Contacts(contacts) => {
                self.books.contacts.use_configured(contacts);
                self.publish(AgentEvent::ContactsChanged);
            }
            Change::Phonebooks(phonebooks) => {
                self.books.phonebooks.use_configured(phonebooks);
                self.publish(AgentEvent::ContactsChanged);
            }
            Change::Directories(directories) => {
                self.books.directories.use_configured(directories);
                self.publish(AgentEvent::ContactsChanged);
            }
            Change::History(retention) => self.books.history.keep(*retention),
            Change::Describe(_)
            | Change::Order(_)
            | Change::Links(_)
            | Change::Hooks(_)
            | Change::Name(_)
            | Change::Generation(_) => {}
        }
    }

    fn set_credentials(&mut self, account: &RunningAccount, ctx: &mut Context<Self>) {
        let running = self
            .seats
            .get(account.id())
            .and_then(|seat| seat.account.as_ref());
        match running {
            Some(addr) => addr.do_send(UseCredentials(account.clone())),
            // Given up, or about to be restarted: news for it is a fresh start. One that waits for its
            // predecessor reads the configuration when it starts.
            None if !self.waits_for_predecessor(account.id()) => self.seat_account(account, ctx),
            None => {}
        }
    }
}

impl Handler<ApplyConfig> for Agent {
    type Result = Result<Applied, ApplyError>;

    fn handle(
        &mut self,
        ApplyConfig(config): ApplyConfig,
        ctx: &mut Context<Self>,
    ) -> Self::Result {
        let begun = std::time::Instant::now();
        let generation = config.generation;
        let settings = match self.check(&config) {
            Ok(settings) => settings,
            Err(error) => {
                self.publish(AgentEvent::ConfigRefused {
                    generation,
                    reason: error.to_string(),
                });
                return Err(error);
            }
        };
        let plan = plan(&self.config, &config);
        self.config = config;
        let settings = self.chosen.over(CallSettings {
            session: self.session.clone(),
            ..settings
        });
        let before = std::mem::replace(&mut self.settings, settings);
        self.follow_volume(&before);
        for change in &plan.changes {
            self.carry_out(change, ctx);
        }
        let applied = Applied {
            generation,
            changes: plan.describe(),
            took: begun.elapsed(),
        };
        if self.applied_at.is_none() || !plan.changes.is_empty() {
            self.applied_at = Some(Timestamp::of(SystemTime::now()));
            self.publish(AgentEvent::ConfigApplied {
                generation,
                changes: applied.changes.clone(),
                took: applied.took,
            });
        }
        Ok(applied)
    }
}
