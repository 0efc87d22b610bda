//! Every call of one endpoint: takes new ones in within the limits and hands messages to the call they belong to.

use super::body;
use super::call::Call;
use super::callee::{Arrival, refuses_interval};
use super::caller::Placing;
use super::cause::{CallError, EndCause};
use super::news::News;
use super::reason::Reason;
use super::replaces::Replaces;
use crate::dialog::Dialog;
use crate::endpoint::{CallId, Core, Event, Incoming, Reply, RequestId, TransferPolicy};
use crate::identity::CallerFacts;
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
        self.list.values().map(|call| call.dialogs().count()).sum()
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
        replaces: Option<Replaces>,
    ) -> Result<CallId, CallError> {
        let placing = Placing {
            target,
            offer,
            replaces,
            referred_by: None,
        };
        self.place_new(core, now, placing, None)
    }

    /// Places the call that the peer of another asked for, and tells it how it goes.
    pub(crate) fn place_referred(
        &mut self,
        core: &mut Core,
        now: Instant,
        of: CallId,
        offer: LocalMedia,
    ) -> Result<CallId, CallError> {
        let limit = core.config.max_calls;
        let room = self.count() < limit;
        let call = self.standing(of)?;
        if !room {
            return Err(CallError::TooManyCalls { limit });
        }
        let (target, replaces, referred_by) = call.take_referral()?;
        let placing = Placing {
            target,
            offer,
            replaces,
            referred_by,
        };
        self.place_new(core, now, placing, Some(of))
    }

    fn place_new(
        &mut self,
        core: &mut Core,
        now: Instant,
        placing: Placing,
        referred_by: Option<CallId>,
    ) -> Result<CallId, CallError> {
        let limit = core.config.max_calls;
        if self.count() >= limit {
            return Err(CallError::TooManyCalls { limit });
        }
        let id = CallId(core.number());
        let mut call = Call::place(core, now, id, placing)?;
        call.referred_by = referred_by;
        self.list.insert(id, call);
        Ok(id)
    }

    /// Asks the peer of one call to take the place of this side in another.
    pub(crate) fn transfer_to_call(
        &mut self,
        core: &mut Core,
        now: Instant,
        id: CallId,
        other: CallId,
    ) -> Result<(), CallError> {
        let with = self.standing(other)?;
        let refused = with.refused("transferred to");
        if id == other || with.told.is_none() {
            return Err(refused);
        }
        let dialog = &with.leg.as_ref().ok_or(refused)?.dialog;
        let (target, replaces) = (dialog.peer_address(), Replaces::as_peer_sees(dialog));
        let with = Some((other, replaces));
        self.standing(id)?.refer(core, now, target, with)
    }

    fn standing(&mut self, id: CallId) -> Result<&mut Call, CallError> {
        self.list
            .get_mut(&id)
            .filter(|call| !call.is_ended())
            .ok_or(CallError::NoSuchCall { call: id })
    }

    /// Carries out a command on a call that has not ended.
    pub(crate) fn command<T>(
        &mut self,
        core: &mut Core,
        now: Instant,
        id: CallId,
        run: impl FnOnce(&mut CallCommand<'_>, &mut Core) -> T,
    ) -> Result<T, CallError> {
        let result = run(&mut CallCommand(self.standing(id)?), core);
        self.attend(core, now);
        Ok(result)
    }

    pub(crate) fn hang_up_all(&mut self, core: &mut Core, now: Instant) {
        for call in self.list.values_mut() {
            call.hangup(core, now, EndCause::LocalHangup);
        }
        self.attend(core, now);
    }

    /// An INVITE outside any dialog.
    pub(crate) fn arrive(&mut self, core: &mut Core, now: Instant, incoming: Incoming) {
        let stranger = core.is_stranger(incoming.source.ip());
        if stranger && core.config.only_from_proxy {
            core.refused += 1;
            let facts = Box::new(CallerFacts::read(&incoming.request, false));
            core.event(Event::CallBarred { facts });
            return core.reply(now, &incoming, 403);
        }
        if stranger && !names_us(&incoming.request.uri, &core.config.aor) {
            return core.reply(now, &incoming, 404);
        }
        let replaces = match self.to_replace(core, &incoming) {
            Ok(replaces) => replaces,
            Err(status) => return core.reply(now, &incoming, status),
        };
        if refuses_interval(core, now, &incoming) {
            return;
        }
        // Strangers may hold half of the calls before an answer, so that they cannot keep everyone else out.
        let half_open = self
            .list
            .values()
            .filter(|call| call.is_half_open_stranger(core))
            .count();
        let full = self.count() >= core.config.max_calls
            || (stranger && half_open >= core.config.max_calls.div_ceil(2));
        // One that takes the place of another needs no room of its own.
        if full && replaces.is_none() {
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
            facts: Box::new(CallerFacts::read(&incoming.request, !stranger)),
            to: incoming.essentials.to.clone(),
            source: incoming.source,
            offered: offer.is_some(),
            replaces,
        };
        let mut call = Call::arrive(
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
        call.replaces = replaces;
        self.list.insert(id, call);
        core.event(event);
    }

    /// Whether a message belongs to a dialog here.
    pub(crate) fn knows(&self, essentials: &Essentials) -> bool {
        essentials.to.tag().is_some() && self.list.values().any(|call| call.holds(essentials))
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
        self.attend(core, now);
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
        self.attend(core, now);
        true
    }

    pub(crate) fn on_cancel(
        &mut self,
        core: &mut Core,
        now: Instant,
        invite: &ServerKey,
        cancel: &Incoming,
    ) {
        let reason = Reason::of(&cancel.request.headers);
        for call in self.list.values_mut() {
            if call.cancelled(core, now, invite, reason.clone()) {
                break;
            }
        }
        self.attend(core, now);
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
        self.attend(core, now);
    }

    pub(crate) fn wake(&mut self, core: &mut Core, now: Instant) {
        for call in self.list.values_mut() {
            call.wake(core, now);
        }
        self.attend(core, now);
    }

    pub(crate) fn next_wake(&self) -> Option<Instant> {
        self.list.values().filter_map(Call::next_wake).min()
    }

    pub(crate) fn clear(&mut self) {
        self.list.clear();
    }

    /// Carries news from call to call and forgets what is gone.
    fn attend(&mut self, core: &mut Core, now: Instant) {
        while let Some((from, news)) = self.next_news() {
            match news {
                News::TakesPlace { of } => {
                    if let Ok(old) = self.standing(of) {
                        old.hangup(core, now, EndCause::Replaced { by: from });
                    }
                }
                News::TransferredAway { of } => {
                    if let Ok(other) = self.standing(of) {
                        other.hangup(core, now, EndCause::Transferred);
                    }
                }
                News::Progress { of, status, reason } => {
                    if let Ok(asked) = self.standing(of) {
                        asked.referral_went(core, now, status, reason);
                    }
                }
            }
        }
        self.list.retain(|_, call| !call.is_gone());
    }

    fn next_news(&mut self) -> Option<(CallId, News)> {
        let call = self.list.values_mut().find(|call| !call.news.is_empty())?;
        Some((call.id, call.news.remove(0)))
    }

    /// The call whose place an INVITE wants to take (RFC 3891 §3); the status that refuses it.
    fn to_replace(&self, core: &Core, incoming: &Incoming) -> Result<Option<CallId>, u16> {
        let headers = &incoming.request.headers;
        let Some(replaces) = Replaces::of(headers).map_err(|()| 400_u16)? else {
            return Ok(None);
        };
        match core.config.transfers {
            TransferPolicy::Never => return Err(403),
            TransferPolicy::FromProxy if core.is_stranger(incoming.source.ip()) => return Err(403),
            TransferPolicy::FromProxy | TransferPolicy::Always => {}
        }
        let names = |call: &&Call| call.dialogs().any(|dialog| replaces.names(dialog));
        let Some(call) = self.list.values().find(names) else {
            return Err(481);
        };
        call.replaceable(replaces.early_only)?;
        Ok(Some(call.id))
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

    pub(crate) fn early_media(
        &mut self,
        core: &mut Core,
        now: Instant,
        media: LocalMedia,
    ) -> Result<(), CallError> {
        self.0.early_media(core, now, media)
    }

    pub(crate) fn hold(
        &mut self,
        core: &mut Core,
        now: Instant,
        hold: bool,
    ) -> Result<(), CallError> {
        self.0.hold(core, now, hold)
    }

    pub(crate) fn transfer(
        &mut self,
        core: &mut Core,
        now: Instant,
        target: Uri,
    ) -> Result<(), CallError> {
        self.0.refer(core, now, target, None)
    }

    pub(crate) fn press_keys(
        &mut self,
        core: &mut Core,
        now: Instant,
        keys: &str,
    ) -> Result<(), CallError> {
        self.0.press_keys(core, now, keys)
    }

    pub(crate) fn refuse_transfer(&mut self, core: &mut Core, now: Instant, status: u16) {
        let status = if (300..700).contains(&status) {
            status
        } else {
            603
        };
        self.0.referral_went(core, now, status, String::new());
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
