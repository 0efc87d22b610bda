//! Offer and answer.
mod media;
pub use media::{Codec, LocalMedia, NegotiatedMedia};
