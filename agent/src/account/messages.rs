//! What an account's actor is told and asked, and what it tells the root.

use actix::{Addr, Message};
use carillon_schemas::AccountId;

use super::Account;
use crate::call::{Call, CallSettings};
use crate::command::{CommandError, TransferTarget};
use crate::running::RunningAccount;
use crate::transport::Change;
use crate::view::CallView;

/// Call what was dialled.
#[derive(Message)]
#[rtype(result = "Result<CallView, CommandError>")]
pub(crate) struct Place {
    pub(crate) target: String,
}

/// Press keys in this call by INFO.
#[derive(Message)]
#[rtype(result = "Result<(), CommandError>")]
pub(crate) struct PressByInfo {
    pub(crate) number: u32,
    pub(crate) digits: String,
}

/// Send a short message, and say what became of it.
#[derive(Message)]
#[rtype(result = "Result<u16, CommandError>")]
pub(crate) struct SendText {
    pub(crate) target: String,
    pub(crate) text: String,
}

/// Go on with these calling features.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct UseFeatures(pub(crate) RunningAccount);

/// A person switched something.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct SwitchesChanged;

/// Answer this incoming call.
#[derive(Message)]
#[rtype(result = "Result<Addr<Call>, CommandError>")]
pub(crate) struct Answer {
    pub(crate) number: u32,
}

/// End this call as its state demands.
#[derive(Message)]
#[rtype(result = "Result<(), CommandError>")]
pub(crate) struct Hangup {
    pub(crate) number: u32,
}

/// Hold this call, or take it back; answered when the far side did.
#[derive(Message)]
#[rtype(result = "Result<(), CommandError>")]
pub(crate) struct Hold {
    pub(crate) number: u32,
    pub(crate) hold: bool,
}

/// Ask the far side of this call to call somebody else; targets are SIP URIs here.
#[derive(Message)]
#[rtype(result = "Result<(), CommandError>")]
pub(crate) struct Transfer {
    pub(crate) number: u32,
    pub(crate) to: TransferTarget,
}

/// Go on with these credentials.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct UseCredentials(pub(crate) RunningAccount);

/// Make later calls with these settings.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct UseSettings(pub(crate) CallSettings);

/// Addresses or routes changed, or the machine slept.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct NetworkChanged(pub(crate) Change);

/// Withdraw from the registrar, take no new call, and leave when the last one ended.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Drain;

/// Hang up, withdraw and leave, soon.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Leave;

/// Panic.
#[cfg(feature = "panic-injection")]
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Panic;

/// To the root: a call began.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct CallBegan {
    pub(crate) view: CallView,
    pub(crate) call: Addr<Call>,
    pub(crate) account: Addr<Account>,
    /// Which start of the account's actor holds the dialog.
    pub(crate) incarnation: u64,
}

/// To the root: the actor of a call panicked; its dialog is being ended.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct CallCrashed {
    pub(crate) number: u32,
    pub(crate) note: String,
}

/// To the root: a draining account is off the air, so that another may take its place.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Withdrawn {
    pub(crate) account: AccountId,
    pub(crate) incarnation: u64,
}
