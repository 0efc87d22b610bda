//! Bytes into a message (RFC 3261 §7, §25). One pass, one copy; folds are opened in the copy; header values are only marked.
//! Lenient: bare LF, empty lines in front, spaces before a colon, a missing Content-Length, a missing empty line at the end,
//! bytes that are no UTF-8. Strict: the version, token names, a bare CR or NUL in the header, every limit.

use super::Message;
use super::error::{Fault, MessageError};
use super::headers::{Field, Headers};
use super::limits::{MAX_HEAD, MAX_HEADERS, MAX_LINE, MAX_MESSAGE};
use super::method::Method;
use super::name::HeaderName;
use super::request::Request;
use super::response::Response;
use super::scan::is_token_byte;
use super::uri::AddrSpec;
use memchr::{memchr, memchr3_iter};

enum Start {
    Request(Method, AddrSpec),
    Response(u16, String),
}

/// The header section of a message: its fields, where its folds end, and where the body begins.
struct Head {
    fields: Vec<Field>,
    folds: Vec<usize>,
    body: usize,
}

/// Reads a message. What can be said of a request that cannot be read comes with the error.
pub(super) fn parse(bytes: &[u8]) -> Result<Message, Fault> {
    if bytes.len() > MAX_MESSAGE {
        return Err(Fault::from(MessageError::TooLarge {
            size: bytes.len(),
            limit: MAX_MESSAGE,
        }));
    }
    let skipped = bytes
        .iter()
        .take_while(|byte| matches!(byte, b'\r' | b'\n'))
        .count();
    let bytes = &bytes[skipped..];
    let read = || -> Result<Message, MessageError> {
        let first = line_end(bytes, 0, 1)?;
        let start = parse_start(trim_line_end(&bytes[..first]))?;
        let head = parse_head(bytes, first, false)?;
        let (headers, body) = finish(bytes, first, head);
        Ok(match start {
            Start::Request(method, uri) => Message::Request(Request {
                method,
                uri,
                headers,
                body,
            }),
            Start::Response(status, reason) => Message::Response(Response {
                status,
                reason,
                headers,
                body,
            }),
        })
    };
    read().map_err(|error| Fault {
        request: salvage(bytes).map(Box::new),
        error,
    })
}

/// What can be read of a request whose start line or fields cannot all be read: enough to answer it.
fn salvage(bytes: &[u8]) -> Option<Request> {
    let first = memchr(b'\n', &bytes[..bytes.len().min(MAX_HEAD)])? + 1;
    let line = trim_line_end(&bytes[..first]);
    let (method, rest) = line.split_at(line.iter().position(|byte| *byte == b' ')?);
    // Something must tell that this was meant to be SIP: no answer to what happens to hit the port.
    let names_sip = memchr::memmem::rfind(rest, b" SIP/").is_some();
    let method = Method::of(std::str::from_utf8(method).ok()?)?;
    if !names_sip {
        return None;
    }
    let head = parse_head(bytes, first, true).ok()?;
    let (headers, _) = finish(bytes, first, head);
    Some(Request {
        method,
        uri: AddrSpec::Other("unreadable:".to_owned()),
        headers,
        body: Vec::new(),
    })
}

/// Marks the fields from `first` on. `lenient` skips lines that are no field and stops at limits instead of failing.
fn parse_head(bytes: &[u8], first: usize, lenient: bool) -> Result<Head, MessageError> {
    let mut head = Head {
        fields: Vec::with_capacity(16),
        folds: Vec::new(),
        body: bytes.len(),
    };
    let mut at = first;
    let mut line = 1;
    while at < bytes.len() {
        match &bytes[at..] {
            [b'\n', ..] => {
                head.body = at + 1;
                return Ok(head);
            }
            [b'\r', b'\n', ..] => {
                head.body = at + 2;
                return Ok(head);
            }
            _ => {}
        }
        line += 1;
        let (begin, field_line) = (at, line);
        let mut end = match line_end(bytes, at, line) {
            Ok(end) => end,
            Err(MessageError::HeaderLine { .. }) if lenient => {
                at += memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |end| end + 1);
                continue;
            }
            Err(_) if lenient => return Ok(head),
            Err(error) => return Err(error),
        };
        // A following line that begins with a blank belongs to this field: its line end becomes blanks.
        while matches!(bytes.get(end), Some(b' ' | b'\t')) {
            line += 1;
            head.folds.push(end);
            end = match line_end(bytes, end, line) {
                Ok(end) if end - begin <= MAX_LINE => end,
                _ if lenient => return Ok(head),
                Ok(_) => {
                    return Err(MessageError::LineTooLong {
                        line,
                        limit: MAX_LINE,
                    });
                }
                Err(error) => return Err(error),
            };
        }
        at = end;
        if head.fields.len() >= MAX_HEADERS || end > MAX_HEAD {
            if lenient {
                return Ok(head);
            }
            return Err(if end > MAX_HEAD {
                MessageError::HeadTooLong { limit: MAX_HEAD }
            } else {
                MessageError::TooManyHeaders { limit: MAX_HEADERS }
            });
        }
        match mark_field(bytes, begin, end, first) {
            Some(field) => head.fields.push(field),
            None if lenient => {}
            None => return Err(MessageError::HeaderLine { line: field_line }),
        }
    }
    Ok(head)
}

