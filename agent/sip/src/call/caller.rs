//! The caller's part (RFC 3261 §13.2): the INVITE and where else it goes, provisional responses, early dialogs, the answer, forked
//! answers.

use super::call::{Call, Side, State};
use super::cause::{CallError, EndCause};
use super::leg::Leg;
use super::reason::Reason;
use super::redirect::Redirects;
use super::replaces::Replaces;
use crate::dialog::Dialog;
use crate::endpoint::{ALLOW, CallId, Core, Event, Reply, RequestId, SUPPORTED, User};
use crate::message::{Essentials, HeaderName, Method, NameAddr, Request, Response, Uri};
use crate::offer::{LocalMedia, MediaSession};
use std::time::{Duration, Instant};

/// Early dialogs, and answers from forks, that one call keeps apart.
pub const MAX_FORKS: usize = 16;
/// An INVITE that failed without a word may have gone out a few times with credentials, each with a number of its own.
const NUMBERS_OF_ATTEMPTS: u32 = 8;

pub(super) struct Caller {
    /// The INVITE, until no further response can come.
    pub(super) invite: Option<RequestId>,
    request: Request,
    number: u32,
    pub(super) early: Vec<Leg>,
    /// The offer that every fork answers on its own.
    media: MediaSession,
    forks: usize,
    redirects: Redirects,
}

/// A call to be placed.
pub(super) struct Placing {
    pub(super) target: Uri,
    pub(super) offer: LocalMedia,
    pub(super) replaces: Option<Replaces>,
    /// The value of Referred-By, when somebody else asked for the call.
    pub(super) referred_by: Option<String>,
}

impl Call {
    /// Sends the INVITE.
    pub(super) fn place(
        core: &mut Core,
        now: Instant,
        id: CallId,
        placing: Placing,
    ) -> Result<Self, CallError> {
        let Placing {
            target,
            offer,
            replaces,
            referred_by,
        } = placing;
        let mut media =
            MediaSession::new(core.random.session_id(), offer).map_err(|why| CallError::Media {
                why: why.to_string(),
            })?;
        let target_uri = Uri {
            headers: None,
            ..target.clone()
        };
        let mut request = Request::new(Method::Invite, target_uri.clone());
        for route in core.routes() {
            request
                .headers
                .push(HeaderName::Route, format!("<{route}>"));
        }
        let from = NameAddr {
            display_name: core.config.display_name.clone(),
            ..NameAddr::new(core.config.aor.address_of_record())
        };
        request.headers.push(HeaderName::MaxForwards, "70");
        request.headers.push(
            HeaderName::From,
            from.with_tag(&core.random.token()).to_string(),
        );
        request.headers.push(
            HeaderName::To,
            NameAddr::new(target.address_of_record()).to_string(),
        );
        request
            .headers
            .push(HeaderName::CallId, core.random.long_token());
        request.headers.push(HeaderName::CSeq, "1 INVITE");
        request.headers.push(HeaderName::Allow, ALLOW);
        request.headers.push(HeaderName::Supported, SUPPORTED);
        if let Some(replaces) = replaces {
            request.headers.push(HeaderName::Require, "replaces");
            request
                .headers
                .push(HeaderName::Replaces, replaces.to_string());
        }
        if let Some(referred_by) = referred_by {
            request.headers.push(HeaderName::ReferredBy, referred_by);
        }
        request
            .headers
            .push(HeaderName::ContentType, "application/sdp");
        request.body = media.offer().to_string().into_bytes();
        let caller = Caller {
            invite: None,
            request,
            number: 0,
            early: Vec::new(),
            media,
            forks: 0,
            redirects: Redirects::new(target_uri.clone()),
        };
        let mut call = Self::new(core, now, id, Side::Caller(caller));
        call.invite(core, now, target_uri);
        Ok(call)
    }

