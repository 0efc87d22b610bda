//! What this side changes in a session that stands: hold and resume, one codec settled, the session refreshed; by re-INVITE
//! (RFC 3261 §14) or UPDATE (RFC 3311), one at a time, again after a glare. A change that is refused leaves the session as it was.

use super::body::SDP;
use super::call::{Call, State};
use super::cause::{CallError, Change, EndCause};
use crate::endpoint::{ALLOW, Core, Event, Reply, RequestId, SUPPORTED_WITHIN};
use crate::message::{Essentials, HeaderName, Method, Response};
use std::time::{Duration, Instant};

/// How often a change is tried again after a glare, a 422 or a Retry-After.
const MAX_TRIES: u8 = 8;
/// The longest Retry-After that is waited for.
const MAX_RETRY_AFTER: u64 = 30;

#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Whether the owner wants the call held.
    hold: bool,
    /// Whether the peer knows it held.
    pub(super) held: bool,
    /// What the owner was told: held here, held there.
    told: (bool, bool),
    /// Whether a second offer is to settle the codec.
    pub(super) settle: bool,
    /// Whether the session timer wants a refresh.
    pub(super) refresh: bool,
    under_way: Option<UnderWay>,
    wait_until: Option<Instant>,
    tries: u8,
}

#[derive(Debug)]
struct UnderWay {
    id: RequestId,
    invite: bool,
    offered: bool,
    hold: bool,
}

impl Changes {
    pub(super) fn is_under_way(&self, id: RequestId) -> bool {
        self.under_way.as_ref().is_some_and(|own| own.id == id)
    }

    /// Whether an INVITE of the peer would cross ours, or any offer of the peer one of ours (RFC 3261 §14.2, RFC 3311 §5.2).
    pub(super) fn collides(&self) -> bool {
        self.under_way
            .as_ref()
            .is_some_and(|own| own.invite || own.offered)
    }

    /// A re-INVITE without its final response, which nobody will wait for once the call is over.
    pub(super) fn drop_invite(&mut self) -> Option<RequestId> {
        self.under_way.take_if(|own| own.invite).map(|own| own.id)
    }

    pub(super) fn wants_hold(&self) -> bool {
        self.hold
    }

    pub(super) fn wake(&mut self, now: Instant) {
        self.wait_until.take_if(|until| *until <= now);
    }

    pub(super) fn next_wake(&self) -> Option<Instant> {
        self.wait_until
    }

    fn wanted(&self) -> Option<Change> {
        match (self.hold, self.held) {
            (true, false) => Some(Change::Hold),
            (false, true) => Some(Change::Resume),
            _ => None,
        }
    }
}

impl Call {
    /// Holds the call or takes it back. The owner is told by [`Event::HoldChanged`] or [`Event::ChangeRefused`].
    pub(super) fn hold(
        &mut self,
        core: &mut Core,
        now: Instant,
        hold: bool,
    ) -> Result<(), CallError> {
        if self.state != State::Established || self.told.is_none() {
            return Err(self.refused(if hold { "held" } else { "resumed" }));
        }
        self.changes.hold = hold;
        self.pursue(core, now);
        Ok(())
    }

    /// Sends the next change that is wanted, when the session allows it now.
    pub(super) fn pursue(&mut self, core: &mut Core, now: Instant) {
        let changes = &self.changes;
        let busy = self.state != State::Established
            || self.success.is_some()
            || self.told.is_none()
            || changes.under_way.is_some()
            || changes.wait_until.is_some();
        let Some(leg) = self
            .leg
            .as_mut()
            .filter(|leg| !busy && !leg.awaits_answer())
        else {
            return;
        };
        let settle = self.changes.settle && leg.unsettled;
        let (method, offers) = match self.changes.wanted() {
            Some(_) => (Method::Invite, true),
            None if settle && leg.takes_update => (Method::Update, true),
            None if settle => (Method::Invite, true),
            None if self.changes.refresh && leg.takes_update => (Method::Update, false),
            None if self.changes.refresh => (Method::Invite, true),
            None => return,
        };
        let hold = self.changes.hold;
        let offer = if offers {
            leg.offer(hold, settle)
        } else {
            None
        };
        let invite = method == Method::Invite;
        let wanted = core.config.session_expires;
        let mut timer = crate::message::Headers::new();
        self.timer.ask(wanted, &mut timer);
        let offered = offer.is_some();
        let id = self.ask(core, now, method, |request| {
            request.headers.push(HeaderName::Allow, ALLOW);
            request
                .headers
                .push(HeaderName::Supported, SUPPORTED_WITHIN);
            request.headers.copy(HeaderName::SessionExpires, &timer);
            request.headers.copy(HeaderName::MinSe, &timer);
            if let Some(offer) = offer {
                request.headers.push(HeaderName::ContentType, SDP);
                request.body = offer.into_bytes();
            }
        });
        self.changes.under_way = id.map(|id| UnderWay {
            id,
            invite,
            offered,
            hold,
        });
    }

