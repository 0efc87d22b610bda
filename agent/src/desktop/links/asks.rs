//! Links that wait for a person's word: few, and not for long. Pure: the time is given.

use std::time::Duration;

use carillon_schemas::Timestamp;
use serde::{Deserialize, Serialize};

/// The most that wait. A page that clicks for itself gets no further.
pub const MAX_ASKS: usize = 8;
/// How long one waits.
pub const EXPIRES: Duration = Duration::from_secs(60);

/// One link that asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Its number, from 1.
    pub id: u32,
    /// Who would be called.
    pub target: String,
    /// Since when it asks.
    pub asked_at: Timestamp,
    /// When it is forgotten.
    pub expires_at: Timestamp,
}

/// What became of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The call is placed.
    Allowed,
    /// It is not.
    Denied,
    /// Nobody decided in time.
    Expired,
}

/// Those that ask, oldest first.
#[derive(Debug, Default)]
pub struct Asks {
    waiting: Vec<Ask>,
    last: u32,
}

impl Asks {
    /// Takes one in, or finds the one that asks for the same already; `None` when too many wait.
    /// The flag tells whether it is new.
    pub fn add(&mut self, target: &str, now: Timestamp) -> Option<(Ask, bool)> {
        if let Some(same) = self.waiting.iter().find(|ask| ask.target == target) {
            return Some((same.clone(), false));
        }
        if self.waiting.len() == MAX_ASKS {
            return None;
        }
        self.last = self.last.wrapping_add(1).max(1);
        let ask = Ask {
            id: self.last,
            target: target.to_owned(),
            asked_at: now,
            expires_at: Timestamp(now.0 + EXPIRES.as_secs()),
        };
        self.waiting.push(ask.clone());
        Some((ask, true))
    }

    /// Takes one out.
    pub fn take(&mut self, id: u32) -> Option<Ask> {
        let at = self.waiting.iter().position(|ask| ask.id == id)?;
        Some(self.waiting.remove(at))
    }

    /// Those that wait.
    pub fn list(&self) -> &[Ask] {
        &self.waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_wait_and_the_same_waits_once() {
        let mut asks = Asks::default();
        let (first, new) = asks.add("1002", Timestamp(100)).unwrap();
        assert!(new && first.expires_at > first.asked_at);
        assert_eq!(asks.add("1002", Timestamp(101)), Some((first, false)));
        for number in 0..MAX_ASKS - 1 {
            assert!(asks.add(&format!("2{number}"), Timestamp(102)).unwrap().1);
        }
        assert_eq!(asks.add("3000", Timestamp(103)), None, "one too many");
        assert_eq!(asks.take(1).unwrap().target, "1002");
        assert_eq!(asks.take(1), None);
        assert_eq!(asks.add("3000", Timestamp(104)).unwrap().0.id, 9);
        assert_eq!(asks.list().len(), MAX_ASKS);
    }
}
