//! One call from either side: what both sides share. The caller's part is in `caller`, the callee's in `callee`, what the peer sends
//! within the dialog in `within`, what this side changes in `change`, transfers in `transfer` and `referral`.

use super::answered::Answered;
use super::callee::Callee;
use super::caller::Caller;
use super::cause::{CallError, EndCause};
use super::change::Changes;
use super::info::Keys;
use super::leg::Leg;
use super::news::News;
use super::reason::Reason;
use super::referral::Referral;
use super::success::Success;
use super::timer::{Due, SessionTimer};
use super::transfer::Transfer;
use crate::dialog::Dialog;
use crate::endpoint::{CallId, Core, Event, Reply, RequestId, User};
use crate::message::{Essentials, HeaderName, Method, Request};
use crate::offer::NegotiatedMedia;
use std::time::Instant;

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Before the final response to its INVITE.
    Setup,
    /// A 2xx was sent or received.
    Established,
    /// Told as ended; some last messages may still be under way.
    Ended,
}

#[expect(
    clippy::large_enum_variant,
    reason = "a few calls at a time; never moved once made"
)]
pub(super) enum Side {
    Caller(Caller),
    Callee(Callee),
}

pub(super) struct Call {
    pub(super) id: CallId,
    pub(super) state: State,
    pub(super) side: Side,
    pub(super) ring_until: Instant,
    /// The dialog: of a callee from the start, of a caller once it is confirmed.
    pub(super) leg: Option<Leg>,
    /// What the owner knows to be agreed.
    pub(super) told: Option<NegotiatedMedia>,
    pub(super) success: Option<Success>,
    /// 2xx taken, whose ACK may have to be repeated.
    pub(super) answered: Vec<Answered>,
    pub(super) bye: Option<RequestId>,
    /// To be sent as soon as the ACK of our 2xx came, or will not come (§15).
    pub(super) bye_wanted: bool,
    pub(super) bye_reason: Option<Reason>,
    /// What the peer gave as its reason to end the call.
    pub(super) peer_reason: Option<Reason>,
    pub(super) changes: Changes,
    pub(super) timer: SessionTimer,
    pub(super) transfer: Option<Transfer>,
    pub(super) referral: Option<Referral>,
    /// Whether the peer sent a REFER before.
    pub(super) referred_before: bool,
    /// The call whose place this one takes once it is answered.
    pub(super) replaces: Option<CallId>,
    /// The call whose peer asked for this one, and is told how it goes.
    pub(super) referred_by: Option<CallId>,
    pub(super) news: Vec<News>,
    pub(super) keys: Keys,
}

impl Call {
    pub(super) fn new(core: &Core, now: Instant, id: CallId, side: Side) -> Self {
        Self {
            id,
            state: State::Setup,
            side,
            ring_until: now + core.config.ring_limit,
            leg: None,
            told: None,
            success: None,
            answered: Vec::new(),
            bye: None,
            bye_wanted: false,
            bye_reason: None,
            peer_reason: None,
            changes: Changes::default(),
            timer: SessionTimer::default(),
            transfer: None,
            referral: None,
            referred_before: false,
            replaces: None,
            referred_by: None,
            news: Vec::new(),
            keys: Keys::default(),
        }
    }

    pub(super) fn user(&self) -> User {
        User::Call(self.id)
    }

    pub(super) fn is_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// Whether nothing of it is left to do.
    pub(super) fn is_gone(&self) -> bool {
        self.is_settled() && !matches!(&self.side, Side::Caller(caller) if caller.invite.is_some())
    }

    /// Whether it ended and the peer knows, as far as this side can tell.
    pub(super) fn is_settled(&self) -> bool {
        self.is_ended() && self.success.is_none() && self.bye.is_none() && !self.bye_wanted
    }

    pub(super) fn early(&self) -> &[Leg] {
        match &self.side {
            Side::Caller(caller) => &caller.early,
            Side::Callee(_) => &[],
        }
    }

    /// Every dialog of the call.
    pub(super) fn dialogs(&self) -> impl Iterator<Item = &Dialog> {
        let legs = self.leg.iter().chain(self.early());
        legs.map(|leg| &leg.dialog)
    }

    /// Whether a request from the peer belongs to this call.
    pub(super) fn holds(&self, essentials: &Essentials) -> bool {
        self.dialogs().any(|dialog| dialog.holds(essentials))
    }

    /// The leg a request of the peer came in.
    pub(super) fn leg_of(&mut self, essentials: &Essentials) -> Option<&mut Leg> {
        let early = match &mut self.side {
            Side::Caller(caller) => caller.early.as_mut_slice(),
            Side::Callee(_) => &mut [],
        };
        let mut legs = self.leg.iter_mut().chain(early);
        legs.find(|leg| leg.dialog.holds(essentials))
    }

    /// Whether another may take its place; the status that refuses it (RFC 3891 §3).
    pub(super) fn replaceable(&self, early_only: bool) -> Result<(), u16> {
        match (self.state, &self.side) {
            (State::Ended, _) => Err(603),
            (State::Established, _) if early_only => Err(486),
            (State::Established, _) | (State::Setup, Side::Caller(_)) => Ok(()),
            // A call that rings here was not begun here.
            (State::Setup, Side::Callee(_)) => Err(481),
        }
    }

    pub(super) fn refused(&self, what: &'static str) -> CallError {
        CallError::WrongState {
            call: self.id,
            what,
        }
    }

    pub(super) fn hangup(&mut self, core: &mut Core, now: Instant, cause: EndCause) {
        match self.state {
            State::Setup => self.give_up(core, now, 603, cause),
            State::Established => {
                self.say_bye(core, now);
                self.finish(core, now, cause);
            }
            State::Ended => {}
        }
    }

