//! The life of one registration (RFC 3261 §10.2): register, refresh, back off, take back. Owns Call-ID, CSeq and the next time to act.
//! Never parses a challenge and never picks an address; those are the request's.

use super::backoff;
use super::binding::Binding;
use super::granted::{self, Granted};
use super::state::RegistrationState;
use crate::endpoint::{Core, Event, Reply, RequestId, User};
use crate::locate::NextHop;
use crate::message::{HeaderName, Method, NameAddr, Request, Response, Uri};
use std::time::{Duration, Instant};

/// The longest lifetime a registrar may demand by 423.
const MAX_DEMANDED: Duration = Duration::from_secs(86_400);
/// How often 423 may be answered with a longer lifetime in one attempt.
const MAX_TOO_BRIEF: u32 = 2;
/// How often one attempt may begin anew because the registrar sees us elsewhere: a NAT may give a port for each packet.
const MAX_MOVES: u32 = 2;

pub(crate) struct Registration {
    state: RegistrationState,
    wanted: bool,
    /// The registrar may hold a binding of ours.
    bound: bool,
    request: Option<RequestId>,
    /// The request under way takes the binding back.
    removing: bool,
    /// Something changed while a request was under way: send another after it.
    again: bool,
    call_id: String,
    cseq: u32,
    tag: String,
    ask: Duration,
    too_brief: u32,
    failures: u32,
    moves: u32,
    /// A contact that the registrar may still hold and that is no longer ours.
    stale: Option<Uri>,
    wake_at: Option<Instant>,
    since: Option<Instant>,
    /// Until when the registrar holds the binding.
    held_until: Option<Instant>,
}

impl Registration {
    pub(crate) fn new(core: &mut Core) -> Self {
        Self {
            state: RegistrationState::Unregistered,
            wanted: false,
            bound: false,
            request: None,
            removing: false,
            again: false,
            call_id: core.random.long_token(),
            cseq: 0,
            tag: core.random.token(),
            ask: core.config.register_expires,
            too_brief: 0,
            failures: 0,
            moves: 0,
            stale: None,
            wake_at: None,
            since: None,
            held_until: None,
        }
    }

    pub(crate) fn state(&self) -> &RegistrationState {
        &self.state
    }

    /// Whether nothing is under way and the registrar holds nothing of ours that could still be taken back.
    pub(crate) fn is_idle(&self) -> bool {
        self.request.is_none() && !self.again && (self.wanted || !self.bound)
    }

    pub(crate) fn register(&mut self, core: &mut Core, now: Instant) {
        self.wanted = true;
        self.failures = 0;
        if self.request.is_some() {
            self.again = true;
            return;
        }
        if !matches!(self.state, RegistrationState::Registered { .. }) {
            self.set(core, RegistrationState::Registering);
        }
        self.send(core, now, self.ask);
    }

    pub(crate) fn unregister(&mut self, core: &mut Core, now: Instant) {
        self.wanted = false;
        self.wake_at = None;
        if self.request.is_some() {
            self.again = !self.removing;
        } else if self.bound {
            self.remove(core, now);
        } else {
            self.set(core, RegistrationState::Unregistered);
        }
    }

    /// A flow opened; over a new one the registrar must learn the new contact.
    pub(crate) fn flow_opened(&mut self, core: &mut Core, now: Instant) {
        core.public = None;
        if self.request.is_none() {
            self.renew(core, now);
        }
    }

    /// Another network: what was under way is lost, and where the registrar saw us counts no more.
    pub(crate) fn network_changed(&mut self, core: &mut Core, now: Instant) {
        core.public = None;
        if !self.wanted {
            return;
        }
        if let Some(request) = self.request.take() {
            core.abandon(request);
        }
        self.again = false;
        self.removing = false;
        self.too_brief = 0;
        self.moves = 0;
        self.register(core, now);
    }

    /// Credentials or the local address changed.
    pub(crate) fn renew(&mut self, core: &mut Core, now: Instant) {
        if self.wanted {
            self.register(core, now);
        }
    }

