//! Publishing our own presence (RFC 3903): first, refresh, change, take back. Owns the entity tag and its timers; the document
//! is its owner's.

use crate::endpoint::{Core, Event, Reply, RequestId, User};
use crate::message::{HeaderName, Method, Response};
use crate::registration::{backoff, granted};
use crate::subscription::Package;
use std::time::{Duration, Instant};

/// Lifetime asked for.
const ASK: Duration = Duration::from_secs(3_600);
/// The longest lifetime asked for or counted on.
const MAX_EXPIRES: Duration = Duration::from_secs(86_400);
/// The longest entity tag kept, in bytes.
const MAX_TAG: usize = 256;
/// How often 412 or 423 may be answered anew in one attempt.
const MAX_ANEW: u32 = 2;

/// Where a publication stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublicationState {
    /// Nothing is published.
    Unpublished,
    /// The server holds it.
    Published,
    /// It did not work out.
    Failed {
        /// Final status, when there was an answer.
        status: Option<u16>,
        /// What went wrong, for a person.
        reason: String,
        /// When the next attempt comes; `None` when there will be none.
        retry_in: Option<Duration>,
    },
}

/// The one publication of an endpoint.
#[derive(Default)]
pub(crate) struct Publication {
    /// What is to be published.
    document: Option<Vec<u8>>,
    tag: Option<String>,
    request: Option<RequestId>,
    /// The request under way takes the publication back.
    removing: bool,
    /// The document changed since it was sent last.
    changed: bool,
    ask: Option<Duration>,
    anew: u32,
    failures: u32,
    wake_at: Option<Instant>,
}

impl Publication {
    pub(crate) fn publish(&mut self, core: &mut Core, now: Instant, document: Vec<u8>) {
        self.document = Some(document);
        self.changed = true;
        self.anew = 0;
        if self.request.is_none() {
            self.send(core, now);
        }
    }

    pub(crate) fn remove(&mut self, core: &mut Core, now: Instant) {
        if self.document.take().is_none() {
            return;
        }
        self.wake_at = None;
        self.changed = false;
        if self.request.is_none() {
            self.withdraw(core, now);
        }
    }

    pub(crate) fn on_reply(&mut self, core: &mut Core, now: Instant, id: RequestId, reply: Reply) {
        if self.request != Some(id) {
            return;
        }
        match reply {
            Reply::Response { response, .. } if response.is_provisional() => return,
            Reply::Response { response, note, .. } => {
                self.request = None;
                self.on_final(core, now, &response, note);
            }
            Reply::Failed { why } => {
                self.request = None;
                self.fail(core, now, None, why, None, false);
            }
            Reply::Done => return,
        }
        if self.request.is_none() {
            match self.document {
                Some(_) if self.changed && self.wake_at.is_none() => self.send(core, now),
                None if self.tag.is_some() => self.withdraw(core, now),
                Some(_) | None => {}
            }
        }
    }

    pub(crate) fn wake(&mut self, core: &mut Core, now: Instant) {
        if self.wake_at.is_some_and(|at| at <= now) {
            self.wake_at = None;
            if self.request.is_none() && self.document.is_some() {
                self.send(core, now);
            }
        }
    }

    pub(crate) fn next_wake(&self) -> Option<Instant> {
        self.wake_at
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.request.is_none()
    }

