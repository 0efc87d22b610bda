//! How much a stranger may ask (RFC 3261 §26.1.5): a token bucket for each source and one for all of them together, since a source
//! over UDP can be invented. What is above it is dropped unanswered, so that a flood gets nothing back and costs next to nothing.

use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// The most sources remembered at one time.
pub const MAX_SOURCES: usize = 256;
/// How many sources' shares all strangers together may use.
const ALL: u32 = 8;

/// How many requests outside any dialog a stranger may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StrangerRate {
    /// At once, after a silence.
    pub burst: u32,
    /// For each second, in the long run; zero for no limit at all.
    pub per_second: u32,
}

impl Default for StrangerRate {
    fn default() -> Self {
        Self {
            burst: 40,
            per_second: 10,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Manners {
    rate: StrangerRate,
    sources: Vec<(IpAddr, Bucket)>,
    all: Bucket,
    rationed: u64,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    filled: Option<Instant>,
}

impl Manners {
    pub(crate) fn new(rate: StrangerRate) -> Self {
        Self {
            rate,
            sources: Vec::new(),
            all: Bucket::full(rate.burst * ALL),
            rationed: 0,
        }
    }

    /// Whether a stranger's request is looked at.
    pub(crate) fn allows(&mut self, now: Instant, source: IpAddr) -> bool {
        let StrangerRate { burst, per_second } = self.rate;
        if per_second == 0 {
            return true;
        }
        let source = network_of(source);
        let at = match self.sources.iter().position(|(known, _)| *known == source) {
            Some(at) => at,
            None => {
                self.make_room(now);
                self.sources.push((source, Bucket::full(burst)));
                self.sources.len() - 1
            }
        };
        let bucket = &mut self.sources[at].1;
        bucket.fill(now, burst, per_second);
        self.all.fill(now, burst * ALL, per_second * ALL);
        if bucket.tokens < 1.0 || self.all.tokens < 1.0 {
            self.rationed += 1;
            return false;
        }
        bucket.tokens -= 1.0;
        self.all.tokens -= 1.0;
        true
    }

    /// How many were not looked at.
    pub(crate) fn rationed(&self) -> u64 {
        self.rationed
    }

    /// Forgets those that were silent long enough to be full again, else the one that was silent longest.
    fn make_room(&mut self, now: Instant) {
        if self.sources.len() < MAX_SOURCES {
            return;
        }
        let full_after = Duration::from_secs(u64::from(self.rate.burst / self.rate.per_second) + 1);
        self.sources
            .retain(|(_, bucket)| bucket.filled.is_some_and(|at| at + full_after > now));
        if self.sources.len() >= MAX_SOURCES
            && let Some(at) = (0..self.sources.len()).min_by_key(|at| self.sources[*at].1.filled)
        {
            self.sources.swap_remove(at);
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.sources.len()
    }
}

impl Bucket {
    fn full(burst: u32) -> Self {
        Self {
            tokens: f64::from(burst),
            filled: None,
        }
    }

    fn fill(&mut self, now: Instant, burst: u32, per_second: u32) {
        if let Some(at) = self.filled {
            let gained = now.saturating_duration_since(at).as_secs_f64() * f64::from(per_second);
            self.tokens = (self.tokens + gained).min(f64::from(burst));
        }
        self.filled = Some(now);
    }
}

/// One customer has a whole /64 of IPv6 addresses.
fn network_of(source: IpAddr) -> IpAddr {
    match source {
        IpAddr::V4(_) => source,
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(v4) => v4.into(),
            None => Ipv6Addr::from(u128::from(address) >> 64 << 64).into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_gets_its_burst_and_then_its_rate() {
        let mut now = Instant::now();
        let mut manners = Manners::new(StrangerRate::default());
        let source = IpAddr::from([192, 0, 2, 7]);
        let taken = (0..1000).filter(|_| manners.allows(now, source)).count();
        assert_eq!(taken, 40);
        assert!(manners.allows(now, [192, 0, 2, 8].into()), "another source");
        now += Duration::from_secs(1);
        assert_eq!(
            (0..1000).filter(|_| manners.allows(now, source)).count(),
            10
        );
    }

    #[test]
    fn invented_sources_share_one_limit_and_a_bounded_table() {
        let now = Instant::now();
        let mut manners = Manners::new(StrangerRate::default());
        let taken = (0..20_000_u32)
            .filter(|n| manners.allows(now, IpAddr::from(n.to_be_bytes())))
            .count();
        assert_eq!(taken, 320);
        assert_eq!(manners.len(), MAX_SOURCES);
        let one_network = (0..100_u128).map(|n| IpAddr::from(Ipv6Addr::from(1 << 100 | n)));
        let mut manners = Manners::new(StrangerRate::default());
        assert_eq!(one_network.filter(|a| manners.allows(now, *a)).count(), 40);
    }
}
