//! What a person types: the verbs, what they print, and how the program ends.
//!
//! Most verbs talk to the running agent over its local API; `run` is the agent, `devices` and `enrol` work
//! without one. Output is for people, or with `--json` one object for programs; errors go to stderr.

mod arguments;
mod calls;
mod client;
mod devices;
mod doors;
mod enrol;
mod exit;
mod features;
mod print;
mod run;
#[cfg(unix)]
mod session;
mod show;
mod trace;
mod way;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser as _;

use arguments::{AccountsVerb, Arguments, Verb};
use exit::{Exit, Failure};

use crate::control::TransferBody;
#[cfg(unix)]
use crate::session::part::Devices;
use crate::state_folder::default_path;

/// Reads the command line, does what it says, and tells how it went.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Nothing can be done about a closed stderr.
            let _ = error.print();
            return if error.use_stderr() {
                Exit::Usage.into()
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    let json = arguments.json;
    match carry_out(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print(json);
            failure.exit.into()
        }
    }
}

fn carry_out(arguments: Arguments) -> Result<(), Failure> {
    let json = arguments.json;
    let state = || -> Result<PathBuf, Failure> {
        arguments
            .state
            .clone()
            .or_else(default_path)
            .ok_or_else(|| {
                let what = "there is no home for the state folder; name one with --state";
                Failure::new(Exit::Usage, "no-state-folder", what)
            })
    };
    match arguments.verb {
        Verb::Run { config, service } => run::run(&state()?, config, service),
        #[cfg(unix)]
        Verb::Session {
            socket,
            input,
            output,
        } => session::session(socket, Devices { input, output }),
        Verb::Enrol { ticket, replace } => enrol::enrol(&state()?, ticket, replace, json),
        Verb::Status => show::status(&state()?, json),
        Verb::Accounts { verb: None } => show::accounts(&state()?, json),
        Verb::Accounts {
            verb: Some(AccountsVerb::Restart { account }),
        } => show::restart_account(&state()?, &account, json),
        Verb::Dial {
            target,
            account,
            wait,
        } => calls::dial(&state()?, target, account, wait, json),
        Verb::Answer { call } => calls::answer(&state()?, call, json),
        Verb::Hangup { call } => calls::hangup(&state()?, call, json),
        Verb::Hold { call } => calls::hold(&state()?, call, true, json),
        Verb::Resume { call } => calls::hold(&state()?, call, false, json),
        Verb::Transfer {
            target,
            attended,
            call,
            wait,
        } => {
            let to = match (target, attended) {
                (_, Some(other)) => TransferBody::Call(other),
                (target, None) => TransferBody::Target(target.unwrap_or_default()),
            };
            calls::transfer(&state()?, &to, call, wait, json)
        }
        Verb::Dtmf { digits, call } => calls::dtmf(&state()?, digits, call, json),
        Verb::Dnd { switch, account } => features::dnd(&state()?, switch, account, json),
        Verb::Forward {
            which,
            target,
            account,
        } => features::forward(&state()?, which, target, account, json),
        Verb::Message {
            target,
            text,
            account,
        } => features::message(&state()?, target, text, account, json),
        Verb::Devices => devices::list(json),
        Verb::Trace { account, pcap } => trace::trace(&state()?, account.as_ref(), pcap, json),
    }
}
