//! The lab: real peers, our own programs, and the instruments that judge what passed between them.
//!
//! Owns the start, the control and the clean end of every process that a suite needs (Kamailio,
//! baresip, SIPp, slapd, `carillon-server`, `carillon`), the free ports they live on, and the measurements
//! (tones in recordings, RTP streams on the wire, memory and wake-ups of a process).
//! Never links the agent or the server: they are met as programs, the way an admin meets them.

pub mod answering;
#[cfg(feature = "simulator")]
pub mod axe;
pub mod baresip;
pub mod binaries;
pub mod capture;
pub mod command_line;
pub mod crowd;
pub mod desk;
pub mod desktop;
pub mod dialling;
pub mod events;
pub mod fault;
pub mod footprint;
#[cfg(feature = "simulator")]
pub mod https;
pub mod kamailio;
pub mod name_server;
pub mod namespace;
pub mod pair;
pub mod patience;
pub mod ports;
pub mod process;
pub mod recording;
pub mod relay;
pub mod section;
pub mod server;
pub mod siege;
pub mod sipp;
pub mod slapd;
pub mod sources;
pub mod table;
pub mod tone;
pub mod wine;

pub use fault::{Fault, Outcome};
