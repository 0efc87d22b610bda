//! An order: a one-time request to a desk, signed by the director.

use serde::{Deserialize, Serialize};

use crate::{AccountId, DeskId, Timestamp};

/// A one-time request. Signed as `payload` of an envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Order {
    /// Random; carried out once.
    pub id: String,
    /// For which desk.
    pub desk: DeskId,
    /// When it was signed.
    pub issued: Timestamp,
    /// Not to be carried out after this.
    pub expires: Timestamp,
    /// What to do.
    pub action: Action,
}

/// What a desk can be asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Register one account anew, or all.
    Register {
        /// Which account; all when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account: Option<AccountId>,
    },
    /// Send a diagnosis.
    Diagnose,
    /// Place a test call and report its quality.
    TestCall {
        /// From which account.
        account: AccountId,
        /// To which number or address.
        target: String,
        /// For how many seconds.
        seconds: u16,
    },
}

/// `POST /v1/desk/orders/{id}/result`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct OrderResult {
    /// Whether it was carried out.
    pub done: bool,
    /// What came of it, or why it was not.
    pub text: String,
}
