//! What an endpoint tells its owner.

use super::interests::{MessageId, SubscriptionId};
use crate::call::EndCause;
use crate::message::NameAddr;
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
        /// Who is called.
        to: NameAddr,
        /// Where the request came from.
        source: SocketAddr,
        /// Whether the caller made an offer; without one, ours goes with the answer.
        offered: bool,
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
    /// The call is over. Nothing more comes of it.
    CallEnded {
        /// The call.
        call: CallId,
        /// Why.
        cause: EndCause,
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