    fn on_final(
        &mut self,
        core: &mut Core,
        now: Instant,
        response: &Response,
        note: Option<String>,
    ) {
        match response.status {
            _ if self.removing => {
                self.tag = None;
                core.event(Event::Publication(PublicationState::Unpublished));
            }
            // Taken back while it was under way: that follows now.
            200..=299 if self.document.is_none() => self.tag = entity_tag(response),
            200..=299 => self.accepted(core, now, response),
            // The server forgot what we published: the whole goes out again (§4.5).
            412 if self.tag.is_some() && self.anew < MAX_ANEW => {
                self.tag = None;
                self.anew += 1;
                self.changed = true;
            }
            423 if self.anew < MAX_ANEW => {
                let demanded = response
                    .headers
                    .text(HeaderName::MinExpires)
                    .and_then(|text| text.trim().parse().ok())
                    .map(Duration::from_secs)
                    .filter(|demanded| *demanded <= MAX_EXPIRES);
                self.ask = demanded;
                self.anew += 1;
                self.changed = true;
            }
            status => {
                let reason = match note {
                    Some(note) => format!("{status} {}: {note}", response.reason),
                    None => format!("{status} {}", response.reason),
                };
                let hopeless = matches!(status, 405 | 489 | 501 | 415);
                let wait = response.retry_after().map(Duration::from_secs);
                self.fail(core, now, Some(status), reason, wait, hopeless);
            }
        }
    }

    fn accepted(&mut self, core: &mut Core, now: Instant, response: &Response) {
        let granted = response
            .headers
            .text(HeaderName::Expires)
            .and_then(|text| text.trim().parse().ok())
            .map_or(ASK, Duration::from_secs)
            .min(MAX_EXPIRES);
        self.tag = entity_tag(response);
        self.failures = 0;
        self.anew = 0;
        self.wake_at = Some(now + granted::refresh_after(granted, core.random.share()));
        if self.changed {
            // Another document waits; it goes out at once.
            self.wake_at = None;
        }
        core.event(Event::Publication(PublicationState::Published));
    }

    fn fail(
        &mut self,
        core: &mut Core,
        now: Instant,
        status: Option<u16>,
        reason: String,
        retry_after: Option<Duration>,
        hopeless: bool,
    ) {
        self.tag = None;
        self.anew = 0;
        if self.document.is_none() {
            return core.event(Event::Publication(PublicationState::Unpublished));
        }
        self.changed = !hopeless;
        self.failures = self.failures.saturating_add(1);
        let retry_in =
            (!hopeless).then(|| backoff::wait(self.failures, retry_after, core.random.share()));
        self.wake_at = retry_in.map(|wait| now + wait);
        core.event(Event::Publication(PublicationState::Failed {
            status,
            reason,
            retry_in,
        }));
    }

    /// A refresh carries no document, a change does (§4.1).
    fn send(&mut self, core: &mut Core, now: Instant) {
        let ask = self.ask.unwrap_or(ASK);
        let body = match (&self.document, self.changed || self.tag.is_none()) {
            (Some(document), true) => document.clone(),
            _ => Vec::new(),
        };
        self.changed = false;
        self.wake_at = None;
        self.removing = false;
        self.request = Some(request(core, now, ask, self.tag.as_deref(), body));
    }

    fn withdraw(&mut self, core: &mut Core, now: Instant) {
        match self.tag.take() {
            Some(tag) => {
                self.removing = true;
                let sent = request(core, now, Duration::ZERO, Some(&tag), Vec::new());
                self.request = Some(sent);
            }
            None => core.event(Event::Publication(PublicationState::Unpublished)),
        }
    }
}

fn request(
    core: &mut Core,
    now: Instant,
    expires: Duration,
    tag: Option<&str>,
    body: Vec<u8>,
) -> RequestId {
    let target = core.config.aor.clone();
    let (mut request, hop) = core.request(Method::Publish, &target);
    let headers = &mut request.headers;
    headers.push(HeaderName::Event, Package::Presence.name());
    headers.push(HeaderName::Expires, expires.as_secs().to_string());
    if let Some(tag) = tag {
        headers.push(HeaderName::SipIfMatch, tag);
    }
    if !body.is_empty() {
        headers.push(HeaderName::ContentType, Package::Presence.content_type());
        request.body = body;
    }
    core.send(now, User::Publication, request, hop)
}

fn entity_tag(response: &Response) -> Option<String> {
    let tag = response
        .headers
        .text(HeaderName::SipETag)?
        .trim()
        .to_owned();
    let good =
        (1..=MAX_TAG).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_graphic());
    good.then_some(tag)
}
