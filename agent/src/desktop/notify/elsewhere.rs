//! A system whose notifications the agent cannot show yet: it says so, and the panel and the ringing remain.
//!
//! An edge for another system offers the same three: whether it is there, telling, and ringing.

use tokio::sync::oneshot;

use super::Wish;
use super::notice::Notice;

const WHY: &str = "this system's notifications are not supported";

/// Whether notifications can be shown, or why not.
pub(super) fn there() -> Result<(), &'static str> {
    Err(WHY)
}

/// Shows a notification and leaves it there.
pub(super) async fn tell(_: &Notice) -> Result<(), String> {
    Err(WHY.to_owned())
}

/// Shows a call until it is over; what the user wished, if that came first.
pub(super) async fn ring(_: &Notice, _: oneshot::Receiver<()>) -> Result<Option<Wish>, String> {
    Err(WHY.to_owned())
}
