//! The actor of one call: joins a SIP dialog to a media session.
//!
//! Owns the call's view, its ports and devices, and its media session. The dialog itself is in the account's
//! endpoint: the account tells what came of it by the messages here, and is told when the sound fails. A
//! call's actor is not restarted: what it held, the far side could not be given again.

mod controls;
mod devices;
mod messages;
mod recording;
mod recording_file;
mod settings;
mod sound;
mod target;

use std::time::{Duration, SystemTime};

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, MessageResult, Recipient,
    WrapFuture,
};
use carillon_media::{
    MediaEngine, MediaError, MediaEvent, MediaHandle, Recorder, StartSession, Statistics,
};
use carillon_schemas::Timestamp;
use carillon_schemas::status::CallState;
use carillon_sip::NegotiatedMedia;
use futures_util::stream;

use tokio::sync::mpsc;

use crate::command::CommandError;
use crate::event::AgentEvent;
use crate::view::{CallView, MediaView};

pub(crate) use devices::MoveSound;
#[cfg(feature = "panic-injection")]
pub(crate) use messages::Panic;
pub(crate) use messages::{
    Agreed, End, GoesTo, HoldIs, JoinConference, Mute, Named, PressKeys, QueryCall, Quiet, Record,
    Ringing, SoundFailed, TakeSound,
};
pub use settings::{CallSettings, RingSettings};
pub(crate) use sound::Sound;
pub use target::{MAX_TARGET, TargetError, target_uri};
pub(crate) use target::{
    dialled_number, literal_address, number_of, peer_address, placeholder, plain_target,
};

use sound::{StreamIdentity, session_of};

/// What a call's actor starts with.
pub(crate) struct CallSeed {
    pub(crate) view: CallView,
    pub(crate) settings: CallSettings,
    pub(crate) engine: MediaEngine,
    /// Ports and devices, where they are there from the start.
    pub(crate) sound: Option<Sound>,
    pub(crate) agent: Recipient<AgentEvent>,
    pub(crate) account: Recipient<SoundFailed>,
}

/// The actor of one call.
pub(crate) struct Call {
    view: CallView,
    settings: CallSettings,
    engine: MediaEngine,
    sound: Option<Sound>,
    identity: Option<StreamIdentity>,
    media: Option<MediaHandle>,
    recorder: Option<Recorder>,
    /// What was agreed last.
    agreed: Option<NegotiatedMedia>,
    /// Whether a transfer is under way, so that nothing recorded may go out.
    quiet: bool,
    /// Devices lost since the call began.
    losses: u8,
    agent: Recipient<AgentEvent>,
    account: Recipient<SoundFailed>,
    ending: bool,
}

impl Call {
    pub(crate) fn new(seed: CallSeed) -> Self {
        Self {
            view: seed.view,
            settings: seed.settings,
            engine: seed.engine,
            sound: seed.sound,
            identity: None,
            media: None,
            recorder: None,
            agreed: None,
            quiet: false,
            losses: 0,
            agent: seed.agent,
            account: seed.account,
            ending: false,
        }
    }

    fn publish(&self) {
        self.agent
            .do_send(AgentEvent::CallChanged(self.view.clone()));
    }

    fn enter(&mut self, state: CallState) -> bool {
        let changed = self.view.state != state;
        if changed {
            self.view.state = state;
            self.view.since = Timestamp::of(SystemTime::now());
        }
        changed
    }

    fn sound_failed(&self, why: String) {
        self.account.do_send(SoundFailed {
            number: self.view.id,
            why,
        });
    }

