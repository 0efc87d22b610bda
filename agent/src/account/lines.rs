//! The calls of an account: SIP's events to call actors, commands to the endpoint.

use std::net::{IpAddr, SocketAddr};
use std::time::SystemTime;

use actix::{ActorFutureExt, Addr, AsyncContext, Context, Handler, ResponseActFuture, WrapFuture};
use carillon_schemas::Timestamp;
use carillon_schemas::status::{CallState, Direction};
use carillon_sip::{CallError, CallId, EndCause, Event, Reason};
use futures_util::FutureExt;

use super::features::plan;
use super::holding::HoldWaiter;
use super::messages::{Answer, CallBegan, CallCrashed, Hangup, Place};
use super::{Account, Leaving, now};
use crate::call::{
    Agreed, Call, CallSeed, End, GoesTo, Ringing, Sound, SoundFailed, TakeSound, literal_address,
};
use crate::command::CommandError;
use crate::event::{AgentEvent, CallCause};
use crate::supervision::{self, ChildEnded, Ending};
use crate::transport::local_address_towards;
use crate::view::CallView;

/// Longest name of a caller that is shown, in characters.
const MAX_NAME: usize = 128;

/// One call of the account.
pub(super) struct Line {
    pub(super) number: u32,
    pub(super) call: Addr<Call>,
    /// Where an incoming call's request came from.
    source: Option<SocketAddr>,
    incoming: bool,
    pub(super) answered: bool,
    pub(super) held_here: bool,
    pub(super) hold_waiter: Option<HoldWaiter>,
    /// The call whose far side asked for this one.
    pub(super) asked_by: Option<CallId>,
    /// Why the call is being ended from here, when it is more than a person's wish.
    trouble: Option<(CallCause, String)>,
}

impl Account {
    pub(super) fn line_event(&mut self, event: Event, ctx: &mut Context<Self>) {
        match event {
            Event::IncomingCall {
                call,
                facts,
                source,
                replaces,
                ..
            } => self.arrive(call, &facts, (source, replaces.is_some()), ctx),
            Event::CallBarred { facts } => self.agent.do_send(AgentEvent::CallBarred {
                account: self.account.id().clone(),
                peer: shown(&facts.shown.uri.to_string()),
                name: facts.shown.display_name.as_deref().map(shown),
            }),
            Event::KeyPressed { call, key } => {
                if let Some(line) = self.lines.get(&call) {
                    let call = line.number;
                    self.agent
                        .do_send(AgentEvent::DtmfReceived { call, digit: key });
                }
            }
            Event::CallProgress { call, media, .. } => {
                if let Some(line) = self.lines.get(&call) {
                    line.call.do_send(Ringing);
                    if let Some(media) = media {
                        line.call.do_send(Agreed {
                            media,
                            established: false,
                        });
                    }
                }
            }
            Event::CallEstablished { call, media } => {
                if let Some(line) = self.lines.get_mut(&call) {
                    line.answered = true;
                    line.call.do_send(Agreed {
                        media,
                        established: true,
                    });
                }
            }
            Event::CallRedirected { call, target } => {
                if let Some(line) = self.lines.get(&call) {
                    let peer = shown(&target.to_string());
                    let contact = self.contacts.name_of(&peer);
                    line.call.do_send(GoesTo { peer, contact });
                }
            }
            Event::HoldChanged { call, here, there } => self.hold_changed(call, here, there),
            Event::ChangeRefused {
                call,
                change,
                status,
                why,
            } => self.hold_refused(call, change, status, &why),
            Event::TransferRequested {
                call,
                target,
                referred_by,
                ..
            } => self.transfer_requested(call, &target, referred_by.as_ref(), ctx),
            Event::TransferProgress { call, status, .. } => self.transfer_progressed(call, status),
            Event::TransferEnded { call, outcome } => self.transfer_ended(call, &outcome),
            Event::MediaChanged { call, media } => {
                if let Some(line) = self.lines.get(&call) {
                    line.call.do_send(Agreed {
                        media,
                        established: false,
                    });
                }
            }
            Event::CallEnded {
                call,
                cause,
                reason,
            } => {
                if let Some(line) = self.lines.remove(&call) {
                    if let Some(old) = line.asked_by.filter(|_| !line.answered) {
                        self.speak_again(old);
                    }
                    let (cause, text) = line.trouble.unwrap_or_else(|| {
                        let (cause, text) = explained(&cause, line.incoming, line.answered);
                        with_reason(cause, text, reason.as_ref())
                    });
                    line.call.do_send(End { cause, text });
                }
                self.leave_if_drained(ctx);
            }
            _ => tracing::warn!("the endpoint told what this driver does not know"),
        }
    }

