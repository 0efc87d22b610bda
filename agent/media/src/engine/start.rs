//! What a session needs to run, and why it may not.

use std::io;
use std::net::UdpSocket;

use super::event::MediaEvent;
pub use super::remote::Remote;
use crate::device::error::DeviceError;
use crate::device::{AudioSink, AudioSource};
use crate::dtmf::digit::DtmfError;
use crate::session::config::{ConfigError, SessionConfig};

/// Everything a session starts with. Devices are opened by the caller with
/// [`open_source`](crate::open_source) and [`open_sink`](crate::open_sink), which may wait for the
/// sound system; [`MediaEngine::start`](crate::MediaEngine::start) itself does not wait.
pub struct StartSession {
    /// Bound socket for RTP, as [`bind_rtp_pair`](crate::bind_rtp_pair) gives it.
    pub rtp: UdpSocket,
    /// Bound socket for RTCP.
    pub rtcp: UdpSocket,
    /// The peer.
    pub remote: Remote,
    /// What offer and answer said.
    pub config: SessionConfig,
    /// Where the sound to send comes from.
    pub source: Box<dyn AudioSource>,
    /// Where the sound received goes.
    pub sink: Box<dyn AudioSink>,
    /// Called on the media thread with each event; it must return at once.
    pub events: Box<dyn Fn(MediaEvent) + Send>,
}

/// Why media cannot start, or did not end well.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MediaError {
    /// A parameter of the session cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A device cannot be used.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// Digits cannot be sent.
    #[error(transparent)]
    Dtmf(#[from] DtmfError),
    /// A socket cannot be used by the media thread.
    #[error("the media sockets cannot be used: {0}")]
    Socket(#[source] io::Error),
    /// The media thread cannot be started.
    #[error("the media thread cannot be started: {0}; end other programs or calls")]
    Thread(#[source] io::Error),
    /// More sessions than one thread serves.
    #[error("{0} media sessions run already, which is the most")]
    TooMany(usize),
    /// The session is over.
    #[error("the media session is over{}", because(.0))]
    Over(Option<String>),
}

fn because(reason: &Option<String>) -> String {
    reason
        .as_ref()
        .map_or_else(String::new, |reason| format!(": {reason}"))
}
