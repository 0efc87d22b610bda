//! The desk's idea of the time: never below the newest time that a believed signature named.
//!
//! A clock set back would let an expired statement live again. Owns the floor; the system's clock is read
//! anew each time. Between two readings the floor rises with the monotonic clock.

use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use carillon_schemas::Timestamp;

/// A clock with a floor.
#[derive(Debug)]
pub struct Clock {
    floor: Mutex<Floor>,
}

#[derive(Debug, Clone, Copy)]
struct Floor {
    time: Timestamp,
    at: Instant,
}

impl Clock {
    /// A clock that never goes below `floor`.
    pub fn new(floor: Timestamp) -> Self {
        Self {
            floor: Mutex::new(Floor {
                time: floor,
                at: Instant::now(),
            }),
        }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.at(Timestamp::of(SystemTime::now()), Instant::now())
    }

    /// Raises the floor to a signed time; a lower one changes nothing.
    pub fn raise(&self, time: Timestamp) {
        let at = Instant::now();
        let mut floor = self.floor.lock().unwrap_or_else(PoisonError::into_inner);
        if time > floor.time.after(at.saturating_duration_since(floor.at)) {
            *floor = Floor { time, at };
        }
    }

    /// Forgets the floor: the key that signed it was taken out of the trust root.
    pub fn forget(&self) {
        let mut floor = self.floor.lock().unwrap_or_else(PoisonError::into_inner);
        *floor = Floor {
            time: Timestamp::default(),
            at: Instant::now(),
        };
    }

    fn at(&self, system: Timestamp, instant: Instant) -> Timestamp {
        let floor = *self.floor.lock().unwrap_or_else(PoisonError::into_inner);
        system.max(
            floor
                .time
                .after(instant.saturating_duration_since(floor.at)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_clock_set_back_stays_at_the_newest_signed_time_and_runs_on() {
        let clock = Clock::new(Timestamp(1_000));
        let start = Instant::now();
        assert_eq!(clock.at(Timestamp(5_000), start), Timestamp(5_000));
        clock.raise(Timestamp(6_000));
        clock.raise(Timestamp(3_000));
        assert_eq!(clock.at(Timestamp(10), start), Timestamp(6_000));
        let later = Instant::now() + Duration::from_secs(60);
        assert!(clock.at(Timestamp(10), later) >= Timestamp(6_060));
        clock.forget();
        assert_eq!(clock.at(Timestamp(10), Instant::now()), Timestamp(10));
    }
}
