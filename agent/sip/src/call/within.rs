//! What the peer sends within the dialog of a call: ACK, BYE, re-INVITE, UPDATE (RFC 3261 §12.2.2, §14.2, §15.1.2; RFC 3311 §5.2). The
//! rest goes to where it belongs.

use super::body;
use super::call::{Call, Side, State};
use super::callee::refuses_interval;
use super::cause::EndCause;
use super::reason::Reason;
use crate::endpoint::{ALLOW, Core, Incoming};
use crate::message::{Essentials, HeaderName, Method, Request};
use std::time::Instant;

/// Within how many seconds the peer may try again what cannot be taken now.
const TRY_AGAIN: u64 = 10;

impl Call {
    pub(super) fn on_request(&mut self, core: &mut Core, now: Instant, incoming: &Incoming) {
        let number = incoming.essentials.cseq.number;
        let leg = self.leg_of(&incoming.essentials);
        let Some(leg) = leg else {
            return core.reply(now, incoming, 481);
        };
        if !leg.dialog.take_cseq(number) {
            return core.reply(now, incoming, 500);
        }
        leg.note_peer(&incoming.request.headers);
        match incoming.request.method {
            Method::Bye => self.on_bye(core, now, incoming),
            Method::Invite => self.on_reinvite(core, now, incoming),
            Method::Update => self.on_update(core, now, incoming),
            Method::Prack => self.on_prack(core, now, incoming),
            Method::Refer => self.on_refer(core, now, incoming),
            Method::Notify => self.on_notify(core, now, incoming),
            Method::Info => self.on_info(core, now, incoming),
            Method::Options => super::options::answer(core, now, incoming),
            _ => core.reply(now, incoming, 405),
        }
        self.pursue(core, now);
    }

    /// An ACK of a 2xx. It has no response.
    pub(super) fn on_ack(
        &mut self,
        core: &mut Core,
        now: Instant,
        request: &Request,
        essentials: &Essentials,
    ) {
        let number = essentials.cseq.number;
        let Some(success) = self.success.take_if(|success| success.number == number) else {
            return;
        };
        if self.bye_wanted {
            return self.say_bye(core, now);
        }
        if success.offered && !self.is_ended() {
            let answer = self
                .leg
                .as_mut()
                .and_then(|leg| leg.take_answer(&request.headers, &request.body));
            let answer = match answer {
                Some(answer) => answer.map_err(|why| why.to_string()),
                None => Err(
                    "the ACK has no session description, though our answer carried an offer"
                        .to_owned(),
                ),
            };
            match (answer, success.first) {
                (Ok(media), true) => self.establish(core, media),
                (Ok(_), false) => self.answered_offer(core),
                // A bad answer to a later offer leaves the session as it was (RFC 6337 §3.1).
                (Err(_), false) => {
                    if let Some(leg) = &mut self.leg {
                        leg.withdraw();
                    }
                }
                (Err(why), true) => self.abort(core, now, 488, EndCause::MediaRefused { why }),
            }
        }
        self.pursue(core, now);
    }

    fn on_bye(&mut self, core: &mut Core, now: Instant, incoming: &Incoming) {
        core.reply(now, incoming, 200);
        self.success = None;
        self.bye_wanted = false;
        self.peer_reason = Reason::of(&incoming.request.headers);
        match self.state {
            State::Setup => {
                let cause = match &self.side {
                    Side::Caller(_) => EndCause::RemoteHangup,
                    Side::Callee(_) => EndCause::Cancelled,
                };
                self.give_up(core, now, 487, cause);
            }
            State::Established | State::Ended => self.finish(core, now, EndCause::RemoteHangup),
        }
    }

