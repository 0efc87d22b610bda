//! The base values of all transaction timers (RFC 3261 §17.1.1.1, table 4; RFC 6026 §7).

use std::time::{Duration, Instant};

/// Estimate of a round trip.
pub(crate) const T1: Duration = Duration::from_millis(500);
/// Longest wait between retransmissions of anything but an INVITE.
pub(crate) const T2: Duration = Duration::from_secs(4);
/// Longest time a message stays in the network.
pub(crate) const T4: Duration = Duration::from_secs(5);
/// 64·T1: timers B, F, H, J, L and M, and the least for D.
pub(crate) const T1_64: Duration = Duration::from_secs(32);
/// How late the end of a transaction may be noticed that only absorbs repeats any more: nobody is woken to free its
/// room, which goes with the next thing to do.
const LINGER: Duration = Duration::from_secs(30);
/// Up to so many may linger; of more the room is wanted in time.
pub(crate) const FEW: usize = 16;

/// When the endpoint must look at a transaction with that deadline.
pub(crate) fn wake_at(deadline: Instant, only_absorbs: bool) -> Instant {
    if only_absorbs {
        deadline + LINGER
    } else {
        deadline
    }
}
