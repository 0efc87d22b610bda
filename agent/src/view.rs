//! What the agent shows of itself: to the command line, to the status report, to integrations.
//!
//! Owns plain values that can be printed and serialised. None holds a secret.

use carillon_schemas::status::{AccountStatus, CallState, Direction};
use carillon_schemas::{AccountId, Generation, Timestamp};
use serde::{Deserialize, Serialize};

use crate::running::Origin;

/// The whole agent at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentView {
    /// The agent's version.
    pub version: String,
    /// When it started.
    pub started: Timestamp,
    /// The desk's name, when a configuration gave one.
    pub name: Option<String>,
    /// The generation that runs; `None` without a server's configuration.
    pub generation: Option<Generation>,
    /// Since when the configuration runs; `None` before the first.
    pub applied_at: Option<Timestamp>,
    /// The accounts, in the order of the configuration.
    pub accounts: Vec<AccountView>,
    /// The calls that stand, oldest first.
    pub calls: Vec<CallView>,
    /// Actors restarted after a panic since the start.
    pub restarts: u32,
    /// Actors given up: what needs a person.
    pub given_up: Vec<String>,
}

/// One account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    /// Which, and where it stands.
    #[serde(flatten)]
    pub status: AccountStatus,
    /// What the user sees; the address when absent.
    pub label: Option<String>,
    /// Where it comes from.
    pub origin: Origin,
}

/// One call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallView {
    /// Its number, from 1, never used twice in one run of the agent.
    pub id: u32,
    /// On which account.
    pub account: AccountId,
    /// Who called whom.
    pub direction: Direction,
    /// Where it stands.
    pub state: CallState,
    /// The far side's address.
    pub peer: String,
    /// The name the far side gives itself; nobody vouches for it.
    pub peer_name: Option<String>,
    /// Since when it is in this state.
    pub since: Timestamp,
    /// The codec in use, once agreed.
    pub codec: Option<String>,
    /// Whether this side holds the call.
    #[serde(default)]
    pub on_hold: bool,
    /// Whether the far side holds the call.
    pub held: bool,
    /// Counters of the sound; `None` while no sound flows, and in events.
    pub media: Option<MediaView>,
}

/// Counters of one call's sound since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MediaView {
    /// RTP packets sent.
    pub packets_sent: u64,
    /// RTP packets received.
    pub packets_received: u64,
    /// RTP packets that never came; negative when more came twice than were lost.
    pub packets_lost: i64,
    /// RTP packets that came too late to be played.
    pub packets_late: u64,
    /// Milliseconds of sound made up in place of what was missing.
    pub concealed_ms: u64,
    /// Interarrival jitter (RFC 3550 §6.4.1), in milliseconds.
    pub jitter_ms: f64,
    /// Delay of the jitter buffer, in milliseconds.
    pub delay_ms: f64,
    /// Round-trip time from the newest receiver report, in milliseconds.
    pub round_trip_ms: Option<f64>,
    /// DTMF digits sent.
    pub digits_sent: u64,
    /// DTMF digits received.
    pub digits_received: u64,
}
