//! Being asked to call somebody else (RFC 3515): only from inside a call, only when the account allows it. Owns the subscription that
//! a REFER makes: NOTIFYs with a status line, one at a time, until the new call is decided.

use super::call::{Call, State};
use super::cause::{CallError, EndCause};
use super::news::News;
use super::replaces::Replaces;
use super::sipfrag::{self, SIPFRAG};
use crate::endpoint::{Core, Event, Incoming, Reply, RequestId, TransferPolicy};
use crate::message::uri::unescape;
use crate::message::{HeaderName, Method, NameAddr, Uri};
use std::time::{Duration, Instant};

/// How long the owner may think about it.
const PATIENCE: Duration = Duration::from_secs(60);
/// Lifetime of the subscription told to the peer.
const EXPIRES: u64 = 300;
/// The longest Referred-By passed on.
const MAX_REFERRED_BY: usize = 512;

#[derive(Debug)]
pub(super) struct Referral {
    /// CSeq number of the REFER, and whether it was the first in the dialog.
    number: u32,
    first: bool,
    pub(super) target: Uri,
    pub(super) replaces: Option<Replaces>,
    pub(super) referred_by: Option<String>,
    /// Whether the owner placed the call.
    placed: bool,
    /// Whether the peer wants news.
    silent: bool,
    notice: Option<RequestId>,
    /// The latest that is still to be told.
    next: Option<(u16, String)>,
    until: Instant,
    ended: bool,
}

impl Referral {
    pub(super) fn next_wake(&self) -> Option<Instant> {
        (!self.placed).then_some(self.until)
    }
}

impl Call {
    pub(super) fn on_refer(&mut self, core: &mut Core, now: Instant, incoming: &Incoming) {
        let allowed = match core.config.transfers {
            TransferPolicy::Never => false,
            TransferPolicy::FromProxy => !core.is_stranger(incoming.source.ip()),
            TransferPolicy::Always => true,
        };
        match self.state {
            State::Ended => return core.reply(now, incoming, 481),
            State::Setup => return core.reply(now, incoming, 403),
            State::Established if !allowed => {
                core.refused += 1;
                return core.reply(now, incoming, 403);
            }
            State::Established => {}
        }
        if self.referral.is_some() {
            return core.reply(now, incoming, 491);
        }
        let headers = &incoming.request.headers;
        let (target, replaces) = match asked_target(incoming) {
            Ok(asked) => asked,
            Err(status) => return core.reply(now, incoming, status),
        };
        let referred_by = headers
            .text(HeaderName::ReferredBy)
            .filter(|value| value.len() <= MAX_REFERRED_BY)
            .map(std::borrow::Cow::into_owned);
        let silent = headers
            .text(HeaderName::ReferSub)
            .is_some_and(|value| value.trim().to_ascii_lowercase().starts_with("false"));
        let mut response = core.response(incoming, 202);
        if let Some(contact) = core.contact_for(incoming.flow, false) {
            response.headers.push(HeaderName::Contact, contact);
        }
        if silent {
            response.headers.push(HeaderName::ReferSub, "false");
        }
        core.respond(now, incoming, response);
        let first = !self.referred_before;
        self.referred_before = true;
        self.referral = Some(Referral {
            number: incoming.essentials.cseq.number,
            first,
            target: target.clone(),
            replaces: replaces.clone(),
            referred_by: referred_by.clone(),
            placed: false,
            silent,
            notice: None,
            next: Some((100, String::new())),
            until: now + PATIENCE,
            ended: false,
        });
        self.notify(core, now);
        core.event(Event::TransferRequested {
            call: self.id,
            target,
            referred_by: referred_by.and_then(|value| value.parse().ok()),
            attended: replaces.is_some(),
        });
    }

    /// Gives what is needed to place the call that was asked for, once.
    pub(super) fn take_referral(
        &mut self,
    ) -> Result<(Uri, Option<Replaces>, Option<String>), CallError> {
        let refused = self.refused("transferred as asked");
        let referral = self
            .referral
            .as_mut()
            .filter(|referral| !referral.placed && !referral.ended)
            .ok_or(refused)?;
        referral.placed = true;
        let Referral {
            target,
            replaces,
            referred_by,
            ..
        } = referral;
        Ok((target.clone(), replaces.clone(), referred_by.clone()))
    }

