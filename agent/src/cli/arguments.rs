//! The command line's grammar.

use std::path::PathBuf;

use carillon_media::DeviceSpec;
use carillon_schemas::AccountId;
use clap::{Parser, Subcommand, ValueEnum};

const EXIT_CODES: &str = "Exit codes:
  0  done
  1  something unexpected
  2  the command line is wrong
  3  the agent is not running
  4  the agent refused (no such call, bad target, …)
  5  the ticket is invalid or was refused
  6  the server cannot be reached or is none
  7  the configuration is invalid
  8  a sound device cannot be used

Environment:
  CARILLON_STATE  the state folder
  CARILLON_VAULT  'file' or 'keyring': where the desk's keys are kept
  CARILLON_LOG    what is logged: 'info', 'carillon_agent=debug', …";

/// Carillon: the softphone agent on a desk.
#[derive(Parser, Debug)]
#[command(name = "carillon", version, after_help = EXIT_CODES)]
pub(super) struct Arguments {
    /// The state folder.
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) state: Option<PathBuf>,
    /// Print one JSON object, errors included.
    #[arg(long, global = true)]
    pub(super) json: bool,
    #[command(subcommand)]
    pub(super) verb: Verb,
}

#[derive(Subcommand, Debug)]
pub(super) enum Verb {
    /// Run the agent until it is told to end.
    Run {
        /// The desk's own settings and accounts [default: agent.yaml in the state folder].
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// As the machine's service, before anybody logs on; sound is left to 'carillon session'.
        #[arg(long)]
        service: bool,
    },
    /// Lend the machine's service the sound of this session, until it ends. Needs no rights of its own.
    #[cfg(unix)]
    Session {
        /// The service's socket [default: $CARILLON_SOCKET, else /run/carillon/control.sock].
        #[arg(long, value_name = "PATH")]
        socket: Option<PathBuf>,
        /// The microphone, whatever the configuration names: a name, 'default', tone:440, wav:FILE or null.
        #[arg(long, value_name = "DEVICE")]
        input: Option<DeviceSpec>,
        /// The loudspeaker.
        #[arg(long, value_name = "DEVICE")]
        output: Option<DeviceSpec>,
    },
    /// Enrol this desk with a server, by the ticket the admin gave.
    Enrol {
        /// The ticket; '-' reads it from standard input, where no process list shows it.
        ticket: String,
        /// Give up the identity that the desk has.
        #[arg(long)]
        replace: bool,
    },
    /// Show how the agent stands.
    Status,
    /// Show the accounts, or start one anew.
    Accounts {
        #[command(subcommand)]
        verb: Option<AccountsVerb>,
    },
    /// Call someone.
    Dial {
        /// A number, a name, user@host, an IP address, or a sip: or tel: URI.
        target: String,
        /// On this account.
        #[arg(long, value_name = "ID")]
        account: Option<AccountId>,
        /// Wait until the call is answered, or is over.
        #[arg(long)]
        wait: bool,
    },
    /// Take an incoming call.
    Answer {
        /// Its number [default: the one that has waited longest].
        call: Option<u32>,
    },
    /// End a call.
    Hangup {
        /// Its number [default: all].
        call: Option<u32>,
    },
    /// Hold a call.
    Hold {
        /// Its number [default: the only one].
        call: Option<u32>,
    },
    /// Take a call off hold.
    Resume {
        /// Its number [default: the only one].
        call: Option<u32>,
    },
    /// Put the far side of a call through to somebody else.
    Transfer {
        /// A number, a name, user@host, an IP address, or a sip: or tel: URI.
        #[arg(required_unless_present = "attended")]
        target: Option<String>,
        /// To the far side of this call, which ends with it.
        #[arg(long, value_name = "CALL", conflicts_with = "target")]
        attended: Option<u32>,
        /// The call's number [default: the only one].
        #[arg(long)]
        call: Option<u32>,
        /// Wait until the target answered, or did not.
        #[arg(long)]
        wait: bool,
    },
    /// Press keys in a call.
    Dtmf {
        /// 0 to 9, *, #, A to D; '-' reads them from standard input.
        digits: String,
        /// The call's number [default: the only one].
        #[arg(long)]
        call: Option<u32>,
    },
    /// Let no call ring, or let them ring again. Without a word, show it. Lasts until the agent ends.
    Dnd {
        /// On or off.
        switch: Option<Switch>,
        /// On this account [default: all].
        #[arg(long, value_name = "ID")]
        account: Option<AccountId>,
    },
    /// Send calls elsewhere. Without a word, show where they go. Lasts until the agent ends.
    Forward {
        /// Which calls.
        #[arg(requires = "target")]
        which: Option<Which>,
        /// Where to, or 'off'.
        target: Option<String>,
        /// On this account [default: all].
        #[arg(long, value_name = "ID")]
        account: Option<AccountId>,
    },
    /// Send a short message, and wait until it is taken.
    Message {
        /// A number, a name, user@host or a sip: URI.
        target: String,
        /// What to say; '-' reads it from standard input.
        text: String,
        /// On this account.
        #[arg(long, value_name = "ID")]
        account: Option<AccountId>,
    },
    /// Show the last messages on the wire, without their secrets.
    Trace {
        /// Of this account only.
        #[arg(long, value_name = "ID")]
        account: Option<AccountId>,
        /// Write them to a capture file for a network analyser.
        #[arg(long, value_name = "FILE")]
        pcap: Option<PathBuf>,
    },
    /// List the sound devices.
    Devices,
}

/// A switch.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// Which calls go elsewhere.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// Every call.
    Always,
    /// A call that finds the account busy.
    Busy,
    /// A call that nobody answers.
    NoAnswer,
}

#[derive(Subcommand, Debug)]
pub(super) enum AccountsVerb {
    /// Start an account anew, also one that was given up. Its calls end.
    Restart {
        /// Its id.
        account: AccountId,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_grammar_holds_together() {
        Arguments::command().debug_assert();
        let parsed =
            Arguments::try_parse_from(["carillon", "dial", "1002", "--account", "main", "--json"]);
        assert!(parsed.unwrap().json);
        assert!(
            Arguments::try_parse_from(["carillon", "dial", "1002", "--account", "A B"]).is_err()
        );
    }
}
