//! The people everyone calls: what a configuration says of each.

use serde::{Deserialize, Serialize};

use crate::config::ConfigError;

/// The most contacts in one configuration.
pub const MAX_CONTACTS: usize = 5_000;
/// The longest name and the longest number, in bytes.
pub const MAX_CONTACT_TEXT: usize = 255;

/// Someone to call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Contact {
    /// The name shown.
    pub name: String,
    /// A number or SIP address.
    pub number: String,
}

impl Contact {
    /// Checks name and number.
    ///
    /// # Errors
    /// The first that is out of bounds, with its path below `at`.
    pub fn validate(&self, at: &str) -> Result<(), ConfigError> {
        for (key, text) in [("name", &self.name), ("number", &self.number)] {
            if text.is_empty()
                || text.len() > MAX_CONTACT_TEXT
                || text.chars().any(char::is_control)
            {
                return Err(ConfigError {
                    path: format!("{at}.{key}"),
                    why: format!(
                        "must be 1 to {MAX_CONTACT_TEXT} bytes without control characters"
                    ),
                });
            }
        }
        Ok(())
    }
}

/// Checks a list of contacts.
pub(crate) fn validate_all(contacts: &[Contact]) -> Result<(), ConfigError> {
    if contacts.len() > MAX_CONTACTS {
        return Err(ConfigError {
            path: "contacts".into(),
            why: format!(
                "{} contacts; a desk has at most {MAX_CONTACTS}",
                contacts.len()
            ),
        });
    }
    for (index, contact) in contacts.iter().enumerate() {
        contact.validate(&format!("contacts[{index}]"))?;
    }
    Ok(())
}
