//! TLS to one server, known by its key: what a desk, the server's own command line and the suites share.
//!
//! A pinned server needs no authority, no name and no right clock, only the key; that it holds the key is proved in the
//! handshake as ever (RFC 8446 §4.4.3). Opens no connection, and chooses no cryptography: that is the caller's.

mod pin;
mod verifier;

pub use pin::{BadPin, Pin};
pub use verifier::{PinnedServer, client_config};
