//! The desk's link to its server and its local API: attacks, faults and edits, carried out on the real parts
//! against a server that a test can make misbehave.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot set its stage fails by it"
)]

mod attacks;
mod control;
mod desk;
mod edits;
mod faults;
mod forge;
mod panel;
mod preseed;
mod reports;
mod server;
mod turns;
