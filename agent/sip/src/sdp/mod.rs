//! Session descriptions: parse and print (RFC 8866). Owns text and types; never decides what is agreed (see [`crate::offer`]).

mod description;
mod direction;
mod parse;
mod print;

pub use description::{Attribute, Media, Origin, SessionDescription};
pub use direction::Direction;
pub use parse::{MAX_ATTRIBUTES, MAX_FORMATS, MAX_LINES, MAX_MEDIA, SdpError};