    /// Starts the media session, or brings the running one up to date.
    fn join(&mut self, media: &NegotiatedMedia, ctx: &mut Context<Self>) -> Result<(), String> {
        if self.identity.is_none() {
            let identity = StreamIdentity::draw()
                .map_err(|error| format!("no random numbers from the system: {error}"))?;
            self.identity = Some(identity);
        }
        let Some(identity) = &self.identity else {
            return Ok(());
        };
        let (remote, mut config) = session_of(media, &self.settings, identity)?;
        // Who is held hears silence: no sound of the room goes out, and no NAT forgets the way.
        config.silent = self.view.on_hold || self.quiet;
        if let Some(running) = &self.media {
            return running
                .update(remote, config)
                .map_err(|error| error.to_string());
        }
        let Some(sound) = self.sound.take() else {
            return Err("no ports and devices were prepared".to_owned());
        };
        self.listen_to_troubles(sound.troubles, ctx);
        let addr = ctx.address();
        let start = StartSession {
            rtp: sound.rtp,
            rtcp: sound.rtcp,
            remote,
            config,
            source: sound.source,
            sink: sound.sink,
            // Comes on the media thread. A full mailbox loses the event: the thread never waits.
            events: Box::new(move |event| {
                if addr.try_send(Heard(event)).is_err() {
                    tracing::debug!("an event of the sound was lost");
                }
            }),
        };
        let started = self.engine.start(start).and_then(|media| {
            media.mute(self.view.muted)?;
            Ok(media)
        });
        self.media = Some(started.map_err(|error| error.to_string())?);
        Ok(())
    }

    /// Tells what is wrong with devices in a session, as it comes.
    fn listen_to_troubles(&self, troubles: mpsc::Receiver<String>, ctx: &mut Context<Self>) {
        ctx.add_message_stream(stream::unfold(troubles, |mut troubles| async {
            Some((Troubled(troubles.recv().await?), troubles))
        }));
    }

    /// Brings a running session up to date with what this side wants.
    fn rejoin(&mut self, ctx: &mut Context<Self>) {
        if self.ending || self.media.is_none() {
            return;
        }
        if let Some(agreed) = self.agreed.clone()
            && let Err(why) = self.join(&agreed, ctx)
        {
            self.sound_failed(why);
        }
    }

    fn current_view(&self) -> CallView {
        let mut view = self.view.clone();
        if let Some(Ok(statistics)) = self.media.as_ref().map(MediaHandle::statistics) {
            view.media = Some(media_view(&statistics));
        }
        view
    }
}

impl Actor for Call {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Context<Self>) {
        self.publish();
    }
}

impl Handler<Ringing> for Call {
    type Result = ();

    fn handle(&mut self, _: Ringing, _: &mut Context<Self>) {
        if self.view.state == CallState::Calling && self.enter(CallState::Ringing) {
            self.publish();
        }
    }
}

impl Handler<TakeSound> for Call {
    type Result = ();

    fn handle(&mut self, TakeSound(sound): TakeSound, _: &mut Context<Self>) {
        self.sound = Some(sound);
    }
}

impl Handler<Agreed> for Call {
    type Result = ();

    fn handle(&mut self, agreed: Agreed, ctx: &mut Context<Self>) {
        if self.ending {
            return;
        }
        if let Err(why) = self.join(&agreed.media, ctx) {
            self.sound_failed(why);
            return;
        }
        let before = self.view.codec.clone();
        self.view.codec = Some(agreed.media.codec.name.clone());
        self.agreed = Some(agreed.media);
        let entered = agreed.established && self.enter(CallState::Established);
        if entered || before != self.view.codec {
            self.publish();
        }
        if entered && self.settings.record_all {
            self.record_unasked(ctx);
        }
    }
}

impl Handler<HoldIs> for Call {
    type Result = ();

    fn handle(&mut self, hold: HoldIs, ctx: &mut Context<Self>) {
        self.view.on_hold = hold.here;
        self.view.held = hold.there;
        self.rejoin(ctx);
        self.publish();
    }
}

impl Handler<Quiet> for Call {
    type Result = ();

    fn handle(&mut self, Quiet(quiet): Quiet, ctx: &mut Context<Self>) {
        self.quiet = quiet;
        self.rejoin(ctx);
    }
}

impl Handler<GoesTo> for Call {
    type Result = ();

    fn handle(&mut self, GoesTo { peer, contact }: GoesTo, _: &mut Context<Self>) {
        (self.view.peer, self.view.contact) = (peer, contact);
        self.publish();
    }
}

impl Handler<Named> for Call {
    type Result = ();

    fn handle(&mut self, Named { peer, name }: Named, _: &mut Context<Self>) {
        // The name may come when the call has gone on to somebody else.
        if !self.ending && self.view.peer == peer {
            self.view.contact = Some(name);
            self.publish();
        }
    }
}

impl Handler<PressKeys> for Call {
    type Result = Result<CallView, CommandError>;

