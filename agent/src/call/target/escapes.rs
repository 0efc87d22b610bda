//! Percent-escapes of links (RFC 3986 §2.1): pure.

/// A text with its escapes resolved; `None` when one is broken or what comes out is no text.
pub(crate) fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut hex = || char::from(rest.next()?).to_digit(16);
            let (high, low) = (hex()?, hex()?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_resolved_or_refused() {
        for (text, wanted) in [
            ("%2B49%2089", Some("+49 89")),
            ("plain", Some("plain")),
            ("%c3%a9", Some("é")),
            ("%2", None),
            ("%", None),
            ("%zz", None),
            ("%ff", None),
        ] {
            assert_eq!(unescaped(text).as_deref(), wanted, "{text}");
        }
    }
}
