//! A message without its secrets, for a trace. Every secret is covered by as many asterisks, so that lengths stay true.
//! Works on any bytes: what cannot be read as a message may hold a secret too.

use memchr::memmem;

/// Parameters of credentials and challenges from which a secret could be computed or guessed.
const DIGEST: [&[u8]; 6] = [
    b"response",
    b"nonce",
    b"cnonce",
    b"nextnonce",
    b"rspauth",
    b"opaque",
];
/// Headers whose value is a secret in whole or in part.
const HEADERS: [&[u8]; 5] = [
    b"authorization",
    b"proxy-authorization",
    b"www-authenticate",
    b"proxy-authenticate",
    b"authentication-info",
];
/// Lines of a session description after whose beginning all is a secret (RFC 4568, RFC 4567, RFC 8839, RFC 4566 `k=`).
const SDP: [(&[u8], &[u8]); 4] = [
    (b"a=crypto:", b"inline:"),
    (b"a=key-mgmt:", b":"),
    (b"a=ice-pwd:", b":"),
    (b"k=", b"="),
];

/// Covers digest responses and nonces, keys in a session description, and passwords in URIs.
#[must_use]
pub fn scrub(message: &[u8]) -> Vec<u8> {
    let mut out = message.to_vec();
    let mut at = 0;
    let mut secret_header = false;
    while at < out.len() {
        let end = memchr::memchr(b'\n', &out[at..]).map_or(out.len(), |end| at + end + 1);
        let line = &mut out[at..end];
        // A fold belongs to the header before it.
        if !matches!(line.first(), Some(b' ' | b'\t')) {
            secret_header = names_secret(line);
        }
        if secret_header {
            cover_credentials(line);
        }
        cover_keys(line);
        cover_passwords(line);
        at = end;
    }
    out
}

fn names_secret(line: &[u8]) -> bool {
    let Some(colon) = line.iter().position(|byte| *byte == b':') else {
        return false;
    };
    let name = line[..colon].trim_ascii();
    HEADERS.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Covers the values of `name=value` and `name="value"`, and a token of Basic or Bearer whole.
fn cover_credentials(line: &mut [u8]) {
    let lower = line.to_ascii_lowercase();
    for scheme in [&b"basic "[..], b"bearer "] {
        if let Some(found) = memmem::find(&lower, scheme) {
            cover_to_line_end(line, found + scheme.len());
        }
    }
    for name in DIGEST {
        for found in memmem::find_iter(&lower, name) {
            let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            let begins = found == 0 || !word(lower[found - 1]);
            let after = found + name.len();
            let blanks = blanks(&lower[after..]);
            if !begins || lower.get(after + blanks) != Some(&b'=') {
                continue;
            }
            let value = after + blanks + 1;
            let value = value + self::blanks(&lower[value..]);
            if lower.get(value) == Some(&b'"') {
                let mut escaped = false;
                for byte in &mut line[value + 1..] {
                    match *byte {
                        b'\r' | b'\n' => break,
                        b'"' if !escaped => break,
                        other => escaped = other == b'\\' && !escaped,
                    }
                    *byte = b'*';
                }
            } else {
                let token = |byte: &&mut u8| !matches!(**byte, b',' | b' ' | b'\t' | b'\r' | b'\n');
                line[value..]
                    .iter_mut()
                    .take_while(token)
                    .for_each(|byte| *byte = b'*');
            }
        }
    }
}

fn blanks(text: &[u8]) -> usize {
    text.iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count()
}

fn cover_keys(line: &mut [u8]) {
    for (begins, marker) in SDP {
        if line.len() < begins.len() || !line[..begins.len()].eq_ignore_ascii_case(begins) {
            continue;
        }
        let lower = line.to_ascii_lowercase();
        let found =
            memmem::find(&lower[begins.len() - 1..], marker).map(|at| at + begins.len() - 1);
        // A key in a form that is not known is covered whole.
        let from = found.map_or(begins.len(), |at| at + marker.len());
        cover_to_line_end(line, from);
    }
}

/// Covers what stands between the colon and the `@` of `sip:user:password@`.
fn cover_passwords(line: &mut [u8]) {
    let lower = line.to_ascii_lowercase();
    for scheme in [&b"sip:"[..], b"sips:"] {
        for found in memmem::find_iter(&lower, scheme) {
            let begin = found + scheme.len();
            let ends = |byte: &u8| {
                matches!(
                    byte,
                    b'@' | b'<' | b'>' | b' ' | b'\t' | b'\r' | b'\n' | b'"'
                )
            };
            let Some(end) = lower[begin..].iter().position(ends).map(|at| begin + at) else {
                continue;
            };
            if lower[end] != b'@' {
                continue;
            }
            if let Some(colon) = lower[begin..end].iter().position(|byte| *byte == b':') {
                line[begin + colon + 1..end].fill(b'*');
            }
        }
    }
}

fn cover_to_line_end(line: &mut [u8], from: usize) {
    line[from..]
        .iter_mut()
        .take_while(|byte| !matches!(**byte, b'\r' | b'\n'))
        .for_each(|byte| *byte = b'*');
}
