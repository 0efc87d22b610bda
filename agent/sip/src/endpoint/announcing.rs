//! How calls of ours are announced, and where calls that are sent on go. Holds what was wanted until the message it belongs to
//! is made; never makes one.

use super::core::{Core, User};
use super::{CallId, Endpoint, target};
use crate::call::CallError;
use crate::identity::CallOptions;
use crate::message::{HeaderName, Method, NameAddr, Request, Response};
use crate::offer::LocalMedia;
use std::collections::BTreeMap;
use std::time::Instant;

/// Calls whose announcement is kept, for an INVITE that goes out again. More are never in their setup at one time.
const MAX_KEPT: usize = 64;

/// What was wanted of calls.
#[derive(Default)]
pub(crate) struct Announcements {
    /// For the call that is placed next.
    next: Option<CallOptions>,
    kept: BTreeMap<CallId, CallOptions>,
    /// Contact of the next 3xx.
    elsewhere: Option<String>,
}

impl Core {
    /// Announces an INVITE outside of a dialog as its call wants.
    pub(super) fn announce(&mut self, user: User, request: &mut Request) {
        let User::Call(call) = user else {
            return;
        };
        if request.method != Method::Invite || is_within_dialog(request) {
            return;
        }
        if let Some(options) = self.announcements.next.take() {
            if self.announcements.kept.len() >= MAX_KEPT {
                self.announcements.kept.pop_first();
            }
            self.announcements.kept.insert(call, options);
        }
        let mark = self.random.token();
        if let Some(options) = self.announcements.kept.get(&call) {
            options.dress(request, &self.config.aor, &mark);
        }
    }

    /// Adds to a 3xx where else to call.
    pub(super) fn send_on(&mut self, response: &mut Response) {
        if (300..400).contains(&response.status)
            && let Some(contact) = self.announcements.elsewhere.take()
        {
            response.headers.push(HeaderName::Contact, contact);
        }
    }
}

impl Endpoint {
    /// Calls a target as [`Endpoint::call`] does, announced as wanted.
    ///
    /// # Errors
    /// A target that cannot be called, no room for another call, or media that cannot be offered.
    pub fn call_with(
        &mut self,
        now: Instant,
        target: &str,
        offer: LocalMedia,
        options: CallOptions,
    ) -> Result<CallId, CallError> {
        self.core.announcements.next = Some(options);
        let placed = self.call(now, target, offer);
        self.core.announcements.next = None;
        placed
    }

    /// Presses keys by INFO, one after the other. A peer that refuses one gets no further one.
    ///
    /// # Errors
    /// No such call, not one that stands, or what are no keys.
    pub fn press_keys(&mut self, now: Instant, call: CallId, keys: &str) -> Result<(), CallError> {
        let pressed = self.calls.command(&mut self.core, now, call, |call, core| {
            call.press_keys(core, now, keys)
        });
        self.settle(now);
        pressed?
    }

    /// Sends an incoming call on (302): a SIP URI, or a number or name in the account's own domain.
    ///
    /// # Errors
    /// A target that cannot be called, no such call, or not an incoming one that waits.
    pub fn forward(&mut self, now: Instant, call: CallId, target: &str) -> Result<(), CallError> {
        let target = target::read(target, &self.core.config)?;
        self.core.announcements.elsewhere = Some(NameAddr::new(target).to_string());
        let rejected = self.reject(now, call, 302);
        self.core.announcements.elsewhere = None;
        rejected
    }
}

fn is_within_dialog(request: &Request) -> bool {
    request
        .headers
        .text(HeaderName::To)
        .and_then(|to| to.parse::<NameAddr>().ok())
        .is_some_and(|to| to.tag().is_some())
}
