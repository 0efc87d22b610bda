//! A ticket as the server keeps it: never its token, only what it allows.

use carillon_schemas::{DeskId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

/// The longest life of a ticket, in seconds.
pub const MAX_TICKET_LIFE: u64 = 90 * 86_400;
/// The most desks one ticket may enrol.
pub const MAX_TICKET_USES: u32 = 100_000;

/// What one ticket allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TicketRecord {
    /// A short public name for lists and the audit log; no secret.
    pub id: String,
    /// The desk it enrols; a new desk for every use when absent.
    pub desk: Option<DeskId>,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is refused.
    pub expires: Timestamp,
    /// How many desks it was to enrol.
    pub uses: u32,
    /// How many it still may.
    pub uses_left: u32,
    /// Who made it.
    pub created_by: String,
}

/// Why a ticket does not enrol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TicketRefusal {
    /// Its time is over.
    Expired,
    /// It has enrolled as many desks as it was made for.
    UsedUp,
}

impl TicketRecord {
    /// Whether it may enrol one more desk.
    ///
    /// # Errors
    /// Why not.
    pub fn usable(&self, now: Timestamp) -> Result<(), TicketRefusal> {
        if now >= self.expires {
            Err(TicketRefusal::Expired)
        } else if self.uses_left == 0 {
            Err(TicketRefusal::UsedUp)
        } else {
            Ok(())
        }
    }
}
