//! `;name=value` lists of URIs and header values. Order, case and unknown names are kept.

use super::error::SyntaxError;
use super::limits::MAX_PARAMS;
use super::scan;
use std::borrow::Cow;
use std::fmt;

/// Parameters in the order they came. A value is kept as written, quotes included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params {
    list: Vec<(String, Option<String>)>,
}

impl Params {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads `a;b=c;d="e"`, without a leading semicolon. Empty parts are skipped.
    ///
    /// # Errors
    /// A name that is empty or holds characters no parameter may hold, an unclosed quote, or too many parameters.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let mut list = Vec::new();
        for part in scan::split(text, b';') {
            if part.is_empty() {
                continue;
            }
            if list.len() >= MAX_PARAMS {
                return Err(SyntaxError::new("too many parameters"));
            }
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (name.trim_end(), Some(value.trim_start())),
                None => (part, None),
            };
            if name.is_empty() || !name.bytes().all(is_name_byte) {
                return Err(SyntaxError::new(
                    "a parameter name holds a forbidden character",
                ));
            }
            if let Some(value) = value {
                check_value(value)?;
            }
            list.push((name.to_owned(), value.map(str::to_owned)));
        }
        Ok(Self { list })
    }

    /// Whether the parameter is there, with or without a value.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.list
            .iter()
            .any(|(known, _)| known.eq_ignore_ascii_case(name))
    }

    /// The value as written; `Some("")` for a parameter without one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.list
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_deref().unwrap_or(""))
    }

    /// The value without its quotes.
    #[must_use]
    pub fn unquoted(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get(name).map(scan::unquote)
    }

    /// Sets a parameter, in place when it is there already.
    pub fn set(&mut self, name: &str, value: Option<&str>) {
        let value = value.map(str::to_owned);
        match self
            .list
            .iter_mut()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
        {
            Some(entry) => entry.1 = value,
            None => self.list.push((name.to_owned(), value)),
        }
    }

    /// Takes a parameter out.
    pub fn remove(&mut self, name: &str) {
        self.list
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    /// Name and value in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.list
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_deref()))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

impl fmt::Display for Params {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.list {
            match value {
                Some(value) => write!(out, ";{name}={value}")?,
                None => write!(out, ";{name}")?,
            }
        }
        Ok(())
    }
}

fn is_name_byte(byte: u8) -> bool {
    scan::is_token_byte(byte)
        || matches!(byte, b'[' | b']' | b'/' | b':' | b'&' | b'$' | b'(' | b')')
}

fn check_value(value: &str) -> Result<(), SyntaxError> {
    if value.starts_with('"') {
        let (_, rest) = scan::quoted(value)?;
        if !rest.trim().is_empty() {
            return Err(SyntaxError::new("text follows a quoted parameter value"));
        }
        return Ok(());
    }
    if value.bytes().any(|byte| {
        byte.is_ascii_whitespace()
            || byte.is_ascii_control()
            || matches!(byte, b'"' | b'<' | b'>' | b',')
    }) {
        return Err(SyntaxError::new(
            "a parameter value holds a forbidden character",
        ));
    }
    Ok(())
}
