//! The agent on a desk: supervised SIP accounts, signed configuration, a command line.
//!
//! One configuration's way through here: [`provisioning`] verifies what the server signed, [`standalone`]
//! adds the desk's own accounts, [`reload`] plans the smallest change, [`agent`] carries it out on the
//! [`account`] actors, each of which drives one `carillon-sip` endpoint over its [`transport`] flows; a
//! [`call`] actor joins a dialog to a `carillon-media` session; [`status`] reports what came of it.
//!
//! Everything runs on one current-thread runtime. [`supervision`] restarts what ends unexpectedly.

pub mod account;
pub mod agent;
pub mod call;
pub mod cli;
pub mod command;
pub mod control;
pub mod desktop;
pub mod event;
#[cfg(any(windows, test))]
pub mod log_file;
pub mod panel;
pub mod preferred;
pub mod provisioning;
pub mod reload;
pub mod rest;
pub mod running;
#[cfg(unix)]
pub mod service_manager;
pub mod session;
pub mod standalone;
pub mod state_folder;
pub mod status;
pub mod supervision;
pub mod trace;
pub mod transport;
pub mod vault;
pub mod view;
#[cfg(windows)]
pub mod windows;
