//! What can be asked of the agent: the messages its root actor [`Agent`](crate::agent::Agent) answers.
//!
//! The control API sends them for a person, provisioning sends them for the server. Every refusal is typed
//! and says what was tried, with what, and what to do.

mod devices;
mod sound;

use std::time::Duration;

use actix::{Message, Recipient};
use carillon_schemas::{AccountId, Generation};

use crate::desktop::links::{Ask, LinkError, MAX_ASKS};
use crate::event::AgentEvent;
use crate::running::RunningConfig;
use crate::trace::Traced;
use crate::view::{AgentView, CallView, FeaturesView};

pub use devices::{ChooseDevices, LevelMeters, WatchLevels};
pub use sound::{Confer, EndConference, MuteCall, RecordCall, SetVolume};

/// Run this configuration from now on. Calls that stand are not touched. When it is refused, nothing changed.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<Applied, ApplyError>")]
pub struct ApplyConfig(pub RunningConfig);

/// A configuration runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Its generation.
    pub generation: Option<Generation>,
    /// What changed, a line each, for a person; empty when nothing did.
    pub changes: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

/// A configuration that the agent cannot run. The one before runs on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// An account that no SIP endpoint can be made of.
    #[error("account {account} cannot run: {why}")]
    Account {
        /// Which.
        account: AccountId,
        /// What is wrong with it, and what would work.
        why: String,
    },
    /// A setting of sound or network that cannot work.
    #[error("{path} cannot be used: {why}")]
    Setting {
        /// Where: `media.input`.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// The agent is about to leave.
    #[error("the agent is shutting down and takes no configuration")]
    ShuttingDown,
}

/// The last messages on the wire, oldest first.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Vec<Traced>")]
pub struct QueryTrace {
    /// Of this account only.
    pub account: Option<AccountId>,
}

/// A phonebook or directory knows the far side of this call by name. Not answered: the call may be over.
#[derive(Message, Clone, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub struct NameCall {
    /// Which.
    pub call: u32,
    /// The far side that was looked up.
    pub peer: String,
    /// The name.
    pub name: String,
}

/// Call someone.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<CallView, CommandError>")]
pub struct PlaceCall {
    /// On which account; `None` takes the first that is registered, else the first that is enabled.
    pub account: Option<AccountId>,
    /// A number or name in the account's domain, `user@host`, an IP address, or a `sip:` or `tel:` URI.
    pub target: String,
}

/// Take an incoming call.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<CallView, CommandError>")]
pub struct AnswerCall {
    /// Which; `None` takes the one that has waited longest.
    pub call: Option<u32>,
}

/// End calls: hang up, give up, or decline, as each one's state demands.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<Vec<CallView>, CommandError>")]
pub struct HangupCall(pub CallsToEnd);

/// Which calls end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub enum CallsToEnd {
    /// The call of this number.
    One(u32),
    /// Those of this kind.
    Every(CallKind),
}

/// A kind of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallKind {
    /// Every call.
    All,
    /// Those that ring here.
    Incoming,
    /// Those that ring elsewhere.
    Calling,
}

/// Hold a call, or take it back; answered when the far side agreed.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<CallView, CommandError>")]
pub struct HoldCall {
    /// Which; `None` takes the only established one that is not as wanted already.
    pub call: Option<u32>,
    /// Whether to hold it.
    pub hold: bool,
}

/// Whom the far side of a call is to talk to instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransferTarget {
    /// Whoever answers there: a blind transfer.
    Target(String),
    /// The far side of this call: an attended transfer.
    Call(u32),
}

/// Transfer a call. Answered when the far side was asked; events tell what comes of it.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<CallView, CommandError>")]
pub struct TransferCall {
    /// Which; `None` takes the only established one besides the target.
    pub call: Option<u32>,
    /// To whom.
    pub to: TransferTarget,
}

