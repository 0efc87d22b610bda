//! `;name=value` lists of URIs and header values. Order, case and unknown names are kept.

use super::error::SyntaxError;
use super::limits::MAX_PARAMS;
use super::scan;
use std::borrow::Cow;
use std::fmt;

/// Parameters in the order they came. A value is kept as written, quotes included.
///
/// One text holds them all, `a;b=c`, read again when somebody asks: most parameters of most messages are never asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params {
    text: String,
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
        let mut params = Self {
            text: String::with_capacity(text.len()),
        };
        let mut count = 0;
        for part in scan::split(text, b';') {
            if part.is_empty() {
                continue;
            }
            if count >= MAX_PARAMS {
                return Err(SyntaxError::new("too many parameters"));
            }
            count += 1;
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
            params.push(name, value);
        }
        Ok(params)
    }

    /// Whether the parameter is there, with or without a value.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.iter()
            .any(|(known, _)| known.eq_ignore_ascii_case(name))
    }

    /// The value as written; `Some("")` for a parameter without one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.unwrap_or(""))
    }

    /// The value without its quotes.
    #[must_use]
    pub fn unquoted(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get(name).map(scan::unquote)
    }

    /// Sets a parameter, in place when it is there already.
    pub fn set(&mut self, name: &str, value: Option<&str>) {
        if !self.has(name) {
            return self.push(name, value);
        }
        let mut changed = Self::new();
        let mut set = false;
        for (known, old) in self.iter() {
            let this = !set && known.eq_ignore_ascii_case(name);
            set |= this;
            changed.push(known, if this { value } else { old });
        }
        *self = changed;
    }

    /// Takes a parameter out.
    pub fn remove(&mut self, name: &str) {
        let mut left = Self::new();
        for (known, value) in self.iter() {
            if !known.eq_ignore_ascii_case(name) {
                left.push(known, value);
            }
        }
        *self = left;
    }

    /// Name and value in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let parts = scan::split(&self.text, b';').filter(|part| !part.is_empty());
        parts.map(|part| match part.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (part, None),
        })
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    fn push(&mut self, name: &str, value: Option<&str>) {
        if !self.text.is_empty() {
            self.text.push(';');
        }
        self.text.push_str(name);
        if let Some(value) = value {
            self.text.push('=');
            self.text.push_str(value);
        }
    }
}

impl fmt::Display for Params {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.text.is_empty() {
            return Ok(());
        }
        write!(out, ";{}", self.text)
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
