//! What an endpoint tells its owner.

use super::interests::{MessageId, SubscriptionId};
use crate::call::{Change, EndCause, Reason, TransferOutcome};
use crate::identity::CallerFacts;
use crate::message::{NameAddr, Uri};
use crate::offer::NegotiatedMedia;
use crate::publication::PublicationState;
use crate::registration::RegistrationState;
use crate::subscription::{Notice, SubscriptionState};
use std::fmt;
use std::net::SocketAddr;

/// Names one call of one endpoint. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub(crate) u64);

impl fmt::Display for CallId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0)
    }
}

/// Names one OPTIONS ping of one endpoint. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PingId(pub(crate) u64);

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The registration is in another state, or was refreshed.
    Registration(RegistrationState),
    /// Somebody calls. The caller hears nothing until [`Endpoint::ring`](crate::Endpoint::ring) or an answer.
    IncomingCall {
        /// The new call.
        call: CallId,
        /// Who calls, as the caller claims.
        from: NameAddr,
        /// Who calls, as far as the request says and our own proxy vouches.
        facts: Box<CallerFacts>,
        /// Who is called.
        to: NameAddr,
        /// Where the request came from.
        source: SocketAddr,
        /// Whether the caller made an offer; without one, ours goes with the answer.
        offered: bool,
        /// The call whose place it takes once it is answered: a pickup, or a transfer that was attended (RFC 3891).
        replaces: Option<CallId>,
    },
    /// Somebody called past our own proxy, which alone may bring calls. They were refused; there is no call.
    CallBarred {
        /// Who called, as they claim.
        facts: Box<CallerFacts>,
    },
    /// An outgoing call goes to another target now (RFC 3261 §8.1.3.4).
    CallRedirected {
        /// The call.
        call: CallId,
        /// Where to.
        target: Uri,
    },
    /// An outgoing call got a provisional answer (180 ringing and the like).
    CallProgress {
        /// The call.
        call: CallId,
        /// Status code, 101 to 199.
        status: u16,
        /// Reason phrase.
        reason: String,
        /// Early media, when the answer carried an SDP answer.
        media: Option<NegotiatedMedia>,
    },
    /// Both sides may talk.
    CallEstablished {
        /// The call.
        call: CallId,
        /// What was agreed.
        media: NegotiatedMedia,
    },
    /// The agreed media changed: hold, resume, another address or codec.
    MediaChanged {
        /// The call.
        call: CallId,
        /// What is agreed now.
        media: NegotiatedMedia,
    },
    /// The call is held or taken back, by either side.
    HoldChanged {
        /// The call.
        call: CallId,
        /// Whether this side holds it.
        here: bool,
        /// Whether the peer holds it.
        there: bool,
    },
    /// The peer did not want what this side wanted changed; the call goes on as it was.
    ChangeRefused {
        /// The call.
        call: CallId,
        /// What was wanted.
        change: Change,
        /// The final status, when there was one.
        status: Option<u16>,
        /// Why.
        why: String,
    },
    /// The peer asks this side to call somebody else (RFC 3515). The owner says
    /// [`Endpoint::accept_transfer`](crate::Endpoint::accept_transfer) or [`Endpoint::refuse_transfer`](crate::Endpoint::refuse_transfer).
    TransferRequested {
        /// The call whose peer asks.
        call: CallId,
        /// Whom to call.
        target: Uri,
        /// Who asks, as it claims (RFC 3892).
        referred_by: Option<NameAddr>,
        /// Whether somebody talks to the target already, and is replaced.
        attended: bool,
    },
    /// How far the call is that the peer was asked to place.
    TransferProgress {
        /// The call whose peer was asked.
        call: CallId,
        /// Status code, 100 to 199.
        status: u16,
        /// Reason phrase.
        reason: String,
    },
    /// A transfer this side asked for came to its end. A call that was transferred ends after it.
    TransferEnded {
        /// The call whose peer was asked.
        call: CallId,
        /// What came of it.
        outcome: TransferOutcome,
    },
    /// The peer pressed a key, and said so by INFO.
    KeyPressed {
        /// The call.
        call: CallId,
        /// `0` to `9`, `*`, `#`, `A` to `D`.
        key: char,
    },
    /// The call is over. Nothing more comes of it.
    CallEnded {
        /// The call.
        call: CallId,
        /// Why.
        cause: EndCause,
        /// The reason the peer gave, in a BYE, a CANCEL or a final response (RFC 3326).
        reason: Option<Reason>,
    },
    /// An OPTIONS ping came to its end.
    PingEnded {
        /// The ping.
        ping: PingId,
        /// The final status, or why there is none.
        result: Result<u16, String>,
    },
    /// A subscription is in another state.
    Subscription {
        /// Which.
        subscription: SubscriptionId,
        /// Where it stands.
        state: SubscriptionState,
    },
    /// News of something watched.
    Notified {
        /// The subscription; `None` for what our own server sends without one.
        subscription: Option<SubscriptionId>,
        /// The news, whole.
        notice: Notice,
    },
    /// Our own server hints that there is another configuration to fetch. A hint, and nothing more.
    CheckSync,
    /// Our own presence, as far as its server holds it, is in another state.
    Publication(PublicationState),
    /// A short message came.
    MessageReceived {
        /// Who wrote it, as they claim.
        from: NameAddr,
        /// Where the request came from.
        source: SocketAddr,
        /// What they wrote; control characters included.
        text: String,
    },
    /// A short message came to its end.
    MessageSent {
        /// Which.
        message: MessageId,
        /// The status that took it, or why it was not taken.
        result: Result<u16, String>,
    },
    /// [`Endpoint::shutdown`](crate::Endpoint::shutdown) is done: no call, no registration, no transaction is left.
    Stopped,
}
