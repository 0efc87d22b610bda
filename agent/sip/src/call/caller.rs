//! The caller's part (RFC 3261 §13.2): provisional responses, early dialogs, the answer, forked answers, repeated answers.

use super::call::{Call, Side, State};
use super::cause::{CallError, EndCause};
use crate::dialog::Dialog;
use crate::endpoint::{ALLOW, CallId, Core, Event, Reply, RequestId, User};
use crate::locate::NextHop;
use crate::message::{
    BRANCH_COOKIE, Essentials, HeaderName, Method, NameAddr, Request, Response, Uri,
};
use crate::offer::{LocalMedia, MediaSession, NegotiatedMedia, Refusal};
use crate::sdp::SessionDescription;
use std::time::Instant;

/// Early dialogs, and answers from forks, that one call keeps apart.
pub const MAX_FORKS: usize = 16;

pub(super) struct Caller {
    /// The INVITE, until no further response can come.
    pub(super) invite: Option<RequestId>,
    request: Request,
    pub(super) early: Vec<Early>,
    answered: Vec<Answered>,
}

pub(super) struct Early {
    pub(super) dialog: Dialog,
    media: Option<NegotiatedMedia>,
}

/// A 2xx that was acknowledged, and the ACK to repeat when it comes again.
struct Answered {
    tag: String,
    ack: Request,
    hop: NextHop,
    branch: String,
}

impl Call {
    /// Sends the INVITE.
    pub(super) fn place(
        core: &mut Core,
        now: Instant,
        id: CallId,
        target: Uri,
        offer: LocalMedia,
    ) -> Result<Self, CallError> {
        let mut media =
            MediaSession::new(core.random.session_id(), offer).map_err(|why| CallError::Media {
                why: why.to_string(),
            })?;
        let mut request = Request::new(
            Method::Invite,
            Uri {
                headers: None,
                ..target.clone()
            },
        );
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
        request
            .headers
            .push(HeaderName::ContentType, "application/sdp");
        request.body = media.offer().to_string().into_bytes();
        let hop = core.first_hop(&target);
        let caller = Caller {
            invite: None,
            request: request.clone(),
            early: Vec::new(),
            answered: Vec::new(),
        };
        let mut call = Self::new(core, now, id, Side::Caller(caller));
        call.media = Some(media);
        let invite = core.send(now, User::Call(id), request, hop);
        if let Side::Caller(caller) = &mut call.side {
            caller.invite = Some(invite);
        }
        Ok(call)
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
            } if response.is_provisional() => self.on_provisional(core, &response, &essentials),
            Reply::Response {
                response,
                essentials,
                ..
            } if response.is_success() => self.on_answer(core, now, &response, &essentials),
            Reply::Response { response, note, .. } => {
                caller.invite = None;
                let reason = match note {
                    Some(note) => format!("{}: {note}", response.reason),
                    None => response.reason,
                };
                self.finish(
                    core,
                    EndCause::Rejected {
                        status: response.status,
                        reason,
                    },
                );
            }
            Reply::Failed { why } => {
                caller.invite = None;
                self.finish(core, EndCause::Failed { why });
            }
            Reply::Done => caller.invite = None,
        }
    }

    fn on_provisional(&mut self, core: &mut Core, response: &Response, essentials: &Essentials) {
        let (State::Setup, Side::Caller(caller)) = (self.state, &mut self.side) else {
            return;
        };
        if response.status == 100 {
            return;
        }
        let answer = self
            .media
            .as_ref()
            .and_then(|media| read_answer(media, response)?.ok());
        if essentials.to.tag().is_some() {
            let room = caller.early.len() < MAX_FORKS;
            let known = caller
                .early
                .iter_mut()
                .find(|early| Some(early.dialog.remote_tag()) == essentials.to.tag());
            match known {
                Some(early) => early.media = answer.clone().or(early.media.take()),
                None if room => {
                    if let Ok(dialog) = Dialog::of_response(&caller.request, response, essentials) {
                        caller.early.push(Early {
                            dialog,
                            media: answer.clone(),
                        });
                    }
                }
                None => {}
            }
        }
        core.event(Event::CallProgress {
            call: self.id,
            status: response.status,
            reason: response.reason.clone(),
            media: answer,
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
        let tag = essentials.to.tag().unwrap_or("");
        if let Some(answered) = caller.answered.iter().find(|answered| answered.tag == tag) {
            return core.send_ack(
                now,
                answered.ack.clone(),
                answered.hop.clone(),
                &answered.branch,
            );
        }
        if caller.answered.len() >= MAX_FORKS {
            return;
        }
        let Ok(mut dialog) = Dialog::of_response(&caller.request, response, essentials) else {
            let why = "the answer has a Record-Route that cannot be followed".to_owned();
            return self.finish(core, EndCause::Failed { why });
        };
        let (mut ack, hop) = dialog.acknowledge(essentials.cseq.number);
        if let Some(sent) = caller.invite.and_then(|invite| core.sent(invite)) {
            ack.headers.copy(HeaderName::Authorization, &sent.headers);
            ack.headers
                .copy(HeaderName::ProxyAuthorization, &sent.headers);
        }
        let branch = format!("{BRANCH_COOKIE}{}", core.random.token());
        core.send_ack(now, ack.clone(), hop.clone(), &branch);
        caller.answered.push(Answered {
            tag: tag.to_owned(),
            ack,
            hop,
            branch,
        });
        if self.state != State::Setup {
            // A fork answered too, or the answer crossed our CANCEL: this leg is not wanted (§13.2.2.4).
            let (bye, hop) = dialog.request(Method::Bye);
            core.send(now, User::Nobody, bye, hop);
            return;
        }
        let early = caller
            .early
            .drain(..)
            .find(|early| early.dialog.remote_tag() == tag)
            .and_then(|early| early.media);
        self.dialog = Some(dialog);
        self.state = State::Established;
        let agreed = match self
            .media
            .as_ref()
            .and_then(|media| read_answer(media, response))
        {
            Some(agreed) => agreed.map_err(|why| why.to_string()),
            None => early.ok_or_else(|| "the answer has no session description".to_owned()),
        };
        match agreed {
            Ok(media) => self.establish(core, media),
            Err(why) => {
                self.say_bye(core, now);
                self.finish(core, EndCause::MediaRefused { why });
            }
        }
    }
}

/// The SDP answer in a response; `None` when it carries none.
fn read_answer(
    media: &MediaSession,
    response: &Response,
) -> Option<Result<NegotiatedMedia, Refusal>> {
    if response.body.is_empty() || !super::body::is_sdp(&response.headers) {
        return None;
    }
    Some(
        SessionDescription::parse(&response.body)
            .map_err(Refusal::from)
            .and_then(|answer| media.accept(&answer)),
    )
}
