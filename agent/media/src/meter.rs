//! Level meters: how loud it is at the microphone and at the loudspeaker.
//!
//! Owns two numbers that the media thread writes and a display reads; they fall by themselves, so that any
//! number of displays may read. While nobody watches, nothing is measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// Level of silence, and the lowest that is shown, in dBFS.
const FLOOR: f64 = -96.0;

/// Levels in dB below full scale: 0 is the loudest, -96 silence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Levels {
    /// At the microphone.
    pub input: f64,
    /// At the loudspeaker.
    pub output: f64,
}

/// The meters of an engine. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    needles: Arc<Needles>,
}

#[derive(Debug, Default)]
struct Needles {
    watchers: AtomicUsize,
    input: AtomicU32,
    output: AtomicU32,
}

impl Meter {
    /// Measures from now on, until what is returned is dropped.
    #[must_use]
    pub fn watch(&self) -> Watch {
        self.needles.watchers.fetch_add(1, Ordering::Relaxed);
        Watch {
            meter: self.clone(),
        }
    }

    pub(crate) fn input(&self, frame: &[i16]) {
        if self.is_watched() {
            swing(&self.needles.input, frame);
        }
    }

    pub(crate) fn output(&self, frame: &[i16]) {
        if self.is_watched() {
            swing(&self.needles.output, frame);
        }
    }

    /// No sound flows any more.
    pub(crate) fn rest(&self) {
        self.needles.input.store(0, Ordering::Relaxed);
        self.needles.output.store(0, Ordering::Relaxed);
    }

    fn is_watched(&self) -> bool {
        self.needles.watchers.load(Ordering::Relaxed) > 0
    }
}

/// Somebody who looks at the meters.
#[derive(Debug)]
pub struct Watch {
    meter: Meter,
}

impl Watch {
    /// The levels of this moment.
    #[must_use]
    pub fn levels(&self) -> Levels {
        Levels {
            input: decibels(self.meter.needles.input.load(Ordering::Relaxed)),
            output: decibels(self.meter.needles.output.load(Ordering::Relaxed)),
        }
    }

    /// Shows a frame of a microphone that no call uses.
    pub fn heard(&self, frame: &[i16]) {
        self.meter.input(frame);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.meter.needles.watchers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Up at once with the frame's peak, down by an eighth a frame.
fn swing(needle: &AtomicU32, frame: &[i16]) {
    let peak = frame.iter().map(|sample| sample.unsigned_abs()).max();
    let peak = u32::from(peak.unwrap_or(0));
    let fallen = needle.load(Ordering::Relaxed) / 8 * 7;
    needle.store(peak.max(fallen), Ordering::Relaxed);
}

fn decibels(peak: u32) -> f64 {
    if peak == 0 {
        return FLOOR;
    }
    let level = 20.0 * (f64::from(peak) / 32_768.0).log10();
    (level.max(FLOOR) * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_measured_while_nobody_watches() {
        let meter = Meter::default();
        meter.input(&[i16::MAX; 160]);
        let watch = meter.watch();
        assert_eq!(watch.levels().input, FLOOR);
        meter.input(&[i16::MIN; 160]);
        assert_eq!(watch.levels().input, 0.0);
        drop(watch);
        assert!(!meter.is_watched());
    }

    #[test]
    fn a_level_rises_at_once_and_falls_within_half_a_second() {
        let meter = Meter::default();
        let (one, two) = (meter.watch(), meter.watch());
        meter.output(&[100, -16_384, 3]);
        assert_eq!(one.levels().output, -6.0);
        assert_eq!(two.levels(), one.levels(), "one display takes nothing away");
        for _ in 0..25 {
            meter.output(&[0; 160]);
        }
        assert!(one.levels().output < -30.0, "{:?}", one.levels());
        meter.rest();
        assert_eq!(one.levels().output, FLOOR);
    }
}
