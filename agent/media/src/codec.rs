//! Speech codecs behind one trait.
//!
//! Owns the mapping between linear PCM and payload bytes. A codec never sees RTP headers, and
//! never conceals: that is the playout's work. ITU-T G.711, RFC 3551 §4.5.14.

use audio_codec_algorithms::{decode_alaw, decode_ulaw, encode_alaw, encode_ulaw};

/// A codec this crate can send and receive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CodecKind {
    /// G.711 µ-law, static payload type 0.
    Pcmu,
    /// G.711 A-law, static payload type 8.
    Pcma,
}

impl CodecKind {
    /// Every codec, the preferred one first.
    pub const ALL: [Self; 2] = [Self::Pcmu, Self::Pcma];

    /// The encoding name as SDP's `a=rtpmap` spells it (RFC 3551 table 4).
    #[must_use]
    pub const fn encoding_name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
        }
    }

    /// The codec of an encoding name, compared without regard to case as RFC 4855 §3 wants.
    #[must_use]
    pub fn from_encoding_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.encoding_name().eq_ignore_ascii_case(name))
    }

    /// The static payload type of RFC 3551 table 4.
    #[must_use]
    pub const fn static_payload_type(self) -> u8 {
        match self {
            Self::Pcmu => 0,
            Self::Pcma => 8,
        }
    }

    /// The codec a static payload type stands for.
    #[must_use]
    pub fn from_static_payload_type(payload_type: u8) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.static_payload_type() == payload_type)
    }

    /// RTP clock and sampling rate, in hertz.
    #[must_use]
    pub const fn clock_rate(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma => 8000,
        }
    }
}

/// Turns frames of 16-bit linear PCM into payload bytes and back.
pub trait Codec: Send {
    /// Which codec this is.
    fn kind(&self) -> CodecKind;

    /// Appends the payload for `frame` to `payload`.
    fn encode(&mut self, frame: &[i16], payload: &mut Vec<u8>);

    /// Appends the samples of `payload` to `samples`; any bytes are valid.
    fn decode(&mut self, payload: &[u8], samples: &mut Vec<i16>);

    /// How many samples `payload` decodes to, without decoding it.
    fn samples_in(&self, payload: &[u8]) -> usize;
}

/// A fresh codec of the kind.
#[must_use]
pub fn codec(kind: CodecKind) -> Box<dyn Codec> {
    match kind {
        CodecKind::Pcmu => Box::new(G711 {
            kind,
            encode: encode_ulaw,
            decode: decode_ulaw,
        }),
        CodecKind::Pcma => Box::new(G711 {
            kind,
            encode: encode_alaw,
            decode: decode_alaw,
        }),
    }
}

/// Both laws of G.711: one byte a sample, no state.
struct G711 {
    kind: CodecKind,
    encode: fn(i16) -> u8,
    decode: fn(u8) -> i16,
}

impl Codec for G711 {
    fn kind(&self) -> CodecKind {
        self.kind
    }

    fn encode(&mut self, frame: &[i16], payload: &mut Vec<u8>) {
        payload.extend(frame.iter().map(|sample| (self.encode)(*sample)));
    }

    fn decode(&mut self, payload: &[u8], samples: &mut Vec<i16>) {
        samples.extend(payload.iter().map(|byte| (self.decode)(*byte)));
    }

    fn samples_in(&self, payload: &[u8]) -> usize {
        payload.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_encodes_as_itu_g711_says() {
        let mut payload = Vec::new();
        codec(CodecKind::Pcmu).encode(&[0], &mut payload);
        codec(CodecKind::Pcma).encode(&[0], &mut payload);
        assert_eq!(payload, [0xFF, 0xD5]);
    }

    #[test]
    fn every_byte_survives_decoding_and_encoding() {
        for kind in CodecKind::ALL {
            let mut codec = codec(kind);
            for byte in 0..=255u8 {
                let (mut samples, mut again) = (Vec::new(), Vec::new());
                codec.decode(&[byte], &mut samples);
                codec.encode(&samples, &mut again);
                let mut samples_again = Vec::new();
                codec.decode(&again, &mut samples_again);
                assert_eq!(samples, samples_again, "{kind:?} {byte:#x}");
            }
        }
    }

    #[test]
    fn a_loud_signal_keeps_37_db() {
        for kind in CodecKind::ALL {
            let mut codec = codec(kind);
            let tone: Vec<i16> = (0..8000)
                .map(|n| (12000.0 * (f64::from(n) * 0.345).sin()) as i16)
                .collect();
            let (mut payload, mut heard) = (Vec::new(), Vec::new());
            codec.encode(&tone, &mut payload);
            codec.decode(&payload, &mut heard);
            let signal: f64 = tone.iter().map(|s| f64::from(*s).powi(2)).sum();
            let noise: f64 = tone
                .iter()
                .zip(&heard)
                .map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2))
                .sum();
            let snr = 10.0 * (signal / noise).log10();
            assert!(snr > 37.0, "{kind:?}: {snr}");
        }
    }

    #[test]
    fn names_and_payload_types_lead_back() {
        for kind in CodecKind::ALL {
            let name = kind.encoding_name().to_lowercase();
            assert_eq!(CodecKind::from_encoding_name(&name), Some(kind));
            assert_eq!(
                CodecKind::from_static_payload_type(kind.static_payload_type()),
                Some(kind)
            );
        }
        assert_eq!(CodecKind::from_encoding_name("G729"), None);
    }
}