    /// Sends the INVITE, or sends it again to another target or with another session interval.
    fn invite(&mut self, core: &mut Core, now: Instant, target: Uri) {
        let user = User::Call(self.id);
        let Side::Caller(caller) = &mut self.side else {
            return;
        };
        caller.number += 1;
        caller.early.clear();
        let request = &mut caller.request;
        request
            .headers
            .set(HeaderName::CSeq, format!("{} INVITE", caller.number));
        request.headers.remove(HeaderName::SessionExpires);
        request.headers.remove(HeaderName::MinSe);
        self.timer
            .ask(core.config.session_expires, &mut request.headers);
        let hop = core.first_hop(&target);
        request.uri = target.into();
        let request = request.clone();
        caller.invite = Some(core.send(now, user, request, hop));
    }

    pub(super) fn on_invite_reply(
        &mut self,
        core: &mut Core,
        now: Instant,
        id: RequestId,
        reply: Reply,
    ) {
        let Side::Caller(caller) = &mut self.side else {
            return;
        };
        if caller.invite != Some(id) {
            return;
        }
        match reply {
            Reply::Response {
                response,
                essentials,
                ..
            } if response.is_provisional() => {
                self.on_provisional(core, now, &response, &essentials);
            }
            Reply::Response {
                response,
                essentials,
                ..
            } if response.is_success() => self.on_answer(core, now, &response, &essentials),
            Reply::Response {
                response,
                essentials,
                note,
            } => {
                caller.invite = None;
                caller.number = caller.number.max(essentials.cseq.number);
                if self.state == State::Setup && !self.invite_elsewhere(core, now, &response) {
                    let reason = match note {
                        Some(note) => format!("{}: {note}", response.reason),
                        None => response.reason.clone(),
                    };
                    self.peer_reason = Reason::of(&response.headers);
                    self.finish(
                        core,
                        now,
                        EndCause::Rejected {
                            status: response.status,
                            reason,
                            retry_after: response.retry_after().map(Duration::from_secs),
                        },
                    );
                }
            }
            Reply::Failed { why } => {
                caller.invite = None;
                caller.number += NUMBERS_OF_ATTEMPTS;
                if self.state == State::Setup {
                    match self.next_target() {
                        Some(target) => self.invite(core, now, target),
                        None => self.finish(core, now, EndCause::Failed { why }),
                    }
                }
            }
            Reply::Done => caller.invite = None,
        }
    }

    /// Whether the INVITE goes out again after this final response: elsewhere (§8.1.3.4), or with a longer session interval (RFC 4028 §7.3).
    fn invite_elsewhere(&mut self, core: &mut Core, now: Instant, response: &Response) -> bool {
        let Side::Caller(caller) = &mut self.side else {
            return false;
        };
        if response.status == 422 && self.timer.raise(&response.headers) {
            if let Some(same) = caller.request.uri.sip().cloned() {
                self.invite(core, now, same);
            }
            return true;
        }
        caller
            .redirects
            .learn(response, core.config.follow_redirects);
        if response.status >= 600 {
            return false;
        }
        let Some(target) = self.next_target() else {
            return false;
        };
        core.event(Event::CallRedirected {
            call: self.id,
            target: target.clone(),
        });
        self.invite(core, now, target);
        true
    }

    fn next_target(&mut self) -> Option<Uri> {
        match &mut self.side {
            Side::Caller(caller) => caller.redirects.next(),
            Side::Callee(_) => None,
        }
    }

    fn on_provisional(
        &mut self,
        core: &mut Core,
        now: Instant,
        response: &Response,
        essentials: &Essentials,
    ) {
        let (State::Setup, Side::Caller(caller)) = (self.state, &mut self.side) else {
            return;
        };
        if response.status == 100 {
            return;
        }
        let (headers, body) = (&response.headers, &response.body);
        let user = User::Call(self.id);
        let mut media = None;
        match caller.early_leg(response, essentials) {
            Some(leg) => {
                leg.note_peer(headers);
                match reliable(response) {
                    Some(rseq) if !leg.take_rseq(rseq) => return,
                    Some(rseq) => {
                        // In order and new: it is confirmed, whatever it holds (RFC 3262 §4).
                        let (mut prack, hop) = leg.dialog.request(Method::Prack);
                        let rack = format!("{rseq} {} INVITE", essentials.cseq.number);
                        prack.headers.push(HeaderName::RAck, rack);
                        core.send(now, user, prack, hop);
                        media = leg.take_answer(headers, body).and_then(Result::ok);
                    }
                    None => media = leg.preview(headers, body),
                }
            }
            None if essentials.to.tag().is_none() => {
                if let Ok(dialog) = Dialog::of_response(&caller.request, response, essentials) {
                    media = Leg::new(dialog, Some(caller.media.clone())).preview(headers, body);
                }
            }
            None => {}
        }
        self.tell_referrer(response.status, &response.reason);
        core.event(Event::CallProgress {
            call: self.id,
            status: response.status,
            reason: response.reason.clone(),
            media,
        });
    }

