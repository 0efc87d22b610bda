//! Tags, branches, Call-IDs and jitter from one seed. What is given away does not betray the seed or what comes next: each value is
//! a hash of the seed and a counter. It never asks the system for randomness.

use sha2::{Digest, Sha256};

/// The only source of chance in an endpoint.
pub(crate) struct Random {
    seed: u64,
    counter: u64,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, counter: 0 }
    }

    /// Sixteen hexadecimal digits: a tag, a cnonce.
    pub(crate) fn token(&mut self) -> String {
        format!("{:016x}", self.next())
    }

    /// Thirty-two hexadecimal digits: a Call-ID.
    pub(crate) fn long_token(&mut self) -> String {
        format!("{:016x}{:016x}", self.next(), self.next())
    }

    /// A number below 2^62 that fits where signed 64-bit numbers are read: an SDP session id.
    pub(crate) fn session_id(&mut self) -> u64 {
        self.next() >> 2
    }

    /// A share from 0 to 1.
    pub(crate) fn share(&mut self) -> f64 {
        f64::from((self.next() >> 32) as u32) / f64::from(u32::MAX)
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }

    fn next(&mut self) -> u64 {
        self.counter += 1;
        let mut hash = Sha256::new();
        hash.update(b"carillon-sip");
        hash.update(self.seed.to_be_bytes());
        hash.update(self.counter.to_be_bytes());
        let hash = hash.finalize();
        hash.iter()
            .take(8)
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    }
}
