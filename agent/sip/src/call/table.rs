//! Every call of one endpoint: takes new ones in within the limits and hands messages to the call they belong to.

use super::body;
use super::call::Call;
use super::callee::Arrival;
use super::cause::{CallError, EndCause};
use crate::dialog::Dialog;
use crate::endpoint::{CallId, Core, Event, Incoming, Reply, RequestId};
use crate::message::{AddrSpec, Essentials, Request, Uri};
use crate::offer::LocalMedia;
use crate::transaction::ServerKey;
use std::collections::BTreeMap;
use std::time::Instant;

#[derive(Default)]
pub(crate) struct Calls {
    list: BTreeMap<CallId, Call>,
}

impl Calls {
    /// Calls that have not ended.
    pub(crate) fn count(&self) -> usize {
        self.list.values().filter(|call| !call.is_ended()).count()
    }

    /// Calls that ended, but are not gone.
    pub(crate) fn ending(&self) -> usize {
        self.list.len() - self.count()
    }

    pub(crate) fn dialogs(&self) -> usize {
        self.list.values().map(Call::dialogs).sum()
    }

    /// Whether every call ended and its peer knows.
    pub(crate) fn is_settled(&self) -> bool {
        self.list.values().all(Call::is_settled)
    }

    pub(crate) fn place(
        &mut self,
        core: &mut Core,
        now: Instant,
        target: Uri,
        offer: LocalMedia,
    ) -> Result<CallId, CallError> {
        let limit = core.config.max_calls;
        if self.count() >= limit {
            return Err(CallError::TooManyCalls { limit });
        }
        let id = CallId(core.number());
        let call = Call::place(core, now, id, target, offer)?;
        self.list.insert(id, call);
        Ok(id)
    }

    /// Carries out a command on a call that has not ended.
    pub(crate) fn command<T>(
        &mut self,
        id: CallId,
        run: impl FnOnce(&mut CallCommand<'_>) -> T,
    ) -> Result<T, CallError> {
        match self.list.get_mut(&id) {
            Some(call) if !call.is_ended() => {
                let result = run(&mut CallCommand(call));
                self.forget_gone();
                Ok(result)
            }
            _ => Err(CallError::NoSuchCall { call: id }),
        }
    }

    pub(crate) fn hang_up_all(&mut self, core: &mut Core, now: Instant) {
        for call in self.list.values_mut() {
            call.hangup(core, now, EndCause::LocalHangup);
        }
        self.forget_gone();
    }

    /// An INVITE outside any dialog.
    pub(crate) fn arrive(&mut self, core: &mut Core, now: Instant, incoming: Incoming) {
        let stranger = core.is_stranger(incoming.source.ip());
        if stranger && core.config.only_from_proxy {
            core.refused += 1;
            return core.reply(now, &incoming, 403);
        }
        if stranger && !names_us(&incoming.request.uri, &core.config.aor) {
            return core.reply(now, &incoming, 404);
        }
        // Strangers may hold half of the calls before an answer, so that they cannot keep everyone else out.
        let half_open = self
            .list
            .values()
            .filter(|call| call.is_half_open_stranger(core))
            .count();
        if self.count() >= core.config.max_calls
            || (stranger && half_open >= core.config.max_calls.div_ceil(2))
        {
            core.refused += 1;
            return core.reply(now, &incoming, 486);
        }
        let offer = if incoming.request.body.is_empty() {
            None
        } else {
            match body::read_offer(&incoming.request) {
                Ok(offer) => Some(offer),
                Err(status) => return body::refuse(core, now, &incoming, status),
            }
        };
        let local_tag = core.random.token();
        let Ok(dialog) = Dialog::of_request(&incoming.request, &incoming.essentials, &local_tag)
        else {
            return core.reply(now, &incoming, 400);
        };
        let id = CallId(core.number());
        let event = Event::IncomingCall {
            call: id,
            from: incoming.essentials.from.clone(),
            to: incoming.essentials.to.clone(),
            source: incoming.source,
            offered: offer.is_some(),
        };
        let call = Call::arrive(
            core,
            now,
            id,
            Arrival {
                incoming,
                offer,
                dialog,
                local_tag,
            },
        );
        self.list.insert(id, call);
        core.event(event);
    }

    /// A request with a To tag.
    pub(crate) fn on_request(&mut self, core: &mut Core, now: Instant, incoming: &Incoming) {
        match self
            .list
            .values_mut()
            .find(|call| call.holds(&incoming.essentials))
        {
            Some(call) => call.on_request(core, now, incoming),
            None => core.reply(now, incoming, 481),
        }
        self.forget_gone();
    }

    /// An ACK that belongs to no failed INVITE. `false` when it belongs to no call either.
    pub(crate) fn on_ack(
        &mut self,
        core: &mut Core,
        now: Instant,
        request: &Request,
        essentials: &Essentials,
    ) -> bool {
        let Some(call) = self.list.values_mut().find(|call| call.holds(essentials)) else {
            return false;
        };
        call.on_ack(core, now, request, essentials);
        self.forget_gone();
        true
    }

    pub(crate) fn on_cancel(&mut self, core: &mut Core, now: Instant, invite: &ServerKey) {
        for call in self.list.values_mut() {
            if call.cancelled(core, now, invite) {
                break;
            }
        }
        self.forget_gone();
    }

    pub(crate) fn on_reply(
        &mut self,
        core: &mut Core,
        now: Instant,
        id: CallId,
        request: RequestId,
        reply: Reply,
    ) {
        if let Some(call) = self.list.get_mut(&id) {
            call.on_reply(core, now, request, reply);
        }
        self.forget_gone();
    }

    pub(crate) fn wake(&mut self, core: &mut Core, now: Instant) {
        for call in self.list.values_mut() {
            call.wake(core, now);
        }
        self.forget_gone();
    }

    pub(crate) fn next_wake(&self) -> Option<Instant> {
        self.list.values().filter_map(Call::next_wake).min()
    }

    pub(crate) fn clear(&mut self) {
        self.list.clear();
    }

    fn forget_gone(&mut self) {
        self.list.retain(|_, call| !call.is_gone());
    }
}

/// A call that can be commanded.
pub(crate) struct CallCommand<'a>(&'a mut Call);

impl CallCommand<'_> {
    pub(crate) fn ring(&mut self, core: &mut Core, now: Instant) -> Result<(), CallError> {
        self.0.ring(core, now)
    }

    pub(crate) fn answer(
        &mut self,
        core: &mut Core,
        now: Instant,
        media: LocalMedia,
    ) -> Result<(), CallError> {
        self.0.answer(core, now, media)
    }

    pub(crate) fn reject(
        &mut self,
        core: &mut Core,
        now: Instant,
        status: u16,
    ) -> Result<(), CallError> {
        self.0.reject(core, now, status)
    }

    pub(crate) fn hangup(&mut self, core: &mut Core, now: Instant) {
        self.0.hangup(core, now, EndCause::LocalHangup);
    }
}

/// Whether a Request-URI names our user, or no user at all. A scanner tries numbers.
fn names_us(uri: &AddrSpec, aor: &Uri) -> bool {
    uri.sip()
        .is_some_and(|uri| uri.user.is_none() || uri.decoded_user() == aor.decoded_user())
}
