//! Calls: the INVITE usage (RFC 3261 §9, §13, §14, §15; offer and answer by RFC 3264 and RFC 6337). Owns every call from its INVITE to
//! the last message under way. Never repeats a request (that is the transaction's), never reads a packet, never touches media.

mod answered;
mod body;
#[expect(clippy::module_inception, reason = "the noun of the room")]
mod call;
mod callee;
mod caller;
mod cause;
mod change;
pub(crate) mod info;
mod leg;
mod news;
pub(crate) mod options;
mod reason;
mod redirect;
mod referral;
mod reliable;
mod replaces;
mod sipfrag;
mod success;
mod table;
mod timer;
mod transfer;
mod within;

pub use caller::MAX_FORKS;
pub use cause::{CallError, Change, EndCause, TransferOutcome};
pub use leg::MAX_RELIABLE;
pub use reason::Reason;
pub use redirect::MAX_TARGETS;
pub use replaces::Replaces;
pub(crate) use table::Calls;
