//! How much an endpoint holds, for status and for tests.

/// How much an endpoint holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Calls that have not ended.
    pub calls: usize,
    /// Calls that ended, but whose last messages are still under way.
    pub ending: usize,
    /// Dialogs, early ones included.
    pub dialogs: usize,
    /// Client transactions.
    pub client_transactions: usize,
    /// Server transactions.
    pub server_transactions: usize,
    /// Subscriptions of ours.
    pub subscriptions: usize,
    /// Requests that wait for an address, a flow or an answer.
    pub requests: usize,
    /// Flows, open or being opened.
    pub flows: usize,
    /// Messages dropped because they could not be read, answered or matched, since the start.
    pub dropped: u64,
    /// Requests of strangers dropped because there were too many of them, since the start; among the dropped.
    pub rationed: u64,
    /// Requests refused because a limit was reached, since the start.
    pub refused: u64,
}
