//! How often something may fail before who fails has to wait: enrolment by address, sign-in by address and name.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The most keys remembered; with more, the ones longest quiet are forgotten.
pub const MAX_KEYS: usize = 16_384;

/// Counts failures by key: a bucket that fills with each and drains with time.
pub struct Throttle {
    allowed: f64,
    drain_per_second: f64,
    buckets: Mutex<HashMap<String, (f64, Instant)>>,
}

impl Throttle {
    /// Allows `allowed` failures at once, and one more every `every`.
    pub fn new(allowed: u32, every: Duration) -> Self {
        Self {
            allowed: f64::from(allowed),
            drain_per_second: 1.0 / every.as_secs_f64().max(0.001),
            buckets: Mutex::default(),
        }
    }

    /// How long to wait before the next try; `None` when it may be made now.
    pub fn wait(&self, key: &str, now: Instant) -> Option<Duration> {
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let over = self.level(buckets.get(key), now) + 1.0 - self.allowed;
        (over > 0.0).then(|| Duration::from_secs_f64(over / self.drain_per_second))
    }

    /// Counts a failure.
    pub fn failed(&self, key: &str, now: Instant) {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let level = self.level(buckets.get(key), now) + 1.0;
        if buckets.len() >= MAX_KEYS && !buckets.contains_key(key) {
            buckets.retain(|_, bucket| self.level(Some(bucket), now) > 0.0);
        }
        if buckets.len() >= MAX_KEYS && !buckets.contains_key(key) {
            let quietest = buckets.iter().min_by_key(|(_, (_, at))| *at);
            if let Some(quietest) = quietest.map(|(key, _)| key.clone()) {
                buckets.remove(&quietest);
            }
        }
        buckets.insert(key.to_owned(), (level.min(self.allowed * 2.0), now));
    }

    fn level(&self, bucket: Option<&(f64, Instant)>, now: Instant) -> f64 {
        bucket.map_or(0.0, |(level, at)| {
            let drained = now.saturating_duration_since(*at).as_secs_f64() * self.drain_per_second;
            (level - drained).max(0.0)
        })
    }
}

/// The key of an address: the whole of IPv4, the /64 of IPv6, where one host has as many addresses as it likes.
pub fn address_key(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => v4.to_string(),
            None => {
                let s = v6.segments();
                format!("{:x}:{:x}:{:x}:{:x}::/64", s[0], s[1], s[2], s[3])
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_add_up_and_drain() {
        let throttle = Throttle::new(3, Duration::from_secs(10));
        let start = Instant::now();
        for _ in 0..3 {
            assert_eq!(throttle.wait("a", start), None);
            throttle.failed("a", start);
        }
        assert!(throttle.wait("a", start).is_some());
        assert_eq!(throttle.wait("b", start), None);
        assert_eq!(throttle.wait("a", start + Duration::from_secs(11)), None);
    }

    #[test]
    fn the_memory_is_bounded() {
        let throttle = Throttle::new(3, Duration::from_secs(1_000));
        let now = Instant::now();
        for n in 0..MAX_KEYS + 10 {
            throttle.failed(&n.to_string(), now);
        }
        assert!(throttle.buckets.lock().unwrap().len() <= MAX_KEYS);
    }

    #[test]
    fn one_host_of_ipv6_is_one_key() {
        let key = |text: &str| address_key(text.parse().unwrap());
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:1"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
    }
}
