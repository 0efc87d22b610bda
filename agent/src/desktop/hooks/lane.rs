//! A lane: so many at once, so many waiting, the rest turned away. What comes in an instant by the thousand must not
//! start thousands of programs.

use std::collections::VecDeque;

/// Works of one kind.
#[derive(Debug)]
pub(super) struct Lane<T> {
    at_once: usize,
    running: usize,
    waiting: VecDeque<T>,
    room: usize,
}

/// What becomes of a new work.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry<T> {
    /// It is to be started now.
    Start(T),
    /// It waits.
    Waits,
    /// There is no room.
    Full,
}

impl<T> Lane<T> {
    /// A lane for `at_once` works and `room` that wait.
    pub(super) fn new(at_once: usize, room: usize) -> Self {
        Self {
            at_once,
            running: 0,
            waiting: VecDeque::new(),
            room,
        }
    }

    /// A work comes.
    pub(super) fn enter(&mut self, work: T) -> Entry<T> {
        if self.running < self.at_once {
            self.running += 1;
            Entry::Start(work)
        } else if self.waiting.len() < self.room {
            self.waiting.push_back(work);
            Entry::Waits
        } else {
            Entry::Full
        }
    }

    /// A work is over; the next one is to be started.
    pub(super) fn leave(&mut self) -> Option<T> {
        let next = self.waiting.pop_front();
        if next.is_none() {
            self.running = self.running.saturating_sub(1);
            // Nothing happens: nothing is kept.
            self.waiting = VecDeque::new();
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_b_ten_thousand_works_at_once_start_a_few_and_keep_a_few() {
        let mut lane = Lane::new(4, 64);
        let entries: Vec<_> = (0..10_000).map(|n| lane.enter(n)).collect();
        let count = |like: fn(&Entry<i32>) -> bool| entries.iter().filter(|e| like(e)).count();
        assert_eq!(count(|e| matches!(e, Entry::Start(_))), 4);
        assert_eq!(count(|e| matches!(e, Entry::Waits)), 64);
        assert_eq!(count(|e| matches!(e, Entry::Full)), 10_000 - 68);
        let mut ran = 4;
        while let Some(next) = lane.leave() {
            assert_eq!(next, ran, "first come, first served");
            ran += 1;
        }
        for _ in 0..3 {
            assert_eq!(lane.leave(), None);
        }
        assert_eq!(lane.enter(1), Entry::Start(1));
    }
}
