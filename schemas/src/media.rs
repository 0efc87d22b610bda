//! Sound: devices, volume, codecs, what is recorded, and what is heard when it rings.

use serde::{Deserialize, Serialize};

use crate::config::ConfigError;

/// The most that sound can be raised, in percent.
pub const MAX_VOLUME: u8 = 200;

/// Sound and codecs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Media {
    /// Where a call's sound comes from: `default`, a device's name, `tone:440`, `wav:FILE` or `null`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// Where a call's sound goes: `default`, a device's name, `wav:FILE` or `null`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// How loud the microphone is sent, in percent, 0 to 200; 100 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_volume: Option<u8>,
    /// How loud calls are played, in percent, 0 to 200; 100 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_volume: Option<u8>,
    /// Codecs by preference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codecs: Option<Vec<CodecName>>,
    /// Milliseconds of sound in a packet: 10 or 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ptime_ms: Option<u16>,
    /// The most delay the jitter buffer may add, in milliseconds, 20 to 1,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter_max_ms: Option<u16>,
    /// What is heard when it rings.
    #[serde(default, skip_serializing_if = "Ringing::is_empty")]
    pub ringing: Ringing,
    /// What is recorded, and where.
    #[serde(default, skip_serializing_if = "Recording::is_empty")]
    pub recording: Recording,
}

impl Media {
    /// These settings where given, else those of the layer below.
    pub fn over(self, below: &Self) -> Self {
        Self {
            input: self.input.or_else(|| below.input.clone()),
            output: self.output.or_else(|| below.output.clone()),
            input_volume: self.input_volume.or(below.input_volume),
            output_volume: self.output_volume.or(below.output_volume),
            codecs: self.codecs.or_else(|| below.codecs.clone()),
            ptime_ms: self.ptime_ms.or(below.ptime_ms),
            jitter_max_ms: self.jitter_max_ms.or(below.jitter_max_ms),
            ringing: self.ringing.over(&below.ringing),
            recording: self.recording.over(&below.recording),
        }
    }

    /// The input in force.
    pub fn input(&self) -> &str {
        self.input.as_deref().unwrap_or("default")
    }

    /// The output in force.
    pub fn output(&self) -> &str {
        self.output.as_deref().unwrap_or("default")
    }

    /// Percent of the microphone that are sent.
    pub fn input_volume(&self) -> u8 {
        self.input_volume.unwrap_or(100)
    }

    /// Percent of a call's sound that are played.
    pub fn output_volume(&self) -> u8 {
        self.output_volume.unwrap_or(100)
    }

    /// The codecs in force, by preference.
    pub fn codecs(&self) -> &[CodecName] {
        self.codecs
            .as_deref()
            .unwrap_or(&[CodecName::Pcma, CodecName::Pcmu])
    }

    /// Milliseconds of sound in a packet.
    pub fn ptime_ms(&self) -> u16 {
        self.ptime_ms.unwrap_or(20)
    }

    /// The most delay of the jitter buffer in milliseconds.
    pub fn jitter_max_ms(&self) -> u16 {
        self.jitter_max_ms.unwrap_or(300)
    }

    /// Checks what the types alone do not.
    ///
    /// # Errors
    /// The first setting out of bounds.
    pub fn validate(&self) -> Result<(), ConfigError> {
        for (key, text) in [
            ("input", &self.input),
            ("output", &self.output),
            ("ringing.sound", &self.ringing.sound),
            ("ringing.device", &self.ringing.device),
            ("recording.folder", &self.recording.folder),
        ] {
            if text
                .as_ref()
                .is_some_and(|d| d.is_empty() || d.len() > 512 || d.chars().any(char::is_control))
            {
                return fail(key, "must be 1 to 512 bytes without control characters");
            }
        }
        for (key, percent) in [
            ("input_volume", self.input_volume),
            ("output_volume", self.output_volume),
            ("ringing.volume", self.ringing.volume),
        ] {
            if percent.is_some_and(|percent| percent > MAX_VOLUME) {
                return fail(key, "must be between 0 and 200 percent");
            }
        }
        if self
            .codecs
            .as_ref()
            .is_some_and(|codecs| codecs.is_empty() || codecs.len() > 16)
        {
            return fail("codecs", "must name 1 to 16 codecs");
        }
        if self.ptime_ms.is_some_and(|ms| ms != 10 && ms != 20) {
            return fail("ptime_ms", "must be 10 or 20");
        }
        if self
            .jitter_max_ms
            .is_some_and(|ms| !(20..=1_000).contains(&ms))
        {
            return fail("jitter_max_ms", "must be between 20 and 1000");
        }
        Ok(())
    }
}

