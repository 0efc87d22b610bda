//! The life of one subscription (RFC 6665 §4.1): subscribe, be told, refresh, begin anew, take back. Owns its dialog and its
//! timers; never decides what news mean. Of several notifiers that a forked SUBSCRIBE reaches, the first is heard.

use super::dialog_info::DialogInfo;
use super::notice::{self, BadNotice, Notice, Read};
use super::package::Package;
use super::standing::{AfterTheEnd, Said, SubscriptionState, Word};
use crate::dialog::Dialog;
use crate::endpoint::{Core, Event, Incoming, Reply, RequestId, SubscriptionId, User};
use crate::message::{Essentials, HeaderName, Method, NameAddr, Request, Response, Uri};
use crate::registration::{backoff, granted};
use std::time::{Duration, Instant};

/// Lifetime asked for.
const ASK: Duration = Duration::from_secs(3_600);
/// The longest lifetime asked for or counted on.
const MAX_EXPIRES: Duration = Duration::from_secs(86_400);
/// How long a NOTIFY may take after the 2xx, and the last one after we took a subscription back (timer N, §4.1.2.4).
const TIMER_N: Duration = Duration::from_secs(32);
/// Sooner than this after its beginning, a subscription is not begun anew at once.
const SOON: Duration = Duration::from_secs(30);
/// How often a lifetime may be called too short in one attempt.
const MAX_TOO_BRIEF: u32 = 2;

pub(super) struct Subscription {
    id: SubscriptionId,
    pub(super) package: Package,
    target: Uri,
    state: SubscriptionState,
    wanted: bool,
    ask: Duration,
    too_brief: u32,
    failures: u32,
    began: Option<Instant>,
    /// The first SUBSCRIBE of this attempt.
    initial: Option<Request>,
    call_id: String,
    local_tag: String,
    dialog: Option<Dialog>,
    request: Option<RequestId>,
    /// Something changed while a request was under way: refresh after it.
    again: bool,
    refresh_at: Option<Instant>,
    expires_at: Option<Instant>,
    retry_at: Option<Instant>,
    /// Without a NOTIFY by then, there is no subscription.
    notify_by: Option<Instant>,
    dialogs: DialogInfo,
}

impl Subscription {
    pub(super) fn new(id: SubscriptionId, package: Package, target: Uri) -> Self {
        Self {
            id,
            package,
            target,
            state: SubscriptionState::Requested,
            wanted: true,
            ask: ASK,
            too_brief: 0,
            failures: 0,
            began: None,
            initial: None,
            call_id: String::new(),
            local_tag: String::new(),
            dialog: None,
            request: None,
            again: false,
            refresh_at: None,
            expires_at: None,
            retry_at: None,
            notify_by: None,
            dialogs: DialogInfo::default(),
        }
    }

    /// Whether nothing of it is left to do.
    pub(super) fn is_gone(&self) -> bool {
        !self.wanted && self.request.is_none() && self.notify_by.is_none()
    }

    /// Whether a NOTIFY was sent to this subscription.
    pub(super) fn holds(&self, essentials: &Essentials) -> bool {
        !self.call_id.is_empty()
            && self.call_id == essentials.call_id
            && essentials.to.tag() == Some(self.local_tag.as_str())
    }

    /// Subscribes anew, in a dialog of its own.
    pub(super) fn begin(&mut self, core: &mut Core, now: Instant) {
        if let Some(request) = self.request.take() {
            core.abandon(request);
        }
        self.forget_dialog();
        self.retry_at = None;
        self.began = Some(now);
        let (mut request, hop) = core.request(Method::Subscribe, &self.target);
        self.complete(&mut request, self.ask);
        self.call_id = request
            .headers
            .text(HeaderName::CallId)
            .unwrap_or_default()
            .into_owned();
        self.local_tag = request
            .headers
            .text(HeaderName::From)
            .and_then(|from| from.parse::<NameAddr>().ok())
            .and_then(|from| from.tag().map(str::to_owned))
            .unwrap_or_default();
        self.initial = Some(request.clone());
        if !matches!(self.state, SubscriptionState::Requested) {
            self.set(core, SubscriptionState::Requested);
        }
        self.request = Some(core.send(now, User::Subscription(self.id), request, hop));
    }

