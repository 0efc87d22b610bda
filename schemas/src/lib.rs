//! Every document that crosses Carillon's wire, and nothing else.
//!
//! Owns the shape of what an admin writes ([`fleet_file`]), what the server signs ([`config`], [`trust`]),
//! how it is wrapped ([`envelope`]), and what desk and server say to each other ([`enrolment`], [`desk_token`],
//! [`status`], [`order`], [`problem`]). It holds no key, opens no socket and touches no file.
//!
//! Two ways to read: what an admin writes goes through [`strict`], which refuses an unknown key and names the
//! nearest known one; what a newer peer sends goes through plain serde, which ignores what it does not know.

mod accept_from;
pub mod config;
pub mod connection;
pub mod contact;
pub mod desk_token;
pub mod dial_rule;
pub mod directory;
pub mod enrolment;
pub mod envelope;
pub mod features;
pub mod fleet_file;
pub mod history;
pub mod hook;
pub mod hook_template;
pub mod identifier;
#[cfg(feature = "json-schema")]
pub mod json_schema;
pub mod ldap_filter;
pub mod links;
pub mod location;
pub mod media;
pub mod order;
pub mod phonebook;
pub mod problem;
pub mod secret;
pub mod sip_address;
pub mod status;
pub mod strict;
pub mod ticket;
pub mod timestamp;
pub mod trust;

pub use config::{Account, DeskConfig};
pub use envelope::Envelope;
pub use identifier::{AccountId, DeskId, Generation, KeyId};
pub use problem::Problem;
pub use secret::{SealedSecret, Secret};
pub use sip_address::SipAddress;
pub use ticket::Ticket;
pub use timestamp::Timestamp;
