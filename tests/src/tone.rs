//! Judges a steady tone: its frequency, its share of the energy, and holes in it.
//!
//! The frequency is the peak of the discrete Fourier transform, refined between its bins. The share
//! is the part of the energy that a sine of that frequency explains, fitted anew for every 200 ms,
//! so that a slip of a jitter buffer costs its window alone. Knows no file and no network.

use std::f64::consts::TAU;

/// What a tone turned out to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// The tone's frequency in Hz.
    pub frequency: f64,
    /// The part of the energy between the tone's beginning and end that is the tone, 0 to 1.
    pub share: f64,
    /// Level of the weakest 20 ms frame against the median frame, in dB (0 or less).
    pub weakest_frame_db: f64,
    /// Seconds between the first and the last frame that sound.
    pub sounding: f64,
    /// Level of the median frame against full scale, in dB.
    pub level_db: f64,
}

impl Verdict {
    /// Whether this is the tone of a clean call: within 1 Hz, share above 0.99, no frame 20 dB
    /// under the median, and at least `seconds` long.
    pub fn is_clean(&self, frequency: f64, seconds: f64) -> bool {
        (self.frequency - frequency).abs() <= 1.0
            && self.share > 0.99
            && self.weakest_frame_db > -20.0
            && self.sounding >= seconds
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:.2} Hz, share {:.4}, weakest 20 ms frame {:.1} dB, {:.2} s at {:.1} dBFS",
            self.frequency, self.share, self.weakest_frame_db, self.sounding, self.level_db
        )
    }
}

/// Judges mono samples in -1 to 1. `None` when there is less than half a second of sound.
///
/// Silence before the first and after the last sounding frame is left out, and 60 ms more at either
/// end, where a call fades in and is cut; silence between them counts.
pub fn judge(samples: &[f32], rate: u32) -> Option<Verdict> {
    let frame = rate as usize / 50;
    if frame == 0 {
        return None;
    }
    let levels: Vec<f64> = samples.chunks_exact(frame).map(mean_square).collect();
    let loudest = levels.iter().copied().fold(0.0, f64::max);
    if loudest < 1e-8 {
        return None;
    }
    let sounds = |level: &f64| *level > loudest / 100.0;
    let first = levels.iter().position(sounds)? + 3;
    let last = levels.iter().rposition(sounds)?.checked_sub(3)?;
    if last < first + 25 {
        return None;
    }
    let mut sorted = levels[first..=last].to_vec();
    let weakest = sorted.iter().copied().fold(f64::MAX, f64::min);
    sorted.sort_by(f64::total_cmp);
    let median = sorted[sorted.len() / 2];
    let tone = &samples[first * frame..(last + 1) * frame];
    let frequency = peak(tone, rate);
    Some(Verdict {
        frequency,
        share: share(tone, rate, frequency),
        weakest_frame_db: decibel(weakest.max(1e-12) / median),
        sounding: tone.len() as f64 / f64::from(rate),
        level_db: decibel(median),
    })
}

fn mean_square(samples: &[f32]) -> f64 {
    samples
        .iter()
        .map(|s| f64::from(*s) * f64::from(*s))
        .sum::<f64>()
        / samples.len() as f64
}

fn decibel(power_ratio: f64) -> f64 {
    10.0 * power_ratio.log10()
}

/// The strongest frequency: a scan in 4 Hz steps over a quarter second, refined by thirds over at
/// most four seconds.
fn peak(samples: &[f32], rate: u32) -> f64 {
    let short = &samples[..samples.len().min(rate as usize / 4)];
    let top = f64::from(rate) / 2.0 - 4.0;
    let mut best = (0.0, 0.0);
    let mut at = 40.0;
    while at < top {
        let power = power(short, rate, at);
        if power > best.1 {
            best = (at, power);
        }
        at += 4.0;
    }
    let mut length = short.len();
    let mut reach = 4.0;
    let mut centre = best.0;
    // Each round quadruples the stretch looked at and narrows the search to its main lobe.
    loop {
        let stretch = &samples[..length];
        let (mut low, mut high) = (centre - reach, centre + reach);
        for _ in 0..24 {
            let third = (high - low) / 3.0;
            if power(stretch, rate, low + third) < power(stretch, rate, high - third) {
                low += third;
            } else {
                high -= third;
            }
        }
        centre = f64::midpoint(low, high);
        let longest = samples.len().min(rate as usize * 4);
        if length == longest {
            return centre;
        }
        length = (length * 4).min(longest);
        reach /= 4.0;
    }
}

