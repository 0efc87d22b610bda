//! What the peer sends within the dialog of a call: ACK, BYE, re-INVITE, OPTIONS (RFC 3261 §12.2.2, §14.2, §15.1.2).

use super::body;
use super::call::{Call, Side, State};
use super::cause::EndCause;
use crate::endpoint::{Core, Event, Incoming};
use crate::message::{Essentials, HeaderName, Method, Request};
use crate::offer::NegotiatedMedia;
use crate::sdp::SessionDescription;
use std::time::Instant;

impl Call {
    pub(super) fn on_request(&mut self, core: &mut Core, now: Instant, incoming: &Incoming) {
        let number = incoming.essentials.cseq.number;
        let dialog = match (&mut self.dialog, &mut self.side) {
            (Some(dialog), _) if dialog.holds(&incoming.essentials) => Some(dialog),
            (_, Side::Caller(caller)) => caller
                .early
                .iter_mut()
                .map(|early| &mut early.dialog)
                .find(|dialog| dialog.holds(&incoming.essentials)),
            _ => None,
        };
        if !dialog.is_some_and(|dialog| dialog.take_cseq(number)) {
            return core.reply(now, incoming, 500);
        }
        match incoming.request.method {
            Method::Bye => self.on_bye(core, now, incoming),
            Method::Invite => self.on_reinvite(core, now, incoming),
            Method::Options => super::options::answer(core, now, incoming),
            _ => core.reply(now, incoming, 405),
        }
    }

    /// An ACK of a 2xx. It has no response.
    pub(super) fn on_ack(
        &mut self,
        core: &mut Core,
        now: Instant,
        request: &Request,
        essentials: &Essentials,
    ) {
        if self
            .success
            .as_ref()
            .is_none_or(|success| success.number != essentials.cseq.number)
        {
            return;
        }
        let Some(success) = self.success.take() else {
            return;
        };
        if self.bye_wanted {
            return self.say_bye(core, now);
        }
        if !success.offered || self.is_ended() {
            return;
        }
        match (self.take_answer(request), success.first) {
            (Ok(media), true) => self.establish(core, media),
            (Ok(media), false) => self.change(core, media),
            // A bad answer to a later offer leaves the session as it was (RFC 6337 §3.1).
            (Err(_), false) => {}
            (Err(why), true) => {
                self.say_bye(core, now);
                self.finish(core, EndCause::MediaRefused { why });
            }
        }
    }

    fn on_bye(&mut self, core: &mut Core, now: Instant, incoming: &Incoming) {
        core.reply(now, incoming, 200);
        self.success = None;
        self.bye_wanted = false;
        match self.state {
            State::Setup => {
                let cause = match &self.side {
                    Side::Caller(_) => EndCause::RemoteHangup,
                    Side::Callee(_) => EndCause::Cancelled,
                };
                self.give_up(core, now, 487, cause);
            }
            State::Established | State::Ended => self.finish(core, EndCause::RemoteHangup),
        }
    }

    fn on_reinvite(&mut self, core: &mut Core, now: Instant, incoming: &Incoming) {
        match self.state {
            State::Setup => {
                let mut response = core.response(incoming, 500);
                response.headers.push(HeaderName::RetryAfter, "5");
                core.respond(now, incoming, response);
                return;
            }
            State::Ended => return core.reply(now, incoming, 481),
            State::Established => {}
        }
        if self.success.as_ref().is_some_and(|success| success.offered) {
            return core.reply(now, incoming, 491);
        }
        let Some(media) = &mut self.media else {
            return core.reply(now, incoming, 500);
        };
        let (description, agreed) = if incoming.request.body.is_empty() {
            (media.offer(), None)
        } else {
            let offer = match body::read_offer(&incoming.request) {
                Ok(offer) => offer,
                Err(status) => return body::refuse(core, now, incoming, status),
            };
            match media.answer(&offer) {
                Ok((description, agreed)) => (description, Some(agreed)),
                Err(_) => return core.reply(now, incoming, 488),
            }
        };
        if let Some(dialog) = &mut self.dialog {
            dialog.refresh_target(&incoming.request.headers);
        }
        let mut response = core.response(incoming, 200);
        response.body = description.to_string().into_bytes();
        self.succeed(core, now, incoming, response, agreed.is_none(), false);
        if let Some(agreed) = agreed {
            self.change(core, agreed);
        }
    }

    fn take_answer(&self, request: &Request) -> Result<NegotiatedMedia, String> {
        let media = self.media.as_ref().ok_or("nothing was offered")?;
        if request.body.is_empty() || !body::is_sdp(&request.headers) {
            return Err(
                "the ACK has no session description, though our answer carried an offer".to_owned(),
            );
        }
        let answer = SessionDescription::parse(&request.body).map_err(|why| why.to_string())?;
        media.accept(&answer).map_err(|why| why.to_string())
    }

    fn change(&mut self, core: &mut Core, media: NegotiatedMedia) {
        if self.agreed.as_ref() != Some(&media) {
            self.agreed = Some(media.clone());
            core.event(Event::MediaChanged {
                call: self.id,
                media,
            });
        }
    }
}
