//! Errors on the wire: problem documents (RFC 9457), `application/problem+json`.

use serde::{Deserialize, Serialize};

/// The media type.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// What went wrong, for a program (`type`) and for a person (`title`, `detail`, `advice`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Problem {
    /// `urn:carillon:problem:` and a word that never changes its meaning.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind for a person.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// This very case: what was tried, with what.
    pub detail: String,
    /// What the person can do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Problem {
    /// A problem of a kind, given as its last word: `ticket-expired`.
    pub fn new(status: u16, word: &str, title: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:carillon:problem:{word}"),
            title: title.to_owned(),
            status,
            detail: detail.into(),
            advice: None,
        }
    }

    /// With what the person can do.
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// The last word of the kind.
    pub fn word(&self) -> &str {
        self.kind.rsplit(':').next().unwrap_or_default()
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.title, self.detail)?;
        match &self.advice {
            Some(advice) => write!(f, " ({advice})"),
            None => Ok(()),
        }
    }
}