    fn handle(&mut self, keys: PressKeys, _: &mut Context<Self>) -> Self::Result {
        let wrong_state = |why: String| CommandError::WrongState {
            call: self.view.id,
            why,
        };
        let Some(media) = &self.media else {
            return Err(wrong_state(
                "no sound flows yet, so no digit can be sent; wait for the answer".to_owned(),
            ));
        };
        match media.dtmf(&keys.0) {
            Ok(()) => Ok(self.current_view()),
            Err(MediaError::Dtmf(error)) => Err(CommandError::BadDigits {
                why: error.to_string(),
            }),
            Err(error) => Err(wrong_state(error.to_string())),
        }
    }
}

impl Handler<QueryCall> for Call {
    type Result = MessageResult<QueryCall>;

    fn handle(&mut self, _: QueryCall, _: &mut Context<Self>) -> Self::Result {
        MessageResult(self.current_view())
    }
}

impl Handler<End> for Call {
    type Result = ();

    fn handle(&mut self, end: End, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.ending, true) {
            return;
        }
        self.sound = None;
        let Some(media) = self.media.take() else {
            self.leave(end, ctx);
            return;
        };
        let recorder = self.recorder.take();
        // Closing a sound card may wait for the sound system, a recording for the disk.
        let stopped = tokio::task::spawn_blocking(move || {
            let stopped = media.stop();
            recording::finish(recorder);
            stopped
        });
        ctx.spawn(stopped.into_actor(self).map(move |stopped, call, ctx| {
            match stopped {
                Ok(Ok(statistics)) => call.view.media = Some(media_view(&statistics)),
                Ok(Err(error)) => tracing::warn!(%error, "the sound of a call did not end well"),
                Err(error) => tracing::warn!(%error, "the sound of a call did not end well"),
            }
            call.leave(end, ctx);
        }));
    }
}

impl Call {
    fn leave(&mut self, end: End, ctx: &mut Context<Self>) {
        self.agent.do_send(AgentEvent::CallEnded {
            view: self.view.clone(),
            cause: end.cause,
            text: end.text,
        });
        ctx.stop();
    }
}

/// An event of the media session.
#[derive(actix::Message)]
#[rtype(result = "()")]
struct Heard(MediaEvent);

impl Handler<Heard> for Call {
    type Result = ();

    fn handle(&mut self, Heard(event): Heard, ctx: &mut Context<Self>) {
        if self.ending {
            return;
        }
        let call = self.view.id;
        match event {
            MediaEvent::Dtmf(digit) => self.agent.do_send(AgentEvent::DtmfReceived {
                call,
                digit: digit.symbol(),
            }),
            MediaEvent::DeviceLost { reason, input } => self.device_lost(reason, input, ctx),
            MediaEvent::RtpTimeout(silence) => self.tell_trouble(format!(
                "nothing was heard from the far side for {} s",
                silence.as_secs()
            )),
            MediaEvent::Failed { reason } => self.sound_failed(reason),
            _ => {}
        }
    }
}

/// A device in a user's session does not play along, or nobody is there to hear.
#[derive(actix::Message)]
#[rtype(result = "()")]
struct Troubled(String);

impl Handler<Troubled> for Call {
    type Result = ();

    fn handle(&mut self, Troubled(text): Troubled, _: &mut Context<Self>) {
        if !self.ending {
            let call = self.view.id;
            self.agent.do_send(AgentEvent::MediaTrouble { call, text });
        }
    }
}

#[cfg(feature = "panic-injection")]
impl Handler<Panic> for Call {
    type Result = ();

    fn handle(&mut self, _: Panic, _: &mut Context<Self>) {
        panic!("panic injected into call {}", self.view.id);
    }
}

fn media_view(statistics: &Statistics) -> MediaView {
    let milliseconds = |span: Duration| (span.as_secs_f64() * 1e5).round() / 100.0;
    MediaView {
        packets_sent: statistics.packets_sent,
        packets_received: statistics.packets_received,
        packets_lost: statistics.packets_lost,
        packets_late: statistics.packets_late,
        concealed_ms: statistics.concealed_samples * 1_000 / u64::from(carillon_media::SAMPLE_RATE),
        jitter_ms: milliseconds(statistics.jitter),
        delay_ms: milliseconds(statistics.current_delay),
        round_trip_ms: statistics.round_trip.map(milliseconds),
        digits_sent: statistics.digits_sent,
        digits_received: statistics.digits_received,
    }
}
