//! What every later call is made with: devices, codecs, ports.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use carillon_media::{CodecKind, DeviceSpec, JitterConfig, Volume};
use carillon_schemas::config::{CodecName, Media, Network, Ringing};
use carillon_sip::Codec;

use crate::command::ApplyError;
use crate::session::SessionPlace;

/// Sound and port settings, read from a configuration and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct CallSettings {
    /// Where the sound to send comes from.
    pub input: DeviceSpec,
    /// Where the sound received goes.
    pub output: DeviceSpec,
    /// How loud all calls are.
    pub volume: Volume,
    /// Where recordings go; `None` for an agent without a folder of its own.
    pub recordings: Option<PathBuf>,
    /// Whether every call is recorded.
    pub record_all: bool,
    /// What is heard when it rings.
    pub ringing: RingSettings,
    /// Codecs by preference; never empty.
    pub codecs: Vec<CodecKind>,
    /// Milliseconds of sound in a packet: 10 or 20.
    pub ptime_ms: u16,
    /// Bounds of the jitter buffer's delay.
    pub jitter: JitterConfig,
    /// UDP ports for RTP and RTCP.
    pub ports: RangeInclusive<u16>,
    /// Whose sound it is, and how to get to their session.
    pub session: SessionPlace,
}

impl CallSettings {
    /// Reads the settings of a configuration. Relative folders stand in `home`.
    ///
    /// # Errors
    /// [`ApplyError::Setting`] with the first that cannot work. Whether a device is there is not asked
    /// here: it may be plugged in before the next call.
    pub fn of(media: &Media, network: &Network, home: Option<&Path>) -> Result<Self, ApplyError> {
        media.validate().map_err(setting)?;
        network.validate().map_err(setting)?;
        let input = device("media.input", media.input())?;
        let output = loudspeaker("media.output", media.output())?;
        let mut codecs = Vec::new();
        for name in media.codecs() {
            let kind = match name {
                CodecName::Pcmu => CodecKind::Pcmu,
                CodecName::Pcma => CodecKind::Pcma,
            };
            if !codecs.contains(&kind) {
                codecs.push(kind);
            }
        }
        let maximum = Duration::from_millis(u64::from(media.jitter_max_ms()));
        let folder = Path::new(media.recording.folder());
        let recordings = match home {
            Some(home) => Some(home.join(folder)),
            None => folder.is_absolute().then(|| folder.to_owned()),
        };
        Ok(Self {
            input,
            output,
            volume: Volume {
                input: media.input_volume(),
                output: media.output_volume(),
            },
            recordings,
            record_all: media.recording.auto(),
            ringing: RingSettings::of(&media.ringing)?,
            codecs,
            ptime_ms: media.ptime_ms(),
            jitter: JitterConfig {
                minimum: JitterConfig::default().minimum.min(maximum),
                maximum,
            },
            ports: network.rtp_ports(),
            session: SessionPlace::default(),
        })
    }

    /// The codecs as SDP offers them, telephone events among them.
    pub(super) fn offered_codecs(&self) -> Vec<Codec> {
        self.codecs
            .iter()
            .map(|kind| match kind {
                CodecKind::Pcmu => Codec::pcmu(),
                CodecKind::Pcma => Codec::pcma(),
            })
            .chain([Codec::telephone_event()])
            .collect()
    }
}

impl Default for CallSettings {
    /// The settings of an empty configuration.
    fn default() -> Self {
        Self {
            input: DeviceSpec::Default,
            output: DeviceSpec::Default,
            volume: Volume::default(),
            recordings: None,
            record_all: false,
            ringing: RingSettings::default(),
            codecs: vec![CodecKind::Pcma, CodecKind::Pcmu],
            ptime_ms: Media::default().ptime_ms(),
            jitter: JitterConfig::default(),
            ports: Network::default().rtp_ports(),
            session: SessionPlace::default(),
        }
    }
}

/// What is heard when it rings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingSettings {
    /// No sound for calls that come in.
    pub silent: bool,
    /// A WAV file in the place of the made sound.
    pub file: Option<PathBuf>,
    /// Where; at the output of calls when absent.
    pub device: Option<DeviceSpec>,
    /// How loud, in percent.
    pub volume: u8,
}

impl RingSettings {
    fn of(ringing: &Ringing) -> Result<Self, ApplyError> {
        let device = ringing.device.as_deref();
        let device = device.map(|text| loudspeaker("media.ringing.device", text));
        Ok(Self {
            silent: ringing.sound() == "none",
            file: match ringing.sound() {
                "default" | "none" => None,
                path => Some(PathBuf::from(path)),
            },
            device: device.transpose()?,
            volume: ringing.volume(),
        })
    }
}

impl Default for RingSettings {
    fn default() -> Self {
        Self {
            silent: false,
            file: None,
            device: None,
            volume: Ringing::default().volume(),
        }
    }
}

/// A device that takes sound.
fn loudspeaker(path: &str, text: &str) -> Result<DeviceSpec, ApplyError> {
    let spec = device(path, text)?;
    if matches!(spec, DeviceSpec::Tone(_) | DeviceSpec::WavLoop(_)) {
        return Err(ApplyError::Setting {
            path: path.to_owned(),
            why: format!("{spec} plays and takes nothing; name a device, wav:FILE or null"),
        });
    }
    Ok(spec)
}

fn device(path: &str, text: &str) -> Result<DeviceSpec, ApplyError> {
    text.parse().map_err(|error| ApplyError::Setting {
        path: path.to_owned(),
        why: format!("{error}"),
    })
}

fn setting(error: carillon_schemas::config::ConfigError) -> ApplyError {
    ApplyError::Setting {
        path: error.path,
        why: error.why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_bad_ones_named() {
        let mut media = Media {
            input: Some("tone:440".into()),
            output: Some("wav:/x/y.wav".into()),
            codecs: Some(vec![CodecName::Pcmu, CodecName::Pcmu]),
            jitter_max_ms: Some(20),
            ..Media::default()
        };
        let settings = CallSettings::of(&media, &Network::default(), None).unwrap();
        assert_eq!(settings.input, DeviceSpec::Tone(440));
        assert_eq!(settings.codecs, [CodecKind::Pcmu]);
        assert!(settings.jitter.minimum <= settings.jitter.maximum);
        let home = Path::new("/home/desk");
        let folder = |media: &Media| {
            let settings = CallSettings::of(media, &Network::default(), Some(home)).unwrap();
            settings.recordings.unwrap()
        };
        assert_eq!(folder(&media), home.join("recordings"));
        media.recording.folder = Some("calls".into());
        assert_eq!(folder(&media), home.join("calls"));
        assert_eq!(settings.recordings, None, "nowhere without a home");
        media.output = Some("tone:440".into());
        let error = CallSettings::of(&media, &Network::default(), None).unwrap_err();
        assert!(error.to_string().starts_with("media.output"), "{error}");
        media.output = None;
        media.ringing.device = Some("tone:440".into());
        let error = CallSettings::of(&media, &Network::default(), None).unwrap_err();
        assert!(
            error.to_string().starts_with("media.ringing.device"),
            "{error}"
        );
        media.ringing.device = None;
        media.ringing.sound = Some("none".into());
        let settings = CallSettings::of(&media, &Network::default(), None).unwrap();
        assert!(settings.ringing.silent);
        media.output = Some("tone:x".into());
        assert!(CallSettings::of(&media, &Network::default(), None).is_err());
        media.output = None;
        media.ptime_ms = Some(30);
        let error = CallSettings::of(&media, &Network::default(), None).unwrap_err();
        assert!(error.to_string().contains("media.ptime_ms"), "{error}");
    }
}
