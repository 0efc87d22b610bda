//! How long to wait before trying again: exponential, jittered anew each time (threat A21).
//!
//! Pure but for the randomness, which is the system's.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(300);
/// The longest `Retry-After` that is obeyed.
const LONGEST_OBEYED: Duration = Duration::from_secs(3_600);

/// Counts failures in a row.
#[derive(Debug, Default, Clone)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// It worked: the next failure is a first one.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// The wait after one more failure: between a quarter and the whole of 1 s, 2 s, 4 s … 300 s; never less
    /// than what the server asked for by `Retry-After`, itself bounded to an hour and jittered by a tenth.
    pub fn next(&mut self, asked: Option<Duration>) -> Duration {
        let span = ceiling(self.failures);
        self.failures = self.failures.saturating_add(1);
        let own = span / 4 + (span - span / 4).mul_f64(random_share());
        asked.map_or(own, |asked| {
            let asked = asked.min(LONGEST_OBEYED);
            own.max(asked + (asked / 10).mul_f64(random_share()))
        })
    }
}

fn ceiling(failures: u32) -> Duration {
    FIRST.saturating_mul(1 << failures.min(16)).min(LONGEST)
}

/// From 0 up to 1. Without randomness the wait is the longest.
fn random_share() -> f64 {
    getrandom::u32().map_or(1.0, |n| f64::from(n) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_limit_and_differ() {
        let mut backoff = Backoff::default();
        for n in 0..40 {
            let wait = backoff.next(None);
            assert!(
                wait >= ceiling(n) / 4 && wait <= ceiling(n),
                "{n}: {wait:?}"
            );
        }
        assert_eq!(ceiling(40), LONGEST);
        let waits: std::collections::BTreeSet<_> = (0..20).map(|_| backoff.next(None)).collect();
        assert!(waits.len() > 10, "waits are randomised anew: {waits:?}");
        backoff.reset();
        assert!(backoff.next(None) <= FIRST);
    }

    #[test]
    fn retry_after_is_obeyed_within_bounds() {
        let mut backoff = Backoff::default();
        let wait = backoff.next(Some(Duration::from_secs(60)));
        assert!((60..=66).contains(&wait.as_secs()), "{wait:?}");
        let wait = backoff.next(Some(Duration::MAX));
        assert!(wait <= LONGEST_OBEYED + LONGEST_OBEYED / 10, "{wait:?}");
    }
}
