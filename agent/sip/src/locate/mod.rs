//! Where a request goes next (RFC 3261 §8.1.2, RFC 3263 §4): the first hop that a URI names, its servers by NAPTR, SRV and address
//! records, and a memory of those that are down. Never asks a name server; an endpoint asks its driver.

mod down;
mod hop;
mod records;
mod search;
#[cfg(test)]
mod tests;

pub use down::MAX_DOWN;
pub(crate) use down::{DOWN_FOR, Down};
pub(crate) use hop::NextHop;
pub use records::{Answer, LookupError, MAX_RECORDS, Question, Record, RecordKind};
pub(crate) use search::{Answers, Found, Target, search};
pub use search::{MAX_QUESTIONS, MAX_TARGETS};
