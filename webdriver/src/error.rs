//! Why the browser did not do it.

use std::io;
use std::time::Duration;

/// Why the browser did not do it.
#[derive(Debug, thiserror::Error)]
pub enum BrowserError {
    /// chromedriver does not run.
    #[error(
        "chromedriver cannot be started: {0} (tests/run.sh installs what the suites need; Debian: chromium-driver)"
    )]
    NoDriver(#[source] io::Error),
    /// The driver or its folder failed.
    #[error("{tried}: {why}")]
    Broken {
        /// What was tried.
        tried: String,
        /// What came of it.
        why: io::Error,
    },
    /// The browser said no.
    #[error("{tried}: the browser says {why}")]
    Refused {
        /// What was tried.
        tried: String,
        /// Its words.
        why: String,
    },
    /// The page never showed it.
    #[error("{wanted:?} was not on the page within {after:?}, which shows: {shown}")]
    TooLate {
        /// The text waited for.
        wanted: String,
        /// How long.
        after: Duration,
        /// What it showed instead.
        shown: String,
    },
}
