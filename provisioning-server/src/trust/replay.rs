//! Each desk token is taken once: the tokens seen, for as long as they could be replayed.
//!
//! Only tokens whose signature held come here. The memory is bounded for each desk, so that one desk cannot
//! crowd out the others, and over all. It does not outlive the process: a token caught before a restart of the
//! server could be shown once more within its few minutes; its request is one that changes nothing twice.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use carillon_schemas::{DeskId, Timestamp};
use sha2::{Digest as _, Sha256};

/// The most tokens one desk may use within their life.
pub const MAX_PER_DESK: usize = 512;
/// The most tokens remembered over all.
pub const MAX_TOKENS: usize = 4_000_000;

/// Why a token is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// It was used before.
    Seen,
    /// The desk, or the fleet, uses more tokens than are remembered.
    TooMany,
}

/// The tokens seen.
#[derive(Default)]
pub struct ReplayGuard(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    desks: HashMap<DeskId, VecDeque<(u128, Timestamp)>>,
    tokens: usize,
    swept: Timestamp,
}

impl ReplayGuard {
    /// Takes a token that holds until `expires`.
    ///
    /// # Errors
    /// Why it is not taken.
    pub fn take(
        &self,
        desk: &DeskId,
        jti: &str,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<(), Replay> {
        let mark = mark(jti);
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = &mut *guard;
        if now.0 >= seen.swept.0 + 60 {
            seen.sweep(now);
        }
        let tokens = seen.desks.entry(desk.clone()).or_default();
        let before = tokens.len();
        tokens.retain(|(_, expires)| *expires > now);
        seen.tokens -= before - tokens.len();
        if tokens.iter().any(|(seen, _)| *seen == mark) {
            return Err(Replay::Seen);
        }
        if tokens.len() >= MAX_PER_DESK || seen.tokens >= MAX_TOKENS {
            return Err(Replay::TooMany);
        }
        tokens.push_back((mark, expires));
        seen.tokens += 1;
        Ok(())
    }

    #[cfg(test)]
    fn desks(&self) -> usize {
        self.0.lock().unwrap().desks.len()
    }
}

impl Seen {
    fn sweep(&mut self, now: Timestamp) {
        self.desks.retain(|_, tokens| {
            tokens.retain(|(_, expires)| *expires > now);
            !tokens.is_empty()
        });
        self.tokens = self.desks.values().map(VecDeque::len).sum();
        self.swept = now;
    }
}

/// 128 bits of a hash stand for the token: short, and not to be aimed at another's.
fn mark(jti: &str) -> u128 {
    let digest = Sha256::digest(jti.as_bytes());
    digest
        .iter()
        .take(16)
        .fold(0, |mark, byte| mark << 8 | u128::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desk(n: u8) -> DeskId {
        format!("{n:032x}").parse().unwrap()
    }

    #[test]
    fn a_token_is_taken_once_in_its_life_for_its_desk() {
        let guard = ReplayGuard::default();
        let take = |d, jti, now| guard.take(&desk(d), jti, Timestamp(100), Timestamp(now));
        assert_eq!(take(1, "a", 10), Ok(()));
        assert_eq!(take(1, "a", 99), Err(Replay::Seen));
        assert_eq!(take(2, "a", 99), Ok(()));
        assert_eq!(take(1, "b", 99), Ok(()));
    }

    #[test]
    fn one_desk_cannot_fill_the_memory() {
        let guard = ReplayGuard::default();
        for n in 0..MAX_PER_DESK {
            let taken = guard.take(&desk(1), &n.to_string(), Timestamp(100), Timestamp(10));
            assert_eq!(taken, Ok(()));
        }
        let one_more = guard.take(&desk(1), "one more", Timestamp(100), Timestamp(10));
        assert_eq!(one_more, Err(Replay::TooMany));
        let other = guard.take(&desk(2), "one more", Timestamp(100), Timestamp(10));
        assert_eq!(other, Ok(()));
    }

    #[test]
    fn what_has_expired_is_forgotten() {
        let guard = ReplayGuard::default();
        for n in 0..50 {
            guard
                .take(&desk(n), "a", Timestamp(100), Timestamp(10))
                .unwrap();
        }
        guard
            .take(&desk(99), "a", Timestamp(300), Timestamp(200))
            .unwrap();
        assert_eq!(guard.desks(), 1);
    }
}
