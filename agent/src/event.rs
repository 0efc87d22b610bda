//! What happened: the one stream that status report, hooks and integrations listen to.
//!
//! Children send an [`AgentEvent`] to the root actor, which keeps its books by it and passes it on to every
//! subscriber. Sending never waits: a subscriber whose mailbox is full misses events and is told how many by
//! [`AgentEvent::EventsMissed`]; it then asks for [`QueryStatus`](crate::command::QueryStatus).

use std::time::Duration;

use carillon_schemas::status::AccountStatus;
use carillon_schemas::{AccountId, Generation};
use serde::{Deserialize, Serialize};

use crate::desktop::links::{Ask, Outcome};
use crate::view::{CallView, FeaturesView};

/// Something that happened on the desk.
#[derive(actix::Message, Clone, Debug, PartialEq)]
#[rtype(result = "()")]
pub enum AgentEvent {
    /// An account is new or stands somewhere else.
    AccountChanged(AccountStatus),
    /// An account left the configuration.
    AccountRemoved(AccountId),
    /// A call is new or stands somewhere else.
    CallChanged(CallView),
    /// A call is over.
    CallEnded {
        /// The call as it last was.
        view: CallView,
        /// Why it ended.
        cause: CallCause,
        /// The same for a person.
        text: String,
    },
    /// The far side of a call asks this side to call somebody else.
    TransferRequested {
        /// The call.
        call: u32,
        /// Whom it wants called.
        target: String,
        /// Who asks, as it claims.
        by: Option<String>,
    },
    /// How far the call is that the far side was asked to place.
    TransferProgress {
        /// The call that is transferred.
        call: u32,
        /// SIP status, 100 to 199.
        status: u16,
    },
    /// A transfer asked for here is over.
    TransferEnded {
        /// The call that was transferred.
        call: u32,
        /// Whether the target answered; `None` when the far side does not say.
        completed: Option<bool>,
        /// The same for a person.
        text: String,
    },
    /// A call did not ring: it was refused or sent on by a feature.
    CallTurnedAway {
        /// On which account.
        account: AccountId,
        /// Who called.
        peer: String,
        /// The name they gave.
        name: Option<String>,
        /// What became of it, and why.
        why: String,
    },
    /// Somebody called past the account's registrar and proxies, who alone may bring calls, and was refused.
    CallBarred {
        /// On which account.
        account: AccountId,
        /// Who called, as they claim.
        peer: String,
        /// The name they gave.
        name: Option<String>,
    },
    /// Someone switched a calling feature.
    FeaturesChanged(FeaturesView),
    /// A mailbox says what waits in it.
    MessagesWaiting {
        /// Of which account.
        account: AccountId,
        /// Whether anything new waits.
        waiting: bool,
        /// Voice messages not heard yet, where they are counted.
        new: Option<u32>,
    },
    /// The lamp of another line changed.
    LampChanged {
        /// On which account it is watched.
        account: AccountId,
        /// The line, as the configuration names it.
        line: String,
        /// What it shows.
        state: LampState,
    },
    /// A short message came. What it says is for its reader alone: never log it.
    TextReceived {
        /// On which account.
        account: AccountId,
        /// Who wrote it.
        from: String,
        /// The name they gave.
        name: Option<String>,
        /// What they wrote.
        text: String,
    },
    /// A hook did not do what it is for, or not in time.
    HookFailed {
        /// Which, for a person: `hooks[2] of agent.yaml, on incoming`.
        hook: String,
        /// What was tried, and what came of it. Holds nothing that a caller or a program said.
        why: String,
    },
    /// A link on a web page asks to call somebody.
    LinkAsked(Ask),
    /// A link asks no more.
    LinkSettled {
        /// Its number.
        id: u32,
        /// What became of it.
        outcome: Outcome,
    },
    /// A short message of ours was taken, or was not. What it says is for its reader alone: never log it.
    TextSent {
        /// On which account.
        account: AccountId,
        /// To whom.
        to: String,
        /// What was written.
        text: String,
        /// Whether it was taken.
        delivered: bool,
    },
    /// The history has a new entry, or lost some.
    HistoryChanged,
    /// The history cannot be written, or had to be begun anew. No call is hurt.
    HistoryTrouble {
        /// What is wrong, for a person.
        text: String,
    },
    /// Contacts or phonebooks changed.
    ContactsChanged,
    /// The account's own server hints that there is another configuration.
    CheckSync,
    /// The far side pressed a key.
    DtmfReceived {
        /// The call.
        call: u32,
        /// `0` to `9`, `*`, `#`, `A` to `D`.
        digit: char,
    },
    /// The sound of a call has a trouble: a device was lost, or the far side fell silent.
    MediaTrouble {
        /// The call.
        call: u32,
        /// What is wrong, for a person.
        text: String,
    },
    /// A configuration runs.
    ConfigApplied {
        /// Its generation; `None` for `agent.yaml` alone.
        generation: Option<Generation>,
        /// What changed, a line each, for a person.
        changes: Vec<String>,
        /// How long it took.
        took: Duration,
    },
    /// A configuration was refused; the one before runs on.
    ConfigRefused {
        /// Its generation, where it could be read.
        generation: Option<Generation>,
        /// Why, for a person.
        reason: String,
    },
    /// Something about a configuration deserves a look, though it runs.
    ConfigWarning {
        /// What, for a person.
        text: String,
    },
    /// An actor ended unexpectedly and is started again.
    ActorRestarted {
        /// Its name: `account/main`, `provisioning`.
        actor: String,
        /// The account, when it is an account's actor.
        account: Option<AccountId>,
        /// How it ended.
        why: String,
        /// Which restart within the window of its policy, from 1.
        attempt: u32,
        /// How long the restart waits.
        after: Duration,
    },
    /// An actor ended unexpectedly too often and stays down.
    ActorGivenUp {
        /// Its name.
        actor: String,
        /// The account, when it is an account's actor.
        account: Option<AccountId>,
        /// How it ended the last time.
        why: String,
    },
    /// The freshness statement has expired: the server, or something before it, may be holding news back.
    FreshnessLost,
    /// A current freshness statement is there again.
    FreshnessRegained,
    /// The subscriber's mailbox was full: this many events did not reach it.
    EventsMissed {
        /// How many.
        count: u64,
    },
    /// The agent hangs up, unregisters and leaves.
    ShuttingDown,
}

/// What the lamp of another line shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LampState {
    /// No call.
    Idle,
    /// It rings there.
    Ringing,
    /// A call stands.
    Busy,
}

/// Why a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallCause {
    /// This side hung up.
    HungUpHere,
    /// The far side hung up.
    HungUpThere,
    /// The caller gave up before an answer: a missed call.
    Missed,
    /// The caller gave up because somebody else answered: not missed.
    AnsweredElsewhere,
    /// This side declined.
    Declined,
    /// The far side is busy, or declined (486, 600, 603).
    Busy,
    /// The far side, or a server on the way, refused.
    Refused,
    /// Nobody answered.
    NoAnswer,
    /// No common ground for the sound, or a sound device failed.
    Media,
    /// The far side was put through to somebody else, or another call took this one's place.
    Transferred,
    /// The far side could not be reached, or stopped answering.
    Unreachable,
    /// The actor of the call or its account ended unexpectedly.
    ActorFailed,
}
