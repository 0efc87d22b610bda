//! How long a desk keeps its history of calls and messages. Both settings are optional; the accessors give the value in force.

use serde::{Deserialize, Serialize};

use crate::config::ConfigError;

/// What a desk keeps of its calls and messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct History {
    /// Days after which an entry goes, 1 to 3,650 (180).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_days: Option<u32>,
    /// The most entries, up to 100,000 (5,000); 0 keeps none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_entries: Option<u32>,
}

impl History {
    /// These settings where given, else those of the layer below.
    #[must_use]
    pub fn over(self, below: &Self) -> Self {
        Self {
            keep_days: self.keep_days.or(below.keep_days),
            keep_entries: self.keep_entries.or(below.keep_entries),
        }
    }

    /// Whether nothing is set.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Days after which an entry goes.
    pub fn keep_days(&self) -> u32 {
        self.keep_days.unwrap_or(180)
    }

    /// The most entries.
    pub fn keep_entries(&self) -> u32 {
        self.keep_entries.unwrap_or(5_000)
    }

    /// Checks what the types alone do not.
    ///
    /// # Errors
    /// The first setting out of bounds.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let fail = |key: &str, why: &str| {
            Err(ConfigError {
                path: format!("history.{key}"),
                why: why.to_owned(),
            })
        };
        if !(1..=3_650).contains(&self.keep_days()) {
            return fail("keep_days", "must be between 1 and 3650");
        }
        if self.keep_entries() > 100_000 {
            return fail("keep_entries", "must be at most 100000");
        }
        Ok(())
    }
}
