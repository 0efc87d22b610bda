//! `carillon`: the agent and its command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    carillon_agent::cli::main()
}
