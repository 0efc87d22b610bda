//! What can be asked of the sound of calls: mute, volume, recording, conference.

use actix::Message;

use super::CommandError;
use crate::view::{CallView, VolumeView};

/// Send silence in place of the microphone, or no more. Keys can be pressed all the same.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<CallView, CommandError>")]
pub struct MuteCall {
    /// Which; `None` takes the only established one that is not as wanted already.
    pub call: Option<u32>,
    /// Whether it is muted.
    pub muted: bool,
}

/// Record a call, or end its recording.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<CallView, CommandError>")]
pub struct RecordCall {
    /// Which; `None` takes the only established one that is not as wanted already.
    pub call: Option<u32>,
    /// Whether it is recorded.
    pub on: bool,
    /// A WAV file that is not there yet; a relative one stands in the folder of recordings. Without it the
    /// file is named after time and peer.
    pub path: Option<String>,
}

/// Set how loud all calls are, until the agent ends or a configuration says otherwise; without a value it
/// only shows.
#[derive(Message, Clone, Copy, Debug, Default)]
#[rtype(result = "Result<VolumeView, CommandError>")]
pub struct SetVolume {
    /// Percent of the microphone, 0 to 200.
    pub input: Option<u8>,
    /// Percent of what is heard, 0 to 200.
    pub output: Option<u8>,
}

/// Let calls hear each other. Those that are held here are taken back first; a conference that stands grows.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<Vec<CallView>, CommandError>")]
pub struct Confer {
    /// Which; empty means every established one.
    pub calls: Vec<u32>,
}

/// Let every call of the conference go on by itself.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "Result<Vec<CallView>, CommandError>")]
pub struct EndConference;
