//! The network under the agent: what changes there is told to every account at once.

use actix::{Context, StreamHandler};

use super::Agent;
use crate::account::NetworkChanged;
use crate::transport::{Change, forget};

impl StreamHandler<Change> for Agent {
    fn handle(&mut self, change: Change, _: &mut Context<Self>) {
        forget();
        for account in self.seats.values().filter_map(|seat| seat.account.as_ref()) {
            account.do_send(NetworkChanged(change));
        }
    }

    /// The kernel tells no more; the agent goes on without.
    fn finished(&mut self, _: &mut Context<Self>) {}
}
