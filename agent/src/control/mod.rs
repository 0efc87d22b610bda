//! The local API: HTTP and JSON on loopback and on a Unix socket or named pipe, for the command line, panels and integrations.
//!
//! Owns `control.json` (where it listens, and the token that opens it, mode 0600), the socket, whose callers the
//! system names, the guard against other users of the machine and against web pages (threats B), and the limits of
//! what a caller may take up.
//! Carries out nothing itself: it asks the agent and provisioning.

mod address;
mod api;
mod asked;
mod contacts;
mod entrance;
mod events;
mod guard;
mod history;
mod levels;
mod links;
mod openapi;
mod panel;
#[cfg(windows)]
mod pipe;
mod port;
mod quality;
mod query;
mod server;
mod session;
#[cfg(unix)]
mod socket;
mod sound;
mod visitors;

pub use crate::command::Linked;
pub use address::ControlAddress;
pub use asked::{
    DtmfBody, EnrolBody, FeaturesBody, HangupBody, MessageBody, PlaceBody, TransferBody,
};
pub use contacts::ContactBody;
pub use events::{Happening, happening};
pub use links::{LinkBody, SettleBody};
pub use port::{AgentPort, DeskView};
pub use server::{Control, SOCKET, Setup};
pub use sound::{ConferenceBody, DevicesBody, MuteBody, RecordBody, VolumeBody};
pub use visitors::Visitors;
