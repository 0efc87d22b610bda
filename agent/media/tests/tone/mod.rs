//! Judges whether samples are the tone they should be.

#![allow(dead_code, reason = "each test uses what it needs")]

/// Samples per second.
const RATE: f64 = 8000.0;

/// A sine of `hertz`, `samples` long, beginning at sample `from`.
pub(crate) fn sine(hertz: f64, from: usize, samples: usize) -> Vec<i16> {
    (from..from + samples)
        .map(|n| (10_000.0 * (n as f64 * hertz * std::f64::consts::TAU / RATE).sin()) as i16)
        .collect()
}

/// Share of the energy in `hertz` ± 12.5 Hz, over blocks of 80 ms, so that a phase that moved in
/// between costs nothing but the block it moved in.
pub(crate) fn share(samples: &[i16], hertz: f64) -> f64 {
    let (mut inside, mut all) = (0.0, 0.0);
    for block in samples.chunks_exact(640) {
        inside += 2.0 * power(block, hertz) / block.len() as f64;
        all += block.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>();
    }
    if all == 0.0 { 0.0 } else { inside / all }
}

/// The strongest frequency from 50 to 3500 Hz, to 0.05 Hz: the median of up to eight half-second
/// blocks.
pub(crate) fn frequency(samples: &[i16]) -> f64 {
    let blocks: Vec<&[i16]> = samples.chunks_exact(4000).collect();
    let every = blocks.len().div_ceil(8).max(1);
    let mut found: Vec<f64> = blocks.iter().step_by(every).map(|b| strongest(b)).collect();
    found.sort_by(f64::total_cmp);
    found.get(found.len() / 2).copied().unwrap_or(0.0)
}

fn strongest(block: &[i16]) -> f64 {
    let best = |block: &[i16], from: f64, step: f64, steps: u32| {
        (0..=steps)
            .map(|n| from + f64::from(n) * step)
            .max_by(|a, b| power(block, *a).total_cmp(&power(block, *b)))
            .unwrap()
    };
    let rough = best(&block[..1000], 50.0, 4.0, 862);
    let finer = best(block, rough - 6.0, 0.5, 24);
    best(block, finer - 0.5, 0.05, 20)
}

/// Squared magnitude at `hertz`, by Goertzel's recurrence.
fn power(block: &[i16], hertz: f64) -> f64 {
    let twice = 2.0 * (hertz * std::f64::consts::TAU / RATE).cos();
    let (mut one, mut two) = (0.0, 0.0);
    for sample in block {
        let zero = f64::from(*sample) + twice * one - two;
        two = one;
        one = zero;
    }
    one * one + two * two - twice * one * two
}
