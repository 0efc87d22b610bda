//! Reading small texts the way RFC 3261 §25.1 writes them: tokens, quoted strings, lists with commas and semicolons.
//! Borrows everything; never allocates but for a quoted string with escapes.

use super::error::SyntaxError;
use std::borrow::Cow;

/// Whether a byte may stand in a token.
pub(crate) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~'
        )
}

/// Whether a text is one token.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// Splits at a separator that stands outside quoted strings and outside angle brackets.
pub(crate) fn split(text: &str, separator: u8) -> Split<'_> {
    Split {
        rest: Some(text),
        separator,
    }
}

/// See [`split`]. Parts come trimmed and may be empty.
pub(crate) struct Split<'a> {
    rest: Option<&'a str>,
    separator: u8,
}

impl<'a> Iterator for Split<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.rest?;
        match find(text, self.separator) {
            Some(at) => {
                self.rest = Some(&text[at + 1..]);
                Some(text[..at].trim())
            }
            None => {
                self.rest = None;
                Some(text.trim())
            }
        }
    }
}

/// The place of an ASCII byte outside quoted strings and angle brackets.
pub(crate) fn find(text: &str, wanted: u8) -> Option<usize> {
    let mut quoted = false;
    let mut escaped = false;
    let mut angle = false;
    for (at, byte) in text.bytes().enumerate() {
        if quoted {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => quoted = false,
                _ => {}
            }
            continue;
        }
        if byte == wanted && !angle {
            return Some(at);
        }
        match byte {
            b'"' => quoted = true,
            b'<' => angle = true,
            b'>' => angle = false,
            _ => {}
        }
    }
    None
}

/// Reads a quoted string at the start of `text`: its content, unescaped, and what follows the closing quote.
pub(crate) fn quoted(text: &str) -> Result<(Cow<'_, str>, &str), SyntaxError> {
    let inner = text
        .strip_prefix('"')
        .ok_or(SyntaxError::new("a quoted string was expected"))?;
    let mut escaped = false;
    let mut escapes = false;
    for (at, byte) in inner.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => {
                escaped = true;
                escapes = true;
            }
            b'"' => {
                let content = &inner[..at];
                let content = if escapes {
                    Cow::Owned(unescape(content))
                } else {
                    Cow::Borrowed(content)
                };
                return Ok((content, &inner[at + 1..]));
            }
            _ => {}
        }
    }
    Err(SyntaxError::new("a quoted string has no end"))
}

/// The content of a value that may be a quoted string or a token.
pub(crate) fn unquote(text: &str) -> Cow<'_, str> {
    match quoted(text) {
        Ok((content, rest)) if rest.trim().is_empty() => content,
        _ => Cow::Borrowed(text),
    }
}

/// Writes a quoted string, escaping what needs it. Control characters cannot be written and become spaces.
pub(crate) fn write_quoted(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                out.push('\\');
                out.push(character);
            }
            character if character.is_control() => out.push(' '),
            character => out.push(character),
        }
    }
    out.push('"');
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character == '\\' {
            out.extend(characters.next());
        } else {
            out.push(character);
        }
    }
    out
}
