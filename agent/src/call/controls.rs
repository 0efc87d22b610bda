//! A person's hand on the sound of a call: mute and conference.

use actix::{Context, Handler};

use super::Call;
use super::messages::{JoinConference, Mute};
use crate::command::CommandError;
use crate::view::CallView;

impl Call {
    pub(super) fn wrong_state(&self, why: impl Into<String>) -> CommandError {
        CommandError::WrongState {
            call: self.view.id,
            why: why.into(),
        }
    }
}

impl Handler<Mute> for Call {
    type Result = Result<CallView, CommandError>;

    /// Before the answer it holds for what will be said.
    fn handle(&mut self, Mute(muted): Mute, _: &mut Context<Self>) -> Self::Result {
        if let Some(media) = &self.media {
            let done = media.mute(muted);
            done.map_err(|error| self.wrong_state(error.to_string()))?;
        }
        if self.view.muted != muted {
            self.view.muted = muted;
            self.publish();
        }
        Ok(self.current_view())
    }
}

impl Handler<JoinConference> for Call {
    type Result = Result<CallView, CommandError>;

    fn handle(&mut self, join: JoinConference, _: &mut Context<Self>) -> Self::Result {
        let JoinConference(join) = join;
        let Some(media) = &self.media else {
            return Err(self.wrong_state("no sound flows yet; wait for the answer"));
        };
        let done = media.confer(join);
        done.map_err(|error| self.wrong_state(error.to_string()))?;
        if self.view.conference != join {
            self.view.conference = join;
            self.publish();
        }
        Ok(self.current_view())
    }
}
