//! The tests of carillon-sip that tell a story. All on virtual time: no socket, no sleep, no chance but a seed.

mod calls;
mod network;
mod registering;
mod registrar;
mod storm;
