//! `agent.yaml`: what a desk knows by itself, with or without a server.
//!
//! Owns the file's shape, how it is read (strictly), watched and laid under the server's configuration.
//! Applies nothing itself: [`crate::provisioning`] asks it and hands the result to the agent.

mod file;
mod hooks;
mod merge;
mod watch;

pub use file::{AgentFile, AgentFileError, Control, MAX_AGENT_FILE_BYTES, Server, Switch, read};
pub use hooks::{HooksAllow, WebhookKey};
pub use merge::{Merged, merge};
pub use watch::{Touched, WatchError, Watcher};