fn fail(key: &str, why: &str) -> Result<(), ConfigError> {
    Err(ConfigError {
        path: format!("media.{key}"),
        why: why.to_owned(),
    })
}

/// What is heard when it rings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Ringing {
    /// What an incoming call sounds like: `default`, `none`, or the path of a WAV file, played again and again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sound: Option<String>,
    /// Where it is heard, written as `media.output`; there too when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// How loud it is, in percent, 0 to 200; 100 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<u8>,
}

impl Ringing {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn over(self, below: &Self) -> Self {
        Self {
            sound: self.sound.or_else(|| below.sound.clone()),
            device: self.device.or_else(|| below.device.clone()),
            volume: self.volume.or(below.volume),
        }
    }

    /// The sound in force.
    pub fn sound(&self) -> &str {
        self.sound.as_deref().unwrap_or("default")
    }

    /// Percent of the sound that are played.
    pub fn volume(&self) -> u8 {
        self.volume.unwrap_or(100)
    }
}

/// What is recorded, and where.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Recording {
    /// Where recordings go; a relative folder stands in the agent's state folder. `recordings` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// Record every call from its answer on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto: Option<bool>,
}

impl Recording {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn over(self, below: &Self) -> Self {
        Self {
            folder: self.folder.or_else(|| below.folder.clone()),
            auto: self.auto.or(below.auto),
        }
    }

    /// The folder in force.
    pub fn folder(&self) -> &str {
        self.folder.as_deref().unwrap_or("recordings")
    }

    /// Whether every call is recorded.
    pub fn auto(&self) -> bool {
        self.auto.unwrap_or(false)
    }
}

/// A codec that an account may offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum CodecName {
    /// G.711 µ-law, 8 kHz.
    Pcmu,
    /// G.711 A-law, 8 kHz.
    Pcma,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_over_another_keeps_what_it_does_not_give() {
        let below: Media = serde_json::from_value(serde_json::json!({
            "input_volume": 80,
            "output_volume": 120,
            "ringing": { "sound": "none", "volume": 50 },
            "recording": { "folder": "/srv/calls" },
        }))
        .unwrap();
        let over: Media = serde_json::from_value(serde_json::json!({
            "output_volume": 90,
            "ringing": { "volume": 10 },
            "recording": { "auto": true },
        }))
        .unwrap();
        let media = over.over(&below);
        assert_eq!((media.input_volume(), media.output_volume()), (80, 90));
        assert_eq!(
            (media.ringing.sound(), media.ringing.volume()),
            ("none", 10)
        );
        assert_eq!(media.recording.folder(), "/srv/calls");
        assert!(media.recording.auto());
        media.validate().unwrap();
    }

    #[test]
    fn settings_out_of_bounds_are_named() {
        for (json, path) in [
            (
                serde_json::json!({ "input_volume": 201 }),
                "media.input_volume",
            ),
            (
                serde_json::json!({ "output_volume": 255 }),
                "media.output_volume",
            ),
            (
                serde_json::json!({ "ringing": { "volume": 201 } }),
                "media.ringing.volume",
            ),
            (
                serde_json::json!({ "ringing": { "sound": "a\nb" } }),
                "media.ringing.sound",
            ),
            (
                serde_json::json!({ "recording": { "folder": "" } }),
                "media.recording.folder",
            ),
        ] {
            let media: Media = serde_json::from_value(json).unwrap();
            assert_eq!(media.validate().unwrap_err().path, path);
        }
    }

    #[test]
    fn settings_that_are_not_given_are_not_written() {
        assert_eq!(serde_json::to_string(&Media::default()).unwrap(), "{}");
    }
}
