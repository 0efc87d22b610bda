//! The sounds of a telephone, made by arithmetic: ringing, ring-back, busy, call waiting, keys.
//!
//! Owns frequencies and cadences (ETSI TR 101 041-2 for what is heard of a call, ITU-T Q.23 for keys).

use crate::SAMPLE_RATE;
use crate::device::AudioSource;
use crate::device::error::DeviceError;
use crate::dtmf::digit::Digit;
use crate::volume::saturate;

/// Peak of each of a tone's two sines.
const AMPLITUDE: f64 = 5_000.0;

/// Peak of each of a key's two sines: it is a sign, not the call.
const KEY_AMPLITUDE: f64 = 1_500.0;

/// Samples over which a tone rises and falls, so that it does not click: 5 ms.
const RAMP: u32 = SAMPLE_RATE / 200;

/// A sound that tells how a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallTone {
    /// A call comes in.
    Ring,
    /// A call comes in while another stands.
    Waiting,
    /// The far side is being alerted.
    Ringback,
    /// The far side is busy.
    Busy,
}

impl CallTone {
    fn hertz(self) -> [u32; 2] {
        match self {
            Self::Ring => [784, 988],
            Self::Waiting | Self::Ringback | Self::Busy => [425, 425],
        }
    }

    /// Milliseconds of sound and silence in turn, again and again.
    fn cadence(self) -> &'static [u32] {
        match self {
            Self::Ring => &[400, 200, 400, 2_000],
            Self::Waiting => &[200, 200, 200, 4_000],
            Self::Ringback => &[1_000, 4_000],
            Self::Busy => &[500, 500],
        }
    }

    /// How loud the sample at `position` is, 0 to 1.
    fn envelope(self, position: u64) -> f64 {
        let samples = |milliseconds: u32| SAMPLE_RATE / 1000 * milliseconds;
        let period: u32 = self.cadence().iter().map(|part| samples(*part)).sum();
        let mut at = (position % u64::from(period)) as u32;
        for (index, part) in self.cadence().iter().enumerate() {
            let length = samples(*part);
            if at < length {
                let edge = at.min(length - 1 - at).min(RAMP);
                let sounds = index % 2 == 0;
                return if sounds {
                    f64::from(edge) / f64::from(RAMP)
                } else {
                    0.0
                };
            }
            at -= length;
        }
        0.0
    }
}

/// A call tone that goes on and on.
#[derive(Debug)]
pub(crate) struct ToneSource {
    tone: CallTone,
    position: u64,
}

impl ToneSource {
    pub(crate) fn new(tone: CallTone) -> Self {
        Self { tone, position: 0 }
    }
}

impl AudioSource for ToneSource {
    fn read(&mut self, frame: &mut [i16]) -> Result<(), DeviceError> {
        for sample in frame {
            let pair = pair(self.tone.hertz(), self.position);
            let value = pair * AMPLITUDE * self.tone.envelope(self.position);
            *sample = value.round() as i16;
            self.position += 1;
        }
        Ok(())
    }
}

/// The tone of a key that is being sent, added to what is heard here.
#[derive(Debug, Default)]
pub(crate) struct KeyTone {
    position: u64,
}

impl KeyTone {
    pub(crate) fn mix(&mut self, digit: Option<Digit>, frame: &mut [i16]) {
        let Some(digit) = digit else {
            self.position = 0;
            return;
        };
        for sample in frame {
            let rise = (self.position as f64 / f64::from(RAMP)).min(1.0);
            let value = pair(hertz_of(digit), self.position) * KEY_AMPLITUDE * rise;
            *sample = saturate(i32::from(*sample) + value.round() as i32);
            self.position += 1;
        }
    }
}

fn hertz_of(digit: Digit) -> [u32; 2] {
    const ROWS: [u32; 4] = [697, 770, 852, 941];
    const COLUMNS: [u32; 4] = [1209, 1336, 1477, 1633];
    let (row, column) = match digit.event_code() {
        code @ 1..=9 => ((code - 1) / 3, (code - 1) % 3),
        10 => (3, 0),
        11 => (3, 2),
        code @ 12..=15 => (code - 12, 3),
        _ => (3, 1),
    };
    [ROWS[usize::from(row)], COLUMNS[usize::from(column)]]
}

/// The sum of two sines, -2 to 2.
fn pair(hertz: [u32; 2], position: u64) -> f64 {
    let rate = u64::from(SAMPLE_RATE);
    hertz
        .into_iter()
        .map(|hertz| {
            // Integer phase: a tone may last for days.
            let phase = position * u64::from(hertz) % rate;
            (phase as f64 / rate as f64 * std::f64::consts::TAU).sin()
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn power_at(samples: &[i16], hertz: f64) -> f64 {
        let (mut re, mut im) = (0.0, 0.0);
        for (n, sample) in samples.iter().enumerate() {
            let angle = std::f64::consts::TAU * hertz * n as f64 / f64::from(SAMPLE_RATE);
            re += f64::from(*sample) * angle.cos();
            im += f64::from(*sample) * angle.sin();
        }
        2.0 * re.hypot(im) / samples.len() as f64
    }

    #[test]
    fn every_tone_keeps_its_cadence_and_never_clips() {
        for (tone, sounding_ms, period_ms) in [
            (CallTone::Ring, 800, 3_000),
            (CallTone::Waiting, 400, 4_600),
            (CallTone::Ringback, 1_000, 5_000),
            (CallTone::Busy, 500, 1_000),
        ] {
            let mut frame = vec![0; period_ms * 8];
            ToneSource::new(tone).read(&mut frame).unwrap();
            let loud = frame
                .chunks_exact(80)
                .filter(|ten| ten.iter().any(|s| s.abs() > 50));
            let sounding = loud.count() * 10;
            assert!(
                sounding.abs_diff(sounding_ms) <= 20,
                "{tone:?}: {sounding} ms"
            );
            assert!(frame.iter().all(|sample| sample.abs() < 12_000));
            let at = f64::from(tone.hertz()[0]);
            assert!(power_at(&frame[400..1_600], at) > 4_000.0, "{tone:?}");
        }
    }

    #[test]
    fn a_key_sounds_with_its_two_frequencies_and_stops() {
        for (symbol, low, high) in [
            ('1', 697.0, 1209.0),
            ('5', 770.0, 1336.0),
            ('0', 941.0, 1336.0),
            ('*', 941.0, 1209.0),
            ('#', 941.0, 1477.0),
            ('D', 941.0, 1633.0),
        ] {
            let (mut key, mut frame) = (KeyTone::default(), [0; 800]);
            key.mix(Digit::from_char(symbol), &mut frame);
            for hertz in [low, high] {
                assert!(power_at(&frame, hertz) > 1_200.0, "{symbol}: {hertz}");
            }
            let mut frame = [7; 160];
            key.mix(None, &mut frame);
            assert_eq!(frame, [7; 160]);
        }
    }
}
