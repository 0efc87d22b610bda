//! The server as desks, admins and strangers meet it: real TLS, real SQLite, real signatures.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod administering;
mod command_line;
mod enrolling;
mod fleet_file;
mod lab;
mod overload;
mod pulling;
mod reporting;
mod restarting;
mod signing_in;
