//! What a phonebook comes to, whatever it was written in: names with numbers, within bounds.

use carillon_schemas::config::Contact;
use carillon_schemas::contact::MAX_CONTACT_TEXT;
use carillon_schemas::phonebook::PhonebookFormat;

use super::{json, vcard, xml};

/// The most entries kept of one phonebook.
pub const MAX_ENTRIES: usize = 20_000;
/// The most numbers of one person.
const MAX_NUMBERS: usize = 16;

/// The people of a phonebook.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Entries {
    /// Each name with each of its numbers.
    pub people: Vec<Contact>,
    /// How many were above [`MAX_ENTRIES`].
    pub left_out: usize,
}

/// A phonebook that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// None of the formats.
    #[error(
        "it is no phonebook of any format known here (MicroSIP, Cisco, Yealink, vCard, JSON); it begins with {0:?}"
    )]
    Unknown(String),
    /// Not of the format that the configuration names.
    #[error(
        "it is not written as the configuration says ({expected}); leave 'format' out to have it looked at"
    )]
    Other {
        /// What was expected.
        expected: &'static str,
    },
    /// Of that format, and broken.
    #[error("it cannot be read as {format}: {why}")]
    Broken {
        /// `XML`, `JSON`, `vCard`.
        format: &'static str,
        /// What is wrong.
        why: String,
    },
    /// Read, and nobody is in it.
    #[error("nobody with a number is in it")]
    Empty,
}

impl Entries {
    /// Adds a person's numbers. What is no name or no number is left out.
    pub(in crate::desktop) fn add<'a>(
        &mut self,
        name: &str,
        numbers: impl IntoIterator<Item = &'a str>,
    ) {
        let name = line(name);
        for number in numbers.into_iter().take(MAX_NUMBERS) {
            let number = line(number);
            if number.is_empty() {
                continue;
            }
            if self.people.len() >= MAX_ENTRIES {
                self.left_out += 1;
                continue;
            }
            let name = if name.is_empty() {
                number.clone()
            } else {
                name.clone()
            };
            let known = self
                .people
                .iter()
                .rev()
                .take(MAX_NUMBERS)
                .any(|contact| contact.name == name && contact.number == number);
            if !known {
                self.people.push(Contact { name, number });
            }
        }
    }
}

/// On one line, without what steers terminals or turns the direction of writing, and not too long.
fn line(text: &str) -> String {
    let turns = |c: &char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let text: String = text.chars().filter(|c| !turns(c)).collect();
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        if word.is_empty() {
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > MAX_CONTACT_TEXT {
            break;
        }
    }
    let mut end = line.len().min(MAX_CONTACT_TEXT);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    line.truncate(end);
    line
}

/// Reads a phonebook.
///
/// # Errors
/// What is wrong with it, and what was expected.
pub fn read(format: PhonebookFormat, body: &[u8]) -> Result<Entries, ReadError> {
    let text = decoded(body);
    let text = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    let first = text.as_bytes().first().copied();
    let is_vcard = text
        .get(..11)
        .is_some_and(|start| start.eq_ignore_ascii_case("BEGIN:VCARD"));
    let looks = match first {
        Some(b'<') => Looks::Xml,
        Some(b'{' | b'[') => Looks::Json,
        _ if is_vcard => Looks::Vcard,
        _ => Looks::Unknown,
    };
    let expected = match format {
        PhonebookFormat::Auto => None,
        PhonebookFormat::Microsip => {
            Some(("microsip", looks == Looks::Xml || looks == Looks::Json))
        }
        PhonebookFormat::Yealink => Some(("yealink", looks == Looks::Xml || looks == Looks::Json)),
        PhonebookFormat::Cisco => Some(("cisco", looks == Looks::Xml)),
        PhonebookFormat::Vcard => Some(("vcard", looks == Looks::Vcard)),
        PhonebookFormat::Json => Some(("json", looks == Looks::Json)),
    };
    if let Some((expected, false)) = expected {
        return Err(ReadError::Other { expected });
    }
    let broken = |format| move |why| ReadError::Broken { format, why };
    let entries = match looks {
        Looks::Xml => xml::read(text).map_err(broken("XML"))?,
        Looks::Json => json::read(text).map_err(broken("JSON"))?,
        Looks::Vcard => vcard::read(text).map_err(broken("vCard"))?,
        Looks::Unknown => {
            let begins = line(&text.chars().take(40).collect::<String>());
            return Err(ReadError::Unknown(begins));
        }
    };
    if entries.people.is_empty() {
        return Err(ReadError::Empty);
    }
    Ok(entries)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Looks {
    Xml,
    Json,
    Vcard,
    Unknown,
}

/// UTF-8, else UTF-16 by its mark, else Latin-1: every byte is a character there.
fn decoded(body: &[u8]) -> String {
    let sixteen = |of: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = body[2..]
            .chunks_exact(2)
            .map(|b| of([b[0], b[1]]))
            .collect();
        String::from_utf16_lossy(&units)
    };
    if body.starts_with(&[0xff, 0xfe]) {
        return sixteen(u16::from_le_bytes);
    }
    if body.starts_with(&[0xfe, 0xff]) {
        return sixteen(u16::from_be_bytes);
    }
    match std::str::from_utf8(body) {
        Ok(text) => text.to_owned(),
        Err(_) => body.iter().map(|byte| char::from(*byte)).collect(),
    }
}

#[cfg(test)]
#[path = "entries_tests.rs"]
mod tests;
