//! The tests of carillon-sip that tell a story. All on virtual time: no socket, no sleep, no chance but a seed.

mod calls;
mod digests;
mod messages;
mod negotiation;
mod network;
mod oracle;
mod registering;
mod registrar;
mod scripted;
mod storm;