/// Press keys in an established call (RFC 4733).
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<CallView, CommandError>")]
pub struct SendDtmf {
    /// Which; `None` takes the only one that is established.
    pub call: Option<u32>,
    /// `0` to `9`, `*`, `#`, `A` to `D`; at most 64. May be a PIN: never log it.
    pub digits: String,
}

/// Switch calling features, until the agent ends.
#[derive(Message, Clone, Debug, Default)]
#[rtype(result = "Result<Vec<FeaturesView>, CommandError>")]
pub struct SwitchFeatures {
    /// On which account; `None` means all.
    pub account: Option<AccountId>,
    /// Whether no call rings.
    pub do_not_disturb: Option<bool>,
    /// Where calls go; an empty target turns it off.
    pub forward: Option<(ForwardKind, String)>,
}

/// Which calls go elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForwardKind {
    /// Every call.
    Always,
    /// A call that finds the account busy.
    Busy,
    /// A call that nobody answers.
    NoAnswer,
}

/// Send a short message (RFC 3428).
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<u16, CommandError>")]
pub struct SendMessage {
    /// On which account; `None` chooses as for a call.
    pub account: Option<AccountId>,
    /// To whom, as for a call.
    pub target: String,
    /// What to say.
    pub text: String,
}

/// Start an account anew, also one that was given up. Its calls end.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<(), CommandError>")]
pub struct RestartAccount {
    /// Which.
    pub account: AccountId,
}

/// Call on this account from now on, also after the next start, as long as it can be used.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<(), CommandError>")]
pub struct PreferAccount {
    /// Which.
    pub account: AccountId,
}

