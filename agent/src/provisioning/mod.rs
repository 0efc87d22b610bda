//! The link to the server: enrol, pull, verify, keep the last good, hold the desk's keys.
//!
//! One document's way through here: [`link`] brings bytes that nobody believes, [`verify`] believes them or
//! says why not, [`good`] keeps them, [`actor`] hands them to the agent (laid over `agent.yaml`) and shows on
//! the [`board`] how things stand. Whatever fails, the last good configuration runs on.
//!
//! Never speaks SIP, never decides what a changed configuration means for a call: that is `reload`'s part.

pub mod actor;
mod backoff;
pub mod board;
pub mod clock;
mod desk;
pub mod enrol;
pub mod good;
mod hint;
mod host;
pub mod http;
mod http_date;
pub mod identity;
pub mod keys;
pub mod link;
mod poll;
mod preseed;
pub mod seen;
pub mod ticket_file;
pub mod tls;
pub mod trust;
pub mod verify;

pub use actor::{Enrol, Provisioning, Setup};
pub use backoff::Backoff;
pub use board::{LinkBoard, LinkState, LinkView};
pub use enrol::{EnrolError, Enrolled, enrol};
pub use host::info as host_info;
pub use ticket_file::TicketFile;
pub use verify::Verified;