    pub(super) fn on_change_reply(&mut self, core: &mut Core, now: Instant, reply: Reply) {
        if matches!(&reply, Reply::Response { response, .. } if response.is_provisional()) {
            return;
        }
        let Some(own) = self.changes.under_way.take() else {
            return;
        };
        match reply {
            Reply::Response {
                response,
                essentials,
                ..
            } if response.is_success() => self.on_changed(core, now, &own, &response, &essentials),
            Reply::Response { response, note, .. } => {
                self.withdraw();
                match response.status {
                    408 | 481 => {
                        let why = format!("the peer knows the call no more ({})", response.status);
                        self.abort(core, now, response.status, EndCause::Failed { why });
                    }
                    status => {
                        if !self.try_again(core, now, &own, &response) {
                            let why = note.unwrap_or(response.reason);
                            self.change_refused(core, now, Some(status), why);
                        }
                    }
                }
            }
            Reply::Failed { why } if core.flows.home().is_none() => {
                // Nothing is known of the peer; the change is tried over the next flow.
                self.withdraw();
                self.later(core, now, Duration::from_secs(4));
                if self.changes.tries > MAX_TRIES {
                    self.change_refused(core, now, None, why);
                }
            }
            Reply::Failed { why } => {
                self.withdraw();
                self.abort(core, now, 408, EndCause::Failed { why });
            }
            Reply::Done => self.withdraw(),
        }
    }

    /// A 2xx to our re-INVITE or UPDATE.
    fn on_changed(
        &mut self,
        core: &mut Core,
        now: Instant,
        own: &UnderWay,
        response: &Response,
        essentials: &Essentials,
    ) {
        let Some(leg) = &mut self.leg else {
            return;
        };
        leg.dialog.refresh_target(&response.headers);
        let answer = leg.take_answer(&response.headers, &response.body);
        let dialog = leg.dialog.clone();
        if own.invite {
            self.acknowledge(core, now, &dialog, Some(own.id), essentials);
        }
        self.timer.on_success(now, &response.headers);
        self.changes.refresh = false;
        self.changes.tries = 0;
        match answer {
            None if !own.offered => {}
            Some(Ok(_)) => {
                self.changes.settle &= self.leg.as_ref().is_some_and(|leg| leg.unsettled);
                if self.changes.settle {
                    // A peer that names several again does not mean to settle; what comes is taken as it comes.
                    self.changes.settle = self.changes.wanted().is_some();
                }
                self.changes.held = own.hold;
                self.tell_media(core);
            }
            Some(Err(why)) => self.unanswered(core, now, why.to_string()),
            None => self.unanswered(
                core,
                now,
                "the answer has no session description".to_owned(),
            ),
        }
    }

    fn unanswered(&mut self, core: &mut Core, now: Instant, why: String) {
        self.withdraw();
        self.change_refused(core, now, None, why);
    }

    fn withdraw(&mut self) {
        if let Some(leg) = &mut self.leg {
            leg.withdraw();
        }
    }

    /// Whether the change is to be tried again after a refusal that says so.
    fn try_again(
        &mut self,
        core: &mut Core,
        now: Instant,
        own: &UnderWay,
        response: &Response,
    ) -> bool {
        if self.changes.tries >= MAX_TRIES {
            return false;
        }
        match response.status {
            491 => {
                // Whose Call-ID it is waits longer, so that the two do not meet again (§14.1).
                let began = self.leg.as_ref().is_some_and(|leg| leg.dialog.began_here());
                let (low, high) = if began { (210, 400) } else { (0, 200) };
                let wait = Duration::from_millis(core.random.between(low, high) * 10);
                self.later(core, now, wait);
                true
            }
            422 => {
                self.changes.tries += 1;
                self.timer.raise(&response.headers)
            }
            405 | 501 if !own.invite => {
                if let Some(leg) = &mut self.leg {
                    leg.takes_update = false;
                }
                true
            }
            500..=599 => match response.retry_after() {
                Some(seconds) if seconds <= MAX_RETRY_AFTER => {
                    self.later(core, now, Duration::from_secs(seconds));
                    true
                }
                _ => false,
            },
            _ => false,
        }
    }

    fn later(&mut self, core: &mut Core, now: Instant, wait: Duration) {
        let apart = Duration::from_millis(core.random.between(1, 50));
        self.changes.tries = self.changes.tries.saturating_add(1);
        self.changes.wait_until = Some(now + wait + apart);
    }

    /// The session stays as it was.
    fn change_refused(&mut self, core: &mut Core, now: Instant, status: Option<u16>, why: String) {
        self.changes.tries = 0;
        self.changes.settle = false;
        if self.changes.refresh {
            self.changes.refresh = false;
            self.timer.refresh_failed(now);
        }
        if let Some(change) = self.changes.wanted() {
            self.changes.hold = self.changes.held;
            core.event(Event::ChangeRefused {
                call: self.id,
                change,
                status,
                why,
            });
        }
    }

    /// The peer was answered while this side wants the call so: it knows now.
    pub(super) fn answered_offer(&mut self, core: &mut Core) {
        self.changes.held = self.changes.hold;
        self.changes.settle = false;
        self.tell_media(core);
    }

    /// Tells the owner what is agreed now, when it changed.
    pub(super) fn tell_media(&mut self, core: &mut Core) {
        let Some(media) = self.leg.as_ref().and_then(|leg| leg.agreed.clone()) else {
            return;
        };
        if self.told.as_ref() != Some(&media) {
            self.told = Some(media.clone());
            core.event(Event::MediaChanged {
                call: self.id,
                media,
            });
        }
        self.tell_hold(core);
    }

    pub(super) fn tell_hold(&mut self, core: &mut Core) {
        let there = self.told.as_ref().is_some_and(|media| media.held);
        let state = (self.changes.held, there);
        if self.changes.told != state {
            self.changes.told = state;
            core.event(Event::HoldChanged {
                call: self.id,
                here: state.0,
                there,
            });
        }
    }
}
