//! The callee's part (RFC 3261 §13.3): ring, give early media, answer, refuse, be cancelled. Provisional responses are reliable when
//! the caller asks for it, or when they carry a session description and the caller knows how (RFC 3262 §3).

use super::body::SDP;
use super::call::{Call, Side, State};
use super::cause::{CallError, EndCause};
use super::leg::Leg;
use super::reason::Reason;
use super::reliable::Reliable;
use super::success::Success;
use super::timer::SessionTimer;
use crate::dialog::Dialog;
use crate::endpoint::{ALLOW, CallId, Core, Incoming, SUPPORTED};
use crate::message::{HeaderName, Response};
use crate::offer::{LocalMedia, MediaSession, NegotiatedMedia, Refusal};
use crate::sdp::SessionDescription;
use crate::transaction::ServerKey;
use std::time::{Duration, Instant};

/// A provisional response is repeated this often, so that proxies do not give up (§13.3.1.1).
const REPEAT: Duration = Duration::from_secs(60);

pub(super) struct Callee {
    incoming: Incoming,
    local_tag: String,
    pub(super) offer: Option<SessionDescription>,
    pub(super) repeat_at: Option<Instant>,
    pub(super) reliable: Reliable,
    /// Whether the caller demands reliable provisional responses, or takes them.
    demands: bool,
    takes: bool,
    /// Our answer to the INVITE's offer, sent where it may have been lost; the 2xx repeats it.
    early_answer: Option<String>,
    /// To be answered as soon as the PRACK came.
    answer_wanted: bool,
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
        let mut leg = Leg::new(dialog, None);
        let headers = &incoming.request.headers;
        leg.note_peer(headers);
        let demands = headers.lists(HeaderName::Require, "100rel");
        let callee = Callee {
            demands,
            takes: demands || headers.lists(HeaderName::Supported, "100rel"),
            incoming,
            local_tag,
            offer,
            repeat_at: None,
            reliable: Reliable::default(),
            early_answer: None,
            answer_wanted: false,
        };
        let mut call = Self::new(core, now, id, Side::Callee(callee));
        call.leg = Some(leg);
        call
    }

    pub(super) fn ring(&mut self, core: &mut Core, now: Instant) -> Result<(), CallError> {
        let (State::Setup, Side::Callee(callee)) = (self.state, &mut self.side) else {
            return Err(self.refused("rung"));
        };
        callee.ringing(core, now);
        Ok(())
    }

    /// Gives the caller sound before the answer (183 with a session description).
    pub(super) fn early_media(
        &mut self,
        core: &mut Core,
        now: Instant,
        media: LocalMedia,
    ) -> Result<(), CallError> {
        let described = self.leg.as_ref().is_some_and(|leg| leg.media.is_some());
        let (State::Setup, Side::Callee(callee), false) = (self.state, &self.side, described)
        else {
            return Err(self.refused("given early media"));
        };
        if callee.reliable.is_waiting() || (callee.offer.is_none() && !callee.takes) {
            return Err(self.refused("given early media"));
        }
        let (body, agreed) = self.describe(core, media)?;
        let Side::Callee(callee) = &mut self.side else {
            return Ok(());
        };
        if agreed.is_some() && !callee.takes {
            callee.early_answer = Some(body.clone());
        }
        callee.progress(core, now, 183, Some(body));
        if agreed.is_some() {
            self.tell_media(core);
        }
        Ok(())
    }

    pub(super) fn answer(
        &mut self,
        core: &mut Core,
        now: Instant,
        media: LocalMedia,
    ) -> Result<(), CallError> {
        let (State::Setup, Side::Callee(callee)) = (self.state, &mut self.side) else {
            return Err(self.refused("answered"));
        };
        if callee.reliable.holds_back_answer() {
            callee.answer_wanted = true;
            return Ok(());
        }
        let body = match self.leg.as_ref().map(|leg| (&leg.media, &leg.agreed)) {
            Some((Some(_), Some(_))) => callee.early_answer.take(),
            _ => Some(self.describe(core, media)?.0),
        };
        self.accept(core, now, body);
        Ok(())
    }

    /// The first session description of this side: the answer to the caller's offer, or an offer.
    fn describe(
        &mut self,
        core: &mut Core,
        media: LocalMedia,
    ) -> Result<(String, Option<NegotiatedMedia>), CallError> {
        let refused = |why: Refusal| CallError::Media {
            why: why.to_string(),
        };
        let session = MediaSession::new(core.random.session_id(), media).map_err(refused)?;
        let offer = match &self.side {
            Side::Callee(callee) => callee.offer.clone(),
            Side::Caller(_) => None,
        };
        let Some(leg) = &mut self.leg else {
            return Err(self.refused("answered"));
        };
        leg.media = Some(session);
        match offer {
            Some(offer) => match leg.answer(false, &offer) {
                Ok((answer, agreed)) => Ok((answer, Some(agreed))),
                Err(why) => {
                    leg.media = None;
                    Err(refused(why))
                }
            },
            None => Ok((leg.offer(false, false).unwrap_or_default(), None)),
        }
    }

    /// Sends the 2xx to the first INVITE.
    fn accept(&mut self, core: &mut Core, now: Instant, body: Option<String>) {
        let Side::Callee(callee) = &mut self.side else {
            return;
        };
        callee.reliable.stop();
        let mut response = callee.response(200);
        response.body = body.unwrap_or_default().into_bytes();
        let incoming = callee.incoming.clone();
        let wanted = core.config.session_expires;
        let headers = &incoming.request.headers;
        // Whether the interval is long enough was seen when the INVITE came.
        let _ = self
            .timer
            .accept(now, wanted, headers, &mut response.headers);
        self.state = State::Established;
        let offered = self.leg.as_ref().is_some_and(Leg::awaits_answer);
        self.succeed(core, now, &incoming, response, offered, true);
        if let Some(agreed) = self.leg.as_ref().and_then(|leg| leg.agreed.clone())
            && !offered
        {
            self.establish(core, agreed);
        }
    }

    pub(super) fn reject(
        &mut self,
        core: &mut Core,
        now: Instant,
        status: u16,
    ) -> Result<(), CallError> {
        let (State::Setup, Side::Callee(_)) = (self.state, &self.side) else {
            return Err(self.refused("rejected"));
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
    pub(super) fn cancelled(
        &mut self,
        core: &mut Core,
        now: Instant,
        invite: &ServerKey,
        reason: Option<Reason>,
    ) -> bool {
        match &self.side {
            Side::Callee(callee)
                if self.state == State::Setup && callee.incoming.key == *invite =>
            {
                self.peer_reason = reason;
                self.give_up(core, now, 487, EndCause::Cancelled);
                true
            }
            _ => false,
        }
    }

    /// A PRACK came (RFC 3262 §3): it may bring the answer to our offer, or an offer of its own.
    pub(super) fn on_prack(&mut self, core: &mut Core, now: Instant, incoming: &Incoming) {
        let Side::Callee(callee) = &mut self.side else {
            return core.reply(now, incoming, 481);
        };
        let invite = callee.incoming.essentials.cseq.number;
        let rack = incoming.request.headers.text(HeaderName::RAck);
        if !callee
            .reliable
            .confirm(rack.as_deref().unwrap_or(""), invite)
        {
            return core.reply(now, incoming, 481);
        }
        callee.early_answer = None;
        let (headers, body) = (&incoming.request.headers, &incoming.request.body);
        let Some(leg) = &mut self.leg else {
            return core.reply(now, incoming, 481);
        };
        if leg.awaits_answer() && !body.is_empty() {
            match leg.take_answer(headers, body) {
                Some(Ok(_)) => core.reply(now, incoming, 200),
                Some(Err(_)) => core.reply(now, incoming, 488),
                None => core.reply(now, incoming, 415),
            }
            self.tell_media(core);
        } else if !body.is_empty() {
            self.take_offer(core, now, incoming);
        } else {
            core.reply(now, incoming, 200);
        }
        let Side::Callee(callee) = &mut self.side else {
            return;
        };
        if callee.answer_wanted && self.state == State::Setup {
            callee.answer_wanted = false;
            match self.leg.as_mut() {
                Some(leg) if leg.agreed.is_some() => self.accept(core, now, None),
                // The PRACK brought no answer to our offer: the 2xx makes it again.
                Some(leg) => {
                    leg.withdraw();
                    let body = leg.offer(false, false);
                    self.accept(core, now, body);
                }
                None => {}
            }
        }
    }

    pub(super) fn wake_callee(&mut self, core: &mut Core, now: Instant) {
        let Side::Callee(callee) = &mut self.side else {
            return;
        };
        callee.repeat_ringing(core, now);
        if !callee.reliable.wake(core, now) {
            let why = "the caller never confirmed that it rings (no PRACK within 32 s)".to_owned();
            self.give_up(core, now, 504, EndCause::Failed { why });
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
        response.headers.push(HeaderName::Supported, SUPPORTED);
        if !response.body.is_empty() {
            response.headers.push(HeaderName::ContentType, SDP);
        }
        if let Some(contact) = core.contact_for(incoming.flow, false) {
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
    pub(super) fn refuse(&mut self, core: &mut Core, now: Instant, status: u16) {
        self.reliable.stop();
        let response = self.response(status);
        core.respond(now, &self.incoming, response);
    }

    pub(super) fn next_wake(&self) -> Option<Instant> {
        self.repeat_at
            .into_iter()
            .chain(self.reliable.next_wake())
            .min()
    }

    fn repeat_ringing(&mut self, core: &mut Core, now: Instant) {
        if self.repeat_at.is_some_and(|at| at <= now) {
            self.ringing(core, now);
        }
    }

    fn ringing(&mut self, core: &mut Core, now: Instant) {
        self.repeat_at = Some(now + REPEAT);
        // A first reliable response must carry the offer when the INVITE had none (RFC 3261 §13.2.1): that one is early media.
        let cannot = self.demands && self.offer.is_none();
        if !cannot && !self.reliable.is_waiting() {
            self.progress(core, now, 180, None);
        }
    }

    fn progress(&mut self, core: &mut Core, now: Instant, status: u16, body: Option<String>) {
        let mut response = self.response(status);
        response.headers.push(HeaderName::Allow, ALLOW);
        if let Some(contact) = core.contact_for(self.incoming.flow, false) {
            response.headers.push(HeaderName::Contact, contact);
        }
        let reliable = self.demands || (self.takes && body.is_some());
        if let Some(body) = body {
            response.headers.push(HeaderName::ContentType, SDP);
            response.body = body.into_bytes();
        }
        self.repeat_at = Some(now + REPEAT);
        if reliable {
            self.reliable.send(core, now, &self.incoming, response);
        } else {
            core.respond(now, &self.incoming, response);
        }
    }

    fn response(&self, status: u16) -> Response {
        Response::to(&self.incoming.request, status, Some(&self.local_tag))
    }
}

/// Refuses a session interval that is too short (RFC 4028 §6). `true` when it did.
pub(super) fn refuses_interval(core: &mut Core, now: Instant, incoming: &Incoming) -> bool {
    let Err(least) = SessionTimer::check(&incoming.request.headers) else {
        return false;
    };
    let mut response = core.response(incoming, 422);
    response.headers.push(HeaderName::MinSe, least.to_string());
    core.respond(now, incoming, response);
    true
}
