//! The callee's part (RFC 3261 §13.3): ring, answer, refuse, be cancelled.

use super::call::{Call, Side, State};
use super::cause::{CallError, EndCause};
use super::success::Success;
use crate::dialog::Dialog;
use crate::endpoint::{ALLOW, CallId, Core, Incoming};
use crate::message::{HeaderName, Response};
use crate::offer::{LocalMedia, MediaSession};
use crate::sdp::SessionDescription;
use crate::transaction::ServerKey;
use std::time::{Duration, Instant};

/// A provisional response is repeated this often, so that proxies do not give up (§13.3.1.1).
const REPEAT: Duration = Duration::from_secs(60);

pub(super) struct Callee {
    incoming: Incoming,
    local_tag: String,
    offer: Option<SessionDescription>,
    pub(super) repeat_at: Option<Instant>,
}

/// An INVITE that was found good.
pub(super) struct Arrival {
    pub(super) incoming: Incoming,
    pub(super) offer: Option<SessionDescription>,
    pub(super) dialog: Dialog,
    pub(super) local_tag: String,
}

impl Call {
    /// Takes an INVITE in: 100 goes out at once.
    pub(super) fn arrive(core: &mut Core, now: Instant, id: CallId, arrival: Arrival) -> Self {
        let Arrival {
            incoming,
            offer,
            dialog,
            local_tag,
        } = arrival;
        core.reply(now, &incoming, 100);
        let callee = Callee {
            incoming,
            local_tag,
            offer,
            repeat_at: None,
        };
        let mut call = Self::new(core, now, id, Side::Callee(callee));
        call.dialog = Some(dialog);
        call
    }

    pub(super) fn ring(&mut self, core: &mut Core, now: Instant) -> Result<(), CallError> {
        let (State::Setup, Side::Callee(callee)) = (self.state, &mut self.side) else {
            return Err(CallError::WrongState {
                call: self.id,
                what: "rung",
            });
        };
        callee.ringing(core, now);
        Ok(())
    }

    pub(super) fn answer(
        &mut self,
        core: &mut Core,
        now: Instant,
        media: LocalMedia,
    ) -> Result<(), CallError> {
        let (State::Setup, Side::Callee(callee)) = (self.state, &mut self.side) else {
            return Err(CallError::WrongState {
                call: self.id,
                what: "answered",
            });
        };
        let refused = |why: crate::offer::Refusal| CallError::Media {
            why: why.to_string(),
        };
        let mut session = MediaSession::new(core.random.session_id(), media).map_err(refused)?;
        let (description, agreed) = match &callee.offer {
            Some(offer) => session
                .answer(offer)
                .map(|(description, agreed)| (description, Some(agreed)))
                .map_err(refused)?,
            None => (session.offer(), None),
        };
        let mut response = callee.response(200);
        response.body = description.to_string().into_bytes();
        let incoming = callee.incoming.clone();
        self.media = Some(session);
        self.state = State::Established;
        self.succeed(core, now, &incoming, response, agreed.is_none(), true);
        if let Some(agreed) = agreed {
            self.establish(core, agreed);
        }
        Ok(())
    }

    pub(super) fn reject(
        &mut self,
        core: &mut Core,
        now: Instant,
        status: u16,
    ) -> Result<(), CallError> {
        let (State::Setup, Side::Callee(_)) = (self.state, &self.side) else {
            return Err(CallError::WrongState {
                call: self.id,
                what: "rejected",
            });
        };
        let status = if (300..700).contains(&status) {
            status
        } else {
            603
        };
        self.give_up(core, now, status, EndCause::Declined { status });
        Ok(())
    }

    /// A CANCEL of the INVITE with that key came. `false` when it is not this call's.
    pub(super) fn cancelled(&mut self, core: &mut Core, now: Instant, invite: &ServerKey) -> bool {
        match &self.side {
            Side::Callee(callee)
                if self.state == State::Setup && callee.incoming.key == *invite =>
            {
                self.give_up(core, now, 487, EndCause::Cancelled);
                true
            }
            _ => false,
        }
    }

    /// Whether it came from elsewhere than our proxies and was not answered yet.
    pub(super) fn is_half_open_stranger(&self, core: &Core) -> bool {
        matches!(&self.side, Side::Callee(callee) if self.state == State::Setup && core.is_stranger(callee.incoming.source.ip()))
    }

    /// Sends a 2xx to an INVITE and repeats it until the ACK.
    pub(super) fn succeed(
        &mut self,
        core: &mut Core,
        now: Instant,
        incoming: &Incoming,
        mut response: Response,
        offered: bool,
        first: bool,
    ) {
        response.headers.push(HeaderName::Allow, ALLOW);
        response
            .headers
            .push(HeaderName::ContentType, super::body::SDP);
        if let Some(contact) = core.contact() {
            response.headers.push(HeaderName::Contact, contact);
        }
        let bytes = core.respond(now, incoming, response);
        let mut success = Success::new(
            now,
            incoming.essentials.cseq.number,
            bytes,
            incoming.flow,
            incoming.reply_to,
        );
        success.offered = offered;
        success.first = first;
        self.success = Some(success);
    }
}

impl Callee {
    pub(super) fn refuse(&self, core: &mut Core, now: Instant, status: u16) {
        let response = self.response(status);
        core.respond(now, &self.incoming, response);
    }

    pub(super) fn repeat_ringing(&mut self, core: &mut Core, now: Instant) {
        if self.repeat_at.is_some_and(|at| at <= now) {
            self.ringing(core, now);
        }
    }

    fn ringing(&mut self, core: &mut Core, now: Instant) {
        let mut response = self.response(180);
        if let Some(contact) = core.contact() {
            response.headers.push(HeaderName::Contact, contact);
        }
        core.respond(now, &self.incoming, response);
        self.repeat_at = Some(now + REPEAT);
    }

    fn response(&self, status: u16) -> Response {
        Response::to(&self.incoming.request, status, Some(&self.local_tag))
    }
}