    /// Refreshes at once: the contact changed. A subscription that waits for its next attempt begins now.
    pub(super) fn renew(&mut self, core: &mut Core, now: Instant) {
        if !self.wanted {
            return;
        }
        match (&self.dialog, self.request) {
            (_, Some(_)) => self.again = true,
            (Some(_), None) => self.refresh(core, now, self.ask),
            (None, None) if self.retry_at.is_some() => self.begin(core, now),
            (None, None) => {}
        }
    }

    /// Takes the subscription back.
    pub(super) fn end(&mut self, core: &mut Core, now: Instant) {
        if !self.wanted {
            return;
        }
        self.wanted = false;
        self.again = false;
        (self.refresh_at, self.retry_at, self.notify_by) = (None, None, None);
        self.set(core, SubscriptionState::Ended);
        if let Some(request) = self.request.take() {
            core.abandon(request);
        }
        if self.dialog.is_some() {
            self.refresh(core, now, Duration::ZERO);
        }
    }

    /// A request within our dialog, or the first one of it.
    pub(super) fn on_notify(&mut self, core: &mut Core, now: Instant, incoming: &Incoming) {
        let fits = incoming
            .request
            .headers
            .text(HeaderName::Event)
            .is_some_and(|event| Package::of(&event) == Some(self.package));
        if !fits || !self.join(incoming) {
            return core.reply(now, incoming, 481);
        }
        let number = incoming.essentials.cseq.number;
        let taken = self
            .dialog
            .as_mut()
            .is_some_and(|dialog| dialog.take_cseq(number));
        if !taken {
            return core.reply(now, incoming, 500);
        }
        if let Some(dialog) = &mut self.dialog {
            dialog.refresh_target(&incoming.request.headers);
        }
        let read = match notice::read(self.package, &incoming.request, &mut self.dialogs) {
            Ok(read) => read,
            Err(why) => return refuse(core, now, incoming, &why),
        };
        let mut response = core.response(incoming, 200);
        if let Some(contact) = core.contact_for(incoming.flow, false) {
            response.headers.push(HeaderName::Contact, contact);
        }
        core.respond(now, incoming, response);
        self.notify_by = None;
        match read {
            Read::News(notice) => self.tell(core, notice),
            Read::Gap => self.again = true,
            Read::Nothing => {}
        }
        self.follow(core, now, &Said::read(&incoming.request.headers));
        if self.again && self.request.is_none() {
            self.again = false;
            self.renew(core, now);
        }
    }

    pub(super) fn on_reply(&mut self, core: &mut Core, now: Instant, id: RequestId, reply: Reply) {
        if self.request != Some(id) {
            return;
        }
        match reply {
            Reply::Response { response, .. } if response.is_provisional() => return,
            Reply::Response {
                response,
                essentials,
                note,
            } => {
                self.request = None;
                if let Some(dialog) = &mut self.dialog {
                    dialog.note_cseq(essentials.cseq.number);
                }
                match response.status {
                    200..=299 => self.accepted(core, now, &response, &essentials),
                    _ if !self.wanted => {}
                    423 => self.too_brief(core, now, &response),
                    481 if self.dialog.is_some() => self.begin_again(core, now, None),
                    status => {
                        let reason = match note {
                            Some(note) => format!("{status} {}: {note}", response.reason),
                            None => format!("{status} {}", response.reason),
                        };
                        // Another try would bring the same: they do not know the package, the method or the user.
                        let hopeless = matches!(status, 405 | 489 | 501 | 604);
                        let wait = response.retry_after().map(Duration::from_secs);
                        self.fail(core, now, Some(status), reason, wait, hopeless);
                    }
                }
            }
            Reply::Failed { why } => {
                self.request = None;
                if self.wanted {
                    self.fail(core, now, None, why, None, false);
                }
            }
            Reply::Done => return,
        }
        if self.again && self.request.is_none() {
            self.again = false;
            self.renew(core, now);
        }
    }

