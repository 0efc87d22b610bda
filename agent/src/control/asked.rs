//! What callers send.

use carillon_schemas::AccountId;
use serde::{Deserialize, Serialize};

/// `POST /v1/calls`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceBody {
    /// On which account; the agent chooses when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// Whom to call.
    pub target: String,
}

/// `POST /v1/calls/{id}/transfer`: one of the two.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum TransferBody {
    /// Blind: whom the far side is to call.
    Target(String),
    /// Attended: the call whose far side it is put through to.
    Call(u32),
}

/// `POST /v1/calls/{id}/dtmf`. No `Debug`: digits may be a PIN.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DtmfBody {
    /// The keys to press.
    pub digits: String,
}

/// `POST /v1/enrol`. No `Debug`: a ticket carries a secret.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolBody {
    /// The ticket, as the admin gave it.
    pub ticket: String,
    /// Give up the identity that the desk has.
    #[serde(default)]
    pub replace: bool,
}