    /// Starts the actor of a call.
    pub(super) fn begin(
        &mut self,
        call: CallId,
        view: CallView,
        sound: Option<Sound>,
        source: Option<SocketAddr>,
        ctx: &mut Context<Self>,
    ) {
        let number = view.id;
        let incoming = view.direction == Direction::Incoming;
        let seed = CallSeed {
            view: view.clone(),
            settings: self.settings.clone(),
            engine: self.engine.clone(),
            sound,
            agent: self.agent.clone().recipient(),
            account: ctx.address().recipient(),
        };
        let addr = supervision::start(
            Call::new(seed),
            number,
            self.incarnation,
            ctx.address().recipient(),
        );
        self.agent.do_send(CallBegan {
            view,
            call: addr.clone(),
            account: ctx.address(),
            incarnation: self.incarnation,
        });
        self.lines.insert(
            call,
            Line {
                number,
                call: addr,
                source,
                incoming,
                answered: false,
                held_here: false,
                hold_waiter: None,
                asked_by: None,
                trouble: None,
            },
        );
    }

    pub(super) fn view(
        &self,
        direction: Direction,
        state: CallState,
        peer: String,
        peer_name: Option<String>,
    ) -> CallView {
        let number = self.numbers.get().wrapping_add(1).max(1);
        self.numbers.set(number);
        CallView {
            id: number,
            account: self.account.id().clone(),
            direction,
            state,
            contact: self.contacts.name_of(&peer),
            peer,
            peer_name,
            since: Timestamp::of(SystemTime::now()),
            codec: None,
            on_hold: false,
            held: false,
            muted: false,
            recording: None,
            conference: false,
            caller: None,
            media: None,
        }
    }

    pub(super) fn line(&self, number: u32) -> Result<(CallId, &Line), CommandError> {
        self.lines
            .iter()
            .find(|(_, line)| line.number == number)
            .map(|(call, line)| (*call, line))
            .ok_or(CommandError::NoSuchCall { call: number })
    }

    /// Ends a call for a reason that is not a person's wish.
    pub(super) fn end_for(
        &mut self,
        number: u32,
        cause: CallCause,
        text: String,
        ctx: &mut Context<Self>,
    ) {
        let Some((call, line)) = self
            .lines
            .iter_mut()
            .find(|(_, line)| line.number == number)
        else {
            return;
        };
        line.trouble = Some((cause, text));
        let call = *call;
        if let Err(error) = self.endpoint.hangup(now(), call) {
            tracing::debug!(%error, "a call ended before it was ended");
        }
        self.drive(ctx);
    }

    /// Tells the calls that remain that their dialogs are gone: hung up when the account leaves, else lost.
    pub(super) fn end_all_lines(&mut self) {
        let (cause, text) = if self.leaving == Leaving::Now {
            (CallCause::HungUpHere, "the account left")
        } else {
            (CallCause::ActorFailed, "the account failed")
        };
        for line in std::mem::take(&mut self.lines).into_values() {
            line.call.do_send(End {
                cause,
                text: text.to_owned(),
            });
        }
    }

    /// Ends calls until there is room for another: first one that was not answered, else the oldest.
    fn make_room(&mut self, limit: usize, ctx: &mut Context<Self>) {
        while self.lines.len() >= limit {
            let unanswered = self.lines.iter().find(|(_, line)| !line.answered);
            let Some((call, line)) = unanswered.or_else(|| self.lines.iter().next()) else {
                return;
            };
            let (call, number) = (*call, line.number);
            let text = "ended for an emergency call".to_owned();
            self.end_for(number, CallCause::HungUpHere, text, ctx);
            self.lines.remove(&call);
        }
    }

    /// The local address for the sound of a call to this URI.
    pub(super) fn address_for(&self, uri: &str) -> IpAddr {
        let config = self.endpoint.config();
        let direct = if config.route_set.is_empty() {
            literal_address(uri)
        } else {
            None
        };
        let proxy = config
            .route_set
            .first()
            .or(config.registrar.as_ref())
            .and_then(|hop| hop.host.ip());
        let remote = direct.map(|(ip, _)| ip).or(proxy);
        remote
            .and_then(|ip| local_address_towards(Some(SocketAddr::new(ip, 5060))).ok())
            .or_else(|| self.endpoint.local_address().map(|address| address.ip()))
            .or_else(|| local_address_towards(None).ok())
            .unwrap_or(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST))
    }

    pub(super) fn refused(&self, number: Option<u32>, uri: &str, error: CallError) -> CommandError {
        match error {
            CallError::TooManyCalls { limit } => CommandError::Busy {
                account: self.account.id().clone(),
                limit,
            },
            CallError::Target { target, why } => CommandError::BadTarget { target, why },
            CallError::Media { why } => CommandError::Device { why },
            CallError::Stopping => self.unavailable("it is leaving"),
            error => match number {
                Some(call) => CommandError::WrongState {
                    call,
                    why: error.to_string(),
                },
                None => CommandError::BadTarget {
                    target: uri.to_owned(),
                    why: error.to_string(),
                },
            },
        }
    }

    fn unavailable(&self, why: &str) -> CommandError {
        CommandError::AccountUnavailable {
            account: self.account.id().clone(),
            why: why.to_owned(),
        }
    }
}