    fn on_answer(
        &mut self,
        core: &mut Core,
        now: Instant,
        response: &Response,
        essentials: &Essentials,
    ) {
        let Side::Caller(caller) = &mut self.side else {
            return;
        };
        if caller.forks >= MAX_FORKS {
            return;
        }
        caller.forks += 1;
        let invite = caller.invite;
        let Some(mut leg) = caller.answering_leg(response, essentials) else {
            let why = "the answer has a Record-Route that cannot be followed".to_owned();
            return self.finish(core, now, EndCause::Failed { why });
        };
        self.acknowledge(core, now, &leg.dialog, invite, essentials);
        if self.state != State::Setup {
            // A fork answered too, or the answer crossed our CANCEL: this leg is not wanted (§13.2.2.4).
            let (bye, hop) = leg.dialog.request(Method::Bye);
            core.send(now, User::Nobody, bye, hop);
            return;
        }
        if let Side::Caller(caller) = &mut self.side {
            caller.early.clear();
        }
        leg.note_peer(&response.headers);
        let agreed = match leg.take_answer(&response.headers, &response.body) {
            Some(agreed) => agreed.map_err(|why| why.to_string()),
            None => leg
                .agreed
                .clone()
                .or_else(|| leg.take_preview())
                .ok_or_else(|| "the answer has no session description".to_owned()),
        };
        self.leg = Some(leg);
        self.state = State::Established;
        self.timer.on_success(now, &response.headers);
        match agreed {
            Ok(media) => self.establish(core, media),
            Err(why) => self.abort(core, now, 488, EndCause::MediaRefused { why }),
        }
    }
}

impl Caller {
    /// The early dialog a provisional response belongs to, a new one while there is room.
    fn early_leg(&mut self, response: &Response, essentials: &Essentials) -> Option<&mut Leg> {
        let tag = essentials.to.tag()?;
        let known = |leg: &Leg| leg.dialog.remote_tag() == tag;
        let at = match self.early.iter().position(known) {
            Some(at) => at,
            None if self.early.len() < MAX_FORKS => {
                let dialog = Dialog::of_response(&self.request, response, essentials).ok()?;
                self.early.push(Leg::new(dialog, Some(self.media.clone())));
                self.early.len() - 1
            }
            None => return None,
        };
        self.early.get_mut(at)
    }

    /// The leg that a 2xx confirms, taken out of the early ones or made.
    fn answering_leg(&mut self, response: &Response, essentials: &Essentials) -> Option<Leg> {
        let tag = essentials.to.tag().unwrap_or("");
        let known = |leg: &Leg| leg.dialog.remote_tag() == tag;
        match self.early.iter().position(known) {
            Some(at) => {
                let mut leg = self.early.swap_remove(at);
                leg.dialog.confirm(response).ok()?;
                Some(leg)
            }
            None => {
                let dialog = Dialog::of_response(&self.request, response, essentials).ok()?;
                Some(Leg::new(dialog, Some(self.media.clone())))
            }
        }
    }
}

/// The RSeq of a reliable provisional response.
fn reliable(response: &Response) -> Option<u32> {
    let rseq = response.headers.text(HeaderName::RSeq)?;
    response
        .headers
        .lists(HeaderName::Require, "100rel")
        .then_some(())?;
    rseq.trim().parse().ok()
}
