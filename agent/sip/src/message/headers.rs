//! The header fields of a message: one buffer, and for each field where its name and value stand in it.
//! Order and unknown names are kept; a value is read as a type only when somebody asks. It never interprets a value itself.

use super::error::MessageError;
use super::limits::MAX_VALUES;
use super::name::HeaderName;
use super::scan;
use memchr::memchr3_iter;
use std::borrow::Cow;
use std::ops::Range;

/// Header fields in order.
#[derive(Debug, Clone, Default)]
pub struct Headers {
    text: Vec<u8>,
    fields: Vec<Field>,
}

/// Where one field stands in the buffer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    known: Option<HeaderName>,
    /// The written name; empty for a known one.
    name: Span,
    value: Span,
}

#[derive(Debug, Clone, Copy, Default)]
struct Span {
    start: u32,
    end: u32,
}

impl Headers {
    /// No field.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A header over a buffer whose fields are marked.
    pub(super) fn over(text: Vec<u8>, fields: Vec<Field>) -> Self {
        Self { text, fields }
    }

    /// How many fields there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Name and value of each field in order; known names in their long form.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields
            .iter()
            .map(|field| (self.name(field), self.slice(field.value)))
    }

    /// Name and value of each field in order but for those of one name.
    pub(super) fn all_but(&self, name: HeaderName) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields
            .iter()
            .filter(move |field| field.known != Some(name))
            .map(|field| (self.name(field), self.slice(field.value)))
    }

    /// The first field of that name, as bytes.
    #[must_use]
    pub fn get(&self, name: HeaderName) -> Option<&[u8]> {
        self.all(name).next()
    }

    /// The first field of that name as text; bytes that are no UTF-8 are replaced.
    #[must_use]
    pub fn text(&self, name: HeaderName) -> Option<Cow<'_, str>> {
        self.get(name).map(String::from_utf8_lossy)
    }

    /// The first field of a name this crate does not know, as bytes.
    #[must_use]
    pub fn unknown(&self, name: &str) -> Option<&[u8]> {
        self.fields
            .iter()
            .find(|field| field.known.is_none() && self.name(field).eq_ignore_ascii_case(name))
            .map(|field| self.slice(field.value))
    }

    /// Every field of that name, as bytes, in order.
    pub fn all(&self, name: HeaderName) -> impl Iterator<Item = &[u8]> {
        self.fields
            .iter()
            .filter(move |field| field.known == Some(name))
            .map(|field| self.slice(field.value))
    }

    /// Whether there is a field of that name.
    #[must_use]
    pub fn has(&self, name: HeaderName) -> bool {
        self.fields.iter().any(|field| field.known == Some(name))
    }

    /// The values of every field of that name, split at commas. Empty values are skipped.
    ///
    /// # Errors
    /// More values than [`MAX_VALUES`].
    pub fn values(&self, name: HeaderName) -> Result<Vec<String>, MessageError> {
        let mut values = Vec::new();
        for field in self.all(name) {
            for value in scan::split(&String::from_utf8_lossy(field), b',') {
                if value.is_empty() {
                    continue;
                }
                if values.len() >= MAX_VALUES {
                    return Err(MessageError::TooManyValues {
                        name: name.as_str().to_owned(),
                        limit: MAX_VALUES,
                    });
                }
                values.push(value.to_owned());
            }
        }
        Ok(values)
    }

    /// The first value of that name: the first field up to its first comma.
    #[must_use]
    pub fn first_value(&self, name: HeaderName) -> Option<Cow<'_, str>> {
        match self.text(name)? {
            Cow::Borrowed(text) => scan::split(text, b',').next().map(Cow::Borrowed),
            Cow::Owned(text) => scan::split(&text, b',')
                .next()
                .map(|value| Cow::Owned(value.to_owned())),
        }
    }

    /// Whether a list such as Supported or Require holds a token.
    #[must_use]
    pub fn lists(&self, name: HeaderName, token: &str) -> bool {
        self.values(name)
            .is_ok_and(|values| values.iter().any(|value| value.eq_ignore_ascii_case(token)))
    }

    /// Adds a field at the end.
    pub fn push(&mut self, name: HeaderName, value: impl AsRef<[u8]>) {
        let field = self.field(name, value.as_ref());
        self.fields.push(field);
    }

    /// Adds a field before all others.
    pub fn push_front(&mut self, name: HeaderName, value: impl AsRef<[u8]>) {
        let field = self.field(name, value.as_ref());
        self.fields.insert(0, field);
    }

    /// Adds a field whose name this crate may not know.
    pub fn push_unknown(&mut self, name: &str, value: impl AsRef<[u8]>) {
        let known = HeaderName::of(name.as_bytes());
        let name = if known.is_some() {
            Span::default()
        } else {
            self.append(name.as_bytes())
        };
        let value = self.append(value.as_ref());
        self.fields.push(Field { known, name, value });
    }

    /// Replaces every field of that name by one, in the place of the first.
    pub fn set(&mut self, name: HeaderName, value: impl AsRef<[u8]>) {
        let field = self.field(name, value.as_ref());
        match self
            .fields
            .iter()
            .position(|field| field.known == Some(name))
        {
            Some(at) => {
                self.remove(name);
                self.fields.insert(at, field);
            }
            None => self.fields.push(field),
        }
    }

    /// Takes every field of that name out.
    pub fn remove(&mut self, name: HeaderName) {
        self.fields.retain(|field| field.known != Some(name));
    }

    /// Copies every field of that name from another header, byte for byte.
    pub fn copy(&mut self, name: HeaderName, from: &Self) {
        for value in from.all(name) {
            self.push(name, value);
        }
    }

    /// Replaces the first value of that name and keeps those that follow in the same field.
    pub(crate) fn replace_first_value(&mut self, name: HeaderName, value: &str) {
        let Some(at) = self
            .fields
            .iter()
            .position(|field| field.known == Some(name))
        else {
            return self.push_front(name, value);
        };
        let old = String::from_utf8_lossy(self.slice(self.fields[at].value)).into_owned();
        let new = match scan::find(&old, b',') {
            Some(comma) => format!("{value}, {}", old[comma + 1..].trim()),
            None => value.to_owned(),
        };
        self.fields[at].value = self.append(new.as_bytes());
    }

    fn field(&mut self, name: HeaderName, value: &[u8]) -> Field {
        Field {
            known: Some(name),
            name: Span::default(),
            value: self.append(value),
        }
    }

    /// Takes a text into the buffer. Line ends become spaces: no value can begin a header of its own.
    fn append(&mut self, text: &[u8]) -> Span {
        let start = self.text.len();
        self.text.extend_from_slice(text);
        // A NUL may stand behind a backslash in a quoted string (§25.1, quoted-pair).
        let harmful = |at: usize| text[at] != 0 || at == 0 || text[at - 1] != b'\\';
        for at in memchr3_iter(b'\r', b'\n', 0, text).filter(|at| harmful(*at)) {
            self.text[start + at] = b' ';
        }
        Span::of(start..self.text.len())
    }

    fn name(&self, field: &Field) -> &str {
        match field.known {
            Some(known) => known.as_str(),
            None => std::str::from_utf8(self.slice(field.name)).unwrap_or(""),
        }
    }

    fn slice(&self, span: Span) -> &[u8] {
        &self.text[span.start as usize..span.end as usize]
    }
}

impl Field {
    /// A field by the places of its name and value.
    pub(super) fn new(known: Option<HeaderName>, name: Range<usize>, value: Range<usize>) -> Self {
        Self {
            known,
            name: if known.is_some() {
                Span::default()
            } else {
                Span::of(name)
            },
            value: Span::of(value),
        }
    }
}

impl Span {
    /// Buffers stay far below 4 GiB: what is read is at most [`MAX_MESSAGE`](super::MAX_MESSAGE), what is written a few lines more.
    #[expect(clippy::cast_possible_truncation, reason = "bounded by MAX_MESSAGE")]
    fn of(range: Range<usize>) -> Self {
        Self {
            start: range.start as u32,
            end: range.end as u32,
        }
    }
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Headers {}
