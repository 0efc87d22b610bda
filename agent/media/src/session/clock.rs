//! Time in samples since a session began, so that arrival and RTP timestamps compare.

use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy)]
pub(crate) struct SampleClock {
    start: Instant,
    rate: u32,
}

impl SampleClock {
    pub(crate) fn new(start: Instant, rate: u32) -> Self {
        Self { start, rate }
    }

    pub(crate) fn start(&self) -> Instant {
        self.start
    }

    /// Samples from the start to `now`; 0 before the start.
    pub(crate) fn samples(&self, now: Instant) -> i64 {
        let elapsed = now.saturating_duration_since(self.start).as_micros();
        i64::try_from(elapsed * u128::from(self.rate) / 1_000_000).unwrap_or(i64::MAX)
    }

    pub(crate) fn duration(&self, samples: i64) -> Duration {
        let samples = u64::try_from(samples).unwrap_or(0);
        Duration::from_micros(samples.saturating_mul(1_000_000) / u64::from(self.rate))
    }

    pub(crate) fn samples_in(&self, duration: Duration) -> i64 {
        i64::try_from(duration.as_micros() * u128::from(self.rate) / 1_000_000).unwrap_or(i64::MAX)
    }
}
