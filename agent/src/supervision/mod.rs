//! The actor tree's restart policy.
//!
//! actix restarts an actor that stops, not one that panics: the task of a panicking actor is gone and its
//! mailbox closed for good. So every child is started through [`start`], which catches what comes out of it
//! and tells the parent by [`ChildEnded`]. The parent keeps a [`Roster`], which decides by a [`Policy`]: again
//! after a back-off, or given up above an intensity (OTP's rule). What is given up is the business of the
//! parent's own parent, in the end of a person.
//!
//! A panic unwinds one actor's task only: no other actor, and no other account's call, notices. Owns no
//! actor, restarts nothing by itself, and never looks into a message.

mod panic_note;
mod policy;
mod roster;
mod start;

pub use panic_note::install_panic_hook;
pub use policy::Policy;
pub use roster::{Roster, Verdict};
pub use start::{ChildEnded, Ending, start};