/// The header fields at the beginning of a part of a body, and where the part's own body begins.
pub(super) fn fields(bytes: &[u8]) -> Result<(Headers, usize), MessageError> {
    let head = parse_head(bytes, 0, false)?;
    let body = head.body;
    Ok((unfold(bytes, 0, head), body))
}

/// Copies the header section and the body.
fn finish(bytes: &[u8], first: usize, head: Head) -> (Headers, Vec<u8>) {
    let body = head.body;
    let headers = unfold(bytes, first, head);
    let available = &bytes[body..];
    let promised = headers.get(HeaderName::ContentLength).and_then(decimal);
    let body = available[..promised.unwrap_or(available.len()).min(available.len())].to_vec();
    (headers, body)
}

/// Copies the header section and opens its folds.
fn unfold(bytes: &[u8], first: usize, head: Head) -> Headers {
    let mut text = bytes[first..head.body].to_vec();
    for fold in head.folds {
        for byte in text[..fold - first]
            .iter_mut()
            .rev()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
        {
            *byte = b' ';
        }
    }
    Headers::over(text, head.fields)
}

fn decimal(text: &[u8]) -> Option<usize> {
    if text.is_empty() || text.len() > 18 {
        return None;
    }
    text.iter().try_fold(0, |sum, byte| {
        byte.is_ascii_digit()
            .then(|| sum * 10 + usize::from(byte - b'0'))
    })
}

/// Where the line that begins at `start` ends, its line end included.
fn line_end(bytes: &[u8], start: usize, line: usize) -> Result<usize, MessageError> {
    let rest = &bytes[start..];
    let window = &rest[..rest.len().min(MAX_LINE + 2)];
    for at in memchr3_iter(b'\n', b'\r', 0, window) {
        match (window[at], window.get(at + 1)) {
            (b'\n', _) => return Ok(start + at + 1),
            (b'\r', Some(b'\n')) => return Ok(start + at + 2),
            (b'\r', None) => break,
            // A NUL may stand behind a backslash in a quoted string (§25.1, quoted-pair).
            (0, _) if at > 0 && window[at - 1] == b'\\' => {}
            _ => return Err(MessageError::HeaderLine { line }),
        }
    }
    Err(if window.len() < rest.len() {
        MessageError::LineTooLong {
            line,
            limit: MAX_LINE,
        }
    } else {
        MessageError::Unfinished
    })
}

fn trim_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn parse_start(line: &[u8]) -> Result<Start, MessageError> {
    let bad = |why| MessageError::StartLine { why };
    if line.len() > 8 && line[..8].eq_ignore_ascii_case(b"SIP/2.0 ") {
        let rest = &line[8..];
        let (code, reason) = rest
            .split_at_checked(3)
            .ok_or(bad("the status is missing"))?;
        let status = std::str::from_utf8(code)
            .ok()
            .and_then(|code| code.parse::<u16>().ok());
        let status = status
            .filter(|status| (100..700).contains(status) && code.iter().all(u8::is_ascii_digit))
            .ok_or(bad("the status is not 100 to 699"))?;
        let reason = match reason {
            [] => "",
            [b' ', reason @ ..] => &String::from_utf8_lossy(reason),
            _ => return Err(bad("the status is not followed by a space")),
        };
        return Ok(Start::Response(status, reason.to_owned()));
    }
    let line = std::str::from_utf8(line).map_err(|_| bad("the request line is not UTF-8"))?;
    let (method, rest) = line.split_once(' ').ok_or(bad("no method and URI"))?;
    let (uri, version) = rest
        .trim()
        .rsplit_once(' ')
        .ok_or(bad("no URI and version"))?;
    if !version.eq_ignore_ascii_case("SIP/2.0") {
        let other = version.len() > 4 && version.as_bytes()[..4].eq_ignore_ascii_case(b"SIP/");
        return Err(if other {
            MessageError::Version
        } else {
            bad("the version is missing")
        });
    }
    let method = Method::of(method).ok_or(bad("the method is no token"))?;
    let uri = uri.trim();
    // Some phones put angle brackets round the Request-URI; they carry no meaning.
    let uri = uri
        .strip_prefix('<')
        .and_then(|uri| uri.strip_suffix('>'))
        .unwrap_or(uri);
    let uri = uri
        .parse()
        .map_err(|why| MessageError::RequestUri { why })?;
    Ok(Start::Request(method, uri))
}

/// The field in `bytes[begin..end]`, with places counted from `base`.
fn mark_field(bytes: &[u8], begin: usize, end: usize, base: usize) -> Option<Field> {
    let field = &bytes[begin..end];
    let colon = field.iter().position(|byte| *byte == b':')?;
    let name = field[..colon].trim_ascii_end();
    let known = HeaderName::of(name);
    if known.is_none() && (name.is_empty() || !name.iter().copied().all(is_token_byte)) {
        return None;
    }
    let value = &field[colon + 1..];
    let leading = value.len() - value.trim_ascii_start().len();
    let start = begin - base + colon + 1 + leading;
    let value = start..start + value.trim_ascii().len();
    Some(Field::new(
        known,
        begin - base..begin - base + name.len(),
        value,
    ))
}
