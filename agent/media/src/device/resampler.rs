//! Between two sampling rates, adjustable by a trifle so that two clocks can be kept together.
//!
//! Owns a windowed-sinc resampler of the `rubato` crate and the samples on their way through it.
//! Allocates only while it is made and while its queues grow to their steady size.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Adjustable, Async, FixedAsync, Resampler as _, SincInterpolationParameters,
    SincInterpolationType, WindowFunction,
};

/// Input samples taken at a time, in milliseconds.
const CHUNK_MS: u32 = 5;

/// Taps of the filter when the rate rises.
const SINC: usize = 64;

/// Most the filter is lengthened when the rate falls.
const MAX_FACTOR: u32 = 24;

/// Largest adjustment: ten times what two quartz clocks differ by, and never heard.
pub(crate) const MAX_ADJUSTMENT: f64 = 0.001;

pub(crate) struct Resampler {
    inner: Async<f32>,
    waiting: Vec<f32>,
    chunk: Vec<f32>,
}

impl Resampler {
    /// From `from` to `to` samples per second; `None` when no such resampler can be built.
    pub(crate) fn new(from: u32, to: u32) -> Option<Self> {
        // A lower rate wants a lower cut and so a longer filter for the same steepness.
        let factor = from.div_ceil(to.max(1)).clamp(1, MAX_FACTOR) as usize;
        let parameters = SincInterpolationParameters {
            sinc_len: SINC * factor,
            f_cutoff: None,
            interpolation: SincInterpolationType::Linear,
            oversampling_factor: 64,
            window: WindowFunction::BlackmanHarris,
        };
        let chunk = (from / 1000 * CHUNK_MS).max(8) as usize;
        let inner = Async::new_sinc(
            f64::from(to) / f64::from(from),
            1.0 + 2.0 * MAX_ADJUSTMENT,
            &parameters,
            chunk,
            1,
            FixedAsync::Input,
        )
        .ok()?;
        let most = inner.output_frames_max();
        Some(Self {
            inner,
            waiting: Vec::with_capacity(chunk * 2),
            chunk: vec![0.0; most],
        })
    }

    /// Makes the output longer (above 0) or shorter by a share of at most [`MAX_ADJUSTMENT`].
    pub(crate) fn adjust(&mut self, share: f64) {
        let ratio = 1.0 + share.clamp(-MAX_ADJUSTMENT, MAX_ADJUSTMENT);
        // Within the bounds given to the constructor, so it cannot be refused.
        let _ = self.inner.set_resample_ratio_relative(ratio, true);
    }

    /// Takes samples in, −1 to 1, and appends what comes of them.
    pub(crate) fn process(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        self.waiting.extend_from_slice(samples);
        let mut used = 0;
        loop {
            let needed = self.inner.input_frames_next();
            let Some(input) = self.waiting.get(used..used + needed) else {
                break;
            };
            let room = self.chunk.len();
            let (Ok(input), Ok(mut output)) = (
                InterleavedSlice::new(input, 1, needed),
                InterleavedSlice::new_mut(&mut self.chunk, 1, room),
            ) else {
                break;
            };
            let Ok((read, written)) = self.inner.process_into_buffer(&input, &mut output, None)
            else {
                break;
            };
            if read == 0 {
                break;
            }
            out.extend_from_slice(&self.chunk[..written]);
            used += read;
        }
        self.waiting.drain(..used);
    }
}

/// To 16 bits, with saturation.
pub(crate) fn to_i16(sample: f32) -> i16 {
    (sample * 32_767.0).round() as i16
}

/// From 16 bits.
pub(crate) fn to_f32(sample: i16) -> f32 {
    f32::from(sample) / 32_768.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Share of the energy at `hertz`, by projection on sine and cosine.
    fn share(samples: &[f32], hertz: f64, rate: f64) -> f64 {
        let (mut sine, mut cosine, mut energy) = (0.0, 0.0, 0.0);
        for (n, sample) in samples.iter().enumerate() {
            let angle = n as f64 * hertz * std::f64::consts::TAU / rate;
            sine += f64::from(*sample) * angle.sin();
            cosine += f64::from(*sample) * angle.cos();
            energy += f64::from(*sample).powi(2);
        }
        2.0 * (sine * sine + cosine * cosine) / samples.len() as f64 / energy
    }

    #[test]
    fn a_tone_keeps_pitch_and_purity() {
        for (from, to) in [
            (8000, 48_000),
            (48_000, 8000),
            (44_100, 8000),
            (8000, 44_100),
        ] {
            let mut resampler = Resampler::new(from, to).unwrap();
            let mut out = Vec::new();
            let tone: Vec<f32> = (0..from)
                .map(|n| {
                    let angle = f64::from(n) * 1000.0 * std::f64::consts::TAU / f64::from(from);
                    0.5 * angle.sin() as f32
                })
                .collect();
            for frame in tone.chunks(160) {
                resampler.process(frame, &mut out);
            }
            assert!(
                out.len().abs_diff(to as usize) < to as usize / 50,
                "{from} {to}"
            );
            let steady = &out[to as usize / 10..to as usize * 9 / 10];
            let share = share(steady, 1000.0, f64::from(to));
            assert!(share > 0.999, "{from} {to}: {share}");
        }
    }

    #[test]
    fn sound_above_the_new_band_is_kept_out() {
        let mut resampler = Resampler::new(48_000, 8000).unwrap();
        let tone: Vec<f32> = (0..48_000)
            .map(|n| (f64::from(n) * 5000.0 * std::f64::consts::TAU / 48_000.0).sin() as f32)
            .collect();
        let mut out = Vec::new();
        resampler.process(&tone, &mut out);
        let loudest = out[800..].iter().fold(0.0f32, |peak, s| peak.max(s.abs()));
        assert!(loudest < 0.01, "{loudest}");
    }

    #[test]
    fn an_adjustment_changes_the_length() {
        let mut plain = Resampler::new(8000, 48_000).unwrap();
        let mut longer = Resampler::new(8000, 48_000).unwrap();
        longer.adjust(1.0);
        let (mut a, mut b) = (Vec::new(), Vec::new());
        plain.process(&vec![0.0; 800_000], &mut a);
        longer.process(&vec![0.0; 800_000], &mut b);
        let ratio = b.len() as f64 / a.len() as f64;
        assert!((ratio - 1.001).abs() < 0.0001, "{ratio}");
    }

    #[test]
    fn sixteen_bits_saturate() {
        assert_eq!(to_i16(2.0), i16::MAX);
        assert_eq!(to_i16(-2.0), i16::MIN);
        assert_eq!(to_i16(to_f32(1234)), 1234);
    }
}