impl Handler<Place> for Account {
    type Result = ResponseActFuture<Self, Result<CallView, CommandError>>;

    fn handle(&mut self, place: Place, ctx: &mut Context<Self>) -> Self::Result {
        let bad = |why| CommandError::BadTarget {
            target: place.target.chars().take(80).collect(),
            why,
        };
        let outgoing = match plan(
            &place.target,
            &self.features(),
            &self.account.config.address,
        ) {
            Ok(outgoing) => outgoing,
            Err(why) => return Box::pin(std::future::ready(Err(bad(why))).into_actor(self)),
        };
        let settings = self.call_settings();
        let address = self.address_for(&outgoing.uri);
        let limit = self.endpoint.config().max_calls;
        if outgoing.emergency {
            self.rescue_called = Some(now());
            self.make_room(limit, ctx);
        }
        let full = self.lines.len() >= limit;
        let account = self.account.id().clone();
        let sound = async move {
            if full {
                return Err(CommandError::Busy { account, limit });
            }
            Sound::open(&settings, address)
                .await
                .map(|sound| (sound, settings))
                .map_err(|why| CommandError::Device { why })
        };
        Box::pin(sound.into_actor(self).map(move |sound, account, ctx| {
            let (sound, settings) = sound?;
            if account.leaving != Leaving::Stays {
                return Err(account.unavailable("it is leaving"));
            }
            let offer = sound.local_media(&settings);
            let call = account
                .endpoint
                .call_with(now(), &outgoing.uri, offer, outgoing.options)
                .map_err(|error| account.refused(None, &outgoing.uri, error))?;
            let view = account.view(Direction::Outgoing, CallState::Calling, outgoing.uri, None);
            account.begin(call, view.clone(), Some(sound), None, ctx);
            account.drive(ctx);
            Ok(view)
        }))
    }
}

impl Handler<Answer> for Account {
    type Result = ResponseActFuture<Self, Result<Addr<Call>, CommandError>>;

    fn handle(&mut self, answer: Answer, _: &mut Context<Self>) -> Self::Result {
        let number = answer.number;
        let source = match self.line(number) {
            Ok((_, line)) => line.source,
            Err(error) => return Box::pin(std::future::ready(Err(error)).into_actor(self)),
        };
        let settings = self.call_settings();
        let address = match source {
            Some(source) => local_address_towards(Some(source)).map_err(|error| error.to_string()),
            None => Err("it is an outgoing call".to_owned()),
        };
        let sound = async move {
            let address = address.map_err(|why| CommandError::WrongState { call: number, why })?;
            Sound::open(&settings, address)
                .await
                .map(|sound| (sound, settings))
                .map_err(|why| CommandError::Device { why })
        };
        Box::pin(
            sound
                .boxed_local()
                .into_actor(self)
                .map(move |sound, account, ctx| {
                    let (sound, settings) = sound?;
                    let (call, line) = account.line(number)?;
                    let addr = line.call.clone();
                    account
                        .endpoint
                        .answer(now(), call, sound.local_media(&settings))
                        .map_err(|error| account.refused(Some(number), "", error))?;
                    addr.do_send(TakeSound(sound));
                    account.drive(ctx);
                    Ok(addr)
                }),
        )
    }
}

impl Handler<Hangup> for Account {
    type Result = Result<(), CommandError>;

    fn handle(&mut self, hangup: Hangup, ctx: &mut Context<Self>) -> Self::Result {
        let (call, _) = self.line(hangup.number)?;
        let result = self.endpoint.hangup(now(), call);
        self.drive(ctx);
        result.map_err(|error| self.refused(Some(hangup.number), "", error))
    }
}

impl Handler<SoundFailed> for Account {
    type Result = ();

    fn handle(&mut self, failed: SoundFailed, ctx: &mut Context<Self>) {
        self.end_for(failed.number, CallCause::Media, failed.why, ctx);
    }
}

impl Handler<ChildEnded<u32>> for Account {
    type Result = ();

