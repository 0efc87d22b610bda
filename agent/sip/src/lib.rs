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

pub mod call;
pub mod digest;
pub mod endpoint;
pub mod message;
pub mod offer;
pub mod registration;
pub mod sdp;

pub use call::{CallError, EndCause};
pub use digest::{Credential, Password};
pub use endpoint::{
    CallId, ConfigError, Counts, Endpoint, EndpointConfig, Event, FlowId, Output, PingId,
    ResolveId, Transport,
};
pub use message::{AddrSpec, Host, NameAddr, Uri};
pub use offer::{Codec, LocalMedia, NegotiatedMedia};
pub use registration::RegistrationState;
pub use sdp::Direction;