    pub(crate) fn on_reply(&mut self, core: &mut Core, now: Instant, id: RequestId, reply: Reply) {
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
                self.cseq = self.cseq.max(essentials.cseq.number);
                match self.removing {
                    true => self.removed(core),
                    false => self.on_final(core, now, &response, note),
                }
            }
            Reply::Failed { why } => {
                self.request = None;
                match self.removing {
                    true => self.removed(core),
                    false => self.fail(core, now, None, why, None),
                }
            }
            Reply::Done => return,
        }
        self.next_after(core, now);
    }

    pub(crate) fn wake(&mut self, core: &mut Core, now: Instant) {
        if self.wake_at.is_none_or(|at| at > now) {
            return;
        }
        self.wake_at = None;
        if self.wanted && self.request.is_none() {
            if matches!(self.state, RegistrationState::Failed { .. }) {
                self.set(core, RegistrationState::Registering);
            }
            self.send(core, now, self.ask);
        }
    }

    pub(crate) fn next_wake(&self) -> Option<Instant> {
        self.wake_at
    }

    /// What was wanted while a request was under way.
    fn next_after(&mut self, core: &mut Core, now: Instant) {
        if !std::mem::take(&mut self.again) || self.request.is_some() {
            return;
        }
        match (self.wanted, self.bound) {
            (true, _) => self.send(core, now, self.ask),
            (false, true) => self.remove(core, now),
            (false, false) => self.set(core, RegistrationState::Unregistered),
        }
    }

    fn on_final(
        &mut self,
        core: &mut Core,
        now: Instant,
        response: &Response,
        note: Option<String>,
    ) {
        match response.status {
            200..=299 => self.granted(core, now, response),
            423 => self.too_brief(core, now, response),
            439 if core.offers_outbound() => {
                core.outbound_refused = true;
                self.send(core, now, self.ask);
            }
            status => {
                let reason = match note {
                    Some(note) => format!("{status} {}: {note}", response.reason),
                    None => format!("{status} {}", response.reason),
                };
                self.fail(
                    core,
                    now,
                    Some(status),
                    reason,
                    response.retry_after().map(Duration::from_secs),
                );
            }
        }
    }

    fn granted(&mut self, core: &mut Core, now: Instant, response: &Response) {
        let (Some(contact), Some(here)) = (core.sent_contact.clone(), core.contact_uri()) else {
            return self.fail(
                core,
                now,
                None,
                "the flow closed during registration".to_owned(),
                None,
            );
        };
        let own = granted::own(response, &contact, &core.config.instance_id);
        match granted::read(response, own.as_ref(), self.ask) {
            Granted::Nothing => self.fail(
                core,
                now,
                Some(response.status),
                "the registrar granted no time".to_owned(),
                None,
            ),
            Granted::For(expires_in) => {
                self.bound = true;
                self.failures = 0;
                self.too_brief = 0;
                self.held_until = Some(now + expires_in);
                let binding = Binding::read(response, own.as_ref(), &core.config.aor);
                if contact != here && self.moves < MAX_MOVES {
                    // A binding of the same instance is replaced by the registrar itself (RFC 5626 §6).
                    let replaced = binding.outbound || binding.public_gruu.is_some();
                    self.stale = (!replaced).then_some(contact);
                    self.moves += 1;
                    core.binding = binding;
                    return self.send(core, now, self.ask);
                }
                self.moves = 0;
                self.stale = None;
                core.use_binding(binding);
                let since = *self.since.get_or_insert(now);
                self.wake_at = Some(now + granted::refresh_after(expires_in, core.random.share()));
                self.set(
                    core,
                    RegistrationState::Registered {
                        contact,
                        expires_in,
                        since,
                    },
                );
            }
        }
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
                    && demanded <= MAX_DEMANDED
                    && self.too_brief <= MAX_TOO_BRIEF =>
            {
                self.ask = demanded;
                self.send(core, now, demanded);
            }
            _ => {
                let reason =
                    "423 Interval Too Brief, without a lifetime that can be asked for".to_owned();
                self.too_brief = 0;
                self.fail(core, now, Some(423), reason, None);
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
    ) {
        self.since = None;
        self.moves = 0;
        if self.held_until.is_none_or(|until| until <= now) {
            core.binding = Binding::default();
        }
        self.failures = self.failures.saturating_add(1);
        let retry_in = self
            .wanted
            .then(|| backoff::wait(self.failures, retry_after, core.random.share()));
        self.wake_at = retry_in.map(|wait| now + wait);
        self.set(
            core,
            RegistrationState::Failed {
                status,
                reason,
                retry_in,
            },
        );
    }

    fn remove(&mut self, core: &mut Core, now: Instant) {
        self.send(core, now, Duration::ZERO);
        self.removing = true;
    }

    /// Taken back, or as good as: without an answer the binding runs out by itself.
    fn removed(&mut self, core: &mut Core) {
        self.removing = false;
        self.bound = false;
        self.since = None;
        self.held_until = None;
        core.binding = Binding::default();
        if !self.wanted {
            self.set(core, RegistrationState::Unregistered);
        }
    }

    fn set(&mut self, core: &mut Core, state: RegistrationState) {
        if self.state != state || matches!(state, RegistrationState::Registered { .. }) {
            self.state = state.clone();
            core.event(Event::Registration(state));
        }
    }

    fn send(&mut self, core: &mut Core, now: Instant, expires: Duration) {
        self.wake_at = None;
        self.cseq += 1;
        let registrar = core.config.registrar_uri();
        let registrar = Uri {
            user: None,
            ..registrar.address_of_record()
        };
        let mut request = Request::new(Method::Register, registrar.clone());
        for route in &core.config.route_set {
            let mut route = route.clone();
            route.params.set("lr", None);
            request
                .headers
                .push(HeaderName::Route, format!("<{route}>"));
        }
        let aor = NameAddr {
            display_name: core.config.display_name.clone(),
            ..NameAddr::new(core.config.aor.address_of_record())
        };
        request.headers.push(HeaderName::MaxForwards, "70");
        request.headers.push(
            HeaderName::From,
            aor.clone().with_tag(&self.tag).to_string(),
        );
        request.headers.push(HeaderName::To, aor.to_string());
        request.headers.push(HeaderName::CallId, &self.call_id);
        request
            .headers
            .push(HeaderName::CSeq, format!("{} REGISTER", self.cseq));
        let supported = match (core.offers_outbound(), core.config.gruu) {
            (true, true) => "path, outbound, gruu",
            (true, false) => "path, outbound",
            (false, true) => "path, gruu",
            (false, false) => "path",
        };
        request.headers.push(HeaderName::Supported, supported);
        if let Some(stale) = &self.stale {
            let gone = format!("<{stale}>;expires=0");
            request.headers.push(HeaderName::Contact, gone);
        }
        request
            .headers
            .push(HeaderName::Expires, expires.as_secs().to_string());
        let hop = NextHop::of(core.config.route_set.first().unwrap_or(&registrar));
        self.request = Some(core.send(now, User::Registration, request, hop));
    }
}
