//! Where sound comes from and goes to: one trait each way.
//!
//! Owns the choice of the implementation. All audio here is mono, 16 bits, at
//! [`SAMPLE_RATE`](crate::SAMPLE_RATE); a device that runs at another rate converts by itself.

pub(crate) mod card_level;
pub(crate) mod catalogue;
pub(crate) mod error;
pub(crate) mod far;
#[cfg(target_os = "linux")]
mod pulse;
pub(crate) mod resampler;
pub(crate) mod sound_card;
pub(crate) mod spec;
pub(crate) mod synthetic;
pub(crate) mod wav;
pub(crate) mod wav_header;

use error::DeviceError;
use spec::DeviceSpec;

/// A source of frames, as a microphone is.
pub trait AudioSource: Send {
    /// Fills `frame` with the next samples, silence when there are none yet. Called by the media
    /// thread at the pace of the frames, so it must not wait.
    ///
    /// # Errors
    /// [`DeviceError::Lost`] or [`DeviceError::File`] when the device is gone; it is then not
    /// called again.
    fn read(&mut self, frame: &mut [i16]) -> Result<(), DeviceError>;
}

/// A taker of frames, as a loudspeaker is.
pub trait AudioSink: Send {
    /// Takes the next frame. Called by the media thread at the pace of the frames, so it must not
    /// wait.
    ///
    /// # Errors
    /// [`DeviceError::Lost`] or [`DeviceError::File`] when the device is gone; it is then not
    /// called again.
    fn write(&mut self, frame: &[i16]) -> Result<(), DeviceError>;

    /// Brings everything written to where it belongs. Called once, outside the media thread.
    ///
    /// # Errors
    /// [`DeviceError::File`] when that cannot be done.
    fn finish(&mut self) -> Result<(), DeviceError> {
        Ok(())
    }
}

/// Opens a source. May wait for the sound system for up to two seconds.
///
/// # Errors
/// What was asked for, why it cannot be had, and what there is instead.
pub fn open_source(spec: &DeviceSpec) -> Result<Box<dyn AudioSource>, DeviceError> {
    Ok(match spec {
        DeviceSpec::Default => Box::new(sound_card::CardSource::open(None)?),
        DeviceSpec::Named(name) => Box::new(sound_card::CardSource::open(Some(name))?),
        DeviceSpec::Wav(path) => Box::new(wav::WavSource::open(path, false)?),
        DeviceSpec::WavLoop(path) => Box::new(wav::WavSource::open(path, true)?),
        DeviceSpec::Tone(hertz) => Box::new(synthetic::Tone::new(*hertz)),
        DeviceSpec::Null => Box::new(synthetic::Null),
        DeviceSpec::Session(_) => return Err(DeviceError::NoSession),
    })
}

/// Opens a sink. May wait for the sound system for up to two seconds.
///
/// # Errors
/// What was asked for, why it cannot be had, and what there is instead.
pub fn open_sink(spec: &DeviceSpec) -> Result<Box<dyn AudioSink>, DeviceError> {
    Ok(match spec {
        DeviceSpec::Default => Box::new(sound_card::CardSink::open(None)?),
        DeviceSpec::Named(name) => Box::new(sound_card::CardSink::open(Some(name))?),
        DeviceSpec::Wav(path) => Box::new(wav::WavSink::create(path)?),
        DeviceSpec::Null => Box::new(synthetic::Null),
        DeviceSpec::WavLoop(_) | DeviceSpec::Tone(_) => {
            return Err(DeviceError::WrongDirection {
                spec: spec.to_string(),
                direction: "output",
            });
        }
        DeviceSpec::Session(_) => return Err(DeviceError::NoSession),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_no_sink() {
        let error = open_sink(&DeviceSpec::Tone(440)).err().unwrap();
        assert_eq!(error.to_string(), "'tone:440' cannot be used for output");
    }

    #[test]
    fn null_is_silence_and_takes_everything() {
        let mut frame = [7; 160];
        open_source(&DeviceSpec::Null)
            .unwrap()
            .read(&mut frame)
            .unwrap();
        assert_eq!(frame, [0; 160]);
        open_sink(&DeviceSpec::Null).unwrap().write(&frame).unwrap();
    }
}