/// A link was clicked on a web page.
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<Linked, CommandError>")]
pub struct FollowLink {
    /// As the page wrote it.
    pub link: String,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub enum Linked {
    /// It asks.
    Asked {
        /// Its number.
        asked: u32,
    },
    /// It was dialled at once.
    Placed(Box<CallView>),
}

/// The links that ask, oldest first.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "Vec<Ask>")]
pub struct QueryLinks;

/// A person's word on a link; `None` when it was denied.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "Result<Option<CallView>, CommandError>")]
pub struct SettleLink {
    /// Which.
    pub id: u32,
    /// Whether to call.
    pub allow: bool,
}

/// Show everything.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "AgentView")]
pub struct QueryStatus;

/// What the hooks' actor works with.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "crate::desktop::hooks::Assignment")]
pub struct QueryHooks;

/// Send every event from now on to this actor.
#[derive(Message, Clone)]
#[rtype(result = "()")]
pub struct Subscribe(pub Recipient<AgentEvent>);

/// Hang up, unregister and leave, within two seconds.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
pub struct Shutdown;

/// Make an account's actor panic.
#[cfg(feature = "panic-injection")]
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<(), CommandError>")]
pub struct InjectPanic {
    /// Which.
    pub account: AccountId,
}

/// Make a call's actor panic.
#[cfg(feature = "panic-injection")]
#[derive(Message, Clone, Debug)]
#[rtype(result = "Result<(), CommandError>")]
pub struct InjectCallPanic {
    /// Which.
    pub call: u32,
}

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// No account of that id.
    #[error("there is no account {account}; there is: {}", listed(.known))]
    NoSuchAccount {
        /// What was asked for.
        account: AccountId,
        /// The accounts there are.
        known: Vec<AccountId>,
    },
    /// No account at all, or none that is enabled.
    #[error("there is no account to call with; enrol this desk, or write one into agent.yaml")]
    NoAccount,
    /// The account is there and does not run.
    #[error("account {account} cannot be used now: {why}")]
    AccountUnavailable {
        /// Which.
        account: AccountId,
        /// Why, and what to do.
        why: String,
    },
    /// No call of that number.
    #[error("there is no call {call}; it may have ended")]
    NoSuchCall {
        /// What was asked for.
        call: u32,
    },
    /// No call that the command fits.
    #[error("there is no {what} call")]
    NoCall {
        /// `ringing`, `established`.
        what: &'static str,
    },
    /// Several calls fit; one must be named.
    #[error("several calls are {what}: {calls:?}; name one")]
    WhichCall {
        /// `established`.
        what: &'static str,
        /// Their numbers.
        calls: Vec<u32>,
    },
    /// The call is not in a state that allows it.
    #[error("call {call}: {why}")]
    WrongState {
        /// Which.
        call: u32,
        /// What stands in the way.
        why: String,
    },
    /// A target that cannot be called.
    #[error("cannot call {target:?}: {why}")]
    BadTarget {
        /// What was given.
        target: String,
        /// What is wrong with it, and what to write.
        why: String,
    },
    /// A message that did not get there.
    #[error("the message to {target:?} was not delivered: {why}")]
    NotDelivered {
        /// What was given.
        target: String,
        /// What came of it.
        why: String,
    },
    /// As many calls as the account may have.
    #[error("account {account} has {limit} calls already, which is its limit; end one first")]
    Busy {
        /// Which.
        account: AccountId,
        /// The limit.
        limit: usize,
    },
    /// Sound devices, codecs or ports do not work out.
    #[error("the sound of the call cannot start: {why}")]
    Device {
        /// What was tried and what came of it.
        why: String,
    },
    /// A call cannot be recorded.
    #[error("{why}")]
    Recording {
        /// What was tried, what came of it, and what to do.
        why: String,
    },
    /// A value that no setting can have.
    #[error("{why}")]
    BadValue {
        /// What is wrong with it, and what would work.
        why: String,
    },
    /// Digits that cannot be sent.
    #[error("{why}")]
    BadDigits {
        /// What is wrong with them; never the digits themselves.
        why: String,
    },
    /// A link that is not taken.
    #[error(transparent)]
    BadLink(#[from] LinkError),
    /// As many links ask as may.
    #[error("{MAX_ASKS} links ask already; decide on one of them first")]
    TooManyLinks,
    /// No link of that number asks.
    #[error("link {id} does not ask, or not any more")]
    NoSuchLink {
        /// What was asked for.
        id: u32,
    },
    /// What is to outlast the agent cannot be written down.
    #[error("{what} cannot be remembered: {why}")]
    NotRemembered {
        /// What: `the preferred account`.
        what: &'static str,
        /// Why, and what to do.
        why: String,
    },
    /// The agent is about to leave.
    #[error("the agent is shutting down")]
    ShuttingDown,
    /// The actor asked did not answer.
    #[error("{actor} did not answer; it may be restarting: try again in a moment")]
    NoAnswer {
        /// Which.
        actor: String,
    },
}

impl CommandError {
    /// One stable word for programs.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::NoSuchAccount { .. } => "no-such-account",
            Self::NoAccount => "no-account",
            Self::AccountUnavailable { .. } => "account-unavailable",
            Self::NoSuchCall { .. } => "no-such-call",
            Self::NoCall { .. } => "no-call",
            Self::WhichCall { .. } => "which-call",
            Self::WrongState { .. } => "wrong-state",
            Self::BadTarget { .. } => "bad-target",
            Self::NotDelivered { .. } => "not-delivered",
            Self::Busy { .. } => "busy",
            Self::Device { .. } => "device",
            Self::Recording { .. } => "recording",
            Self::BadValue { .. } => "bad-value",
            Self::BadDigits { .. } => "bad-digits",
            Self::BadLink(_) => "bad-link",
            Self::TooManyLinks => "too-many-links",
            Self::NoSuchLink { .. } => "no-such-link",
            Self::NotRemembered { .. } => "not-remembered",
            Self::ShuttingDown => "shutting-down",
            Self::NoAnswer { .. } => "no-answer",
        }
    }
}

/// At most sixteen ids: a desk may have 128.
fn listed(known: &[AccountId]) -> String {
    const SHOWN: usize = 16;
    if known.is_empty() {
        return "none".to_owned();
    }
    let mut text = known
        .iter()
        .take(SHOWN)
        .map(AccountId::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    if known.len() > SHOWN {
        text.push_str(&format!(" and {} more", known.len() - SHOWN));
    }
    text
}
