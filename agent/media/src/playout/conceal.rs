//! Makes up what is missing from what was heard: waveform substitution after ITU-T G.711
//! appendix I.
//!
//! Owns the newest samples. The last pitch period repeats, after 10 ms the last two, after 20 ms
//! the last three, falling from 10 ms on to silence at 60 ms; the sound that follows is faded in.

use super::stretch::{MAX_PERIOD, TEMPLATE, fade, pitch_period};

/// Samples in ten milliseconds.
const TEN_MS: usize = 80;

/// Periods a cycle may grow to.
const MAX_PERIODS: usize = 3;

/// Samples remembered: three of the longest periods and a quarter to smooth the seam.
const HISTORY: usize = MAX_PERIODS * MAX_PERIOD + MAX_PERIOD / 4;

/// Samples after which nothing is left but silence.
const SILENT_AFTER: usize = 6 * TEN_MS;

#[derive(Debug, Default)]
pub(crate) struct Concealer {
    history: Vec<i16>,
    erasure: Option<Erasure>,
}

/// A gap that is being filled.
#[derive(Debug)]
struct Erasure {
    period: usize,
    cycle: Vec<i16>,
    position: usize,
    filled: usize,
}

impl Concealer {
    /// Remembers sound that is there, and fades it in when it ends a gap.
    pub(crate) fn good(&mut self, samples: &mut [i16]) {
        if let Some(mut erasure) = self.erasure.take() {
            // A quarter period, and 4 ms more for each 10 ms missing, at most 10 ms.
            let grown = erasure.period / 4 + 32 * (erasure.filled / TEN_MS);
            let overlap = grown.min(TEN_MS).min(samples.len());
            for (n, sample) in samples.iter_mut().take(overlap).enumerate() {
                let substitute = erasure.next(&self.history);
                *sample = fade(substitute, *sample, n, overlap);
            }
        }
        let keep = HISTORY.max(MAX_PERIOD + TEMPLATE);
        self.history.extend_from_slice(samples);
        if self.history.len() > keep {
            self.history.drain(..self.history.len() - keep);
        }
    }

    /// Appends `samples` substitutes to `out`; says how many of them are not silence by rule.
    pub(crate) fn conceal(&mut self, samples: usize, out: &mut Vec<i16>) -> usize {
        if self.history.len() < HISTORY {
            out.resize(out.len() + samples, 0);
            return 0;
        }
        let history = &self.history;
        let erasure = self.erasure.get_or_insert_with(|| Erasure::new(history));
        let audible = SILENT_AFTER.saturating_sub(erasure.filled).min(samples);
        out.extend((0..samples).map(|_| erasure.next(history)));
        audible
    }
}

impl Erasure {
    fn new(history: &[i16]) -> Self {
        let period = pitch_period(history);
        Self {
            period,
            cycle: cycle(history, period, 1),
            position: 0,
            filled: 0,
        }
    }

    fn next(&mut self, history: &[i16]) -> i16 {
        if self.filled >= SILENT_AFTER {
            self.filled = self.filled.saturating_add(1);
            return 0;
        }
        if self.filled == TEN_MS || self.filled == 2 * TEN_MS {
            self.grow(history);
        }
        let sample = self.cycle[self.position % self.cycle.len()];
        self.position = (self.position + 1) % self.cycle.len();
        let falling = self.filled.saturating_sub(TEN_MS) as i32;
        let length = (SILENT_AFTER - TEN_MS) as i32;
        self.filled += 1;
        (i32::from(sample) * (length - falling) / length) as i16
    }

    /// One more period in the cycle, entered at the same phase.
    fn grow(&mut self, history: &[i16]) {
        let periods = self.filled / TEN_MS + 1;
        let mut cycle = cycle(history, self.period, periods);
        let phase = self.position % self.period;
        let seam = self.period / 4;
        for n in 0..seam {
            let old = self.cycle[(self.position + n) % self.cycle.len()];
            let at = (phase + n) % cycle.len();
            cycle[at] = fade(old, cycle[at], n, seam);
        }
        self.cycle = cycle;
        self.position = phase;
    }
}

/// The newest `periods` periods, their end faded into what came before them, so that they repeat
/// without a step. `history` holds at least [`HISTORY`] samples.
fn cycle(history: &[i16], period: usize, periods: usize) -> Vec<i16> {
    let begin = history.len() - periods * period;
    let mut cycle = history[begin..].to_vec();
    let seam = period / 4;
    let tail = cycle.len() - seam;
    for n in 0..seam {
        cycle[tail + n] = fade(cycle[tail + n], history[begin - seam + n], n, seam);
    }
    cycle
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tone(from: usize, samples: usize) -> Vec<i16> {
        (from..from + samples)
            .map(|n| (10_000.0 * (n as f64 * 100.0 * std::f64::consts::TAU / 8000.0).sin()) as i16)
            .collect()
    }

    #[test]
    fn one_lost_frame_of_a_tone_is_hardly_heard() {
        let mut concealer = Concealer::default();
        concealer.good(&mut tone(0, 480));
        let mut filled = Vec::new();
        assert_eq!(concealer.conceal(160, &mut filled), 160);
        let truth = tone(480, 160);
        for (n, (made, true_)) in filled.iter().zip(&truth).enumerate() {
            // The level falls by a fifth over the second ten milliseconds.
            assert!(made.abs_diff(*true_) < 2400, "{n}: {made} for {true_}");
        }
        let mut next = tone(640, 160);
        concealer.good(&mut next);
        assert_eq!(next[120..], tone(640, 160)[120..]);
    }

    #[test]
    fn a_long_gap_falls_silent_after_60_ms() {
        let mut concealer = Concealer::default();
        concealer.good(&mut tone(0, 800));
        let mut filled = Vec::new();
        let audible: usize = (0..10).map(|_| concealer.conceal(160, &mut filled)).sum();
        assert_eq!(audible, 480);
        assert!(filled[..80].iter().any(|s| s.unsigned_abs() > 9000));
        assert!(filled[480..].iter().all(|s| *s == 0));
        let step = filled.windows(2).map(|p| p[0].abs_diff(p[1])).max();
        assert!(step < Some(1600), "no clicks: {step:?}");
    }

    #[test]
    fn nothing_heard_yet_is_silence() {
        let mut filled = Vec::new();
        assert_eq!(Concealer::default().conceal(160, &mut filled), 0);
        assert_eq!(filled, [0; 160]);
    }

    proptest! {
        #[test]
        fn any_sound_and_any_gaps_are_filled(
            sound in proptest::collection::vec(any::<i16>(), 0..1500),
            steps in proptest::collection::vec((any::<bool>(), 1usize..400), 1..30),
        ) {
            let mut concealer = Concealer::default();
            for (lost, samples) in steps {
                if lost {
                    let mut out = Vec::new();
                    concealer.conceal(samples, &mut out);
                    prop_assert_eq!(out.len(), samples);
                } else {
                    let mut good = sound[..samples.min(sound.len())].to_vec();
                    concealer.good(&mut good);
                }
                prop_assert!(concealer.history.len() <= HISTORY.max(MAX_PERIOD + TEMPLATE));
            }
        }
    }
}
