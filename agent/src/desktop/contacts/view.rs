//! What is shown of a contact, and how contacts are searched.

use serde::{Deserialize, Serialize};

use crate::event::LampState;

/// The most contacts of one answer.
pub(super) const MAX_FOUND: usize = 1_000;
/// The longest search, in bytes.
const MAX_SEARCH: usize = 256;

/// One contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactView {
    /// Names it to the local API. Only `local-…` can be removed.
    pub id: String,
    /// The name shown.
    pub name: String,
    /// A number or SIP address.
    pub number: String,
    /// `local`, `config`, or the name of a phonebook or directory.
    pub source: String,
    /// What its lamp shows, where an account watches it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lamp: Option<LampState>,
}

/// Whom to look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    folded: String,
    digits: String,
    /// At most so many.
    pub limit: usize,
}

impl Default for Search {
    fn default() -> Self {
        Self::of("", MAX_FOUND)
    }
}

impl Search {
    /// A part of a name or number; an empty one finds everybody.
    #[must_use]
    pub fn of(text: &str, limit: usize) -> Self {
        let text: String = text.trim().chars().take(MAX_SEARCH).collect();
        let number = text
            .chars()
            .all(|c| c.is_ascii_digit() || " +-./()*#".contains(c));
        Self {
            digits: if number { digits(&text) } else { String::new() },
            folded: text.to_lowercase(),
            limit: limit.clamp(1, MAX_FOUND),
        }
    }

    /// What is looked for, as it was given but for the case.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.folded
    }

    /// Whether it finds this one.
    #[must_use]
    pub fn finds(&self, name: &str, number: &str) -> bool {
        self.folded.is_empty()
            || name.to_lowercase().contains(&self.folded)
            || number.to_lowercase().contains(&self.folded)
            || (!self.digits.is_empty() && digits(number).contains(&self.digits))
    }
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_found_as_people_write_them() {
        let finds = |search: &str| Search::of(search, 9).finds("Jürgen Groß", "+49 (89) 123-45");
        for found in [
            "",
            "jürgen",
            "GROSS".to_lowercase().as_str(),
            "8912",
            "89 123",
            "+49",
        ] {
            let expected = found != "gross";
            assert_eq!(finds(found), expected, "{found}");
        }
        assert!(!finds("Anna"));
        assert_eq!(Search::of("", 0).limit, 1);
        assert_eq!(Search::of("", usize::MAX).limit, MAX_FOUND);
        assert_eq!(Search::of(&"x".repeat(9_999), 1).folded.len(), MAX_SEARCH);
    }
}
