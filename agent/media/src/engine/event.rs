//! What a running session tells its owner.

use std::time::Duration;

use crate::dtmf::digit::Digit;

/// Something that happened in a session. Handed to the callback of
/// [`StartSession`](crate::StartSession) on the media thread.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MediaEvent {
    /// The peer sent a digit.
    Dtmf(Digit),
    /// A device is gone. The call goes on with silence in its place until another is given with
    /// [`MediaHandle::set_source`](crate::MediaHandle::set_source) or
    /// [`MediaHandle::set_sink`](crate::MediaHandle::set_sink).
    DeviceLost {
        /// Which device and why, for a person.
        reason: String,
        /// Whether it was the microphone (else the loudspeaker).
        input: bool,
    },
    /// No RTP came for this long; told once until RTP comes again.
    RtpTimeout(Duration),
    /// RTP comes again after a timeout.
    RtpResumed,
    /// The peer ended its stream by RTCP. The call is SIP's to end.
    RemoteBye,
    /// A fault ended the session; its counters are gone and [`MediaHandle::stop`](crate::MediaHandle::stop)
    /// will say the same.
    Failed {
        /// What is known of the fault.
        reason: String,
    },
}
