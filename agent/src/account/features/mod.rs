//! Calling features: what becomes of a call that comes in, how a call goes out. Pure functions of the configuration, of what a
//! person switched since, and of the facts of the call. They send nothing and hold nothing.

mod incoming;
mod outgoing;
mod switches;

pub(crate) use incoming::{Arrival, Decision, decide};
pub(crate) use outgoing::{is_emergency, plan};
pub(crate) use switches::{Kind, Switches};
