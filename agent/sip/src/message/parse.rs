//! Bytes into a message (RFC 3261 §7, §25). One pass, one copy; folds are opened in the copy; header values are only marked.
//! Lenient: bare LF, empty lines in front, spaces before a colon, a missing Content-Length, bytes that are no UTF-8.
//! Strict: the version, token names, a bare CR or NUL in the header, every limit.

use super::Message;
use super::error::MessageError;
use super::headers::Headers;
use super::limits::{MAX_HEADERS, MAX_LINE, MAX_MESSAGE};
use super::method::Method;
use super::name::HeaderName;
use super::request::Request;
use super::response::Response;
use super::scan::is_token_byte;
use super::uri::AddrSpec;

enum Start {
    Request(Method, AddrSpec),
    Response(u16, String),
}

pub(super) fn parse(bytes: &[u8]) -> Result<Message, MessageError> {
    if bytes.len() > MAX_MESSAGE {
        return Err(MessageError::TooLarge {
            size: bytes.len(),
            limit: MAX_MESSAGE,
        });
    }
    let skipped = bytes
        .iter()
        .take_while(|byte| matches!(byte, b'\r' | b'\n'))
        .count();
    let bytes = &bytes[skipped..];
    let head_end = end_of_head(bytes)?;
    let mut headers = Headers::over(bytes[..head_end].to_vec());

    let first_end = line_end(bytes, 0, 1)?;
    let start = parse_start(trim_line_end(&bytes[..first_end]))?;
    let mut at = first_end;
    let mut line = 1;
    while at < head_end {
        line += 1;
        let field_start = at;
        let mut end = line_end(bytes, at, line)?;
        let field_line = line;
        // A following line that begins with a blank belongs to this field: its line end becomes blanks.
        while end < head_end && matches!(bytes[end], b' ' | b'\t') {
            line += 1;
            let fold = end;
            end = line_end(bytes, fold, line)?;
            if end - field_start > MAX_LINE {
                return Err(MessageError::LineTooLong {
                    line,
                    limit: MAX_LINE,
                });
            }
            for byte in headers.buffer()[..fold]
                .iter_mut()
                .rev()
                .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            {
                *byte = b' ';
            }
        }
        at = end;
        if headers.len() >= MAX_HEADERS {
            return Err(MessageError::TooManyHeaders { limit: MAX_HEADERS });
        }
        mark_field(&mut headers, field_start, end, field_line)?;
    }

    let available = &bytes[body_start(bytes, head_end)..];
    let promised = headers
        .text(HeaderName::ContentLength)
        .and_then(|text| text.parse::<usize>().ok());
    let body = available[..promised.unwrap_or(available.len()).min(available.len())].to_vec();
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
}

/// Where the last header line ends, its line end included.
fn end_of_head(bytes: &[u8]) -> Result<usize, MessageError> {
    let mut at = 0;
    while let Some(next) = bytes[at..].iter().position(|byte| *byte == b'\n') {
        let end = at + next + 1;
        match bytes.get(end..) {
            Some([b'\n', ..] | [b'\r', b'\n', ..]) => return Ok(end),
            _ => at = end,
        }
    }
    Err(MessageError::Unfinished)
}

fn body_start(bytes: &[u8], head_end: usize) -> usize {
    head_end
        + if bytes[head_end..].starts_with(b"\r\n") {
            2
        } else {
            1
        }
}

/// Where the line that begins at `start` ends, its line end included.
fn line_end(bytes: &[u8], start: usize, line: usize) -> Result<usize, MessageError> {
    let rest = &bytes[start..];
    let end = rest
        .iter()
        .take(MAX_LINE + 2)
        .position(|byte| *byte == b'\n')
        .ok_or(MessageError::LineTooLong {
            line,
            limit: MAX_LINE,
        })?;
    let content = trim_line_end(&rest[..=end]);
    if content.iter().any(|byte| matches!(byte, b'\r' | 0)) {
        return Err(MessageError::HeaderLine { line });
    }
    Ok(start + end + 1)
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
        return Err(bad("the version is another"));
    }
    let method = Method::of(method).ok_or(bad("the method is no token"))?;
    let uri = uri.trim();
    // Some phones put angle brackets round the Request-URI; they carry no meaning.
    let uri = uri
        .strip_prefix('<')
        .and_then(|uri| uri.strip_suffix('>'))
        .unwrap_or(uri);
    let uri = uri.parse().map_err(|_| bad("the URI cannot be read"))?;
    Ok(Start::Request(method, uri))
}

fn mark_field(
    headers: &mut Headers,
    start: usize,
    end: usize,
    line: usize,
) -> Result<(), MessageError> {
    let text = headers.buffer();
    let field = &text[start..end];
    let bad = MessageError::HeaderLine { line };
    let Some(colon) = field.iter().position(|byte| *byte == b':') else {
        return Err(bad);
    };
    let name = start..start + field[..colon].trim_ascii_end().len();
    if name.is_empty() || !text[name.clone()].iter().copied().all(is_token_byte) {
        return Err(bad);
    }
    let value = &field[colon + 1..];
    let leading = value.len() - value.trim_ascii_start().len();
    let value_start = start + colon + 1 + leading;
    let value = value_start..value_start + value.trim_ascii().len();
    headers.mark(name, value);
    Ok(())
}
