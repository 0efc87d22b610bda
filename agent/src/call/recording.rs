//! Recording a call: begun and ended by a person or by the configuration, ended by a full disk.
//!
//! Nothing that happens to a recording touches the call.

use std::time::SystemTime;

use actix::{ActorFutureExt, Addr, AsyncContext, Context, Handler, ResponseActFuture, WrapFuture};
use carillon_media::Recorder;
use carillon_schemas::Timestamp;

use super::Call;
use super::messages::Record;
use super::recording_file::Place;
use crate::command::CommandError;
use crate::event::AgentEvent;
use crate::view::CallView;

/// A recording ended by itself.
#[derive(actix::Message)]
#[rtype(result = "()")]
struct Ended(String);

type Shown = Result<CallView, CommandError>;

impl Call {
    /// Records because the configuration says so.
    pub(super) fn record_unasked(&mut self, ctx: &mut Context<Self>) {
        let begun = self.begin_recording(None, ctx.address());
        ctx.spawn(begun.map(|shown, call, _| {
            if let Err(error) = shown {
                call.tell_trouble(error.to_string());
            }
        }));
    }

    fn begin_recording(
        &mut self,
        asked: Option<&str>,
        addr: Addr<Self>,
    ) -> ResponseActFuture<Self, Shown> {
        if self.view.recording.is_some() {
            return self.at_once(Ok(self.current_view()));
        }
        if self.media.is_none() {
            let why = "no sound flows yet, so there is nothing to record; wait for the answer";
            return self.at_once(Err(self.wrong_state(why)));
        }
        let folder = self.settings.recordings.as_deref();
        let place = match asked {
            Some(path) => Place::named(path, folder),
            None => {
                let (now, name) = (Timestamp::of(SystemTime::now()), &self.view.peer_name);
                Place::made(folder, now, &self.view.peer, name.as_deref())
            }
        };
        let place = match place {
            Ok(place) => place,
            Err(why) => return self.at_once(Err(CommandError::Recording { why })),
        };
        let ended = move |error: carillon_media::RecordingError| {
            // The mailbox of a call that is over takes nothing any more.
            addr.do_send(Ended(error.to_string()));
        };
        let started = tokio::task::spawn_blocking(move || place.record(ended));
        Box::pin(started.into_actor(self).map(|started, call, _| {
            let failed = |why: String| CommandError::Recording { why };
            let (recorder, tap) = started
                .map_err(|_| failed("the recording could not begin".to_owned()))?
                .map_err(|error| failed(error.to_string()))?;
            if call.recorder.is_some() {
                return Err(call.wrong_state("its recording has just begun"));
            }
            let Some(media) = &call.media else {
                return Err(call.wrong_state("it has ended"));
            };
            let tapped = media.record(Some(tap));
            tapped.map_err(|error| call.wrong_state(error.to_string()))?;
            call.view.recording = Some(recorder.path().display().to_string());
            call.recorder = Some(recorder);
            call.publish();
            Ok(call.current_view())
        }))
    }

    fn end_recording(&mut self) -> ResponseActFuture<Self, Shown> {
        let recorder = self.forget_recorder();
        let finished = tokio::task::spawn_blocking(move || finish(recorder));
        Box::pin(finished.into_actor(self).map(|_, call, _| {
            if call.view.recording.take().is_some() {
                call.publish();
            }
            Ok(call.current_view())
        }))
    }

    fn forget_recorder(&mut self) -> Option<Recorder> {
        if let Some(media) = &self.media
            && let Err(error) = media.record(None)
        {
            tracing::debug!(%error, "a call ended before its recording");
        }
        self.recorder.take()
    }

    fn at_once(&self, shown: Shown) -> ResponseActFuture<Self, Shown> {
        Box::pin(std::future::ready(shown).into_actor(self))
    }

    pub(super) fn tell_trouble(&self, text: String) {
        let call = self.view.id;
        self.agent.do_send(AgentEvent::MediaTrouble { call, text });
    }
}

/// Waits until the file is whole.
pub(super) fn finish(recorder: Option<Recorder>) {
    if let Some(recorder) = recorder {
        let lost = recorder.stop();
        if !lost.is_zero() {
            tracing::warn!(?lost, "the disk was too slow for a recording");
        }
    }
}

impl Handler<Record> for Call {
    type Result = ResponseActFuture<Self, Shown>;

    fn handle(&mut self, record: Record, ctx: &mut Context<Self>) -> Self::Result {
        if record.on {
            self.begin_recording(record.path.as_deref(), ctx.address())
        } else {
            self.end_recording()
        }
    }
}

impl Handler<Ended> for Call {
    type Result = ();

    fn handle(&mut self, Ended(why): Ended, _: &mut Context<Self>) {
        drop(self.forget_recorder());
        if self.view.recording.take().is_some() {
            self.publish();
        }
        self.tell_trouble(why);
    }
}
