//! How long to wait after a failed attempt (RFC 5626 §4.5): doubling, with half of it left to chance, so that a fleet does not
//! come back as one.

use std::time::Duration;

/// Base when nothing works.
const BASE: Duration = Duration::from_secs(30);
/// Longest wait.
const MAX: Duration = Duration::from_secs(1800);
/// Shortest wait, however soon the server wants us back.
const MIN_RETRY_AFTER: Duration = Duration::from_secs(5);
/// Longest Retry-After obeyed.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// The wait after so many failures in a row. `share` is chance, from 0 to 1.
pub(crate) fn wait(failures: u32, retry_after: Option<Duration>, share: f64) -> Duration {
    let upper = BASE.saturating_mul(1 << failures.min(10)).min(MAX);
    let wait = upper.mul_f64(0.5 + share / 2.0);
    match retry_after {
        // Never earlier than the server asked, spread over a tenth.
        Some(asked) => asked
            .min(MAX_RETRY_AFTER)
            .mul_f64(1.0 + share / 10.0)
            .max(MIN_RETRY_AFTER),
        None => wait,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_to_half_an_hour_and_leaves_half_to_chance() {
        assert_eq!(wait(1, None, 0.0), Duration::from_secs(30));
        assert_eq!(wait(1, None, 1.0), Duration::from_secs(60));
        assert_eq!(wait(2, None, 1.0), Duration::from_secs(120));
        assert_eq!(wait(u32::MAX, None, 1.0), MAX);
        assert_eq!(wait(u32::MAX, None, 0.0), MAX / 2);
    }

    #[test]
    fn obeys_retry_after_within_an_hour() {
        assert_eq!(
            wait(1, Some(Duration::from_secs(120)), 0.0),
            Duration::from_secs(120)
        );
        assert_eq!(
            wait(1, Some(Duration::from_secs(u64::from(u32::MAX))), 0.0),
            MAX_RETRY_AFTER
        );
        assert_eq!(wait(1, Some(Duration::ZERO), 0.0), MIN_RETRY_AFTER);
    }
}
