//! Dialogs (RFC 3261 §12): tags, route set, remote target and sequence numbers. Makes requests within; never sends them,
//! and knows nothing of calls or media.

mod state;

pub(crate) use state::Dialog;
