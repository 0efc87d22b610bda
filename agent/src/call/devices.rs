//! The devices of a call while it goes on: others that a person chooses, and what replaces one that is lost.
//!
//! A call never ends for a device: where there is none it goes on in silence, and says so.

use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, Context, Handler, ResponseActFuture, WrapFuture};
use carillon_media::{AudioSink, AudioSource, DeviceSpec, MediaHandle};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Call;
use super::sound::MAX_TROUBLES;
use crate::command::CommandError;
use crate::session::SessionPlace;

/// How long to wait before the default device is tried again.
const RETRY: Duration = Duration::from_secs(2);
/// Times it is tried after one loss: half a minute.
const MAX_TRIES: u8 = 15;
/// Losses after which a call looks for no other device: one that comes and goes.
const MAX_LOSSES: u8 = 20;

/// Use these devices from now on; what is `None` stays.
#[derive(actix::Message, Clone)]
#[rtype(result = "Result<(), CommandError>")]
pub(crate) struct MoveSound {
    pub(crate) input: Option<DeviceSpec>,
    pub(crate) output: Option<DeviceSpec>,
}

/// Devices that were opened.
type Opened = (Option<Box<dyn AudioSource>>, Option<Box<dyn AudioSink>>);

impl MoveSound {
    /// Waits for the sound system.
    fn open(&self, place: &SessionPlace, tell: &mpsc::Sender<String>) -> Result<Opened, String> {
        let source = self
            .input
            .as_ref()
            .map(|spec| place.open_source(spec, tell));
        let source = source.transpose().map_err(|error| error.to_string())?;
        let sink = self.output.as_ref().map(|spec| place.open_sink(spec, tell));
        let sink = sink.transpose();
        Ok((source, sink.map_err(|error| error.to_string())?))
    }
}

impl Handler<MoveSound> for Call {
    type Result = ResponseActFuture<Self, Result<(), CommandError>>;

    fn handle(&mut self, to: MoveSound, ctx: &mut Context<Self>) -> Self::Result {
        if self.media.is_none() && self.sound.is_none() {
            // Its devices are opened when it is answered.
            return Box::pin(std::future::ready(Ok(())).into_actor(self));
        }
        let wanted = to.clone();
        let opened = self.open_devices(to, ctx);
        Box::pin(opened.into_actor(self).map(move |opened, call, _| {
            let failed = |why: String| CommandError::Device { why };
            let (source, sink) = opened
                .map_err(|_| failed("the sound system's library failed".to_owned()))?
                .map_err(failed)?;
            call.take_devices(source, sink);
            let settings = &mut call.settings;
            settings.input = wanted.input.unwrap_or_else(|| settings.input.clone());
            settings.output = wanted.output.unwrap_or_else(|| settings.output.clone());
            Ok(())
        }))
    }
}

impl Call {
    fn open_devices(
        &mut self,
        to: MoveSound,
        ctx: &mut Context<Self>,
    ) -> JoinHandle<Result<Opened, String>> {
        let (tell, troubles) = mpsc::channel(MAX_TROUBLES);
        self.listen_to_troubles(troubles, ctx);
        let place = self.settings.session.clone();
        tokio::task::spawn_blocking(move || to.open(&place, &tell))
    }

    /// Puts devices in the place of those before, which are closed where closing may take its time.
    fn take_devices(
        &mut self,
        source: Option<Box<dyn AudioSource>>,
        sink: Option<Box<dyn AudioSink>>,
    ) {
        if let Some(exchange) = self.media.as_ref().map(MediaHandle::devices) {
            tokio::task::spawn_blocking(move || {
                let source = source.map_or(Ok(()), |source| exchange.set_source(source));
                let sink = sink.map_or(Ok(()), |sink| exchange.set_sink(sink));
                if let Err(error) = source.and(sink) {
                    tracing::debug!(%error, "a call ended while its devices were exchanged");
                }
            });
        } else if let Some(sound) = &mut self.sound {
            let old = (
                source.map(|source| std::mem::replace(&mut sound.source, source)),
                sink.map(|sink| std::mem::replace(&mut sound.sink, sink)),
            );
            tokio::task::spawn_blocking(move || drop(old));
        }
    }

    /// A device is gone: the default one takes its place.
    pub(super) fn device_lost(&mut self, why: String, input: bool, ctx: &mut Context<Self>) {
        let spec = if input {
            &self.settings.input
        } else {
            &self.settings.output
        };
        self.losses = self.losses.saturating_add(1);
        let replaceable = matches!(spec, DeviceSpec::Default | DeviceSpec::Named(_));
        if !replaceable || self.losses > MAX_LOSSES {
            self.tell_trouble(format!("{why}; the call goes on without it"));
            return;
        }
        self.replace_device(why, input, 1, ctx);
    }

