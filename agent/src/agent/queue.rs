//! Calls that wait a moment for their account to be registered: just after the start, or a change of networks.

use std::time::Duration;

use carillon_schemas::AccountId;
use carillon_schemas::status::AccountState;
use tokio::sync::oneshot;

use super::Agent;

/// The most that wait; one more is placed at once, come of it what may.
const MAX_WAITING: usize = 16;
/// The longest one waits: many calls go through without a registration.
const LONGEST: Duration = Duration::from_secs(5);

/// Those that wait, each let go by the end of its sender.
#[derive(Debug, Default)]
pub(super) struct Queue(Vec<(AccountId, oneshot::Sender<()>)>);

impl Queue {
    /// Lets all go that wait for this account.
    pub(super) fn release(&mut self, account: &AccountId) {
        self.0.retain(|(waiting, _)| waiting != account);
    }

    fn wait(&mut self, account: &AccountId) -> Option<oneshot::Receiver<()>> {
        self.0.retain(|(_, gone)| !gone.is_closed());
        if self.0.len() == MAX_WAITING {
            return None;
        }
        let (sender, receiver) = oneshot::channel();
        self.0.push((account.clone(), sender));
        Some(receiver)
    }
}

impl Agent {
    /// Ends when the account is registered, cannot be, or has taken too long.
    pub(super) fn until_registered(
        &mut self,
        account: &AccountId,
    ) -> impl Future<Output = ()> + use<> {
        let registering = self
            .seats
            .get(account)
            .is_some_and(|seat| seat.status.state == AccountState::Registering);
        let turn = registering.then(|| self.queue.wait(account)).flatten();
        async move {
            if let Some(turn) = turn {
                // However it ends, it is time.
                let _ = tokio::time::timeout(LONGEST, turn).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_wait_and_those_that_gave_up_make_room() {
        let account: AccountId = "main".parse().unwrap();
        let other: AccountId = "other".parse().unwrap();
        let mut queue = Queue::default();
        let mut waiting: Vec<_> = (0..MAX_WAITING).map(|_| queue.wait(&account)).collect();
        assert!(queue.wait(&account).is_none(), "one too many");
        waiting.pop();
        let mut late = queue.wait(&other).unwrap();
        queue.release(&account);
        for turn in waiting.iter_mut().flatten() {
            assert_eq!(turn.try_recv(), Err(oneshot::error::TryRecvError::Closed));
        }
        assert_eq!(late.try_recv(), Err(oneshot::error::TryRecvError::Empty));
    }
}
