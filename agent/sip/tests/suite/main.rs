//! The tests of carillon-sip that tell a story. All on virtual time: no socket, no sleep, no chance but a seed.

mod authenticating;
mod by_hand;
mod calls;
mod digests;
mod forks;
mod messages;
mod negotiation;
mod network;
mod oracle;
mod registering;
mod registrar;
mod requests;
mod storm;
mod within;
