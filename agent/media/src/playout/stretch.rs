//! Shortens or lengthens sound by one pitch period, so that the ear does not notice.
//!
//! Works on samples alone. A period is found by normalised cross-correlation, and the seam is a
//! cross-fade between two places of equal phase.

/// Shortest and longest pitch period looked for: 200 to 66 hertz at 8 kHz, as in ITU-T G.711
/// appendix I. Higher voices repeat within.
pub(crate) const MIN_PERIOD: usize = 40;
pub(crate) const MAX_PERIOD: usize = 120;

/// Samples compared when a period is looked for.
pub(crate) const TEMPLATE: usize = 160;

/// The lag from 40 to 120 at which `samples` resemble themselves most. Wants at least
/// [`MAX_PERIOD`] + [`TEMPLATE`] samples and compares the newest [`TEMPLATE`] ones.
pub(crate) fn pitch_period(samples: &[i16]) -> usize {
    let end = samples.len();
    if end < MAX_PERIOD + TEMPLATE {
        return MAX_PERIOD;
    }
    let template = &samples[end - TEMPLATE..];
    let mut best = (f64::MIN, MAX_PERIOD);
    for lag in MIN_PERIOD..=MAX_PERIOD {
        let earlier = &samples[end - TEMPLATE - lag..end - lag];
        let (mut product, mut energy) = (0i64, 0i64);
        for (a, b) in template.iter().zip(earlier) {
            product += i64::from(*a) * i64::from(*b);
            energy += i64::from(*b) * i64::from(*b);
        }
        let likeness = product as f64 / ((energy + 1) as f64).sqrt();
        if likeness > best.0 {
            best = (likeness, lag);
        }
    }
    best.1
}

/// Takes one period out at the beginning and says how many samples that were.
pub(crate) fn remove_period(samples: &mut Vec<i16>) -> usize {
    let period = period_at_start(samples);
    if samples.len() < 2 * period {
        return 0;
    }
    for n in 0..period {
        samples[period + n] = fade(samples[n], samples[period + n], n, period);
    }
    samples.drain(..period);
    period
}

/// Puts one period in near the beginning and says how many samples that were.
pub(crate) fn insert_period(samples: &mut Vec<i16>) -> usize {
    let period = period_at_start(samples);
    if samples.len() < 2 * period {
        return 0;
    }
    let seam: Vec<i16> = (0..period)
        .map(|n| fade(samples[period + n], samples[n], n, period))
        .collect();
    samples.splice(period..period, seam);
    period
}

/// From `a` to `b` as `n` goes from 0 to `length`.
pub(crate) fn fade(a: i16, b: i16, n: usize, length: usize) -> i16 {
    let (n, length) = (n as i32, length.max(1) as i32);
    ((i32::from(a) * (length - n) + i32::from(b) * n) / length) as i16
}

fn period_at_start(samples: &[i16]) -> usize {
    pitch_period(&samples[..samples.len().min(MAX_PERIOD + TEMPLATE)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hertz: f64, samples: usize) -> Vec<i16> {
        (0..samples)
            .map(|n| (10_000.0 * (n as f64 * hertz * std::f64::consts::TAU / 8000.0).sin()) as i16)
            .collect()
    }

    /// Largest step from one sample to the next.
    fn roughness(samples: &[i16]) -> u16 {
        samples
            .windows(2)
            .map(|pair| pair[0].abs_diff(pair[1]))
            .max()
            .unwrap()
    }

    #[test]
    fn the_period_of_a_voice_is_found() {
        for (hertz, period) in [(100.0, 80), (80.0, 100), (160.0, 50)] {
            let found = pitch_period(&tone(hertz, 400));
            assert_eq!(found % period, 0, "{hertz} Hz: {found}");
        }
        assert!((MIN_PERIOD..=MAX_PERIOD).contains(&pitch_period(&[0; 400])));
        assert_eq!(pitch_period(&[1; 10]), MAX_PERIOD);
    }

    #[test]
    fn seams_are_smooth() {
        let original = tone(440.0, 800);
        let mut shorter = original.clone();
        let removed = remove_period(&mut shorter);
        assert_eq!(shorter.len(), 800 - removed);
        let mut longer = original.clone();
        let inserted = insert_period(&mut longer);
        assert_eq!(longer.len(), 800 + inserted);
        let limit = roughness(&original) + roughness(&original) / 5;
        assert!(roughness(&shorter) <= limit);
        assert!(roughness(&longer) <= limit);
    }

    #[test]
    fn too_little_is_left_alone() {
        let mut few = vec![1; 100];
        assert_eq!(remove_period(&mut few), 0);
        assert_eq!(insert_period(&mut few), 0);
        assert_eq!(few.len(), 100);
    }

    #[test]
    fn full_scale_does_not_overflow() {
        let mut loud: Vec<i16> = (0..400)
            .map(|n| if n % 90 < 45 { i16::MAX } else { i16::MIN })
            .collect();
        assert!(remove_period(&mut loud) > 0);
        assert!(insert_period(&mut loud) > 0);
    }
}
