//! Who waits for what: the long polls of desks, woken when their configuration changes, and by nothing else.
//!
//! No timer and no polling: a poll that waits costs memory only. Bounded: a desk has at most [`POLLS_PER_DESK`] polls
//! waiting, the oldest gives way; the number of desks is bounded by the server's connections.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use carillon_schemas::DeskId;
use tokio::sync::oneshot;

/// The most polls of one desk that wait at once.
pub const POLLS_PER_DESK: usize = 2;

/// Why a poll stops waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// The desk's record changed: there may be a new configuration, or the desk may be shut out.
    Changed,
    /// A newer poll of the same desk took its place.
    Displaced,
    /// The server stops.
    ShuttingDown,
}

/// The polls that wait.
#[derive(Clone, Default)]
pub struct Push(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    desks: HashMap<DeskId, VecDeque<(u64, oneshot::Sender<Wake>)>>,
    polls: usize,
    next: u64,
    down: bool,
}

/// A place in the queue; giving it up leaves the queue.
pub struct Poll {
    push: Push,
    desk: DeskId,
    number: u64,
    woken: oneshot::Receiver<Wake>,
}

impl Push {
    /// Begins to wait. Take the place first and look at the generation then, so that no change falls between.
    pub fn wait(&self, desk: &DeskId) -> Poll {
        let (sender, woken) = oneshot::channel();
        let mut waiting = self.lock();
        let number = waiting.next;
        waiting.next += 1;
        if waiting.down {
            // A receiver that is gone has nothing to hear.
            let _ = sender.send(Wake::ShuttingDown);
        } else {
            let queue = waiting.desks.entry(desk.clone()).or_default();
            let mut displaced = None;
            if queue.len() >= POLLS_PER_DESK {
                displaced = queue.pop_front();
            }
            queue.push_back((number, sender));
            if let Some((_, oldest)) = displaced {
                let _ = oldest.send(Wake::Displaced);
            } else {
                waiting.polls += 1;
            }
        }
        Poll {
            push: self.clone(),
            desk: desk.clone(),
            number,
            woken,
        }
    }

    /// Wakes the polls of these desks.
    pub fn wake<'a>(&self, desks: impl IntoIterator<Item = &'a DeskId>) {
        let mut waiting = self.lock();
        for desk in desks {
            let polls = waiting.desks.remove(desk).unwrap_or_default();
            waiting.polls -= polls.len();
            for (_, poll) in polls {
                let _ = poll.send(Wake::Changed);
            }
        }
    }

    /// Wakes all, and lets nobody wait again.
    pub fn shut_down(&self) {
        let mut waiting = self.lock();
        waiting.down = true;
        waiting.polls = 0;
        for (_, poll) in waiting.desks.drain().flat_map(|(_, polls)| polls) {
            let _ = poll.send(Wake::ShuttingDown);
        }
    }

    /// How many polls wait.
    pub fn waiting(&self) -> usize {
        self.lock().polls
    }

    /// Whether a poll of the desk waits.
    pub fn is_waiting(&self, desk: &DeskId) -> bool {
        self.lock().desks.contains_key(desk)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Poll {
    /// Waits to be woken.
    pub async fn woken(&mut self) -> Wake {
        // The sender goes without a word only when the queue itself goes.
        (&mut self.woken).await.unwrap_or(Wake::ShuttingDown)
    }
}

impl Drop for Poll {
    fn drop(&mut self) {
        let mut waiting = self.push.lock();
        let waiting = &mut *waiting;
        if let Some(queue) = waiting.desks.get_mut(&self.desk) {
            let before = queue.len();
            queue.retain(|(number, _)| *number != self.number);
            waiting.polls -= before - queue.len();
            if queue.is_empty() {
                waiting.desks.remove(&self.desk);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desk(n: u8) -> DeskId {
        format!("{n:032x}").parse().unwrap()
    }

    #[tokio::test]
    async fn only_the_desk_that_changed_is_woken() {
        let push = Push::default();
        let (mut one, other) = (push.wait(&desk(1)), push.wait(&desk(2)));
        push.wake([&desk(1)]);
        assert_eq!(one.woken().await, Wake::Changed);
        assert!(!push.is_waiting(&desk(1)) && push.is_waiting(&desk(2)));
        drop((one, other));
        assert_eq!(push.waiting(), 0);
    }

    #[tokio::test]
    async fn a_desk_has_few_polls_and_the_oldest_gives_way() {
        let push = Push::default();
        let mut polls: Vec<_> = (0..=POLLS_PER_DESK).map(|_| push.wait(&desk(1))).collect();
        assert_eq!(push.waiting(), POLLS_PER_DESK);
        assert_eq!(polls[0].woken().await, Wake::Displaced);
        polls.clear();
        assert_eq!(push.waiting(), 0);
        assert!(!push.is_waiting(&desk(1)));
    }

    #[tokio::test]
    async fn at_the_end_all_are_answered_and_nobody_waits_again() {
        let push = Push::default();
        let mut before = push.wait(&desk(1));
        push.shut_down();
        assert_eq!(before.woken().await, Wake::ShuttingDown);
        assert_eq!(push.wait(&desk(1)).woken().await, Wake::ShuttingDown);
        assert_eq!(push.waiting(), 0);
    }
}