    fn handle(&mut self, ended: ChildEnded<u32>, ctx: &mut Context<Self>) {
        let note = match ended.ending {
            Ending::Stopped => return,
            Ending::Panicked { note } => note,
            Ending::Dropped => "its task was dropped".to_owned(),
        };
        self.agent.do_send(CallCrashed {
            number: ended.child,
            note: note.clone(),
        });
        self.end_for(ended.child, CallCause::ActorFailed, note, ctx);
    }
}

/// Why a call ended, in our words. A call that came `incoming` and was not `answered` is declined or missed
/// where another is hung up or without an answer.
fn explained(cause: &EndCause, incoming: bool, answered: bool) -> (CallCause, String) {
    match cause {
        EndCause::LocalHangup if incoming && !answered => {
            (CallCause::Declined, "declined".to_owned())
        }
        EndCause::LocalHangup => (CallCause::HungUpHere, "hung up here".to_owned()),
        EndCause::RemoteHangup => (CallCause::HungUpThere, "the far side hung up".to_owned()),
        EndCause::Cancelled => (CallCause::Missed, "the caller gave up".to_owned()),
        EndCause::Declined { status } => (CallCause::Declined, format!("declined with {status}")),
        EndCause::Rejected {
            status,
            reason,
            retry_after,
        } => {
            let cause = match status {
                486 | 600 | 603 => CallCause::Busy,
                408 | 480 | 487 => CallCause::NoAnswer,
                _ => CallCause::Refused,
            };
            let again = retry_after.map_or_else(String::new, |wait| {
                format!("; try again in {} s", wait.as_secs())
            });
            (cause, format!("{status} {}{again}", shown(reason)))
        }
        EndCause::Replaced { .. } => (
            CallCause::Transferred,
            "another call took its place".to_owned(),
        ),
        EndCause::Transferred => (
            CallCause::Transferred,
            "the far side talks to somebody else now".to_owned(),
        ),
        EndCause::SessionExpired => (
            CallCause::Unreachable,
            "the far side did not refresh the session in time".to_owned(),
        ),
        EndCause::NoAnswer if incoming => (CallCause::Missed, "nobody answered".to_owned()),
        EndCause::NoAnswer => (CallCause::NoAnswer, "nobody answered".to_owned()),
        EndCause::MediaRefused { why } => (CallCause::Media, shown(why)),
        EndCause::Failed { why } => (CallCause::Unreachable, shown(why)),
        _ => (CallCause::Unreachable, "the call ended".to_owned()),
    }
}

/// What the far side gave as its reason (RFC 3326), added to what is known.
fn with_reason(cause: CallCause, text: String, reason: Option<&Reason>) -> (CallCause, String) {
    match reason {
        Some(reason) if cause == CallCause::Missed && reason.is_answered_elsewhere() => (
            CallCause::AnsweredElsewhere,
            "somebody else answered".to_owned(),
        ),
        Some(Reason {
            text: Some(given), ..
        }) if !given.is_empty() => (cause, format!("{text} ({})", shown(given))),
        _ => (cause, text),
    }
}

/// A stranger's text, short and without what would change a terminal or a log.
pub(super) fn shown(text: &str) -> String {
    text.chars()
        .map(|c| if is_disturbing(c) { '\u{fffd}' } else { c })
        .take(MAX_NAME)
        .collect()
}

/// Control characters and those that turn the direction of writing.
fn is_disturbing(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_name_is_made_harmless() {
        assert_eq!(shown("A\nB\u{202e}C"), "A\u{fffd}B\u{fffd}C");
        assert_eq!(shown(&"x".repeat(1_000)).len(), MAX_NAME);
    }

    #[test]
    fn causes_are_told_in_our_words() {
        let busy = EndCause::Rejected {
            status: 486,
            reason: "Busy Here".into(),
            retry_after: Some(std::time::Duration::from_secs(60)),
        };
        assert_eq!(
            explained(&busy, false, false),
            (
                CallCause::Busy,
                "486 Busy Here; try again in 60 s".to_owned()
            )
        );
        let missed = || explained(&EndCause::Cancelled, true, false);
        let with = |reason| {
            let (cause, text) = missed();
            with_reason(cause, text, Some(&reason))
        };
        assert_eq!(with(Reason::sip(200, "x")).0, CallCause::AnsweredElsewhere);
        assert_eq!(
            with(Reason::sip(408, "lunch\n")),
            (
                CallCause::Missed,
                "the caller gave up (lunch\u{fffd})".to_owned()
            )
        );
        assert_eq!(
            explained(&EndCause::NoAnswer, true, false).0,
            CallCause::Missed
        );
        assert_eq!(
            explained(&EndCause::NoAnswer, false, false).0,
            CallCause::NoAnswer
        );
    }
}
