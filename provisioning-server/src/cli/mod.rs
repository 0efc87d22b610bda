//! The command line: `carillon-server --data DIR VERB`.
//!
//! `init` and `serve` work on the data folder themselves; every other verb asks the running server through its admin
//! API, with the token of the data folder. Passwords come from files or standard input, never as arguments.

mod account;
mod admin;
mod client;
mod desk;
mod failure;
mod fleet;
mod init;
mod password_source;
mod serve;
mod span;
mod ticket;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::data_folder::DataFolder;
use client::Client;
pub use failure::Failure;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed, or refused by the server
  2  the command line is not right
  3  the server is not running, or does not answer
  4  no such desk, account, ticket or token
  5  a file or a setting is not right; nothing was changed";

/// The provisioning server of a Carillon fleet.
#[derive(Parser)]
#[command(name = "carillon-server", version, after_help = EXIT_CODES)]
pub struct Arguments {
    /// The data folder
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        default_value = "carillon-data"
    )]
    data: PathBuf,
    /// Answer in JSON, errors too
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Found a fleet: keys, database, first admin
    Init(init::Init),
    /// Serve desks and admins until SIGTERM or Ctrl-C
    Serve(serve::Serve),
    /// Tickets, with which desks enrol
    #[command(subcommand)]
    Ticket(ticket::Ticket),
    /// Desks
    #[command(subcommand)]
    Desk(desk::Desk),
    /// The SIP accounts of a desk
    #[command(subcommand)]
    Account(account::Account),
    /// Lay a fleet.yaml over the fleet; deletions are shown first
    Apply(fleet::Apply),
    /// Print the fleet as fleet.yaml, without passwords
    Export,
    /// Who may administer
    #[command(subcommand)]
    Admin(admin::Admin),
}

/// Reads the command line, does what it says, and tells the exit code.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let json = arguments.json;
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return Failure::failed(format!("cannot start: {error}")).tell(json),
    };
    match runtime.block_on(run(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(json),
    }
}

/// The grammar of the command line, from which manual pages and completions are written.
pub fn grammar() -> clap::Command {
    Arguments::command()
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let data = DataFolder::new(arguments.data);
    let json = arguments.json;
    match arguments.verb {
        Verb::Init(verb) => verb.run(&data, json).await,
        Verb::Serve(verb) => verb.run(data).await,
        Verb::Ticket(verb) => verb.run(&Client::connect(&data)?, json).await,
        Verb::Desk(verb) => verb.run(&Client::connect(&data)?, json).await,
        Verb::Account(verb) => verb.run(&Client::connect(&data)?, json).await,
        Verb::Apply(verb) => verb.run(&Client::connect(&data)?, json).await,
        Verb::Export => fleet::export(&Client::connect(&data)?, json).await,
        Verb::Admin(verb) => verb.run(&Client::connect(&data)?, json).await,
    }
}

/// Prints an answer: as it came with `--json`, else for a person.
fn print(json: bool, answer: &serde_json::Value, person: impl FnOnce() -> String) {
    let text = if json { answer.to_string() } else { person() };
    if !text.is_empty() {
        say(&text);
    }
}

/// Writes to standard output; a reader that has gone is no error.
fn say(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
}
