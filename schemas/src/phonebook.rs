//! A phonebook that a desk reads from somewhere else, by HTTP in the formats other phones use.

use serde::{Deserialize, Serialize};

use crate::config::ConfigError;

/// The most phonebooks of one desk.
pub const MAX_PHONEBOOKS: usize = 16;

/// One phonebook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Phonebook {
    /// The name shown with its people.
    pub name: String,
    /// Where it is: `http:` or `https:`.
    pub url: String,
    /// How it is written; looked at when absent.
    #[serde(default, skip_serializing_if = "PhonebookFormat::is_auto")]
    pub format: PhonebookFormat,
    /// Seconds between fetches, 300 to 604,800. When absent it is fetched only when it is needed and a day old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh: Option<u32>,
}

/// How a phonebook is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum PhonebookFormat {
    /// One of the others, by its content.
    #[default]
    Auto,
    /// MicroSIP's users directory, XML or JSON.
    Microsip,
    /// Cisco's XML.
    Cisco,
    /// Yealink's XML or JSON.
    Yealink,
    /// vCards of version 2.1 to 4.
    Vcard,
    /// A JSON list of objects with a name and numbers.
    Json,
}

impl PhonebookFormat {
    fn is_auto(&self) -> bool {
        *self == Self::Auto
    }
}

impl Phonebook {
    /// Checks what the types alone do not.
    ///
    /// # Errors
    /// The first setting out of bounds, with its path below `at`.
    pub fn validate(&self, at: &str) -> Result<(), ConfigError> {
        let fail = |key: &str, why: &str| {
            Err(ConfigError {
                path: format!("{at}.{key}"),
                why: why.to_owned(),
            })
        };
        if self.name.is_empty() || self.name.len() > 64 || self.name.chars().any(char::is_control) {
            return fail("name", "must be 1 to 64 bytes without control characters");
        }
        let rest = ["https://", "http://"]
            .iter()
            .find(|scheme| begins_with(&self.url, scheme))
            .map(|scheme| &self.url[scheme.len()..]);
        let Some(rest) = rest else {
            return fail("url", "must begin with https:// or http://");
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.is_empty()
            || self.url.len() > 1_024
            || self
                .url
                .chars()
                .any(|c| c.is_control() || c.is_whitespace())
        {
            return fail(
                "url",
                "must name a host, in at most 1024 bytes without spaces",
            );
        }
        if authority.contains('@') {
            return fail(
                "url",
                "must hold no user and no password: others can read it",
            );
        }
        if self
            .refresh
            .is_some_and(|seconds| !(300..=604_800).contains(&seconds))
        {
            return fail("refresh", "must be between 300 and 604800 seconds");
        }
        Ok(())
    }
}

/// Checks a list of phonebooks.
///
/// # Errors
/// The first setting out of bounds.
pub fn validate_all(phonebooks: &[Phonebook]) -> Result<(), ConfigError> {
    if phonebooks.len() > MAX_PHONEBOOKS {
        return Err(ConfigError {
            path: "phonebooks".into(),
            why: format!(
                "{} phonebooks; a desk has at most {MAX_PHONEBOOKS}",
                phonebooks.len()
            ),
        });
    }
    for (index, phonebook) in phonebooks.iter().enumerate() {
        phonebook.validate(&format!("phonebooks[{index}]"))?;
    }
    Ok(())
}

fn begins_with(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}
