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
    /// Calls go out on it, while it can be used and no other is named.
    #[serde(default)]
    pub preferred: bool,
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
    /// The name that contacts, phonebooks and directories of this desk know the far side by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// Since when it is in this state.
    pub since: Timestamp,
    /// The codec in use, once agreed.
    pub codec: Option<String>,
    /// Whether this side holds the call.
    #[serde(default)]
    pub on_hold: bool,
    /// Whether the far side holds the call.
    pub held: bool,
    /// Whether silence is sent in place of the microphone.
    #[serde(default)]
    pub muted: bool,
    /// The file the call is recorded to, while it is.
    #[serde(default)]
    pub recording: Option<String>,
    /// Whether the call is part of the conference.
    #[serde(default)]
    pub conference: bool,
    /// Who calls, as far as the account's own proxy vouches; `None` for a call of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<CallerView>,
    /// Counters of the sound; `None` while no sound flows, and in events.
    pub media: Option<MediaView>,
}

/// How loud all calls are, in percent, 0 to 200.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeView {
    /// Of the microphone, as it is sent.
    pub input: u8,
    /// Of what is heard.
    pub output: u8,
}

/// The sound devices that are used, and those there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DevicesView {
    /// The microphone, as `media.input` writes it.
    pub input: String,
    /// The loudspeaker, as `media.output` writes it.
    pub output: String,
    /// Where it rings, as `media.output` writes it.
    pub ring: String,
    /// The devices of the system.
    pub devices: Vec<DeviceView>,
    /// Why the devices of the system are not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// One sound device of the system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceView {
    /// What a person calls it.
    pub name: String,
    /// What the sound system calls it; may be used in the name's place.
    pub id: String,
    /// Whether it records.
    pub input: bool,
    /// Whether it plays.
    pub output: bool,
    /// Whether it is the system's default for what it does.
    pub default: bool,
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

/// What is known of a caller beside the name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallerView {
    /// The account's own proxy vouches for the address shown (RFC 3325).
    pub asserted: bool,
    /// The caller hides who they are.
    pub anonymous: bool,
    /// What the proxy found of the caller's signature (RFC 8224): `passed`, `failed` or `absent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<String>,
    /// By whom the call was sent on, the last first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diverted_by: Vec<String>,
}

impl CallerView {
    /// What the facts of a call come to.
    #[must_use]
    pub fn of(facts: &carillon_sip::CallerFacts) -> Self {
        use carillon_sip::identity::Verification;
        let verification = facts.verification.map(|verification| match verification {
            Verification::Passed => "passed",
            Verification::Failed => "failed",
            Verification::Absent => "absent",
        });
        let plain = |text: String| text.chars().filter(|c| !c.is_control()).take(128).collect();
        Self {
            asserted: facts.asserted,
            anonymous: facts.anonymous,
            verification: verification.map(str::to_owned),
            diverted_by: facts
                .diverted
                .iter()
                .map(|diverted| match &diverted.reason {
                    Some(reason) => plain(format!("{} ({reason})", diverted.by.label())),
                    None => plain(diverted.by.label()),
                })
                .collect(),
        }
    }
}

/// Calling features of an account that a person can switch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeaturesView {
    /// Which account.
    pub account: AccountId,
    /// Whether no call rings.
    pub do_not_disturb: bool,
    /// Where every call goes.
    pub forward_always: Option<String>,
    /// Where a call goes that finds the account busy.
    pub forward_busy: Option<String>,
    /// Where a call goes that nobody answers.
    pub forward_no_answer: Option<String>,
}
