//! Old configuration and new configuration in, the smallest plan of changes out. Pure.
//!
//! The rule that everything here serves: what did not change is not touched, and a call that stands is never
//! cut by a configuration. A new password reaches a running account in place. An account whose address,
//! registrar or the like changed is replaced: the old one withdraws its registration and lives until its
//! last call ends, the new one takes over at once. Sound and port settings reach later calls only.

mod plan;

pub use plan::{Change, Plan, plan};
