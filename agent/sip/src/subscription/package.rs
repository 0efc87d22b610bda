//! Event packages this side can watch.

use std::fmt;

/// An event package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Package {
    /// Message waiting (RFC 3842).
    MessageSummary,
    /// Dialogs of another line: busy lamp and pickup (RFC 4235).
    Dialog,
    /// Presence (RFC 3856).
    Presence,
    /// Registrations of an address of record (RFC 3680).
    Registration,
}

impl Package {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::MessageSummary,
        Self::Dialog,
        Self::Presence,
        Self::Registration,
    ];

    /// The token in Event.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MessageSummary => "message-summary",
            Self::Dialog => "dialog",
            Self::Presence => "presence",
            Self::Registration => "reg",
        }
    }

    /// The only body type read for it.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::MessageSummary => "application/simple-message-summary",
            Self::Dialog => "application/dialog-info+xml",
            Self::Presence => "application/pidf+xml",
            Self::Registration => "application/reginfo+xml",
        }
    }

    /// The package an Event names; parameters do not count.
    #[must_use]
    pub fn of(event: &str) -> Option<Self> {
        let name = event.split(';').next().unwrap_or("").trim();
        Self::ALL
            .into_iter()
            .find(|package| package.name().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Package {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}
