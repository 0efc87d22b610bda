//! What can go wrong in the lab, each with what was tried and what to do.

use std::path::PathBuf;
use std::time::Duration;

/// The result of everything the lab does.
pub type Outcome<T> = Result<T, Fault>;

/// A failure of the lab itself or of a part under test.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A program that the lab needs is not there.
    #[error("{program} is not there ({looked}); {remedy}")]
    Missing {
        /// The program's name.
        program: String,
        /// Where it was looked for.
        looked: String,
        /// What to do about it.
        remedy: String,
    },
    /// The operating system refused something.
    #[error("cannot {doing}: {source}")]
    System {
        /// What was tried, with what.
        doing: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// Something did not happen in time.
    #[error("waited {after:?} for {what}, in vain; last seen: {seen}")]
    TooLate {
        /// What was waited for.
        what: String,
        /// How long.
        after: Duration,
        /// The last state seen.
        seen: String,
    },
    /// A part answered with a refusal or with something that is no answer.
    #[error("{part} refused {tried}: {answer}")]
    Refused {
        /// The part.
        part: String,
        /// What was asked of it.
        tried: String,
        /// What it said.
        answer: String,
    },
    /// A recording that cannot be read or judged.
    #[error("{path}: {why}", path = path.display())]
    Recording {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

impl Fault {
    /// Wraps an I/O error with what was being done.
    pub fn system(doing: impl Into<String>, source: std::io::Error) -> Self {
        Self::System {
            doing: doing.into(),
            source,
        }
    }

    /// A part's refusal.
    pub fn refused(
        part: impl Into<String>,
        tried: impl Into<String>,
        answer: impl Into<String>,
    ) -> Self {
        Self::Refused {
            part: part.into(),
            tried: tried.into(),
            answer: answer.into(),
        }
    }
}
