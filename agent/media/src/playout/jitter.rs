//! How long playout should trail behind arrival, learned from how packets arrive.
//!
//! Owns the delays of the newest packets over the fastest one. The fastest of the last ten
//! seconds is the base, so that a drift of the peer's clock moves it along.

use std::collections::VecDeque;
use std::time::Duration;

use crate::session::clock::SampleClock;
use crate::session::config::ConfigError;

/// Bounds of the playout delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JitterConfig {
    /// Never less delay than this.
    pub minimum: Duration,
    /// Never more delay than this; 20 ms to 1 s.
    pub maximum: Duration,
}

impl Default for JitterConfig {
    /// 40 to 400 milliseconds.
    fn default() -> Self {
        Self {
            minimum: Duration::from_millis(40),
            maximum: Duration::from_millis(400),
        }
    }
}

impl JitterConfig {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let allowed = Duration::from_millis(20)..=Duration::from_secs(1);
        if self.minimum > self.maximum || !allowed.contains(&self.maximum) {
            let milliseconds =
                |delay: Duration| u32::try_from(delay.as_millis()).unwrap_or(u32::MAX);
            return Err(ConfigError::Jitter {
                minimum_ms: milliseconds(self.minimum),
                maximum_ms: milliseconds(self.maximum),
            });
        }
        Ok(())
    }
}

/// Packets the base is the fastest of.
const BASE_WINDOW: usize = 500;

/// Packets the target is learned from.
const TARGET_WINDOW: usize = 200;

/// Share of those packets that must come in time.
const IN_TIME: f64 = 0.98;

/// Room for the caller's own pace, in samples: one frame of 20 ms.
const PACE: i64 = 160;

/// Change of transit time, in samples, that is no jitter but a jump of timestamps: two seconds.
const JUMP: i64 = 16_000;

/// What one packet's transit time says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Observed {
    /// It is one of the line.
    Jitter,
    /// It is far off; the next will tell whether the line moved.
    Stray,
    /// The second far off in a row: the line moved.
    Jump,
}

#[derive(Debug)]
pub(crate) struct DelayEstimator {
    minimum: i64,
    maximum: i64,
    transits: VecDeque<i64>,
    base: i64,
    target: i64,
    strayed: bool,
    sorted: Vec<i64>,
}

impl DelayEstimator {
    pub(crate) fn new(clock: &SampleClock, config: JitterConfig) -> Self {
        let mut estimator = Self {
            minimum: 0,
            maximum: 0,
            transits: VecDeque::with_capacity(BASE_WINDOW),
            base: 0,
            target: 0,
            strayed: false,
            sorted: Vec::with_capacity(TARGET_WINDOW),
        };
        estimator.reconfigure(clock, config);
        estimator
    }

    pub(crate) fn reconfigure(&mut self, clock: &SampleClock, config: JitterConfig) {
        self.minimum = clock.samples_in(config.minimum);
        self.maximum = clock.samples_in(config.maximum);
        self.target = self.target.clamp(self.minimum, self.maximum);
    }

    pub(crate) fn restart(&mut self) {
        self.transits.clear();
        self.strayed = false;
        self.target = self.minimum;
    }

    /// Transit time of the fastest packet.
    pub(crate) fn base(&self) -> i64 {
        self.base
    }

    /// Delay over the fastest packet to aim at.
    pub(crate) fn target(&self) -> i64 {
        self.target
    }

    pub(crate) fn maximum(&self) -> i64 {
        self.maximum
    }

    /// Takes in a packet's transit time: arrival minus timestamp, of any origin.
    pub(crate) fn observe(&mut self, transit: i64) -> Observed {
        if !self.transits.is_empty() && (transit - self.base).abs() > JUMP {
            let again = std::mem::replace(&mut self.strayed, true);
            return if again {
                Observed::Jump
            } else {
                Observed::Stray
            };
        }
        self.strayed = false;
        if self.transits.len() == BASE_WINDOW {
            self.transits.pop_front();
        }
        self.transits.push_back(transit);
        self.base = self.transits.iter().copied().min().unwrap_or(transit);
        self.sorted.clear();
        let newest = self.transits.iter().rev().take(TARGET_WINDOW);
        self.sorted
            .extend(newest.map(|transit| transit - self.base));
        let rank = (self.sorted.len() as f64 * IN_TIME) as usize;
        let rank = rank.min(self.sorted.len() - 1);
        let (_, slow, _) = self.sorted.select_nth_unstable(rank);
        self.target = (*slow + PACE).clamp(self.minimum, self.maximum);
        Observed::Jitter
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn estimator() -> DelayEstimator {
        let clock = SampleClock::new(Instant::now(), 8000);
        DelayEstimator::new(&clock, JitterConfig::default())
    }

    #[test]
    fn the_target_follows_the_jitter_within_its_bounds() {
        let mut estimator = estimator();
        assert_eq!(estimator.target(), 320);
        for n in 0..500 {
            estimator.observe(7000 + n % 2);
        }
        assert_eq!(estimator.target(), 320, "the minimum");
        for n in 0..500 {
            estimator.observe(7000 + (n * 37) % 800);
        }
        assert!(
            (900..=960).contains(&estimator.target()),
            "{}",
            estimator.target()
        );
        for n in 0..500 {
            estimator.observe(7000 + (n * 37) % 8000);
        }
        assert_eq!(estimator.target(), 3200, "the maximum");
        for _ in 0..1000 {
            estimator.observe(7000);
        }
        assert_eq!(estimator.target(), 320, "and back");
    }

    #[test]
    fn the_base_moves_with_the_peers_clock() {
        let mut estimator = estimator();
        for n in 0..30_000 {
            estimator.observe(n / 30);
        }
        assert!(
            (980..1000).contains(&estimator.base()),
            "{}",
            estimator.base()
        );
        assert_eq!(estimator.target(), 320);
    }

    #[test]
    fn a_jump_needs_two_packets() {
        let mut estimator = estimator();
        estimator.observe(0);
        assert_eq!(estimator.observe(1_000_000), Observed::Stray);
        assert_eq!(estimator.observe(0), Observed::Jitter);
        assert_eq!(estimator.observe(-20_000), Observed::Stray);
        assert_eq!(estimator.observe(-20_000), Observed::Jump);
    }

    #[test]
    fn bounds_that_contradict_are_refused() {
        let ms = Duration::from_millis;
        for (minimum, maximum) in [(100, 50), (0, 10), (20, 1001)] {
            let config = JitterConfig {
                minimum: ms(minimum),
                maximum: ms(maximum),
            };
            assert!(config.validate().is_err(), "{config:?}");
        }
        assert!(JitterConfig::default().validate().is_ok());
    }
}
