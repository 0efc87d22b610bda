//! Which device to use, as a person writes it.
//!
//! Owns the text form. Opens nothing.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Tones stay below half the sampling rate.
const MAX_TONE_HZ: u32 = 3999;

/// A sound device by what it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DeviceSpec {
    /// The system's default device. Text: `default` or nothing.
    #[default]
    Default,
    /// The device with this name or identifier. Text: the name.
    Named(String),
    /// A WAV file: played once and then silence, or written. Text: `wav:PATH`.
    Wav(PathBuf),
    /// A WAV file played again and again. Text: `wav-loop:PATH`.
    WavLoop(PathBuf),
    /// A sine tone of this many hertz. Text: `tone:HERTZ`.
    Tone(u32),
    /// Silence in, nothing out. Text: `null`.
    Null,
    /// A device in the session of a logged-on user: the default one, or the one with this name. Text: `session` or
    /// `session:NAME`. Whoever runs calls leads there; [`open_source`](crate::open_source) does not.
    Session(Option<String>),
}

/// A device text that means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceSpecError {
    /// A tone's frequency is no number from 1 to 3999.
    #[error("'{0}' is no tone: write 'tone:' and a frequency from 1 to 3999 Hz")]
    Tone(String),
    /// A WAV device without a path.
    #[error("'{0}' names no file: write 'wav:' and a path")]
    Path(String),
}

impl FromStr for DeviceSpec {
    type Err = DeviceSpecError;

    fn from_str(text: &str) -> Result<Self, DeviceSpecError> {
        let path = |path: &str| match path {
            "" => Err(DeviceSpecError::Path(text.to_owned())),
            path => Ok(PathBuf::from(path)),
        };
        if text.is_empty() || text == "default" {
            Ok(Self::Default)
        } else if text == "null" {
            Ok(Self::Null)
        } else if text == "session" || text == "session:" {
            Ok(Self::Session(None))
        } else if let Some(name) = text.strip_prefix("session:") {
            Ok(Self::Session(Some(name.to_owned())))
        } else if let Some(hertz) = text.strip_prefix("tone:") {
            match hertz.parse() {
                Ok(hertz @ 1..=MAX_TONE_HZ) => Ok(Self::Tone(hertz)),
                _ => Err(DeviceSpecError::Tone(text.to_owned())),
            }
        } else if let Some(rest) = text.strip_prefix("wav:") {
            path(rest).map(Self::Wav)
        } else if let Some(rest) = text.strip_prefix("wav-loop:") {
            path(rest).map(Self::WavLoop)
        } else {
            Ok(Self::Named(text.to_owned()))
        }
    }
}

impl fmt::Display for DeviceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Named(name) => f.write_str(name),
            Self::Wav(path) => write!(f, "wav:{}", path.display()),
            Self::WavLoop(path) => write!(f, "wav-loop:{}", path.display()),
            Self::Tone(hertz) => write!(f, "tone:{hertz}"),
            Self::Null => f.write_str("null"),
            Self::Session(None) => f.write_str("session"),
            Self::Session(Some(name)) => write!(f, "session:{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_leads_there_and_back() {
        for (text, spec) in [
            ("default", DeviceSpec::Default),
            ("null", DeviceSpec::Null),
            ("tone:440", DeviceSpec::Tone(440)),
            ("wav:/a/b.wav", DeviceSpec::Wav("/a/b.wav".into())),
            ("wav-loop:c.wav", DeviceSpec::WavLoop("c.wav".into())),
            ("session", DeviceSpec::Session(None)),
            (
                "session:USB Headset",
                DeviceSpec::Session(Some("USB Headset".into())),
            ),
            ("USB Headset", DeviceSpec::Named("USB Headset".into())),
        ] {
            assert_eq!(text.parse(), Ok(spec.clone()));
            assert_eq!(spec.to_string(), text);
        }
        assert_eq!("".parse(), Ok(DeviceSpec::Default));
    }

    #[test]
    fn nonsense_says_what_to_write() {
        for text in ["tone:", "tone:0", "tone:4000", "tone:4e2"] {
            assert_eq!(
                text.parse::<DeviceSpec>(),
                Err(DeviceSpecError::Tone(text.into()))
            );
        }
        assert_eq!(
            "wav:".parse::<DeviceSpec>(),
            Err(DeviceSpecError::Path("wav:".into()))
        );
    }
}
