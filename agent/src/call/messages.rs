//! What a call's actor is told and asked, and what it tells its account.

use actix::Message;
use carillon_sip::NegotiatedMedia;

use super::sound::Sound;
use crate::command::CommandError;
use crate::event::CallCause;
use crate::view::CallView;

/// The far side is being alerted.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Ringing;

/// Ports and devices are there.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct TakeSound(pub(crate) Sound);

/// Both sides agreed on the sound, for the first time or anew.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Agreed {
    pub(crate) media: NegotiatedMedia,
    /// Whether the call is answered; early sound otherwise.
    pub(crate) established: bool,
}

/// Who holds the call now.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct HoldIs {
    pub(crate) here: bool,
    pub(crate) there: bool,
}

/// Send silence in place of what is recorded, or no more.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Quiet(pub(crate) bool);

/// The call was redirected to this address.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct GoesTo {
    pub(crate) peer: String,
    /// The name by which the contacts know it.
    pub(crate) contact: Option<String>,
}

/// A phonebook or directory knows that far side by this name.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Named {
    pub(crate) peer: String,
    pub(crate) name: String,
}

/// The dialog is over.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct End {
    pub(crate) cause: CallCause,
    pub(crate) text: String,
}

/// Send digits.
#[derive(Message)]
#[rtype(result = "Result<CallView, CommandError>")]
pub(crate) struct PressKeys(pub(crate) String);

/// Send silence in place of the microphone, or no more.
#[derive(Message)]
#[rtype(result = "Result<CallView, CommandError>")]
pub(crate) struct Mute(pub(crate) bool);

/// Record, to this file where one is named, or end the recording.
#[derive(Message)]
#[rtype(result = "Result<CallView, CommandError>")]
pub(crate) struct Record {
    pub(crate) on: bool,
    pub(crate) path: Option<String>,
}

/// Be part of the conference, or leave it.
#[derive(Message)]
#[rtype(result = "Result<CallView, CommandError>")]
pub(crate) struct JoinConference(pub(crate) bool);

/// Show the call with its counters.
#[derive(Message)]
#[rtype(result = "CallView")]
pub(crate) struct QueryCall;

/// To the account: the sound of this call cannot go on, end it.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct SoundFailed {
    pub(crate) number: u32,
    pub(crate) why: String,
}

/// Panic.
#[cfg(feature = "panic-injection")]
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Panic;
