//! Bodies of several parts (RFC 2046 §5.1, RFC 5621), and the type of a body (RFC 3261 §20.15). Reads; parts stay bytes of the
//! body they came in.

use super::error::SyntaxError;
use super::headers::Headers;
use super::limits::MAX_HEAD;
use super::name::HeaderName;
use super::params::Params;
use super::parse;
use super::scan;
use memchr::memmem;
use std::fmt;

/// The most parts read from one body.
pub const MAX_PARTS: usize = 16;
/// The longest boundary (RFC 2046 §5.1.1).
const MAX_BOUNDARY: usize = 70;

/// The type of a body: `application/sdp`, `multipart/mixed;boundary=x`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentType {
    /// `application`, in lower case.
    pub kind: String,
    /// `sdp`, in lower case.
    pub subtype: String,
    /// `charset`, `boundary` and others.
    pub params: Params,
}

impl ContentType {
    /// Reads the value of a Content-Type header.
    ///
    /// # Errors
    /// A type that is not `word/word` or has bad parameters.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let (range, params) = text.split_once(';').unwrap_or((text, ""));
        let (kind, subtype) = range.split_once('/').ok_or(SyntaxError::new(
            "a type of content is written as text/plain",
        ))?;
        let (kind, subtype) = (kind.trim(), subtype.trim());
        if !scan::is_token(kind) || !scan::is_token(subtype) {
            return Err(SyntaxError::new("a type of content is no word"));
        }
        Ok(Self {
            kind: kind.to_ascii_lowercase(),
            subtype: subtype.to_ascii_lowercase(),
            params: Params::parse(params)?,
        })
    }

    /// Whether it is this type, written as `text/plain`.
    #[must_use]
    pub fn is(&self, wanted: &str) -> bool {
        wanted.split_once('/').is_some_and(|(kind, subtype)| {
            self.kind.eq_ignore_ascii_case(kind) && self.subtype.eq_ignore_ascii_case(subtype)
        })
    }
}

impl fmt::Display for ContentType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}{}", self.kind, self.subtype, self.params)
    }
}

/// A body of several parts, over the bytes it came in.
#[derive(Debug, Clone)]
pub struct Multipart<'a> {
    subtype: String,
    parts: Vec<Part<'a>>,
}

/// One part: its own header fields and its body.
#[derive(Debug, Clone)]
pub struct Part<'a> {
    headers: Headers,
    content_type: ContentType,
    body: &'a [u8],
}

impl<'a> Multipart<'a> {
    /// The parts of a message's body; `None` when it is not of several parts.
    ///
    /// # Errors
    /// A body that says it is multipart and cannot be read as one: no boundary, no part, or more parts than [`MAX_PARTS`].
    pub fn of(headers: &Headers, body: &'a [u8]) -> Result<Option<Self>, SyntaxError> {
        let Some(text) = headers.text(HeaderName::ContentType) else {
            return Ok(None);
        };
        let content_type = ContentType::parse(&text)?;
        if content_type.kind != "multipart" {
            return Ok(None);
        }
        let boundary = content_type
            .params
            .unquoted("boundary")
            .filter(|boundary| (1..=MAX_BOUNDARY).contains(&boundary.len()))
            .ok_or(SyntaxError::new(
                "a multipart body needs a boundary of 1 to 70 characters",
            ))?;
        Ok(Some(Self {
            parts: split(body, boundary.as_bytes())?,
            subtype: content_type.subtype,
        }))
    }

    /// `mixed`, `alternative`, `related`, …
    #[must_use]
    pub fn subtype(&self) -> &str {
        &self.subtype
    }

    /// The parts in order.
    #[must_use]
    pub fn parts(&self) -> &[Part<'a>] {
        &self.parts
    }

    /// The part of that type to use: of alternatives the last, which is the best (RFC 2046 §5.1.4), else the first.
    #[must_use]
    pub fn find(&self, content_type: &str) -> Option<&Part<'a>> {
        let mut fitting = self
            .parts
            .iter()
            .filter(|part| part.content_type.is(content_type));
        if self.subtype == "alternative" {
            fitting.next_back()
        } else {
            fitting.next()
        }
    }
}

impl<'a> Part<'a> {
    /// The part's own header fields.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// Its type; `text/plain` when it names none (RFC 2046 §5.1).
    #[must_use]
    pub fn content_type(&self) -> &ContentType {
        &self.content_type
    }

    /// Its body, as written.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// Whether a receiver that does not know the part's type may skip it (RFC 5621 §4, `handling=optional`).
    #[must_use]
    pub fn is_optional(&self) -> bool {
        self.headers
            .text(HeaderName::ContentDisposition)
            .and_then(|text| {
                Some(
                    Params::parse(text.split_once(';')?.1)
                        .ok()?
                        .unquoted("handling")?
                        .eq_ignore_ascii_case("optional"),
                )
            })
            .unwrap_or(false)
    }
}

/// Cuts a body at its delimiter lines. What stands before the first and after the last one means nothing.
fn split<'a>(body: &'a [u8], boundary: &[u8]) -> Result<Vec<Part<'a>>, SyntaxError> {
    let delimiter = [b"--", boundary].concat();
    let finder = memmem::Finder::new(&delimiter);
    let mut parts = Vec::new();
    let mut begin: Option<usize> = None;
    let mut at = 0;
    while let Some(found) = finder.find(&body[at..]).map(|found| at + found) {
        at = found + delimiter.len();
        let at_line_start = found == 0 || body[found - 1] == b'\n';
        let rest = &body[at..];
        let (last, rest) = match rest.strip_prefix(b"--") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let blanks = rest
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
            .count();
        let line_ends = matches!(rest.get(blanks), None | Some(b'\n'));
        if !at_line_start || !line_ends {
            continue;
        }
        if let Some(begin) = begin {
            if parts.len() >= MAX_PARTS {
                return Err(SyntaxError::new("a multipart body has more than 16 parts"));
            }
            // The line end before a delimiter belongs to the delimiter.
            let part = &body[begin.min(found)..found];
            let part = part.strip_suffix(b"\n").unwrap_or(part);
            parts.push(read(part.strip_suffix(b"\r").unwrap_or(part))?);
        }
        if last {
            return Ok(parts);
        }
        begin = Some((body.len() - rest.len() + blanks + 1).min(body.len()));
    }
    match begin {
        None => Err(SyntaxError::new("a multipart body has no part")),
        Some(_) => Err(SyntaxError::new("a multipart body has no end")),
    }
}

fn read(part: &[u8]) -> Result<Part<'_>, SyntaxError> {
    // A part begins with its fields, or with the empty line when it has none.
    let (headers, body) = parse::fields(&part[..part.len().min(MAX_HEAD)])
        .map_err(|_| SyntaxError::new("a part of a multipart body has a bad header"))?;
    let content_type = match headers.text(HeaderName::ContentType) {
        Some(text) => ContentType::parse(&text)?,
        None => ContentType {
            kind: "text".to_owned(),
            subtype: "plain".to_owned(),
            params: Params::new(),
        },
    };
    Ok(Part {
        headers,
        content_type,
        body: &part[body..],
    })
}
