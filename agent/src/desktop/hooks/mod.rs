//! Hooks: programs run, addresses opened and facts posted when something happens on the desk.
//!
//! Owns the translation of the agent's events into the words of hooks ([`News`]), what stands in a token's place and
//! how a stranger's text is made harmless there ([`Facts`]), and the bounded, supervised carrying out of it. A hook
//! never delays a call: the actor hears of events by a mailbox that the root never waits for. It decides neither which
//! hooks may run ([`crate::standalone`] does) nor anything about calls, and no shell is ever asked.

mod actor;
mod facts;
mod failures;
mod lane;
mod news;
mod opener;
mod program;
mod template;
mod webhook;

pub use actor::{Assignment, Hooks, Setup};
pub use facts::{Facts, FarSide, OwnSide};
pub use news::{News, Occurrence};
pub use webhook::SIGNATURE;
