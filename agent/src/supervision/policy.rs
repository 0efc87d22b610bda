//! How often, and how soon, a child may be started again.

use std::time::Duration;

/// A restart policy: exponential back-off within a window, and a limit to the restarts in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Wait before the first restart in a window; doubles with each further one.
    pub first_delay: Duration,
    /// The longest wait.
    pub longest_delay: Duration,
    /// Restarts allowed within `window`; one more failure and the child is given up.
    pub intensity: u32,
    /// How far back failures count.
    pub window: Duration,
    /// When a child that was given up is tried anew all the same; `None` waits for a person.
    pub revisit: Option<Duration>,
}

impl Policy {
    /// For an account: five restarts in a minute, then a person must look.
    pub const ACCOUNT: Self = Self {
        first_delay: Duration::from_millis(100),
        longest_delay: Duration::from_secs(30),
        intensity: 5,
        window: Duration::from_secs(60),
        revisit: None,
    };

    /// For what a desk is repaired through (provisioning, status, control): the same, and a new try every
    /// ten minutes, since nobody may be near.
    pub const SERVICE: Self = Self {
        revisit: Some(Duration::from_secs(600)),
        ..Self::ACCOUNT
    };

    /// The wait before restart `attempt`, counted from 1.
    #[must_use]
    pub fn delay(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        self.first_delay
            .saturating_mul(1 << doublings)
            .min(self.longest_delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_up_to_its_limit() {
        let policy = Policy::ACCOUNT;
        let delays: Vec<_> = (1..=5).map(|n| policy.delay(n).as_millis()).collect();
        assert_eq!(delays, [100, 200, 400, 800, 1_600]);
        assert_eq!(policy.delay(10), policy.longest_delay);
        assert_eq!(policy.delay(u32::MAX), policy.longest_delay);
        assert_eq!(policy.delay(0), policy.first_delay);
    }
}
