//! The time a page was made, and how long ago things were, as `<time>` elements.
//!
//! The script keeps the words true while the page stands; without it they are those of the page's making.

use std::fmt;
use std::time::SystemTime;

use askama::filters::HtmlSafe;
use carillon_schemas::Timestamp;

/// The time a page was made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock(Timestamp);

impl Clock {
    /// The present.
    pub(super) fn now() -> Self {
        Self(Timestamp::of(SystemTime::now()))
    }

    /// A given time.
    #[cfg(test)]
    pub(super) fn at(now: Timestamp) -> Self {
        Self(now)
    }

    /// Seconds since 1970.
    pub(super) fn seconds(&self) -> u64 {
        self.0.0
    }

    /// The time as such.
    pub(super) fn time(&self) -> Timestamp {
        self.0
    }

    /// How long ago something was.
    pub(super) fn ago(&self, at: &Timestamp) -> Moment {
        Moment {
            at: *at,
            now: self.0,
        }
    }
}

/// A point in time, seen from another. Prints a `<time>` element of digits and fixed words.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    at: Timestamp,
    now: Timestamp,
}

impl HtmlSafe for Moment {}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at;
        write!(
            f,
            "<time datetime=\"{at}\" title=\"{at}\" data-ago=\"{}\">",
            at.0
        )?;
        let seconds = self.now.since(at).as_secs();
        match seconds {
            0..10 => f.write_str("just now"),
            10..60 => write!(f, "{seconds} s ago"),
            60..3_600 => write!(f, "{} min ago", seconds / 60),
            3_600..172_800 => write!(f, "{} h ago", seconds / 3_600),
            _ => write!(f, "{} days ago", seconds / 86_400),
        }?;
        f.write_str("</time>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_how_long_ago() {
        let clock = Clock::at(Timestamp(1_000_000));
        let said = |ago: u64| clock.ago(&Timestamp(1_000_000 - ago)).to_string();
        assert_eq!(
            said(3),
            "<time datetime=\"1970-01-12T13:46:37Z\" title=\"1970-01-12T13:46:37Z\" data-ago=\"999997\">just now</time>"
        );
        assert!(said(59).contains(">59 s ago<"));
        assert!(said(60).contains(">1 min ago<"));
        assert!(said(7_300).contains(">2 h ago<"));
        assert!(said(172_800).contains(">2 days ago<"));
    }

    #[test]
    fn a_time_to_come_reads_as_now() {
        let clock = Clock::at(Timestamp(100));
        assert!(clock.ago(&Timestamp(500)).to_string().contains("just now"));
    }
}
