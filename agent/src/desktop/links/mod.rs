//! Links clicked on web pages: anybody's, so they only ask.
//!
//! Owns what may be read from a link and the book of links that wait for a person's word. Calls nobody: the
//! agent does, when it was allowed.

mod asks;
mod reading;

pub use asks::{Ask, Asks, EXPIRES, MAX_ASKS, Outcome};
pub use reading::{LinkError, Offer, read};