    /// Ends a call that stands, and tells the peer why.
    pub(super) fn abort(&mut self, core: &mut Core, now: Instant, status: u16, cause: EndCause) {
        let why = match &cause {
            EndCause::MediaRefused { why } | EndCause::Failed { why } => why.as_str(),
            EndCause::SessionExpired => "session expired",
            _ => "",
        };
        self.bye_reason = Some(Reason::sip(status, why));
        self.say_bye(core, now);
        self.finish(core, now, cause);
    }

    /// Ends a call that was not answered: CANCEL by the caller, a final status by the callee.
    pub(super) fn give_up(&mut self, core: &mut Core, now: Instant, status: u16, cause: EndCause) {
        match &mut self.side {
            Side::Caller(caller) => {
                if let Some(invite) = caller.invite {
                    core.cancel(now, invite);
                }
            }
            Side::Callee(callee) => callee.refuse(core, now, status),
        }
        self.finish(core, now, cause);
    }

    pub(super) fn say_bye(&mut self, core: &mut Core, now: Instant) {
        if self.success.is_some() {
            self.bye_wanted = true;
            return;
        }
        self.bye_wanted = false;
        let reason = self.bye_reason.take();
        self.bye = self.ask(core, now, Method::Bye, |request| {
            if let Some(reason) = reason {
                request.headers.push(HeaderName::Reason, reason.to_string());
            }
        });
    }

    /// Sends a request within the dialog.
    pub(super) fn ask(
        &mut self,
        core: &mut Core,
        now: Instant,
        method: Method,
        fill: impl FnOnce(&mut Request),
    ) -> Option<RequestId> {
        let user = self.user();
        let dialog = &mut self.leg.as_mut()?.dialog;
        dialog.note_cseq(core.highest_cseq(user));
        let (mut request, hop) = dialog.request(method);
        fill(&mut request);
        Some(core.send(now, user, request, hop))
    }

    /// Tells the owner that the call is over, once.
    pub(super) fn finish(&mut self, core: &mut Core, now: Instant, cause: EndCause) {
        if self.is_ended() {
            return;
        }
        self.state = State::Ended;
        self.timer = SessionTimer::default();
        if let Some(change) = self.changes.drop_invite() {
            core.cancel(now, change);
        }
        self.changes = Changes::default();
        self.referral = None;
        self.end_transfer(core);
        self.tell_referrer_of_end(&cause);
        core.event(Event::CallEnded {
            call: self.id,
            cause,
            reason: self.peer_reason.take(),
        });
    }

    pub(super) fn establish(&mut self, core: &mut Core, media: NegotiatedMedia) {
        self.told = Some(media.clone());
        self.changes.settle = self.leg.as_ref().is_some_and(|leg| leg.unsettled);
        self.tell_referrer(200, "OK");
        if let Some(old) = self.replaces.take() {
            self.news.push(News::TakesPlace { of: old });
        }
        core.event(Event::CallEstablished {
            call: self.id,
            media,
        });
        self.tell_hold(core);
    }

    pub(super) fn on_reply(&mut self, core: &mut Core, now: Instant, id: RequestId, reply: Reply) {
        if self.bye == Some(id) {
            // Whatever the answer, the dialog is over (§15.1.1).
            if !matches!(&reply, Reply::Response { response, .. } if response.is_provisional()) {
                self.bye = None;
            }
            return;
        }
        if let Reply::Response {
            response,
            essentials,
            ..
        } = &reply
        {
            if response.is_success() && self.repeat_ack(core, now, essentials) {
                return;
            }
            if let Some(leg) = &mut self.leg
                && leg.dialog.is_answered_by(essentials)
            {
                leg.dialog.note_cseq(essentials.cseq.number);
                leg.note_peer(&response.headers);
            }
        }
        if self.changes.is_under_way(id) {
            self.on_change_reply(core, now, reply);
        } else if self.keys.is_under_way(id) {
            self.on_key_reply(core, now, &reply);
        } else if self.is_transfer(id) {
            self.on_transfer_reply(core, reply, now);
        } else if self.is_notice(id) {
            self.on_notice_reply(core, now, &reply);
        } else {
            self.on_invite_reply(core, now, id, reply);
        }
        self.pursue(core, now);
    }

    pub(super) fn wake(&mut self, core: &mut Core, now: Instant) {
        if self.state == State::Setup && self.ring_until <= now {
            self.give_up(core, now, 480, EndCause::NoAnswer);
        }
        if self.state == State::Setup {
            self.wake_callee(core, now);
        }
        if let Some(success) = &mut self.success
            && !success.wake(core, now)
        {
            self.success = None;
            let why = "the peer never confirmed our answer (no ACK within 32 s)".to_owned();
            self.abort(core, now, 408, EndCause::Failed { why });
        }
        if self.state == State::Established {
            match self.timer.due(now) {
                Some(Due::Refresh) => self.changes.refresh = true,
                Some(Due::Expired) => self.abort(core, now, 408, EndCause::SessionExpired),
                None => {}
            }
        }
        self.wake_transfer(core, now);
        self.wake_referral(core, now);
        self.changes.wake(now);
        self.pursue(core, now);
    }

    pub(super) fn next_wake(&self) -> Option<Instant> {
        let ring = (self.state == State::Setup).then_some(self.ring_until);
        let callee = match &self.side {
            Side::Callee(callee) if self.state == State::Setup => callee.next_wake(),
            _ => None,
        };
        ring.into_iter()
            .chain(callee)
            .chain(self.success.as_ref().map(Success::next_wake))
            .chain(self.timer.next_wake())
            .chain(self.changes.next_wake())
            .chain(self.transfer.as_ref().map(Transfer::next_wake))
            .chain(self.referral.as_ref().and_then(Referral::next_wake))
            .min()
    }
}
