//! Every subscription of one endpoint, and news that come without one.

use super::dialog_info::DialogInfo;
use super::machine::{Subscription, refuse};
use super::notice::{self, Read};
use super::package::Package;
use crate::endpoint::{Core, Event, Incoming, Reply, RequestId, SubscriptionId};
use crate::message::{HeaderName, Uri};
use std::collections::BTreeMap;
use std::time::Instant;
use thiserror::Error;

/// Subscriptions at one time.
pub const MAX_SUBSCRIPTIONS: usize = 128;

/// Why something cannot be watched, published or written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The target is no address that can be reached.
    #[error("{why}")]
    Target {
        /// What is wrong with it, and what to write.
        why: String,
    },
    /// As much is under way as may be.
    #[error("{limit} are under way already, which is the limit")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// A text that is empty or too long.
    #[error("the text must have 1 to {limit} bytes")]
    Length {
        /// The limit.
        limit: usize,
    },
    /// The endpoint is shutting down.
    #[error("the account is shutting down")]
    Stopping,
}

#[derive(Default)]
pub(crate) struct Subscriptions {
    list: BTreeMap<SubscriptionId, Subscription>,
}

impl Subscriptions {
    pub(crate) fn subscribe(
        &mut self,
        core: &mut Core,
        now: Instant,
        package: Package,
        target: Uri,
    ) -> Result<SubscriptionId, SubscribeError> {
        if self.list.len() >= MAX_SUBSCRIPTIONS {
            return Err(SubscribeError::TooMany {
                limit: MAX_SUBSCRIPTIONS,
            });
        }
        let id = SubscriptionId(core.number());
        let mut subscription = Subscription::new(id, package, target);
        subscription.begin(core, now);
        self.list.insert(id, subscription);
        Ok(id)
    }

    pub(crate) fn unsubscribe(&mut self, core: &mut Core, now: Instant, id: SubscriptionId) {
        if let Some(subscription) = self.list.get_mut(&id) {
            subscription.end(core, now);
        }
        self.forget_gone();
    }

    pub(crate) fn end_all(&mut self, core: &mut Core, now: Instant) {
        for subscription in self.list.values_mut() {
            subscription.end(core, now);
        }
        self.forget_gone();
    }

    pub(crate) fn renew_all(&mut self, core: &mut Core, now: Instant) {
        for subscription in self.list.values_mut() {
            subscription.renew(core, now);
        }
    }

    /// A NOTIFY. `false` when it belongs to no subscription, nor says anything that is heard without one.
    pub(crate) fn on_notify(&mut self, core: &mut Core, now: Instant, incoming: &Incoming) -> bool {
        let ours = self
            .list
            .values_mut()
            .find(|subscription| subscription.holds(&incoming.essentials));
        if let Some(subscription) = ours {
            subscription.on_notify(core, now, incoming);
            self.forget_gone();
            return true;
        }
        incoming.essentials.to.tag().is_none() && unsolicited(core, now, incoming)
    }

    pub(crate) fn on_reply(
        &mut self,
        core: &mut Core,
        now: Instant,
        id: SubscriptionId,
        request: RequestId,
        reply: Reply,
    ) {
        if let Some(subscription) = self.list.get_mut(&id) {
            subscription.on_reply(core, now, request, reply);
        }
        self.forget_gone();
    }

    pub(crate) fn wake(&mut self, core: &mut Core, now: Instant) {
        for subscription in self.list.values_mut() {
            subscription.wake(core, now);
        }
        self.forget_gone();
    }

    pub(crate) fn next_wake(&self) -> Option<Instant> {
        self.list.values().filter_map(Subscription::next_wake).min()
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn clear(&mut self) {
        self.list.clear();
    }

    fn forget_gone(&mut self) {
        self.list.retain(|_, subscription| !subscription.is_gone());
    }
}

/// A NOTIFY outside any subscription, as older PBXs send them: heard from our own registrar and proxies alone, for message
/// waiting and for `check-sync`.
fn unsolicited(core: &mut Core, now: Instant, incoming: &Incoming) -> bool {
    let event = incoming
        .request
        .headers
        .text(HeaderName::Event)
        .unwrap_or_default()
        .into_owned();
    if core.is_stranger(incoming.source.ip()) {
        return false;
    }
    let name = event.split(';').next().unwrap_or("").trim();
    if ["check-sync", "resync"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name))
    {
        core.reply(now, incoming, 200);
        core.event(Event::CheckSync);
        return true;
    }
    if Package::of(&event) != Some(Package::MessageSummary) {
        return false;
    }
    let mut none = DialogInfo::default();
    match notice::read(Package::MessageSummary, &incoming.request, &mut none) {
        Ok(read) => {
            core.reply(now, incoming, 200);
            if let Read::News(notice) = read {
                core.event(Event::Notified {
                    subscription: None,
                    notice,
                });
            }
        }
        Err(why) => refuse(core, now, incoming, &why),
    }
    true
}
