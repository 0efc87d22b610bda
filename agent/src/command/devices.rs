//! What can be asked of sound devices: which there are, which are used, how loud it is at them.

use actix::Message;
use carillon_media::{DeviceSpec, MediaEngine, Watch};

use super::CommandError;
use crate::session::SessionPlace;
use crate::view::DevicesView;

/// Use other devices until the agent ends, in calls that stand too; without any it only shows.
#[derive(Message, Clone, Debug, Default)]
#[rtype(result = "Result<DevicesView, CommandError>")]
pub struct ChooseDevices {
    /// The microphone, written as `media.input`.
    pub input: Option<String>,
    /// The loudspeaker, written as `media.output`.
    pub output: Option<String>,
    /// Where it rings, written as `media.output`.
    pub ring: Option<String>,
}

/// Look at the level meters.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "LevelMeters")]
pub struct WatchLevels;

/// The level meters, and the microphone to look at while no call stands.
pub struct LevelMeters {
    /// Measures as long as it is held.
    pub watch: Watch,
    /// Tells whether a call has the microphone.
    pub engine: MediaEngine,
    /// The microphone.
    pub input: DeviceSpec,
    /// Where it is.
    pub place: SessionPlace,
}
