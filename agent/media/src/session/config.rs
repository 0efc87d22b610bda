//! What one media session was told by offer and answer.
//!
//! Owns the values and their validation; knows nothing of where they came from.

use std::time::Duration;

use crate::codec::CodecKind;
use crate::playout::jitter::JitterConfig;

/// Most other payload types a session listens to besides the negotiated one.
pub(crate) const MAX_ALTERNATIVES: usize = 8;

/// Longest canonical name an SDES item can carry (RFC 3550 §6.5).
const MAX_CNAME: usize = 255;

/// Parameters of one audio session.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionConfig {
    /// Codec to send.
    pub codec: CodecKind,
    /// Payload type of `codec`, 0–127.
    pub payload_type: u8,
    /// Other codecs we offered: a peer may change between them at any packet (RFC 3264 §5.1).
    /// At most eight.
    pub alternatives: Vec<(u8, CodecKind)>,
    /// Payload type of `telephone-event/8000` (RFC 4733), if negotiated.
    pub dtmf_payload_type: Option<u8>,
    /// Length of a sent frame: 10 or 20 milliseconds.
    pub ptime_ms: u16,
    /// Our synchronisation source; the caller draws it at random (RFC 3550 §8).
    pub local_ssrc: u32,
    /// Seed for first sequence number, first timestamp and RTCP's randomised interval; the caller
    /// draws it at random.
    pub seed: u64,
    /// Canonical name for SDES, 1–255 bytes. RFC 7022 wants a random one that tells nothing.
    pub cname: String,
    /// Whether the direction negotiated lets us send.
    pub send: bool,
    /// Whether silence is sent in place of what the source records.
    pub silent: bool,
    /// Whether the direction negotiated lets us receive.
    pub receive: bool,
    /// How far playout may trail behind arrival.
    pub jitter: JitterConfig,
    /// Silence of the peer's RTP after which [`SessionEvent::RtpTimeout`](crate::SessionEvent)
    /// is reported; `None` never reports.
    pub rtp_timeout: Option<Duration>,
}

impl SessionConfig {
    /// A session that sends and receives `codec` on its static payload type in 20 ms frames,
    /// without telephone events, reporting 30 s without RTP.
    #[must_use]
    pub fn new(codec: CodecKind, local_ssrc: u32, seed: u64, cname: impl Into<String>) -> Self {
        Self {
            codec,
            payload_type: codec.static_payload_type(),
            alternatives: Vec::new(),
            dtmf_payload_type: None,
            ptime_ms: 20,
            local_ssrc,
            seed,
            cname: cname.into(),
            send: true,
            silent: false,
            receive: true,
            jitter: JitterConfig::default(),
            rtp_timeout: Some(Duration::from_secs(30)),
        }
    }

    /// Samples in one sent frame.
    #[must_use]
    pub fn frame_samples(&self) -> usize {
        usize::from(self.ptime_ms) * self.codec.clock_rate() as usize / 1000
    }

    /// Length of one sent frame.
    #[must_use]
    pub fn ptime(&self) -> Duration {
        Duration::from_millis(u64::from(self.ptime_ms))
    }

    /// The codec behind a payload type, if this session knows it.
    #[must_use]
    pub fn codec_of(&self, payload_type: u8) -> Option<CodecKind> {
        if payload_type == self.payload_type {
            return Some(self.codec);
        }
        self.alternatives
            .iter()
            .find(|(number, _)| *number == payload_type)
            .map(|(_, kind)| *kind)
    }

    /// Checks the values against each other.
    ///
    /// # Errors
    /// Names the first value that cannot work, and what would.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.ptime_ms != 10 && self.ptime_ms != 20 {
            return Err(ConfigError::Ptime(self.ptime_ms));
        }
        if self.alternatives.len() > MAX_ALTERNATIVES {
            return Err(ConfigError::TooManyAlternatives(self.alternatives.len()));
        }
        let mut used = vec![self.payload_type];
        used.extend(self.alternatives.iter().map(|(number, _)| *number));
        used.extend(self.dtmf_payload_type);
        for (position, number) in used.iter().enumerate() {
            // 64–95 would make a packet look like RTCP to a demultiplexer (RFC 5761 §4).
            if *number > 127 || (64..=95).contains(number) {
                return Err(ConfigError::PayloadType(*number));
            }
            if used.iter().take(position).any(|other| other == number) {
                return Err(ConfigError::PayloadTypeTwice(*number));
            }
        }
        if self.cname.is_empty() || self.cname.len() > MAX_CNAME {
            return Err(ConfigError::Cname(self.cname.len()));
        }
        self.jitter.validate()
    }
}

/// A session parameter that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Frame length other than 10 or 20 ms.
    #[error("a frame of {0} ms cannot be sent: use a ptime of 10 or 20 ms")]
    Ptime(u16),
    /// Payload type outside 0–63 and 96–127.
    #[error("payload type {0} is not usable for RTP: use 0-63 or 96-127")]
    PayloadType(u8),
    /// The same payload type stands for two formats.
    #[error("payload type {0} is given to two formats: each format needs its own")]
    PayloadTypeTwice(u8),
    /// More alternative codecs than a session listens to.
    #[error("{0} alternative codecs are too many: give at most 8")]
    TooManyAlternatives(usize),
    /// Canonical name empty or too long.
    #[error("a canonical name of {0} bytes does not fit RTCP: give 1 to 255 bytes")]
    Cname(usize),
    /// Jitter bounds that contradict each other.
    #[error(
        "jitter delays of {minimum_ms} to {maximum_ms} ms cannot work: the minimum must not exceed the maximum, which must be 20 to 1000 ms"
    )]
    Jitter {
        /// Lower bound asked for, milliseconds.
        minimum_ms: u32,
        /// Upper bound asked for, milliseconds.
        maximum_ms: u32,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> SessionConfig {
        SessionConfig::new(CodecKind::Pcma, 1, 2, "desk")
    }

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(config().validate(), Ok(()));
        assert_eq!(config().payload_type, 8);
        assert_eq!(config().frame_samples(), 160);
    }

    #[test]
    fn each_bad_value_is_named() {
        let bad = |change: fn(&mut SessionConfig)| {
            let mut config = config();
            change(&mut config);
            config.validate().unwrap_err()
        };
        assert_eq!(bad(|c| c.ptime_ms = 30), ConfigError::Ptime(30));
        assert_eq!(bad(|c| c.payload_type = 72), ConfigError::PayloadType(72));
        assert_eq!(bad(|c| c.payload_type = 128), ConfigError::PayloadType(128));
        assert_eq!(
            bad(|c| c.dtmf_payload_type = Some(8)),
            ConfigError::PayloadTypeTwice(8)
        );
        assert_eq!(bad(|c| c.cname.clear()), ConfigError::Cname(0));
        assert_eq!(
            bad(|c| c.alternatives = (96..105).map(|n| (n, CodecKind::Pcmu)).collect()),
            ConfigError::TooManyAlternatives(9)
        );
    }

    #[test]
    fn alternatives_are_found_by_payload_type() {
        let mut config = config();
        config.alternatives.push((0, CodecKind::Pcmu));
        assert_eq!(config.codec_of(0), Some(CodecKind::Pcmu));
        assert_eq!(config.codec_of(8), Some(CodecKind::Pcma));
        assert_eq!(config.codec_of(18), None);
    }
}
