//! What an endpoint tells its owner.

use crate::call::EndCause;
use crate::message::NameAddr;
use crate::offer::NegotiatedMedia;
use crate::registration::RegistrationState;
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
#[expect(
    clippy::large_enum_variant,
    reason = "moved twice, a few times per call"
)]
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
    /// [`Endpoint::shutdown`](crate::Endpoint::shutdown) is done: no call, no registration, no transaction is left.
    Stopped,
}
