//! What an endpoint does beside registration and calls: watching others, publishing itself, short messages.

use super::core::{Core, Reply, RequestId, User};
use super::incoming::Incoming;
use super::{Endpoint, target};
use crate::message::{Method, Uri};
use crate::pager::{self, Pager};
use crate::publication::Publication;
use crate::subscription::{Package, Presence, SubscribeError, Subscriptions};
use std::fmt;
use std::time::Instant;

/// Names one subscription of one endpoint. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriptionId(pub(crate) u64);

impl fmt::Display for SubscriptionId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0)
    }
}

/// Names one short message of one endpoint. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(pub(crate) u64);

#[derive(Default)]
pub(super) struct Interests {
    subscriptions: Subscriptions,
    publication: Publication,
    pager: Pager,
    /// The contact that notifiers were told last.
    contact: Option<String>,
}

impl Interests {
    pub(super) fn on_reply(
        &mut self,
        core: &mut Core,
        now: Instant,
        (user, request): (User, RequestId),
        reply: Reply,
    ) {
        match user {
            User::Subscription(id) => self.subscriptions.on_reply(core, now, id, request, reply),
            User::Publication => self.publication.on_reply(core, now, request, reply),
            User::Message(id) => self.pager.on_reply(core, id, reply),
            User::Registration | User::Call(_) | User::Ping(_) | User::Nobody => {}
        }
    }

    /// Takes a request that is neither a call's nor for anyone else. `false` when it is not for here either.
    pub(super) fn on_request(
        &mut self,
        core: &mut Core,
        now: Instant,
        incoming: &Incoming,
    ) -> bool {
        match incoming.request.method {
            Method::Notify => self.subscriptions.on_notify(core, now, incoming),
            Method::Message => {
                pager::receive(core, now, incoming);
                true
            }
            _ => false,
        }
    }

    /// Under another contact, notifiers must learn it.
    pub(super) fn follow_contact(&mut self, core: &mut Core, now: Instant) {
        let contact = core.contact();
        if contact.is_none() || contact == self.contact {
            return;
        }
        if self.contact.replace(contact.unwrap_or_default()).is_some() {
            self.subscriptions.renew_all(core, now);
        }
    }

    /// Another network: a NAT on the way forgot us, so notifiers are told even the same contact.
    pub(super) fn network_changed(&mut self, core: &mut Core, now: Instant) {
        self.contact = core.contact();
        self.subscriptions.renew_all(core, now);
    }

    pub(super) fn wake(&mut self, core: &mut Core, now: Instant) {
        self.subscriptions.wake(core, now);
        self.publication.wake(core, now);
    }

    pub(super) fn next_wake(&self) -> Option<Instant> {
        self.subscriptions
            .next_wake()
            .into_iter()
            .chain(self.publication.next_wake())
            .min()
    }

    pub(super) fn withdraw(&mut self, core: &mut Core, now: Instant) {
        self.subscriptions.end_all(core, now);
        self.publication.remove(core, now);
    }

    pub(super) fn is_settled(&self) -> bool {
        self.publication.is_idle()
    }

    pub(super) fn subscriptions(&self) -> usize {
        self.subscriptions.len()
    }

    pub(super) fn clear(&mut self) {
        self.subscriptions.clear();
        self.pager.clear();
    }
}

impl Endpoint {
    /// Watches a target: a SIP URI, or a number or name in the account's own domain. News come as
    /// [`Event::Notified`](super::Event::Notified); it is refreshed, and begun anew after failures, until
    /// [`Endpoint::unsubscribe`].
    ///
    /// # Errors
    /// A target that cannot be reached, or no room for another subscription.
    pub fn subscribe(
        &mut self,
        now: Instant,
        package: Package,
        target: &str,
    ) -> Result<SubscriptionId, SubscribeError> {
        let target = self.aim(target)?;
        let subscribed =
            self.interests
                .subscriptions
                .subscribe(&mut self.core, now, package, target);
        self.settle(now);
        subscribed
    }

    /// Stops watching. One that is not there is none.
    pub fn unsubscribe(&mut self, now: Instant, subscription: SubscriptionId) {
        self.interests
            .subscriptions
            .unsubscribe(&mut self.core, now, subscription);
        self.settle(now);
    }

    /// Publishes our own presence, and keeps it published; its `entity` is the account's address, whatever is given.
    pub fn publish(&mut self, now: Instant, presence: Presence) {
        if self.stopping {
            return;
        }
        let presence = Presence {
            entity: self.core.config.aor.address_of_record().to_string(),
            ..presence
        };
        let document = presence.to_xml().into_bytes();
        self.interests
            .publication
            .publish(&mut self.core, now, document);
        self.settle(now);
    }

    /// Takes our presence back.
    pub fn unpublish(&mut self, now: Instant) {
        self.interests.publication.remove(&mut self.core, now);
        self.settle(now);
    }

    /// Sends a short text; what came of it is told by [`Event::MessageSent`](super::Event::MessageSent).
    ///
    /// # Errors
    /// A target that cannot be reached, a text that is empty or too long, or no room for another message.
    pub fn send_message(
        &mut self,
        now: Instant,
        target: &str,
        text: &str,
    ) -> Result<MessageId, SubscribeError> {
        let target = self.aim(target)?;
        let sent = self
            .interests
            .pager
            .send(&mut self.core, now, &target, text);
        self.settle(now);
        sent
    }

    fn aim(&self, target: &str) -> Result<Uri, SubscribeError> {
        if self.stopping {
            return Err(SubscribeError::Stopping);
        }
        target::read(target, &self.core.config).map_err(|error| SubscribeError::Target {
            why: error.to_string(),
        })
    }
}
