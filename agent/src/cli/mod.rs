//! What a person types: the verbs, what they print, and how the program ends.
//!
//! MicroSIP's switches are put into the same words first (`switches`). Most verbs talk to the running agent over its local
//! API; `run` is the agent, `devices` and `enrol` work without one. Output is for people, or with `--json` one object for programs; errors go to stderr.

mod arguments;
mod calls;
mod client;
mod contacts;
mod devices;
mod doors;
mod enrol;
mod examples;
mod exit;
mod features;
mod history;
mod import;
mod links;
mod open;
mod print;
mod run;
#[cfg(windows)]
mod service;
mod session;
mod show;
mod sound;
mod stop;
mod switches;
mod trace;
mod watch;
mod way;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory as _, Parser as _};

use arguments::{AccountsVerb, Arguments, Verb};
use exit::{Exit, Failure};
use switches::{Translated, translate};

use crate::control::TransferBody;
use crate::session::part::Devices;
use crate::state_folder::default_path;

/// Reads the command line, does what it says, and tells how it went.
pub fn main() -> ExitCode {
    // Started by a click or at log-on, it shall leave no window standing.
    #[cfg(windows)]
    crate::windows::console::leave_own();
    let program: Vec<OsString> = std::env::args_os().take(1).collect();
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let lines = match lines_of(&words) {
        Ok(lines) => lines,
        Err(failure) => {
            failure.print(words.iter().any(|word| word == "--json"));
            return failure.exit.into();
        }
    };
    for words in lines {
        let arguments = match Arguments::try_parse_from(program.iter().cloned().chain(words)) {
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
        if let Err(failure) = carry_out(arguments) {
            failure.print(json);
            return failure.exit.into();
        }
    }
    ExitCode::SUCCESS
}

/// The command lines that the words come to: one, or several when they are MicroSIP's.
fn lines_of(words: &[OsString]) -> Result<Vec<Vec<OsString>>, Failure> {
    let texts: Option<Vec<String>> = words
        .iter()
        .map(|word| word.to_str().map(str::to_owned))
        .collect();
    // What is no text can only be a path.
    let Some(texts) = texts else {
        return Ok(vec![words.to_vec()]);
    };
    let grammar = Arguments::command();
    let is_verb = |word: &str| word == "help" || grammar.find_subcommand(word).is_some();
    match translate(&texts, is_verb) {
        Ok(Translated::Ours) => Ok(vec![words.to_vec()]),
        Ok(Translated::Lines(lines)) => Ok(lines
            .into_iter()
            .map(|line| line.into_iter().map(OsString::from).collect())
            .collect()),
        Ok(Translated::Nothing(why)) => {
            print::line(why);
            Ok(Vec::new())
        }
        Err(why) => Err(Failure::new(Exit::Usage, "usage", why)),
    }
}

/// The grammar of the command line, from which manual pages and completions are written.
pub fn grammar() -> clap::Command {
    Arguments::command()
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
        Verb::Run {
            config,
            service,
            if_needed,
        } => run::run(&state()?, config, run::How { service, if_needed }),
        #[cfg(windows)]
        Verb::Service { verb } => service::carry_out(arguments.state.clone(), verb),
        Verb::Session {
            socket,
            input,
            output,
        } => session::session(socket, Devices { input, output }),
        Verb::Stop => stop::stop(&state()?, json),
        Verb::Enrol { ticket, replace } => enrol::enrol(&state()?, ticket, replace, json),
        Verb::Status => show::status(&state()?, json),
        Verb::Accounts { verb: None } => show::accounts(&state()?, json),
        Verb::Accounts {
            verb: Some(AccountsVerb::Restart { account }),
        } => show::restart_account(&state()?, &account, json),
        Verb::Accounts {
            verb: Some(AccountsVerb::Use { account }),
        } => show::use_account(&state()?, &account, json),
        Verb::Dial {
            target,
            account,
            wait,
        } => calls::dial(&state()?, target, account, wait, json),
        Verb::Answer { call, wait } => calls::answer(&state()?, call, wait, json),
        Verb::Hangup { call, kind, wait } => calls::hangup(&state()?, call, kind, wait, json),
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
        Verb::Conference { calls, end } => sound::conference(&state()?, &calls, end, json),
        Verb::Mute { call } => sound::mute(&state()?, call, true, json),
        Verb::Unmute { call } => sound::mute(&state()?, call, false, json),
        Verb::Volume { input, output } => sound::volume(&state()?, input, output, json),
        Verb::Record { switch, call, path } => sound::record(&state()?, switch, call, path, json),
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
        Verb::Contacts {
            search,
            limit,
            verb,
        } => contacts::contacts(&state()?, search, limit, verb, json),
        Verb::Import(asked) => import::import(state, &asked, json),
        Verb::History(asked) => history::history(&state()?, asked, json),
        Verb::Devices {
            input: None,
            output: None,
            ring: None,
        } => devices::list(json),
        Verb::Devices {
            input,
            output,
            ring,
        } => sound::choose_devices(&state()?, input, output, ring, json),
        Verb::Watch { until, timeout } => {
            let timeout = timeout.map(Duration::from_secs);
            watch::watch(&state()?, until.as_deref(), timeout, json)
        }
        Verb::Open { print } => open::open(&state()?, print, json),
        Verb::Link { list: true, .. } => links::list(&state()?, json),
        Verb::Link {
            allow: Some(id), ..
        } => links::settle(&state()?, id, true, json),
        Verb::Link { deny: Some(id), .. } => links::settle(&state()?, id, false, json),
        Verb::Link { link, wait, .. } => {
            links::ask(&state()?, &link.unwrap_or_default(), wait, json)
        }
        Verb::Trace { account, pcap } => trace::trace(&state()?, account.as_ref(), pcap, json),
    }
}
