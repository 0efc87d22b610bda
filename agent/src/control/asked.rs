//! What callers send.

use carillon_schemas::AccountId;
use serde::{Deserialize, Serialize};

use crate::command::{CallsToEnd, ForwardKind};

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

/// `POST /v1/hangup`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HangupBody {
    /// A call's number, `all`, `incoming` or `calling`.
    pub which: CallsToEnd,
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

/// `POST /v1/features`. Without any switch it only shows.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeaturesBody {
    /// On which account; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// Whether no call rings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub do_not_disturb: Option<bool>,
    /// Which calls go elsewhere, and where; an empty target turns it off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward: Option<(ForwardKind, String)>,
}

/// `POST /v1/messages`. No `Debug`: what is written is for its reader.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessageBody {
    /// On which account; the agent chooses when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// To whom.
    pub target: String,
    /// What to say.
    pub text: String,
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
