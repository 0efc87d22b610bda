//! The edges to Windows: what the standard library and the runtime do not reach.
//!
//! Owns every call into the system's libraries; only here, and in `carillon-media`, does the agent leave safe Rust.
//! Each room offers what its Linux counterpart does and never knows who uses it.

#![expect(
    unsafe_code,
    reason = "the system's libraries take and give plain pointers"
)]

pub mod access;
pub mod console;
pub mod name_servers;
pub mod network;
pub mod pipe;
pub mod program_data;
pub mod program_file;
pub mod service;
pub mod text;
pub mod version;
