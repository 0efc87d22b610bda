//! One call from either side: what both sides share. The caller's part is in `caller`, the callee's in `callee`,
//! what happens within the dialog in `within`.

use super::callee::Callee;
use super::caller::Caller;
use super::cause::EndCause;
use super::success::Success;
use crate::dialog::Dialog;
use crate::endpoint::{CallId, Core, Event, Reply, RequestId, User};
use crate::message::{Essentials, Method};
use crate::offer::{MediaSession, NegotiatedMedia};
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
    pub(super) dialog: Option<Dialog>,
    pub(super) media: Option<MediaSession>,
    pub(super) agreed: Option<NegotiatedMedia>,
    pub(super) success: Option<Success>,
    pub(super) bye: Option<RequestId>,
    /// To be sent as soon as the ACK of our 2xx came, or will not come (§15).
    pub(super) bye_wanted: bool,
}

impl Call {
    pub(super) fn new(core: &Core, now: Instant, id: CallId, side: Side) -> Self {
        Self {
            id,
            state: State::Setup,
            side,
            ring_until: now + core.config.ring_limit,
            dialog: None,
            media: None,
            agreed: None,
            success: None,
            bye: None,
            bye_wanted: false,
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

    pub(super) fn dialogs(&self) -> usize {
        let early = match &self.side {
            Side::Caller(caller) => caller.early.len(),
            Side::Callee(_) => 0,
        };
        early + usize::from(self.dialog.is_some())
    }

    /// Whether a request from the peer belongs to this call.
    pub(super) fn holds(&self, essentials: &Essentials) -> bool {
        let early = match &self.side {
            Side::Caller(caller) => caller.early.as_slice(),
            Side::Callee(_) => &[],
        };
        self.dialog
            .iter()
            .chain(early.iter().map(|early| &early.dialog))
            .any(|dialog| dialog.holds(essentials))
    }

    pub(super) fn hangup(&mut self, core: &mut Core, now: Instant, cause: EndCause) {
        match self.state {
            State::Setup => self.give_up(core, now, 603, cause),
            State::Established => {
                self.say_bye(core, now);
                self.finish(core, cause);
            }
            State::Ended => {}
        }
    }

    /// Ends a call that was not answered: CANCEL by the caller, a final status by the callee.
    pub(super) fn give_up(&mut self, core: &mut Core, now: Instant, status: u16, cause: EndCause) {
        match &self.side {
            Side::Caller(caller) => {
                if let Some(invite) = caller.invite {
                    core.cancel(now, invite);
                }
            }
            Side::Callee(callee) => callee.refuse(core, now, status),
        }
        self.finish(core, cause);
    }

    pub(super) fn say_bye(&mut self, core: &mut Core, now: Instant) {
        if self.success.is_some() {
            self.bye_wanted = true;
            return;
        }
        self.bye_wanted = false;
        let user = self.user();
        if let Some(dialog) = &mut self.dialog {
            dialog.note_cseq(core.highest_cseq(user));
            let (request, hop) = dialog.request(Method::Bye);
            self.bye = Some(core.send(now, user, request, hop));
        }
    }

    /// Tells the owner that the call is over, once.
    pub(super) fn finish(&mut self, core: &mut Core, cause: EndCause) {
        if !self.is_ended() {
            self.state = State::Ended;
            core.event(Event::CallEnded {
                call: self.id,
                cause,
            });
        }
    }

    pub(super) fn establish(&mut self, core: &mut Core, media: NegotiatedMedia) {
        self.agreed = Some(media.clone());
        core.event(Event::CallEstablished {
            call: self.id,
            media,
        });
    }

    pub(super) fn on_reply(&mut self, core: &mut Core, now: Instant, id: RequestId, reply: Reply) {
        if self.bye == Some(id) {
            // Whatever the answer, the dialog is over (§15.1.1).
            if !matches!(&reply, Reply::Response { response, .. } if response.is_provisional()) {
                self.bye = None;
            }
            return;
        }
        self.on_invite_reply(core, now, id, reply);
    }

    pub(super) fn wake(&mut self, core: &mut Core, now: Instant) {
        if self.state == State::Setup && self.ring_until <= now {
            self.give_up(core, now, 480, EndCause::NoAnswer);
        }
        if self.state == State::Setup
            && let Side::Callee(callee) = &mut self.side
        {
            callee.repeat_ringing(core, now);
        }
        if let Some(success) = &mut self.success
            && !success.wake(core, now)
        {
            self.success = None;
            self.say_bye(core, now);
            self.finish(
                core,
                EndCause::Failed {
                    why: "the peer never confirmed our answer (no ACK within 32 s)".to_owned(),
                },
            );
        }
    }

    pub(super) fn next_wake(&self) -> Option<Instant> {
        let ring = (self.state == State::Setup).then_some(self.ring_until);
        let repeat = match &self.side {
            Side::Callee(callee) if self.state == State::Setup => callee.repeat_at,
            _ => None,
        };
        ring.into_iter()
            .chain(repeat)
            .chain(self.success.as_ref().map(Success::next_wake))
            .min()
    }
}
