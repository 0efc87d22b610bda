//! What can go wrong with a sound device, said so that a person can act on it.

use std::path::PathBuf;

/// A device could not be listed, opened or kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The sound system does not answer.
    #[error(
        "the sound system is not available: {reason}; start it, or use a wav, tone or null device"
    )]
    SystemUnavailable {
        /// What the sound system said.
        reason: String,
    },
    /// No device has the name.
    #[error("there is no {direction} device named '{asked}'; there is: {}", listed(.available))]
    Unknown {
        /// The name asked for.
        asked: String,
        /// `input` or `output`.
        direction: &'static str,
        /// Names of the devices of that direction.
        available: Vec<String>,
    },
    /// The system has no default device.
    #[error("there is no default {direction} device; plug one in, or name one of: {}", listed(.available))]
    NoDefault {
        /// `input` or `output`.
        direction: &'static str,
        /// Names of the devices of that direction.
        available: Vec<String>,
    },
    /// The device is there and refused.
    #[error("{direction} device '{name}' cannot be used: {reason}")]
    Refused {
        /// The device.
        name: String,
        /// `input` or `output`.
        direction: &'static str,
        /// What the sound system said.
        reason: String,
    },
    /// The device went away in use.
    #[error("{direction} device '{name}' is lost: {reason}")]
    Lost {
        /// The device.
        name: String,
        /// `input` or `output`.
        direction: &'static str,
        /// What the sound system said, or what was observed.
        reason: String,
    },
    /// A WAV file cannot be read or written.
    #[error("WAV file '{}': {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is no WAV file this crate plays.
    #[error("'{}' cannot be played: {reason}; give 16-bit PCM, 8 to 192 kHz, at most 10 minutes", path.display())]
    NotPlayable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The device of a user's session, where nothing leads to one.
    #[error(
        "the sound of a user's session is to be had by the agent's calls alone; name a device, wav:FILE, a tone or null"
    )]
    NoSession,
    /// The kind of device only works the other way.
    #[error("'{spec}' cannot be used for {direction}")]
    WrongDirection {
        /// The specification as text.
        spec: String,
        /// `input` or `output`.
        direction: &'static str,
    },
}

/// At most sixteen names: a sound server may have hundreds.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 16;
    if names.is_empty() {
        return "none".to_owned();
    }
    let mut text = names
        .iter()
        .take(SHOWN)
        .map(|name| format!("'{name}'"))
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}
