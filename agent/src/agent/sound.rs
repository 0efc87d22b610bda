//! The commands for the sound of calls: mute, volume, recording.

use actix::{Context, Handler, ResponseFuture};
use carillon_media::Volume;

use super::Agent;
use super::commands::{ask, refuse};
use crate::call::{CallSettings, Mute, Record};
use crate::command::{CommandError, MuteCall, RecordCall, SetVolume};
use crate::view::{CallView, VolumeView};

/// The most percent.
const MAX_VOLUME: u8 = carillon_schemas::media::MAX_VOLUME;

impl Agent {
    /// A configuration that says another volume than the one before is followed at once.
    pub(super) fn follow_volume(&self, before: &CallSettings) {
        if self.settings.volume != before.volume {
            self.engine.set_volume(self.settings.volume);
        }
    }
}

impl Handler<MuteCall> for Agent {
    type Result = ResponseFuture<Result<CallView, CommandError>>;

    fn handle(&mut self, asked: MuteCall, _: &mut Context<Self>) -> Self::Result {
        let MuteCall { call, muted } = asked;
        match self.established(call, |view| view.muted != muted) {
            Ok(chosen) => {
                let actor = format!("call {}", chosen.number);
                Box::pin(ask(actor, &chosen.call, Mute(muted)))
            }
            Err(error) => refuse(error),
        }
    }
}

impl Handler<RecordCall> for Agent {
    type Result = ResponseFuture<Result<CallView, CommandError>>;

    fn handle(&mut self, asked: RecordCall, _: &mut Context<Self>) -> Self::Result {
        let RecordCall { call, on, path } = asked;
        match self.established(call, |view| view.recording.is_some() != on) {
            Ok(chosen) => {
                let actor = format!("call {}", chosen.number);
                Box::pin(ask(actor, &chosen.call, Record { on, path }))
            }
            Err(error) => refuse(error),
        }
    }
}

impl Handler<SetVolume> for Agent {
    type Result = Result<VolumeView, CommandError>;

    fn handle(&mut self, asked: SetVolume, _: &mut Context<Self>) -> Self::Result {
        let too_much = [asked.input, asked.output]
            .into_iter()
            .flatten()
            .find(|percent| *percent > MAX_VOLUME);
        if let Some(percent) = too_much {
            return Err(CommandError::BadValue {
                why: format!("{percent} is no volume: give percent from 0 to {MAX_VOLUME}"),
            });
        }
        let before = self.engine.volume();
        let volume = Volume {
            input: asked.input.unwrap_or(before.input),
            output: asked.output.unwrap_or(before.output),
        };
        self.engine.set_volume(volume);
        Ok(VolumeView {
            input: volume.input,
            output: volume.output,
        })
    }
}