    /// How the call that was asked for goes; a final status ends the matter.
    pub(super) fn referral_went(
        &mut self,
        core: &mut Core,
        now: Instant,
        status: u16,
        reason: String,
    ) {
        if let Some(referral) = self.referral.as_mut().filter(|referral| !referral.ended) {
            referral.ended = status >= 200;
            referral.placed = true;
            referral.next = Some((status, reason));
            self.notify(core, now);
        }
    }

    pub(super) fn is_notice(&self, id: RequestId) -> bool {
        self.referral
            .as_ref()
            .is_some_and(|referral| referral.notice == Some(id))
    }

    pub(super) fn on_notice_reply(&mut self, core: &mut Core, now: Instant, reply: &Reply) {
        match reply {
            Reply::Response { response, .. } if response.is_provisional() => return,
            Reply::Response { response, .. } if response.is_success() => {}
            // Who does not take a NOTIFY wants no more (RFC 6665 §4.2.2).
            _ => {
                self.referral = self.referral.take().map(|referral| Referral {
                    silent: true,
                    notice: None,
                    ..referral
                });
            }
        }
        if let Some(referral) = &mut self.referral {
            referral.notice = None;
        }
        self.notify(core, now);
    }

    pub(super) fn wake_referral(&mut self, core: &mut Core, now: Instant) {
        let due = |referral: &Referral| !referral.placed && referral.until <= now;
        if self.referral.as_ref().is_some_and(due) {
            self.referral_went(core, now, 480, String::new());
        }
    }

    /// Sends what is to be told next; forgets the referral when all was told.
    fn notify(&mut self, core: &mut Core, now: Instant) {
        let Some(referral) = &mut self.referral else {
            return;
        };
        if referral.notice.is_some() {
            return;
        }
        let next = referral.next.take().filter(|_| !referral.silent);
        let Some((status, reason)) = next else {
            self.referral.take_if(|referral| referral.ended);
            return;
        };
        let event = match referral.first {
            true => "refer".to_owned(),
            false => format!("refer;id={}", referral.number),
        };
        let state = match status {
            ..200 => format!("active;expires={EXPIRES}"),
            _ => "terminated;reason=noresource".to_owned(),
        };
        let notice = self.ask(core, now, Method::Notify, |request| {
            request.headers.push(HeaderName::Event, event);
            request.headers.push(HeaderName::SubscriptionState, state);
            request.headers.push(HeaderName::ContentType, SIPFRAG);
            request.body = sipfrag::write(status, &reason).into_bytes();
        });
        if let Some(referral) = &mut self.referral {
            referral.notice = notice;
        }
    }

    /// Tells the call whose peer asked for this one how it goes.
    pub(super) fn tell_referrer(&mut self, status: u16, reason: &str) {
        if let Some(of) = self.referred_by {
            let reason = reason.to_owned();
            self.news.push(News::Progress { of, status, reason });
            if status >= 200 {
                self.referred_by = None;
            }
        }
    }

    pub(super) fn tell_referrer_of_end(&mut self, cause: &EndCause) {
        match cause {
            EndCause::Rejected { status, reason, .. } => self.tell_referrer(*status, reason),
            EndCause::NoAnswer => self.tell_referrer(408, ""),
            EndCause::MediaRefused { .. } => self.tell_referrer(488, ""),
            EndCause::Failed { .. } => self.tell_referrer(503, ""),
            _ => self.tell_referrer(487, ""),
        }
    }
}

/// Whom a REFER asks to be called; the status that refuses it.
fn asked_target(incoming: &Incoming) -> Result<(Uri, Option<Replaces>), u16> {
    let values = incoming
        .request
        .headers
        .values(HeaderName::ReferTo)
        .map_err(|_| 400_u16)?;
    let [value] = values.as_slice() else {
        return Err(400);
    };
    let address: NameAddr = value.parse().map_err(|_| 400_u16)?;
    let uri = address.sip().filter(|uri| !uri.secure).ok_or(416_u16)?;
    let method = uri.params.get("method").unwrap_or("INVITE");
    if !method.eq_ignore_ascii_case("INVITE") {
        return Err(403);
    }
    let mut replaces = None;
    for header in uri.headers.iter().flat_map(|headers| headers.split('&')) {
        let (name, value) = header.split_once('=').unwrap_or((header, ""));
        if name.eq_ignore_ascii_case("Replaces") {
            replaces = Some(Replaces::read(&unescape(value)).ok_or(400_u16)?);
        }
    }
    let mut target = Uri {
        headers: None,
        ..uri.clone()
    };
    target.params.remove("method");
    Ok((target, replaces))
}
