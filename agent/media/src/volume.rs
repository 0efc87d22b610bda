//! How loud calls are: one setting each way, for all of them.
//!
//! Owns the arithmetic of louder and softer. What would go over full scale is bent, not cut: a voice
//! that is raised to twice its size stays a voice.

use std::sync::atomic::{AtomicU8, Ordering};

/// Percent that change nothing.
const UNCHANGED: u8 = 100;

/// The most percent.
const MAX: u8 = 200;

/// Magnitude from which a raised sample is bent: 2.5 dB below full scale.
const KNEE: i32 = 24_576;

/// What lies between knee and full scale.
const ROOM: i32 = i16::MAX as i32 - KNEE;

/// Loudness in percent, 0 to 200.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Volume {
    /// Of the microphone, as it is sent.
    pub input: u8,
    /// Of calls, as they are played.
    pub output: u8,
}

impl Default for Volume {
    fn default() -> Self {
        Self {
            input: UNCHANGED,
            output: UNCHANGED,
        }
    }
}

/// The volume as the media thread reads it, without a lock.
#[derive(Debug)]
pub(crate) struct Loudness {
    input: AtomicU8,
    output: AtomicU8,
}

impl Default for Loudness {
    fn default() -> Self {
        Self {
            input: AtomicU8::new(UNCHANGED),
            output: AtomicU8::new(UNCHANGED),
        }
    }
}

impl Loudness {
    pub(crate) fn set(&self, volume: Volume) {
        self.input.store(volume.input.min(MAX), Ordering::Relaxed);
        self.output.store(volume.output.min(MAX), Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> Volume {
        Volume {
            input: self.input.load(Ordering::Relaxed),
            output: self.output.load(Ordering::Relaxed),
        }
    }
}

/// Makes samples louder or softer.
pub(crate) fn amplify(frame: &mut [i16], percent: u8) {
    if percent == UNCHANGED {
        return;
    }
    let percent = i32::from(percent);
    for sample in frame {
        let value = i32::from(*sample) * percent;
        let rounded = (value + 50 * value.signum()) / 100;
        *sample = if percent > i32::from(UNCHANGED) {
            bend(rounded)
        } else {
            saturate(rounded)
        };
    }
}

/// Cuts at full scale.
pub(crate) fn saturate(value: i32) -> i16 {
    value.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

/// Bends what lies above the knee towards full scale, which it never reaches.
fn bend(value: i32) -> i16 {
    let over = value.abs() - KNEE;
    if over <= 0 {
        return saturate(value);
    }
    saturate(value.signum() * (KNEE + ROOM * over / (ROOM + over)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amplified(sample: i16, percent: u8) -> i16 {
        let mut frame = [sample];
        amplify(&mut frame, percent);
        frame[0]
    }

    #[test]
    fn the_gain_is_exact_below_the_knee() {
        for sample in [0, 1, -1, 7, -333, 12_000, -12_288] {
            assert_eq!(amplified(sample, 100), sample);
            assert_eq!(amplified(sample, 0), 0);
            assert_eq!(amplified(sample, 200), sample * 2);
            let half = f64::from(sample) / 2.0;
            assert!((f64::from(amplified(sample, 50)) - half).abs() <= 0.5);
        }
        assert_eq!(amplified(i16::MIN, 100), i16::MIN, "nothing is bent at 100");
        assert_eq!(amplified(30_000, 99), 29_700, "nor when it is lowered");
    }

    #[test]
    fn what_is_too_loud_is_bent_and_never_turns_round() {
        let mut last = i16::MIN;
        for sample in i16::MIN..=i16::MAX {
            let louder = amplified(sample, 200);
            assert!(louder >= last, "{sample}");
            assert_eq!(louder.signum(), sample.signum());
            last = louder;
        }
        assert!(amplified(i16::MAX, 200) > 30_000);
        assert!(amplified(i16::MAX, 200) < i16::MAX);
    }

    #[test]
    fn a_setting_out_of_range_is_the_most() {
        let loudness = Loudness::default();
        loudness.set(Volume {
            input: 255,
            output: 0,
        });
        let (input, output) = (MAX, 0);
        assert_eq!(loudness.get(), Volume { input, output });
    }
}
