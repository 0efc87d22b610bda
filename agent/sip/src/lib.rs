//! SIP user agent core, sans-IO.
//!
//! [`Endpoint`] is the state machine of one SIP account: bytes, commands and the time go in, [`Output`]s come out.
//! It owns no socket, no clock, no thread and no randomness but a seed, so a test drives thousands of calls in a second.
//!
//! The types that matter:
//! - [`EndpointConfig`]: who the account is;
//! - [`Endpoint`]: commands, `receive`, `poll_output`, `next_wake`;
//! - [`Output`]: what the driver must do next, [`Event`] among it;
//! - [`LocalMedia`] and [`NegotiatedMedia`]: what is offered and what was agreed, all a media engine needs of SDP.
//!
//! ```
//! use carillon_sip::{Codec, Direction, Endpoint, EndpointConfig, LocalMedia, Output};
//! use std::time::Instant;
//!
//! let mut alice = Endpoint::new(EndpointConfig::new("sip:alice@192.0.2.1".parse()?), 1)?;
//! let media = LocalMedia {
//!     addr: "192.0.2.1:4000".parse()?,
//!     codecs: vec![Codec::pcma(), Codec::pcmu(), Codec::telephone_event()],
//!     ptime_ms: 20,
//!     direction: Direction::SendRecv,
//! };
//! let now = Instant::now();
//! alice.call(now, "sip:bob@192.0.2.2", media)?;
//!
//! // The driver does what the endpoint asks for: first a flow, then a datagram on it.
//! let Some(Output::Open { flow, .. }) = alice.poll_output(now) else { panic!("a flow is wanted first") };
//! alice.flow_opened(now, flow, "192.0.2.1:5060".parse()?);
//! let Some(Output::Transmit { to, bytes, .. }) = alice.poll_output(now) else { panic!("then the INVITE goes out") };
//! assert_eq!(to, "192.0.2.2:5060".parse()?);
//! assert!(bytes.starts_with(b"INVITE sip:bob@192.0.2.2 SIP/2.0\r\n"));
//! // Without an answer it will be sent again in half a second.
//! assert_eq!((alice.next_wake().unwrap() - now).as_millis(), 500);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod call;
mod dialog;
pub mod digest;
pub mod endpoint;
pub mod identity;
pub mod locate;
pub mod message;
pub mod offer;
pub mod pager;
pub mod publication;
mod random;
pub mod registration;
pub mod sdp;
pub mod subscription;
pub mod transaction;

pub use call::{CallError, Change, EndCause, Reason, Replaces, TransferOutcome};
pub use digest::{Credential, Password};
pub use endpoint::{
    CallId, ConfigError, Counts, Endpoint, EndpointConfig, Event, FlowId, KeepAlive, MessageId,
    Output, PingId, ResolveId, StrangerRate, SubscriptionId, TransferPolicy, Transport,
};
pub use identity::{CallOptions, CallerFacts};
pub use locate::{Answer, LookupError, Question, Record, RecordKind};
pub use message::{AddrSpec, Host, NameAddr, Uri};
pub use offer::{Codec, LocalMedia, NegotiatedMedia};
pub use publication::PublicationState;
pub use registration::{Binding, RegistrationState};
pub use sdp::Direction;
pub use subscription::{Notice, Package, Presence, SubscribeError, SubscriptionState};
