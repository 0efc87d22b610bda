//! The tests of carillon-sip that tell a story. All on virtual time: no socket, no sleep, no chance but a seed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod authenticating;
mod bindings;
mod by_hand;
mod calls;
mod digests;
mod disagreements;
mod early;
mod failover;
mod flows;
mod forks;
mod framing;
mod fuzzing;
mod holding;
mod limits;
mod messages;
mod multipart;
mod negotiation;
mod network;
mod oracle;
mod publishing;
mod redirects;
mod registering;
mod registrar;
mod requests;
mod rfc4475_invalid;
mod rfc4475_semantics;
mod rfc4475_valid;
mod rfc5118;
mod scrubbing;
mod storm;
mod strangers;
mod timers;
mod torture;
mod transfers;
mod transports;
mod watching;
mod wires;
mod within;
