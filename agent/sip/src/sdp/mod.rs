//! SDP.
mod direction;
pub use direction::Direction;
