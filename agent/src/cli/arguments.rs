//! The command line's grammar.

use std::path::PathBuf;

use carillon_media::DeviceSpec;
use carillon_schemas::AccountId;
use clap::{Args, Parser, Subcommand, ValueEnum};

use super::examples as shown;

/// Carillon: the softphone agent on a desk.
#[derive(Parser, Debug)]
#[command(name = "carillon", version, after_help = shown::WHOLE)]
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
    #[command(after_help = shown::RUN)]
    Run {
        /// The desk's own settings and accounts [default: agent.yaml in the state folder].
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// As the machine's service, before anybody logs on; sound is left to 'carillon session'.
        #[arg(long)]
        service: bool,
        /// Be content when an agent runs already: for a start at log-on.
        #[arg(long)]
        if_needed: bool,
    },
    /// Lend the machine's service the sound of this session, until it ends. Needs no rights of its own.
    Session {
        /// The service's socket [default: $CARILLON_SOCKET, else /run/carillon/control.sock, or the pipe Carillon].
        #[arg(long, value_name = "PATH")]
        socket: Option<PathBuf>,
        /// The microphone, whatever the configuration names: a name, 'default', tone:440, wav:FILE or null.
        #[arg(long, value_name = "DEVICE")]
        input: Option<DeviceSpec>,
        /// The loudspeaker.
        #[arg(long, value_name = "DEVICE")]
        output: Option<DeviceSpec>,
    },
    /// End the running agent: it hangs up, unregisters and leaves.
    Stop,
    /// The agent as a Windows service: it runs before anyone logs on.
    #[cfg(windows)]
    Service {
        #[command(subcommand)]
        verb: ServiceVerb,
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
    /// Show the accounts, choose the one to call on, or start one anew.
    #[command(after_help = shown::ACCOUNTS)]
    Accounts {
        #[command(subcommand)]
        verb: Option<AccountsVerb>,
    },
    /// Call someone.
    #[command(after_help = shown::DIAL)]
    Dial {
        /// A number as people write it, a name, user@host, an IP address, or a sip:, tel: or callto: URI.
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
        /// Wait until it stands.
        #[arg(long)]
        wait: bool,
    },
    /// End calls.
    #[command(after_help = shown::HANGUP)]
    Hangup {
        /// Its number [default: all].
        call: Option<u32>,
        #[command(flatten)]
        kind: HangupKind,
        /// Wait until they are over.
        #[arg(long)]
        wait: bool,
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
    #[command(after_help = shown::TRANSFER)]
    Transfer {
        /// A number as people write it, a name, user@host, an IP address, or a sip: or tel: URI.
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
    /// Join calls, so that all hear each other, or part them again.
    #[command(after_help = shown::CONFERENCE)]
    Conference {
        /// Their numbers [default: all that stand].
        calls: Vec<u32>,
        /// Part them: each call stands for itself again.
        #[arg(long, conflicts_with = "calls")]
        end: bool,
    },
    /// Press keys in a call.
    #[command(after_help = shown::DTMF)]
    Dtmf {
        /// 0 to 9, *, #, A to D; '-' reads them from standard input, where no process list shows a PIN.
        digits: String,
        /// The call's number [default: the only one].
        #[arg(long)]
        call: Option<u32>,
    },
    /// Let a call hear nothing from here.
    Mute {
        /// Its number [default: the only one].
        call: Option<u32>,
    },
    /// Let a call hear this side again.
    Unmute {
        /// Its number [default: the only one].
        call: Option<u32>,
    },
    /// Show or set how loud the microphone and the speaker are.
    #[command(after_help = shown::VOLUME)]
    Volume {
        /// The microphone, in percent, 0 to 200; +N and -N go from where it is.
        #[arg(long, value_name = "PERCENT", allow_hyphen_values = true)]
        input: Option<Level>,
        /// The speaker, likewise.
        #[arg(long, value_name = "PERCENT", allow_hyphen_values = true)]
        output: Option<Level>,
    },
    /// Record a call to a file, or stop it.
    #[command(after_help = shown::RECORD)]
    Record {
        /// On or off.
        #[arg(default_value = "on")]
        switch: Switch,
        /// The call's number [default: the only one].
        #[arg(long)]
        call: Option<u32>,
        /// The file [default: the agent chooses one, and says which].
        #[arg(long, value_name = "FILE")]
        path: Option<PathBuf>,
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
    #[command(after_help = shown::FORWARD)]
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
    /// Find a contact; add or remove one of this desk.
    #[command(args_conflicts_with_subcommands = true, after_help = shown::CONTACTS)]
    Contacts {
        /// A part of the name or number [default: everybody].
        search: Option<String>,
        /// The most that are shown.
        #[arg(long, default_value_t = 100)]
        limit: usize,
        #[command(subcommand)]
        verb: Option<super::contacts::ContactsVerb>,
    },
    /// Show calls and messages, newest first; forget or export them.
    #[command(after_help = shown::HISTORY)]
    History(super::history::HistoryArguments),
    /// Move over from MicroSIP: write agent.yaml from its settings, or fleet.yaml from many.
    #[command(after_help = shown::IMPORT)]
    Import(super::import::ImportArguments),
    /// List the sound devices, or choose among them until the agent ends.
    #[command(after_help = shown::DEVICES)]
    Devices {
        /// The microphone: a name or id, 'default', 'null', 'tone:440' or 'wav:FILE'.
        #[arg(long, value_name = "DEVICE")]
        input: Option<String>,
        /// The speaker.
        #[arg(long, value_name = "DEVICE")]
        output: Option<String>,
        /// Where it rings.
        #[arg(long, value_name = "DEVICE")]
        ring: Option<String>,
    },
    /// Tell what happens, as it happens, until Ctrl-C.
    #[command(after_help = shown::WATCH)]
    Watch {
        /// End after the first event of this name.
        #[arg(long, value_name = "EVENT")]
        until: Option<String>,
        /// Give up after so long.
        #[arg(long, value_name = "SECONDS")]
        timeout: Option<u64>,
    },
    /// Open the panel in the browser.
    Open {
        /// Only print its address, which lets in whoever uses it first.
        #[arg(long)]
        print: bool,
    },
    /// Hand over a link from a web page: it asks, unless the configuration lets it dial.
    #[command(after_help = shown::LINK)]
    Link {
        /// A sip:, sips:, tel: or callto: URI.
        #[arg(required_unless_present_any = ["list", "allow", "deny"])]
        link: Option<String>,
        /// Show what is asked.
        #[arg(long, conflicts_with_all = ["link", "allow", "deny"])]
        list: bool,
        /// Place the call that is asked for.
        #[arg(long, value_name = "ID", conflicts_with_all = ["link", "deny"])]
        allow: Option<u32>,
        /// Do not place it.
        #[arg(long, value_name = "ID", conflicts_with = "link")]
        deny: Option<u32>,
        /// Wait until somebody decides.
        #[arg(long, requires = "link")]
        wait: bool,
    },
}

/// Which calls end.
#[derive(Args, Debug, Clone, Copy)]
#[group(multiple = false)]
pub(super) struct HangupKind {
    /// Every call.
    #[arg(long, conflicts_with = "call")]
    pub(super) all: bool,
    /// Those that ring here.
    #[arg(long, conflicts_with = "call")]
    pub(super) incoming: bool,
    /// Those that ring elsewhere.
    #[arg(long, conflicts_with = "call")]
    pub(super) calling: bool,
}

#[cfg(windows)]
#[derive(Subcommand, Debug)]
pub(super) enum ServiceVerb {
    /// Be the service; the service manager alone can start this.
    Run,
    /// Register the service with the service manager.
    Install,
    /// Stop the service and take its registration away.
    Uninstall,
    /// Prove that this version can take over here, as installers do before they touch anything.
    Check {
        /// The agent.yaml that is to be put in place.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// The version before is about to be taken away, and must not take the state with it.
        #[arg(long)]
        upgrade: bool,
    },
    /// Make the service's state folder, as installers do.
    Prepare {
        /// An agent.yaml to put into it.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Let the file of a program be replaced while the program runs, as installers do.
    MakeWay {
        /// The program.
        program: PathBuf,
    },
    /// Take the service's state folder away, as installers do.
    Forget {
        /// Keep what makes the desk who it is.
        #[arg(long)]
        keep_identity: bool,
    },
}

#[derive(Subcommand, Debug)]
pub(super) enum AccountsVerb {
    /// Start an account anew, also one that was given up. Its calls end.
    Restart {
        /// Its id.
        account: AccountId,
    },
    /// Call on this account from now on, also after the next start, as long as it can be used.
    Use {
        /// Its id, or its place in the list, from 1.
        account: String,
    },
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

/// How loud, in percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// So much.
    At(u16),
    /// So much more than now, or less.
    By(i16),
}

impl Level {
    /// The loudest.
    pub(super) const MAX: u16 = 200;

    /// What it comes to, from where it is.
    pub(super) fn from(self, now: u16) -> u16 {
        match self {
            Self::At(percent) => percent,
            Self::By(step) => now.saturating_add_signed(step).min(Self::MAX),
        }
    }
}

impl std::str::FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            let most = Self::MAX;
            format!("{text:?} is no level: write 0 to {most}, or +N or -N for a step")
        };
        let text = text.strip_suffix('%').unwrap_or(text);
        if text.starts_with(['+', '-']) {
            let step = text.parse().map_err(|_| wrong())?;
            return Ok(Self::By(step));
        }
        let percent: u16 = text.parse().map_err(|_| wrong())?;
        (percent <= Self::MAX)
            .then_some(Self::At(percent))
            .ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn parsed(line: &[&str]) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(std::iter::once("carillon").chain(line.iter().copied()))
    }

    #[test]
    fn the_grammar_holds_together() {
        Arguments::command().debug_assert();
        assert!(
            parsed(&["dial", "1002", "--account", "main", "--json"])
                .unwrap()
                .json
        );
        assert!(parsed(&["dial", "1002", "--account", "A B"]).is_err());
        assert!(parsed(&["hangup", "--all", "--incoming"]).is_err());
        assert!(parsed(&["hangup", "3", "--all"]).is_err());
        assert!(parsed(&["hangup", "3", "--wait"]).is_ok());
        assert!(parsed(&["link"]).is_err() && parsed(&["link", "--list"]).is_ok());
        assert!(parsed(&["volume", "--input", "-10", "--output=+5%"]).is_ok());
    }

    #[test]
    fn levels_are_read_and_stay_in_bounds() {
        for (text, now, then) in [
            ("80", 100, 80),
            ("+10", 100, 110),
            ("-10", 5, 0),
            ("+30", 190, 200),
            ("0%", 50, 0),
        ] {
            assert_eq!(text.parse::<Level>().unwrap().from(now), then, "{text}");
        }
        for bad in ["201", "loud", "", "+", "-x", "99999999"] {
            assert!(bad.parse::<Level>().is_err(), "{bad}");
        }
    }
}
