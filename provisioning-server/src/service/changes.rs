//! Telling whoever looks at the fleet what changes: a bounded broadcast, which ends when the server stops.

use std::sync::{PoisonError, RwLock};

use carillon_schemas::DeskId;
use tokio::sync::broadcast;

/// How many changes a slow receiver may lag behind before it must look at everything anew.
pub const CHANGES_KEPT: usize = 1_024;

/// Something about a desk changed: its record, its standing, or that it waits here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetChange {
    /// Which desk.
    pub desk: DeskId,
}

pub(super) struct Changes(RwLock<Option<broadcast::Sender<FleetChange>>>);

impl Default for Changes {
    fn default() -> Self {
        Self(RwLock::new(Some(broadcast::channel(CHANGES_KEPT).0)))
    }
}

impl Changes {
    pub(super) fn tell(&self, desk: &DeskId) {
        if let Some(sender) = &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            // Without receivers there is nobody to tell.
            let _ = sender.send(FleetChange { desk: desk.clone() });
        }
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<FleetChange> {
        match &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            Some(sender) => sender.subscribe(),
            None => broadcast::channel(1).1,
        }
    }

    /// Every receiver hears that this was all.
    pub(super) fn end(&self) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::broadcast::error::RecvError;

    #[tokio::test]
    async fn a_slow_receiver_is_told_that_it_missed_some_and_the_end_is_heard() {
        let changes = Changes::default();
        let mut receiver = changes.subscribe();
        let desk: DeskId = "0123456789abcdef0123456789abcdef".parse().unwrap();
        for _ in 0..CHANGES_KEPT + 5 {
            changes.tell(&desk);
        }
        assert_eq!(receiver.recv().await, Err(RecvError::Lagged(5)));
        changes.end();
        while receiver.recv().await.is_ok() {}
        assert_eq!(receiver.recv().await, Err(RecvError::Closed));
        assert_eq!(changes.subscribe().recv().await, Err(RecvError::Closed));
    }
}