    pub(super) fn wake(&mut self, core: &mut Core, now: Instant) {
        if due(self.notify_by, now) {
            self.notify_by = None;
            if self.wanted {
                let why = "the notifier agreed and told nothing".to_owned();
                self.fail(core, now, None, why, None, false);
            }
        }
        if due(self.retry_at, now) {
            self.begin(core, now);
        }
        if due(self.expires_at, now) && self.request.is_none() && self.wanted {
            return self.begin_again(core, now, None);
        }
        if due(self.refresh_at, now) {
            self.refresh_at = None;
            if self.request.is_none() {
                self.refresh(core, now, self.ask);
            }
        }
    }

    pub(super) fn next_wake(&self) -> Option<Instant> {
        let expiry = self
            .expires_at
            .filter(|_| self.request.is_none() && self.wanted);
        [self.refresh_at, self.retry_at, self.notify_by, expiry]
            .into_iter()
            .flatten()
            .min()
    }

    /// Whether the NOTIFY is of our dialog; the first one may begin it before the 2xx does (§4.4.1).
    fn join(&mut self, incoming: &Incoming) -> bool {
        if let Some(dialog) = &self.dialog {
            return dialog.holds(&incoming.essentials);
        }
        let Some(initial) = self.initial.as_ref().filter(|_| self.request.is_some()) else {
            return false;
        };
        let number = initial
            .headers
            .text(HeaderName::CSeq)
            .and_then(|text| text.parse::<crate::message::CSeq>().ok())
            .map_or(1, |cseq| cseq.number);
        match Dialog::of_request(&incoming.request, &incoming.essentials, &self.local_tag) {
            Ok(mut dialog) => {
                dialog.note_cseq(number);
                // The number of this very NOTIFY is taken by whoever asked.
                dialog.forget_remote_cseq();
                self.dialog = Some(dialog);
                true
            }
            Err(_) => false,
        }
    }

    fn accepted(
        &mut self,
        core: &mut Core,
        now: Instant,
        response: &Response,
        essentials: &Essentials,
    ) {
        if !self.wanted {
            // The last NOTIFY may still come; it is answered 200 until then.
            self.notify_by = Some(now + TIMER_N);
            return;
        }
        self.too_brief = 0;
        let granted = response
            .headers
            .text(HeaderName::Expires)
            .and_then(|text| text.trim().parse().ok())
            .map_or(self.ask, Duration::from_secs);
        if self.dialog.is_none() {
            let dialog = self
                .initial
                .as_ref()
                .map(|initial| Dialog::of_response(initial, response, essentials));
            match dialog {
                Some(Ok(dialog)) => self.dialog = Some(dialog),
                _ => {
                    let why = "the answer begins no dialog".to_owned();
                    return self.fail(core, now, Some(response.status), why, None, false);
                }
            }
            self.notify_by = Some(now + TIMER_N);
        }
        self.initial = None;
        self.live(core, now, granted);
    }

    /// Counts on the lifetime and refreshes in time.
    fn live(&mut self, core: &mut Core, now: Instant, granted: Duration) {
        let granted = granted.min(MAX_EXPIRES);
        let refresh = granted::refresh_after(granted, core.random.share());
        self.refresh_at = Some(now + refresh);
        self.expires_at = Some(now + granted.max(refresh) + TIMER_N);
    }

    fn follow(&mut self, core: &mut Core, now: Instant, said: &Said) {
        if !self.wanted {
            return;
        }
        match said.state {
            Word::Active | Word::Pending => {
                self.failures = 0;
                if let Some(expires) = said.expires {
                    let sooner = now + granted::refresh_after(expires, 0.0);
                    if expires < self.ask && self.refresh_at.is_none_or(|at| sooner < at) {
                        self.live(core, now, expires);
                    }
                }
                let state = if said.state == Word::Pending {
                    SubscriptionState::Pending
                } else {
                    SubscriptionState::Active
                };
                if self.state != state {
                    self.set(core, state);
                }
            }
            Word::Terminated => {
                if let Some(request) = self.request.take() {
                    core.abandon(request);
                }
                let why = format!(
                    "the notifier ended it ({})",
                    said.reason.as_deref().unwrap_or("without a reason")
                );
                match said.after_the_end() {
                    AfterTheEnd::AtOnce => self.begin_again(core, now, Some(why)),
                    AfterTheEnd::Later => {
                        self.fail(core, now, None, why, said.retry_after, false);
                    }
                    AfterTheEnd::Never => self.fail(core, now, None, why, None, true),
                }
            }
        }
    }

