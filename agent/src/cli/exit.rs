//! How the program ends, and what it says then.

use std::process::ExitCode;

use carillon_schemas::Problem;
use serde_json::json;

/// The exit codes; `--help` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// Something unexpected.
    Unexpected = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The agent is not running.
    NotRunning = 3,
    /// The agent refused.
    Refused = 4,
    /// The ticket is invalid or was refused.
    Ticket = 5,
    /// The server cannot be reached or is none.
    Server = 6,
    /// The configuration is invalid.
    Configuration = 7,
    /// A sound device cannot be used.
    Device = 8,
    /// An agent runs already on this state folder.
    AlreadyRunning = 9,
    /// What was waited for did not come in time.
    TimeOut = 10,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) exit: Exit,
    /// One stable word for programs.
    pub(super) word: String,
    /// What, why, what to do.
    pub(super) text: String,
}

impl Failure {
    pub(super) fn new(exit: Exit, word: &str, text: impl Into<String>) -> Self {
        Self {
            exit,
            word: word.to_owned(),
            text: text.into(),
        }
    }

    /// What the agent's local API said.
    pub(super) fn of_problem(problem: &Problem) -> Self {
        let text = match &problem.advice {
            Some(advice) => format!("{} ({advice})", problem.detail),
            None => problem.detail.clone(),
        };
        Self::new(
            exit_of(problem.word(), problem.status),
            problem.word(),
            text,
        )
    }

    /// On stderr: a line, or an object.
    pub(super) fn print(&self, json: bool) {
        if json {
            let error = json!({
                "error": { "word": self.word, "message": self.text, "exit": self.exit as u8 }
            });
            eprintln!("{error}");
        } else {
            eprintln!("carillon: {}", self.text);
        }
    }
}

/// The exit code for a word of the agent, of enrolment, of the local API.
pub(super) fn exit_of(word: &str, status: u16) -> Exit {
    match word {
        "ticket-invalid" | "ticket-refused" | "ticket-of-another-fleet" => Exit::Ticket,
        "server-unreachable" => Exit::Server,
        "configuration-invalid" => Exit::Configuration,
        "device" => Exit::Device,
        "already-running" => Exit::AlreadyRunning,
        "state-unusable" | "unexpected" => Exit::Unexpected,
        _ if status >= 500 && word != "no-answer" && word != "shutting-down" => Exit::Unexpected,
        _ => Exit::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_trouble_has_its_code() {
        for (word, status, exit) in [
            ("no-such-call", 404, Exit::Refused),
            ("busy", 409, Exit::Refused),
            ("no-answer", 503, Exit::Refused),
            ("device", 409, Exit::Device),
            ("ticket-refused", 422, Exit::Ticket),
            ("server-unreachable", 502, Exit::Server),
            ("configuration-invalid", 422, Exit::Configuration),
            ("state-unusable", 500, Exit::Unexpected),
        ] {
            assert_eq!(exit_of(word, status), exit, "{word}");
        }
    }
}
