//! RTP, codecs, jitter buffer and sound devices for one or more calls.
//!
//! The crate has two halves. [`Session`] is sans-IO: bytes and the time go in, frames and bytes
//! come out, so loss, jitter and drift are tested on virtual time. [`MediaEngine`] gives sessions
//! sockets, sound devices and the one media thread, which lives only while a call does.
//!
//! It knows no SIP and no configuration documents, touches no sound system before a call or a
//! listing asks for it, and never logs or stores audio, digits or addresses: only counters.
//!
//! RFC 3550 (RTP, RTCP), RFC 3551 (profile), RFC 4733 (telephone events), ITU-T G.711.

mod code_pages;
mod codec;
mod device;
mod dtmf;
mod engine;
mod meter;
mod player;
mod playout;
mod recorder;
mod rtcp;
mod rtp;
mod session;
mod tones;
mod volume;

pub use code_pages::CodePages;
pub use codec::{Codec, CodecKind, codec};
pub use device::catalogue::{DeviceInfo, list_devices};
pub use device::error::DeviceError;
pub use device::far::{FarFeed, FarSink, FarSource, FarTap, far_sink, far_source};
pub use device::spec::{DeviceSpec, DeviceSpecError};
pub use device::{AudioSink, AudioSource, open_sink, open_source};
pub use dtmf::digit::{Digit, DtmfError};
pub use engine::MediaEngine;
pub use engine::event::MediaEvent;
pub use engine::handle::{DeviceExchange, MediaHandle};
pub use engine::port::{PortError, bind_rtp_pair};
pub use engine::start::{MediaError, Remote, StartSession};
pub use meter::{Levels, Meter, Watch};
pub use player::{PlaySound, Playing};
pub use playout::jitter::JitterConfig;
pub use recorder::{Recorder, RecordingError, Tap};
pub use session::config::{ConfigError, SessionConfig};
pub use session::statistics::Statistics;
pub use session::{Received, Session, SessionEvent};
pub use tones::CallTone;
pub use volume::Volume;

/// Samples per second of the audio that crosses the device traits and [`Session`].
pub const SAMPLE_RATE: u32 = 8000;
