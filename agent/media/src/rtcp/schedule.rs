//! When the next report is due: RFC 3550 §6.3 and appendix A.7 for the two of a call.
//!
//! Owns the timer with its reconsideration. Draws its randomness from a seed.

use std::time::{Duration, Instant};

use crate::session::random::Random;

/// RTCP's share of the session: 5 % of 80 kbit/s, in bytes per second.
const BANDWIDTH: f64 = 500.0;

/// Shortest mean interval (§6.2).
const MINIMUM: f64 = 5.0;

/// e − 3/2: makes up for reconsideration converging to less than the mean (§6.3.1).
const COMPENSATION: f64 = std::f64::consts::E - 1.5;

/// UDP and IPv4 headers count towards the size of a packet (§6.2).
const LOWER_HEADERS: usize = 28;

#[derive(Debug)]
pub(crate) struct Schedule {
    random: Random,
    previous: Instant,
    next: Instant,
    initial: bool,
    average_size: f64,
    members: u32,
}

impl Schedule {
    pub(crate) fn new(now: Instant, random: Random) -> Self {
        let mut schedule = Self {
            random,
            previous: now,
            next: now,
            initial: true,
            average_size: 100.0,
            members: 1,
        };
        schedule.next = now + schedule.interval();
        schedule
    }

    /// When [`Self::is_due`] may say so next.
    pub(crate) fn next(&self) -> Instant {
        self.next
    }

    /// Whether a report is to be sent now; a timer that reconsidered is put off by itself.
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        if now < self.next {
            return false;
        }
        let reconsidered = self.previous + self.interval();
        if reconsidered > now {
            self.next = reconsidered;
            return false;
        }
        true
    }

    /// A report of `size` bytes went out.
    pub(crate) fn sent(&mut self, now: Instant, size: usize) {
        self.average(size);
        self.previous = now;
        self.initial = false;
        self.next = now + self.interval();
    }

    /// A report of `size` bytes came in from the peer.
    pub(crate) fn received(&mut self, size: usize) {
        self.average(size);
        self.members = 2;
    }

    fn average(&mut self, size: usize) {
        let size = (size + LOWER_HEADERS) as f64;
        self.average_size += (size - self.average_size) / 16.0;
    }

    /// Both of a call send, so the bandwidth is shared among all members (§6.3.1).
    fn interval(&mut self) -> Duration {
        let minimum = if self.initial { MINIMUM / 2.0 } else { MINIMUM };
        let mean = (f64::from(self.members) * self.average_size / BANDWIDTH).max(minimum);
        Duration::from_secs_f64(mean * (0.5 + self.random.unit()) / COMPENSATION)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds at which reports went out in `seconds` of a call.
    fn reports(seed: u64, seconds: u64) -> Vec<f64> {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, Random::new(seed));
        schedule.received(100);
        let mut at = Vec::new();
        for step in 0..seconds * 50 {
            let now = start + Duration::from_millis(step * 20);
            if schedule.is_due(now) {
                schedule.sent(now, 100);
                at.push((now - start).as_secs_f64());
            }
        }
        at
    }

    #[test]
    fn the_mean_interval_is_five_seconds_and_varies() {
        let mut intervals = Vec::new();
        for seed in 0..20 {
            let at = reports(seed, 600);
            assert!(at[0] >= 1.0 && at[0] <= 3.2, "first at {}", at[0]);
            intervals.extend(at.windows(2).map(|pair| pair[1] - pair[0]));
        }
        let mean = intervals.iter().sum::<f64>() / intervals.len() as f64;
        assert!((4.5..5.5).contains(&mean), "{mean}");
        let (low, high) = intervals
            .iter()
            .fold((f64::MAX, 0.0f64), |(l, h), i| (l.min(*i), h.max(*i)));
        assert!(
            low >= 2.0 && high <= 6.3 && high - low > 2.0,
            "{low} {high}"
        );
        assert_ne!(reports(1, 60), reports(2, 60));
    }

    #[test]
    fn huge_reports_from_the_peer_slow_us_down() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, Random::new(1));
        for _ in 0..1000 {
            schedule.received(1500);
        }
        schedule.sent(start, 1500);
        assert!(schedule.next() - start >= Duration::from_secs_f64(2.5));
    }
}
