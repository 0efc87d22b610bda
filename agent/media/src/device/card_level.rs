//! Keeps the clock of a sound card and the clock of the media thread together.
//!
//! Looks at how full the ring between them is, on average, and says by how much the resampler is
//! to be adjusted so that it neither runs dry nor over. Pure arithmetic.

use super::resampler::MAX_ADJUSTMENT;

/// Weight of one reading in the average: about two seconds of frames.
const WEIGHT: f64 = 0.01;

/// Adjustment for a deviation of one whole target.
const GAIN: f64 = 0.01;

#[derive(Debug)]
pub(crate) struct CardLevel {
    target: f64,
    average: Option<f64>,
}

impl CardLevel {
    /// Aims at `target` samples in the ring.
    pub(crate) fn new(target: usize) -> Self {
        Self {
            target: target.max(1) as f64,
            average: None,
        }
    }

    /// Takes a reading and answers with the share by which the ring should be emptied faster
    /// (above 0) or slower.
    pub(crate) fn observe(&mut self, samples: usize) -> f64 {
        let reading = samples as f64;
        let average = self.average.get_or_insert(self.target);
        *average += (reading - *average) * WEIGHT;
        let deviation = (*average - self.target) / self.target;
        (deviation * GAIN).clamp(-MAX_ADJUSTMENT, MAX_ADJUSTMENT)
    }

    /// The ring was filled or emptied by force.
    pub(crate) fn reset(&mut self) {
        self.average = None;
    }
}

/// Times of its level a ring may hold before sound is thrown away at once.
const TOO_MUCH: usize = 3;

/// Callbacks over which a surplus must last before it is thrown away: about a second.
const LASTING: u32 = 50;

/// Finds sound that waits for no reason, as it does after a card was slow to start: what was in
/// the ring at every callback of a second was never needed. A hiccup is no surplus.
#[derive(Debug)]
pub(crate) struct Surplus {
    level: usize,
    least: usize,
    callbacks: u32,
}

impl Surplus {
    /// Leaves `level` samples in the ring.
    pub(crate) fn new(level: usize) -> Self {
        Self {
            level,
            least: usize::MAX,
            callbacks: 0,
        }
    }

    /// Takes the samples that wait and those wanted by a callback, and answers with how many are
    /// to be thrown away.
    pub(crate) fn observe(&mut self, waiting: usize, wanted: usize) -> usize {
        let after = waiting.saturating_sub(wanted);
        self.least = self.least.min(after);
        self.callbacks += 1;
        let at_once = after > TOO_MUCH * self.level;
        if !at_once && self.callbacks < LASTING {
            return 0;
        }
        let over = if at_once { after } else { self.least };
        self.least = usize::MAX;
        self.callbacks = 0;
        // Half a level too much is left to the adjustment, which is not heard.
        if over > self.level + self.level / 2 {
            over - self.level
        } else {
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_apart_by_500_ppm_stay_together() {
        for skew in [-0.0005, 0.0005] {
            let mut level = CardLevel::new(2880);
            let (mut ring, mut adjustment) = (2880.0, 0.0);
            for _ in 0..180_000 {
                ring += 960.0 * (1.0 + skew) - 960.0 * (1.0 + adjustment);
                adjustment = level.observe(f64::max(ring, 0.0) as usize);
                assert!((960.0..4800.0).contains(&ring), "{skew}: {ring}");
            }
        }
    }

    #[test]
    fn a_lasting_surplus_goes_and_a_hiccup_stays() {
        let mut surplus = Surplus::new(2880);
        for n in 0..500 {
            let hiccup = if n % 40 == 0 { 5000 } else { 0 };
            assert_eq!(surplus.observe(3800 + hiccup, 960), 0);
        }
        let mut surplus = Surplus::new(2880);
        let thrown: usize = (0..100).map(|_| surplus.observe(7840, 960)).sum();
        assert_eq!(thrown, 2 * (7840 - 960 - 2880), "once a second");
        assert_eq!(surplus.observe(14_400, 960), 14_400 - 960 - 2880);
    }

    #[test]
    fn the_adjustment_is_bounded() {
        let mut level = CardLevel::new(100);
        for _ in 0..10_000 {
            assert!(level.observe(1_000_000).abs() <= MAX_ADJUSTMENT);
        }
    }
}
