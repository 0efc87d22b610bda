//! A machine-wide service holds identity and link; what belongs to a logged-on user is done by their session part.
//!
//! Owns both ends of that: [`SessionParts`] in the service, which leads a call's sound to the right session, and
//! [`part`], the program in the session that opens the user's sound devices while a call needs them. What crosses is
//! in [`frame`]; how a part is let in is `control`'s business.

pub mod frame;
pub mod part;
mod parts;
mod place;
mod sound;

pub use parts::{Attached, MAX_PARTS, SessionParts, Troubles};
pub use place::SessionPlace;