    fn replace_device(&mut self, why: String, input: bool, tries: u8, ctx: &mut Context<Self>) {
        if self.ending {
            return;
        }
        let default = || Some(DeviceSpec::Default);
        let to = MoveSound {
            input: default().filter(|_| input),
            output: default().filter(|_| !input),
        };
        let way = if input { "input" } else { "output" };
        let opened = self.open_devices(to, ctx);
        ctx.spawn(opened.into_actor(self).map(move |opened, call, ctx| {
            let why_not = match opened {
                Ok(Ok((source, sink))) => {
                    call.take_devices(source, sink);
                    return call.tell_trouble(format!(
                        "{why}; the call goes on with the default {way} device"
                    ));
                }
                Ok(Err(error)) => error,
                Err(_) => "the sound system's library failed".to_owned(),
            };
            if tries == 1 {
                call.tell_trouble(format!(
                    "{why}; the call goes on in silence until there is another: {why_not}"
                ));
            }
            if tries < MAX_TRIES {
                ctx.run_later(RETRY, move |call, ctx| {
                    call.replace_device(why, input, tries + 1, ctx);
                });
            } else {
                call.tell_trouble(format!(
                    "{why}; no other was found in half a minute: choose one"
                ));
            }
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{CallSeed, CallSettings, Heard, QueryCall, SoundFailed};
    use crate::event::AgentEvent;
    use crate::view::CallView;
    use actix::Actor;
    use carillon_media::{MediaEngine, MediaEvent};
    use carillon_schemas::Timestamp;
    use carillon_schemas::status::{CallState, Direction};
    use tokio::sync::mpsc;

    struct Ear(mpsc::UnboundedSender<String>);

    impl Actor for Ear {
        type Context = Context<Self>;
    }

    impl Handler<AgentEvent> for Ear {
        type Result = ();

        fn handle(&mut self, event: AgentEvent, _: &mut Context<Self>) {
            if let AgentEvent::MediaTrouble { text, .. } = event {
                self.0.send(text).unwrap();
            }
        }
    }

    impl Handler<SoundFailed> for Ear {
        type Result = ();

        fn handle(&mut self, failed: SoundFailed, _: &mut Context<Self>) {
            panic!("the call ends: {}", failed.why);
        }
    }

    #[test]
    fn a_lost_device_is_told_and_never_ends_the_call() {
        actix_rt::System::new().block_on(async {
            let (told, mut trouble) = mpsc::unbounded_channel();
            let ear = Ear(told).start();
            let call = Call::new(CallSeed {
                view: CallView {
                    id: 1,
                    account: "main".parse().unwrap(),
                    direction: Direction::Outgoing,
                    state: CallState::Established,
                    peer: "sip:2@x".to_owned(),
                    peer_name: None,
                    contact: None,
                    since: Timestamp(0),
                    codec: None,
                    on_hold: false,
                    held: false,
                    muted: false,
                    recording: None,
                    conference: false,
                    caller: None,
                    media: None,
                },
                settings: CallSettings {
                    output: DeviceSpec::Wav("/x/heard.wav".into()),
                    ..CallSettings::default()
                },
                engine: MediaEngine::new(),
                sound: None,
                agent: ear.clone().recipient(),
                account: ear.recipient(),
            })
            .start();
            let lose = |input| {
                let reason = "it was pulled".to_owned();
                call.do_send(Heard(MediaEvent::DeviceLost { reason, input }));
            };
            // A file is no card: the default card is no place for what belongs in it.
            lose(false);
            let text = trouble.recv().await.unwrap();
            assert_eq!(text, "it was pulled; the call goes on without it");
            // With a sound system or without: the call goes on and says how.
            lose(true);
            let text = trouble.recv().await.unwrap();
            let how = ["with the default input device", "in silence until there is"];
            assert!(
                text.starts_with("it was pulled; the call goes on"),
                "{text}"
            );
            assert!(how.iter().any(|how| text.contains(how)), "{text}");
            for _ in 0..MAX_LOSSES {
                lose(false);
                trouble.recv().await.unwrap();
            }
            lose(true);
            let text = trouble.recv().await.unwrap();
            assert!(
                text.ends_with("without it"),
                "one that comes and goes: {text}"
            );
            assert_eq!(call.send(QueryCall).await.unwrap().id, 1);
        });
    }
}
