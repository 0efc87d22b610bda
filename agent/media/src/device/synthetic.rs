//! Devices that are arithmetic: a sine tone, and nothing.

use super::error::DeviceError;
use super::{AudioSink, AudioSource};
use crate::SAMPLE_RATE;

/// Peak of the tone: 10 dB below full scale, loud and clear of clipping.
const AMPLITUDE: f64 = 10_362.0;

/// A steady sine.
#[derive(Debug)]
pub(crate) struct Tone {
    hertz: u64,
    position: u64,
}

impl Tone {
    pub(crate) fn new(hertz: u32) -> Self {
        Self {
            hertz: u64::from(hertz),
            position: 0,
        }
    }
}

impl AudioSource for Tone {
    fn read(&mut self, frame: &mut [i16]) -> Result<(), DeviceError> {
        let rate = u64::from(SAMPLE_RATE);
        for sample in frame {
            // Integer phase: a tone may last for days.
            let phase = (self.position * self.hertz) % rate;
            let angle = phase as f64 / rate as f64 * std::f64::consts::TAU;
            *sample = (AMPLITUDE * angle.sin()).round() as i16;
            self.position = (self.position + 1) % rate;
        }
        Ok(())
    }
}

/// Silence in, nothing out.
#[derive(Debug)]
pub(crate) struct Null;

impl AudioSource for Null {
    fn read(&mut self, frame: &mut [i16]) -> Result<(), DeviceError> {
        frame.fill(0);
        Ok(())
    }
}

impl AudioSink for Null {
    fn write(&mut self, _frame: &[i16]) -> Result<(), DeviceError> {
        Ok(())
    }
}
