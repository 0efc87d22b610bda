//! The fleet as such: desks, what an admin wants of them, what they report, and what was done to them.
//!
//! Pure: no SQL, no HTTP, no key and no clock. Everything here is data and rules over it.

pub mod audit;
pub mod compose;
pub mod desk;
pub mod diff;
pub mod locked;
pub mod standing;
pub mod ticket;

pub use audit::{Actor, AuditDraft, AuditEntry};
pub use desk::{Desk, DeskState, Spec};
pub use diff::{Change, ChangeKind, FleetDiff};
pub use locked::Locked;
pub use standing::Standing;
pub use ticket::TicketRecord;