    /// Begins anew at once, unless this attempt is young: then as after a failure.
    fn begin_again(&mut self, core: &mut Core, now: Instant, why: Option<String>) {
        if self.began.is_some_and(|began| now < began + SOON) {
            let why = why.unwrap_or_else(|| "the notifier does not know it".to_owned());
            return self.fail(core, now, None, why, None, false);
        }
        self.begin(core, now);
    }

    fn too_brief(&mut self, core: &mut Core, now: Instant, response: &Response) {
        let demanded = response
            .headers
            .text(HeaderName::MinExpires)
            .and_then(|text| text.trim().parse().ok())
            .map(Duration::from_secs);
        self.too_brief += 1;
        match demanded {
            Some(demanded)
                if demanded > self.ask
                    && demanded <= MAX_EXPIRES
                    && self.too_brief <= MAX_TOO_BRIEF =>
            {
                self.ask = demanded;
                if self.dialog.is_some() {
                    self.refresh(core, now, demanded);
                } else {
                    self.begin(core, now);
                }
            }
            _ => {
                self.too_brief = 0;
                let why = "423 Interval Too Brief, without a lifetime that can be asked for";
                self.fail(core, now, Some(423), why.to_owned(), None, false);
            }
        }
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
        self.forget_dialog();
        self.failures = self.failures.saturating_add(1);
        let retry_in =
            (!hopeless).then(|| backoff::wait(self.failures, retry_after, core.random.share()));
        self.retry_at = retry_in.map(|wait| now + wait);
        let state = SubscriptionState::Failed {
            status,
            reason,
            retry_in,
        };
        self.set(core, state);
    }

    fn refresh(&mut self, core: &mut Core, now: Instant, expires: Duration) {
        self.refresh_at = None;
        let Some(dialog) = &mut self.dialog else {
            return;
        };
        dialog.note_cseq(core.highest_cseq(User::Subscription(self.id)));
        let (mut request, hop) = dialog.request(Method::Subscribe);
        self.complete(&mut request, expires);
        self.request = Some(core.send(now, User::Subscription(self.id), request, hop));
    }

    fn complete(&self, request: &mut Request, expires: Duration) {
        let headers = &mut request.headers;
        headers.push(HeaderName::Event, self.package.name());
        headers.push(HeaderName::Accept, self.package.content_type());
        headers.push(HeaderName::Expires, expires.as_secs().to_string());
    }

    fn forget_dialog(&mut self) {
        self.dialog = None;
        self.initial = None;
        self.dialogs = DialogInfo::default();
        self.again = false;
        (self.refresh_at, self.expires_at, self.notify_by) = (None, None, None);
    }

    fn tell(&self, core: &mut Core, notice: Notice) {
        if self.wanted {
            core.event(Event::Notified {
                subscription: Some(self.id),
                notice,
            });
        }
    }

    fn set(&mut self, core: &mut Core, state: SubscriptionState) {
        self.state = state.clone();
        core.event(Event::Subscription {
            subscription: self.id,
            state,
        });
    }
}

fn due(at: Option<Instant>, now: Instant) -> bool {
    at.is_some_and(|at| at <= now)
}

/// Refuses a NOTIFY with a body that is not taken; the subscription stands.
pub(super) fn refuse(core: &mut Core, now: Instant, incoming: &Incoming, why: &BadNotice) {
    let mut response = match why {
        BadNotice::Type { wanted } => {
            let mut response = core.response(incoming, 415);
            response.headers.push(HeaderName::Accept, wanted);
            response
        }
        BadNotice::Body { .. } => core.response(incoming, 400),
    };
    let text: String = why.to_string().replace(['"', '\\'], "'");
    let warning = format!(
        "399 carillon \"{}\"",
        text.chars().take(200).collect::<String>()
    );
    response.headers.push(HeaderName::Warning, warning);
    core.respond(now, incoming, response);
}
