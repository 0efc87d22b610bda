//! A parent's book of its children: which start of each is the living one, and how often it failed.
//!
//! Pure: time is a parameter.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::{ChildEnded, Ending, Policy};

/// What to do about a child that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: it stopped of its own will, or it was replaced or forgotten meanwhile.
    Nothing,
    /// Start it again after this wait.
    Restart {
        /// How long to wait.
        after: Duration,
        /// Which restart in the window, from 1.
        attempt: u32,
        /// How it ended.
        why: String,
    },
    /// Leave it down and tell the next one up.
    GiveUp {
        /// How it ended.
        why: String,
        /// When to try anew all the same.
        revisit: Option<Duration>,
    },
}

/// The children of one parent.
#[derive(Debug)]
pub struct Roster<K> {
    children: BTreeMap<K, Child>,
    incarnations: u64,
    restarts: u32,
}

#[derive(Debug)]
struct Child {
    policy: Policy,
    incarnation: u64,
    failures: VecDeque<Instant>,
    given_up: bool,
}

impl<K: Ord + Clone> Default for Roster<K> {
    fn default() -> Self {
        Self {
            children: BTreeMap::new(),
            incarnations: 0,
            restarts: 0,
        }
    }
}

impl<K: Ord + Clone> Roster<K> {
    /// Notes that a child is started, for the first time or again, and gives this start its number.
    pub fn starting(&mut self, child: K, policy: Policy) -> u64 {
        self.incarnations += 1;
        let incarnation = self.incarnations;
        let entry = self.children.entry(child).or_insert_with(|| Child {
            policy,
            incarnation,
            failures: VecDeque::new(),
            given_up: false,
        });
        entry.policy = policy;
        entry.incarnation = incarnation;
        entry.given_up = false;
        incarnation
    }

    /// Whether news of this start of a child still matters.
    pub fn is_current(&self, child: &K, incarnation: u64) -> bool {
        self.children
            .get(child)
            .is_some_and(|known| known.incarnation == incarnation && !known.given_up)
    }

    /// Decides about a child that ended.
    pub fn ended(&mut self, news: &ChildEnded<K>, now: Instant) -> Verdict {
        let Some(child) = self.children.get_mut(&news.child) else {
            return Verdict::Nothing;
        };
        if child.incarnation != news.incarnation {
            return Verdict::Nothing;
        }
        let why = match &news.ending {
            Ending::Stopped => return Verdict::Nothing,
            Ending::Panicked { note } => format!("it panicked: {note}"),
            Ending::Dropped => "its task was dropped".to_owned(),
        };
        let policy = child.policy;
        child
            .failures
            .retain(|at| now.saturating_duration_since(*at) < policy.window);
        child.failures.push_back(now);
        let attempt = u32::try_from(child.failures.len()).unwrap_or(u32::MAX);
        if attempt > policy.intensity {
            child.given_up = true;
            child.failures.clear();
            return Verdict::GiveUp {
                why,
                revisit: policy.revisit,
            };
        }
        self.restarts = self.restarts.saturating_add(1);
        Verdict::Restart {
            after: policy.delay(attempt),
            attempt,
            why,
        }
    }

    /// Takes a child off the book: it left for good, or a new one of that name comes with a clean record.
    pub fn forget(&mut self, child: &K) {
        self.children.remove(child);
    }

    /// Whether a child was given up.
    pub fn is_given_up(&self, child: &K) -> bool {
        self.children.get(child).is_some_and(|known| known.given_up)
    }

    /// The children given up, in order.
    pub fn given_up(&self) -> Vec<K> {
        self.children
            .iter()
            .filter(|(_, known)| known.given_up)
            .map(|(child, _)| child.clone())
            .collect()
    }

    /// Restarts decided since the start.
    pub fn restarts(&self) -> u32 {
        self.restarts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panicked(child: &'static str, incarnation: u64) -> ChildEnded<&'static str> {
        ChildEnded {
            child,
            incarnation,
            ending: Ending::Panicked { note: "x".into() },
        }
    }

    #[test]
    fn gives_up_above_the_intensity_and_starts_clean_after() {
        let mut roster = Roster::default();
        let mut now = Instant::now();
        for attempt in 1..=5 {
            let incarnation = roster.starting("a", Policy::ACCOUNT);
            let verdict = roster.ended(&panicked("a", incarnation), now);
            let Verdict::Restart {
                after, attempt: n, ..
            } = verdict
            else {
                panic!("{verdict:?}");
            };
            assert_eq!(n, attempt);
            now += after;
        }
        let incarnation = roster.starting("a", Policy::ACCOUNT);
        assert!(matches!(
            roster.ended(&panicked("a", incarnation), now),
            Verdict::GiveUp { revisit: None, .. }
        ));
        assert_eq!(roster.given_up(), ["a"]);
        assert!(!roster.is_current(&"a", incarnation));
        assert_eq!(roster.restarts(), 5);
        let incarnation = roster.starting("a", Policy::ACCOUNT);
        assert!(roster.given_up().is_empty());
        assert!(matches!(
            roster.ended(&panicked("a", incarnation), now),
            Verdict::Restart { attempt: 1, .. }
        ));
    }

    #[test]
    fn failures_far_apart_never_add_up() {
        let mut roster = Roster::default();
        let mut now = Instant::now();
        for _ in 0..50 {
            let incarnation = roster.starting("a", Policy::ACCOUNT);
            assert!(matches!(
                roster.ended(&panicked("a", incarnation), now),
                Verdict::Restart { attempt: 1, .. }
            ));
            now += Policy::ACCOUNT.window;
        }
    }

    #[test]
    fn a_will_to_stop_and_old_news_ask_for_nothing() {
        let mut roster = Roster::default();
        let now = Instant::now();
        let first = roster.starting("a", Policy::ACCOUNT);
        let second = roster.starting("a", Policy::ACCOUNT);
        assert_eq!(roster.ended(&panicked("a", first), now), Verdict::Nothing);
        assert_eq!(roster.ended(&panicked("b", second), now), Verdict::Nothing);
        let stopped = ChildEnded {
            child: "a",
            incarnation: second,
            ending: Ending::Stopped,
        };
        assert_eq!(roster.ended(&stopped, now), Verdict::Nothing);
        roster.forget(&"a");
        assert_eq!(roster.ended(&panicked("a", second), now), Verdict::Nothing);
        assert_eq!(roster.restarts(), 0);
    }

    #[test]
    fn one_childs_failures_are_no_others() {
        let mut roster = Roster::default();
        let now = Instant::now();
        for _ in 0..6 {
            let incarnation = roster.starting("a", Policy::ACCOUNT);
            roster.ended(&panicked("a", incarnation), now);
        }
        let incarnation = roster.starting("b", Policy::ACCOUNT);
        assert!(roster.is_given_up(&"a"));
        assert!(matches!(
            roster.ended(&panicked("b", incarnation), now),
            Verdict::Restart { attempt: 1, .. }
        ));
    }
}
