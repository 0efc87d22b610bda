//! How a verb fails: what, why, what to do, and the exit code.

use std::io::Write as _;
use std::process::ExitCode;

use carillon_schemas::Problem;
use serde_json::json;

/// Why a verb did not do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    code: u8,
    what: String,
    advice: Option<String>,
    problem: Option<Box<Problem>>,
}

impl Failure {
    /// Failed, or refused.
    pub fn failed(what: impl Into<String>) -> Self {
        Self::new(1, what)
    }

    /// The server does not run, or does not answer.
    pub fn unreachable(what: impl Into<String>) -> Self {
        Self::new(3, what)
    }

    /// A file or setting is not right.
    pub fn invalid(what: impl Into<String>) -> Self {
        Self::new(5, what)
    }

    /// With what the person can do.
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Writes it to standard error.
    pub fn tell(&self, json: bool) -> ExitCode {
        let text = if json {
            match &self.problem {
                Some(problem) => json!({ "error": problem }).to_string(),
                None => json!({
                    "error": { "detail": self.what, "advice": self.advice }
                })
                .to_string(),
            }
        } else {
            match &self.advice {
                Some(advice) => format!("error: {}\n  to do: {advice}", self.what),
                None => format!("error: {}", self.what),
            }
        };
        // Nobody is left to hear of an error here.
        let _ = writeln!(std::io::stderr(), "{text}");
        ExitCode::from(self.code)
    }

    fn new(code: u8, what: impl Into<String>) -> Self {
        Self {
            code,
            what: what.into(),
            advice: None,
            problem: None,
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let code = match problem.status {
            404 => 4,
            400 | 413 | 422 => 5,
            _ => 1,
        };
        Self {
            code,
            what: format!("{}: {}", problem.title, problem.detail),
            advice: problem.advice.clone(),
            problem: Some(Box::new(problem)),
        }
    }
}
