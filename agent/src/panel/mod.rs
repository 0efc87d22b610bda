//! The desk's panel: a page that the agent serves to its own user, on the loopback address of the local API.
//!
//! Owns the files of the page, the headers they go out with, and who is signed in. The page does all its work
//! through the local API; nothing here knows a call. It never serves anything that is not in the program.

mod files;
mod sessions;

pub use files::{PanelFile, file, guarded};
pub use sessions::{Entry, Presence, Sessions};
