//! Offer and answer for one audio stream (RFC 3264, RFC 6337). Owns what this side offers and what is agreed.
//! Never knows which SIP message carries a description.

mod media;
mod session;

pub use media::{Codec, LocalMedia, NegotiatedMedia};
pub(crate) use session::has_audio;
pub use session::{MediaSession, Refusal};
