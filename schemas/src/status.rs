//! What a desk reports: `PUT /v1/desk/status`, on change and as a slow heartbeat.
//!
//! A report holds only the sections that changed; a section that is there replaces the one before. The first
//! report after a start, and any that the server asks for, holds them all.

use serde::{Deserialize, Serialize};

use crate::{AccountId, Generation, Timestamp};

/// The largest report, in bytes.
pub const MAX_STATUS_BYTES: usize = 256 << 10;
/// The most events in one report.
pub const MAX_EVENTS: usize = 200;
/// The longest text of an event or reason, in bytes.
pub const MAX_TEXT: usize = 1_024;

/// A report.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct StatusReport {
    /// Random, new at every start of the agent.
    pub boot: String,
    /// Rises with every report of this start; the server drops one that is older than what it has.
    pub sequence: u64,
    /// The agent itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentStatus>,
    /// The configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<ConfigStatus>,
    /// All accounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accounts: Option<Vec<AccountStatus>>,
    /// All calls that stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<Vec<CallStatus>>,
    /// What happened since the last report that was taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<DeskEvent>,
}

/// The agent itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct AgentStatus {
    /// Its version.
    pub version: String,
    /// The operating system.
    pub os: String,
    /// The host's name.
    pub host: String,
    /// When it started.
    pub started: Timestamp,
    /// Actors restarted after a panic since then.
    pub restarts: u32,
    /// Actors given up: what needs a person.
    #[serde(default)]
    pub given_up: Vec<String>,
}

/// How the desk stands to its configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct ConfigStatus {
    /// The generation that runs.
    pub applied: Generation,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_at: Option<Timestamp>,
    /// The newest that was refused, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refusal>,
    /// The freshness statement has expired: the server, or something before it, may be holding news back.
    #[serde(default)]
    pub stale: bool,
}

/// A configuration that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Refusal {
    /// Its generation, where it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<Generation>,
    /// Why, for a person.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// One account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct AccountStatus {
    /// Which.
    pub id: AccountId,
    /// Its address of record.
    pub address: String,
    /// Where it stands.
    pub state: AccountState,
    /// Why, when it is not registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Since when.
    pub since: Timestamp,
}

/// Where an account stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    /// Off by configuration.
    Disabled,
    /// On, and registers nowhere: peer-to-peer.
    Local,
    /// Asking the registrar.
    Registering,
    /// Reachable.
    Registered,
    /// Refused or unanswered; it tries again.
    Failed,
    /// Its actor ended unexpectedly and comes back.
    Restarting,
    /// Its actor ended too often; a person must look.
    GivenUp,
    /// The agent was told to leave; the account comes back with it.
    Stopped,
}

impl AccountState {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Local => "local",
            Self::Registering => "registering",
            Self::Registered => "registered",
            Self::Failed => "failed",
            Self::Restarting => "restarting",
            Self::GivenUp => "given_up",
            Self::Stopped => "stopped",
        }
    }
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct CallStatus {
    /// The agent's number of the call.
    pub id: String,
    /// On which account.
    pub account: AccountId,
    /// Who called whom.
    pub direction: Direction,
    /// Where it stands.
    pub state: CallState,
    /// The far side, as shown to the user.
    pub peer: String,
    /// Since when it is in this state.
    pub since: Timestamp,
    /// Whether either side holds it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
}

/// Who called whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The desk was called.
    Incoming,
    /// The desk called.
    Outgoing,
}

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CallState {
    /// On its way to the far side.
    Calling,
    /// Alerting someone.
    Ringing,
    /// Answered.
    Established,
}

/// Something that happened on the desk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct DeskEvent {
    /// When.
    pub at: Timestamp,
    /// How grave.
    pub level: Level,
    /// What, in one word of the kind `config_applied`, `registered`, `actor_restarted`.
    pub kind: String,
    /// The same for a person.
    pub text: String,
}

/// How grave an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// All well.
    Info,
    /// Worth a look.
    Warning,
    /// Something does not work.
    Error,
}

/// The answer to a report.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct StatusAnswer {
    /// The server lacks what came before: the next report shall hold every section.
    #[serde(default)]
    pub send_all: bool,
}