    fn on_reinvite(&mut self, core: &mut Core, now: Instant, incoming: &Incoming) {
        match self.state {
            State::Setup => return refuse_for_now(core, now, incoming),
            State::Ended => return core.reply(now, incoming, 481),
            State::Established => {}
        }
        let hold = self.changes.wants_hold();
        let Some(leg) = &mut self.leg else {
            return core.reply(now, incoming, 481);
        };
        if self.changes.collides() || leg.awaits_answer() {
            return core.reply(now, incoming, 491);
        }
        if refuses_interval(core, now, incoming) {
            return;
        }
        let (body, offered) = if incoming.request.body.is_empty() {
            (leg.offer(hold, false).unwrap_or_default(), true)
        } else {
            let offer = match body::read_offer(&incoming.request) {
                Ok(offer) => offer,
                Err(status) => return body::refuse(core, now, incoming, status),
            };
            match leg.answer(hold, &offer) {
                Ok((answer, _)) => (answer, false),
                Err(why) => return body::refuse_offer(core, now, incoming, &why),
            }
        };
        leg.dialog.refresh_target(&incoming.request.headers);
        let mut response = core.response(incoming, 200);
        response.body = body.into_bytes();
        self.agree_on_interval(core, now, incoming, &mut response);
        self.succeed(core, now, incoming, response, offered, false);
        if !offered {
            self.answered_offer(core);
        }
    }

    fn on_update(&mut self, core: &mut Core, now: Instant, incoming: &Incoming) {
        if self.is_ended() {
            return core.reply(now, incoming, 481);
        }
        if refuses_interval(core, now, incoming) {
            return;
        }
        if !incoming.request.body.is_empty() {
            return self.take_offer(core, now, incoming);
        }
        self.confirm_update(core, now, incoming, None);
    }

    /// Answers the offer in an UPDATE or a PRACK.
    pub(super) fn take_offer(&mut self, core: &mut Core, now: Instant, incoming: &Incoming) {
        let hold = self.changes.wants_hold();
        let collides = self.changes.collides();
        let is_early = self
            .leg
            .as_ref()
            .is_none_or(|leg| !leg.dialog.holds(&incoming.essentials));
        let Some(leg) = self.leg_of(&incoming.essentials) else {
            return core.reply(now, incoming, 481);
        };
        if collides || leg.awaits_answer() {
            return core.reply(now, incoming, 491);
        }
        if leg.agreed.is_none() {
            // The offer in the INVITE was not answered yet (RFC 3311 §5.2).
            return refuse_for_now(core, now, incoming);
        }
        let offer = match body::read_offer(&incoming.request) {
            Ok(offer) => offer,
            Err(status) => return body::refuse(core, now, incoming, status),
        };
        match leg.answer(hold, &offer) {
            Ok((answer, media)) => {
                self.confirm_update(core, now, incoming, Some(answer));
                if is_early {
                    let call = self.id;
                    core.event(crate::endpoint::Event::MediaChanged { call, media });
                } else {
                    self.answered_offer(core);
                }
            }
            Err(why) => body::refuse_offer(core, now, incoming, &why),
        }
    }

    fn confirm_update(
        &mut self,
        core: &mut Core,
        now: Instant,
        incoming: &Incoming,
        answer: Option<String>,
    ) {
        let update = incoming.request.method == Method::Update;
        let mut response = core.response(incoming, 200);
        if let Some(leg) = self.leg_of(&incoming.essentials)
            && update
        {
            leg.dialog.refresh_target(&incoming.request.headers);
        }
        if let Some(contact) = core.contact_for(incoming.flow, false) {
            response.headers.push(HeaderName::Contact, contact);
        }
        response.headers.push(HeaderName::Allow, ALLOW);
        if let Some(answer) = answer {
            response.headers.push(HeaderName::ContentType, body::SDP);
            response.body = answer.into_bytes();
        }
        if update && self.state == State::Established {
            self.agree_on_interval(core, now, incoming, &mut response);
        }
        core.respond(now, incoming, response);
    }

    fn agree_on_interval(
        &mut self,
        core: &Core,
        now: Instant,
        incoming: &Incoming,
        response: &mut crate::message::Response,
    ) {
        let (wanted, asked) = (core.config.session_expires, &incoming.request.headers);
        // That the interval is long enough was seen before.
        let _ = self.timer.accept(now, wanted, asked, &mut response.headers);
    }
}

/// 500 with a Retry-After by chance, so that two do not meet again (RFC 3261 §14.2).
fn refuse_for_now(core: &mut Core, now: Instant, incoming: &Incoming) {
    let mut response = core.response(incoming, 500);
    let wait = core.random.between(0, TRY_AGAIN);
    response
        .headers
        .push(HeaderName::RetryAfter, wait.to_string());
    core.respond(now, incoming, response);
}
