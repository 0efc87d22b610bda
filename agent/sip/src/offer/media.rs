//! What a call's owner offers, and what two sides agreed upon. These types are all a media engine needs to know of SDP.

use crate::sdp::Direction;
use std::net::SocketAddr;

/// What this side can do with one audio stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalMedia {
    /// Where RTP is received. RTCP is received on the next port up.
    pub addr: SocketAddr,
    /// Codecs in order of preference; `telephone-event` among them when DTMF is wanted.
    pub codecs: Vec<Codec>,
    /// Milliseconds of audio per packet asked of the peer.
    pub ptime_ms: u16,
    /// The direction wanted; the agreed one may be narrower.
    pub direction: Direction,
}

/// One payload format (`a=rtpmap` and `a=fmtp`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Codec {
    /// Encoding name, such as `PCMU`; compared without regard to case.
    pub name: String,
    /// RTP clock rate, in Hz.
    pub clock_rate: u32,
    /// Channels; 1 unless the encoding says otherwise.
    pub channels: u8,
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Format parameters as written after the payload type.
    pub fmtp: Option<String>,
}

/// What both sides agreed upon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NegotiatedMedia {
    /// Where RTP is to be sent.
    pub remote_rtp: SocketAddr,
    /// Where RTCP is to be sent (RFC 3605, else the next port up).
    pub remote_rtcp: SocketAddr,
    /// The codec to send and to expect, with the payload type in force.
    pub codec: Codec,
    /// Payload type of `telephone-event` at the codec's clock rate, when agreed.
    pub dtmf: Option<u8>,
    /// Direction, seen from this side.
    pub direction: Direction,
    /// Milliseconds of audio per packet the peer asks for.
    pub ptime_ms: u16,
    /// Whether the peer holds: it takes no sound from this side.
    pub held: bool,
}

impl Codec {
    /// G.711 μ-law, payload type 0.
    #[must_use]
    pub fn pcmu() -> Self {
        Self {
            name: "PCMU".to_owned(),
            clock_rate: 8000,
            channels: 1,
            payload_type: 0,
            fmtp: None,
        }
    }

    /// G.711 A-law, payload type 8.
    #[must_use]
    pub fn pcma() -> Self {
        Self {
            name: "PCMA".to_owned(),
            clock_rate: 8000,
            channels: 1,
            payload_type: 8,
            fmtp: None,
        }
    }

    /// RFC 4733 events 0 to 16 at 8000 Hz, payload type 101.
    #[must_use]
    pub fn telephone_event() -> Self {
        Self {
            name: "telephone-event".to_owned(),
            clock_rate: 8000,
            channels: 1,
            payload_type: 101,
            fmtp: Some("0-16".to_owned()),
        }
    }

    /// Whether this is `telephone-event` and no audio codec.
    #[must_use]
    pub fn is_telephone_event(&self) -> bool {
        self.name.eq_ignore_ascii_case("telephone-event")
    }

    /// Whether both name the same encoding, clock rate and channels.
    #[must_use]
    pub fn same_encoding(&self, other: &Self) -> bool {
        self.name.eq_ignore_ascii_case(&other.name)
            && self.clock_rate == other.clock_rate
            && self.channels == other.channels
    }
}