/// Power of one frequency in Hann-windowed samples.
fn power(samples: &[f32], rate: u32, frequency: f64) -> f64 {
    let step = TAU * frequency / f64::from(rate);
    let hann = TAU / samples.len() as f64;
    let (mut re, mut im) = (0.0, 0.0);
    for (n, sample) in samples.iter().enumerate() {
        let weight = 0.5 - 0.5 * (hann * n as f64).cos();
        let (sin, cos) = (step * n as f64).sin_cos();
        re += f64::from(*sample) * weight * cos;
        im += f64::from(*sample) * weight * sin;
    }
    re.mul_add(re, im * im)
}

/// The part of the energy explained by a sine of `frequency`, 0 to 1, least squares per 200 ms: for tones
/// that sound together.
pub fn share(samples: &[f32], rate: u32, frequency: f64) -> f64 {
    let step = TAU * frequency / f64::from(rate);
    let (mut explained, mut total) = (0.0, 0.0);
    for window in samples.chunks(rate as usize / 5) {
        let (mut cc, mut ss, mut cs, mut xc, mut xs) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (n, sample) in window.iter().enumerate() {
            let x = f64::from(*sample);
            let (sin, cos) = (step * n as f64).sin_cos();
            cc += cos * cos;
            ss += sin * sin;
            cs += cos * sin;
            xc += x * cos;
            xs += x * sin;
            total += x * x;
        }
        let determinant = cc.mul_add(ss, -(cs * cs));
        if determinant.abs() > 1e-9 {
            let a = (xc * ss - xs * cs) / determinant;
            let b = (xs * cc - xc * cs) / determinant;
            explained += a.mul_add(xc, b * xs);
        }
    }
    if total > 0.0 { explained / total } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(frequency: f64, seconds: f64, rate: u32) -> Vec<f32> {
        let count = (seconds * f64::from(rate)) as usize;
        (0..count)
            .map(|n| (0.4 * (TAU * frequency * n as f64 / f64::from(rate)).sin()) as f32)
            .collect()
    }

    /// A deterministic white noise.
    fn noise(count: usize) -> impl Iterator<Item = f32> {
        let mut state = 0x2545_F491_4F6C_DD1D_u64;
        (0..count).map(move |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / 8_388_608.0 - 1.0
        })
    }

    #[test]
    fn a_clean_tone_is_clean_and_its_frequency_exact() {
        for (frequency, rate) in [
            (440.0, 8_000),
            (440.0, 48_000),
            (1_003.7, 8_000),
            (97.3, 16_000),
        ] {
            let verdict = judge(&tone(frequency, 3.0, rate), rate).unwrap();
            assert!((verdict.frequency - frequency).abs() < 0.02, "{verdict}");
            assert!(verdict.share > 0.9999, "{verdict}");
            assert!(verdict.is_clean(frequency, 2.5), "{verdict}");
        }
    }

    #[test]
    fn silence_around_the_tone_is_left_out() {
        let mut samples = vec![0.0; 8_000];
        samples.extend(tone(440.0, 2.0, 8_000));
        samples.extend(vec![0.0; 4_000]);
        let verdict = judge(&samples, 8_000).unwrap();
        assert!(verdict.is_clean(440.0, 1.8), "{verdict}");
        assert!(verdict.sounding < 2.0, "{verdict}");
    }

    #[test]
    fn a_hole_of_one_frame_is_found() {
        let mut samples = tone(440.0, 3.0, 8_000);
        samples[8_000..8_160].fill(0.0);
        let verdict = judge(&samples, 8_000).unwrap();
        assert!(verdict.weakest_frame_db < -20.0, "{verdict}");
        assert!(!verdict.is_clean(440.0, 1.0));
    }

    #[test]
    fn noise_lowers_the_share() {
        let mut samples = tone(440.0, 3.0, 8_000);
        for (sample, noise) in samples.iter_mut().zip(noise(24_000)) {
            *sample += noise * 0.1;
        }
        let verdict = judge(&samples, 8_000).unwrap();
        assert!((verdict.frequency - 440.0).abs() < 0.5, "{verdict}");
        // 0.08 of tone power against 0.0033 of noise power.
        assert!((verdict.share - 0.96).abs() < 0.01, "{verdict}");
    }

    #[test]
    fn a_wrong_tone_is_not_clean_and_silence_is_no_tone() {
        assert!(
            !judge(&tone(442.0, 2.0, 8_000), 8_000)
                .unwrap()
                .is_clean(440.0, 1.0)
        );
        assert_eq!(judge(&vec![0.0; 16_000], 8_000), None);
        assert_eq!(judge(&tone(440.0, 0.1, 8_000), 8_000), None);
        assert_eq!(judge(&[], 8_000), None);
    }
}
