//! What an account watches and tells beside its calls: its mailbox, the lamps of other lines, its own presence, short messages.
//!
//! Owns which subscription is for what. The endpoint keeps them alive.

use std::collections::BTreeMap;

use carillon_sip::subscription::DialogPhase;
use carillon_sip::{
    Event, MessageId, Notice, Package, Presence, RegistrationState, SubscriptionId,
};
use tokio::sync::oneshot;

use super::{Account, Leaving, now};
use crate::event::{AgentEvent, LampState};

/// What the account watches, and who waits for its messages.
#[derive(Default)]
pub(super) struct Interests {
    watched: BTreeMap<SubscriptionId, Watched>,
    begun: bool,
    published: Option<bool>,
    pub(super) texts: BTreeMap<MessageId, oneshot::Sender<Result<u16, String>>>,
}

enum Watched {
    Mailbox,
    Lamp(String),
}

impl Account {
    /// Begins to watch when the account is on the air for the first time, and publishes whether it talks.
    pub(super) fn attend(&mut self) {
        let on_air = !self.account.config.register
            || matches!(
                self.endpoint.registration(),
                RegistrationState::Registered { .. }
            );
        if self.leaving != Leaving::Stays || !on_air {
            return;
        }
        if !self.interests.begun {
            self.interests.begun = true;
            self.watch();
        }
        let features = &self.account.config.features;
        let talking = features
            .publish_presence()
            .then_some(!self.lines.is_empty());
        if self.interests.published == talking {
            return;
        }
        self.interests.published = talking;
        match talking {
            Some(talking) => {
                let activities = talking.then(|| "on-the-phone".to_owned());
                let presence = Presence {
                    open: Some(true),
                    activities: activities.into_iter().collect(),
                    ..Presence::default()
                };
                self.endpoint.publish(now(), presence);
            }
            None => self.endpoint.unpublish(now()),
        }
    }

    /// Watches what the configuration says now, and nothing else.
    pub(super) fn watch_anew(&mut self) {
        for (id, _) in std::mem::take(&mut self.interests.watched) {
            self.endpoint.unsubscribe(now(), id);
        }
        self.interests.begun = false;
        self.attend();
    }

    fn watch(&mut self) {
        let features = self.account.config.features.clone();
        let mut wanted = Vec::new();
        // Without a registrar there is no mailbox but one that is named.
        if features.message_waiting()
            && (self.account.config.register || features.mailbox.is_some())
        {
            let own = || self.account.config.address.as_str().to_owned();
            let mailbox = features.mailbox.clone().unwrap_or_else(own);
            wanted.push((Package::MessageSummary, mailbox, Watched::Mailbox));
        }
        for lamp in features.lamps {
            wanted.push((Package::Dialog, lamp.clone(), Watched::Lamp(lamp)));
        }
        for (package, target, watched) in wanted {
            match self.endpoint.subscribe(now(), package, &target) {
                Ok(id) => {
                    self.interests.watched.insert(id, watched);
                }
                Err(error) => {
                    tracing::warn!(account = %self.account.id(), %error, "{target} is not watched");
                }
            }
        }
    }

    /// An event that is not of a call. The event comes back when it is none of these.
    pub(super) fn interest_event(&mut self, event: Event) -> Option<Event> {
        match event {
            Event::Notified {
                subscription,
                notice,
            } => self.noticed(subscription, notice),
            Event::Subscription {
                subscription,
                state,
            } => {
                tracing::debug!(account = %self.account.id(), %subscription, ?state, "subscription");
            }
            Event::Publication(state) => {
                tracing::debug!(account = %self.account.id(), ?state, "publication");
            }
            Event::CheckSync => self.agent.do_send(AgentEvent::CheckSync),
            Event::MessageReceived { from, text, .. } => {
                self.agent.do_send(AgentEvent::TextReceived {
                    account: self.account.id().clone(),
                    from: super::lines::shown(&from.uri.to_string()),
                    name: from.display_name.as_deref().map(super::lines::shown),
                    text: harmless(&text),
                });
            }
            Event::MessageSent { message, result } => {
                if let Some(waiting) = self.interests.texts.remove(&message)
                    && waiting.send(result).is_err()
                {
                    tracing::debug!("nobody waits for what came of a message any more");
                }
            }
            event => return Some(event),
        }
        None
    }

    fn noticed(&mut self, subscription: Option<SubscriptionId>, notice: Notice) {
        let account = self.account.id().clone();
        let watched = subscription.and_then(|id| self.interests.watched.get(&id));
        match (notice, watched) {
            (Notice::MessageSummary(summary), None | Some(Watched::Mailbox)) => {
                self.agent.do_send(AgentEvent::MessagesWaiting {
                    account,
                    waiting: summary.waiting,
                    new: summary.new_voice(),
                });
            }
            (Notice::Dialogs(info), Some(Watched::Lamp(line))) => {
                let state = if info.ringing().is_some() {
                    LampState::Ringing
                } else if info
                    .dialogs
                    .iter()
                    .any(|dialog| dialog.phase == DialogPhase::Confirmed)
                    || info.is_busy()
                {
                    LampState::Busy
                } else {
                    LampState::Idle
                };
                self.agent.do_send(AgentEvent::LampChanged {
                    account,
                    line: line.clone(),
                    state,
                });
            }
            _ => {}
        }
    }
}

/// A stranger's text without what would steer a terminal; line ends stay.
fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() && c != '\n' { ' ' } else { c })
        .collect()
}
