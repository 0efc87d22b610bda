//! A network on virtual time: loses, delays, reorders and doubles datagrams by a seed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What the network does to a datagram.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Weather {
    /// Share of datagrams lost, 0–1.
    pub(crate) loss: f64,
    /// Each datagram is late by a uniform share of this.
    pub(crate) jitter: Duration,
    /// Whether a datagram may overtake an earlier one.
    pub(crate) reordering: bool,
    /// Share of datagrams that come twice, 0–1.
    pub(crate) duplication: f64,
}

/// One direction.
pub(crate) struct Network {
    weather: Weather,
    random: u64,
    last: Option<Instant>,
    count: u64,
    waiting: BTreeMap<(Instant, u64), Vec<u8>>,
}

impl Network {
    pub(crate) fn new(weather: Weather, seed: u64) -> Self {
        Self {
            weather,
            random: seed | 1,
            last: None,
            count: 0,
            waiting: BTreeMap::new(),
        }
    }

    pub(crate) fn send(&mut self, now: Instant, datagram: &[u8]) {
        if self.unit() < self.weather.loss {
            return;
        }
        let copies = if self.unit() < self.weather.duplication {
            2
        } else {
            1
        };
        for _ in 0..copies {
            let mut at = now + Duration::from_millis(10) + self.weather.jitter.mul_f64(self.unit());
            if !self.weather.reordering {
                at = self.last.map_or(at, |last| at.max(last));
                self.last = Some(at);
            }
            self.count += 1;
            self.waiting.insert((at, self.count), datagram.to_vec());
        }
    }

    /// What has arrived by `now`, with the times it did.
    pub(crate) fn receive(&mut self, now: Instant) -> Vec<(Instant, Vec<u8>)> {
        let later = self.waiting.split_off(&(now, u64::MAX));
        let arrived = std::mem::replace(&mut self.waiting, later);
        arrived.into_iter().map(|((at, _), d)| (at, d)).collect()
    }

    fn unit(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / (1u64 << 53) as f64
    }
}
