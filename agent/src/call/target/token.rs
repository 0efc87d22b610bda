//! Tokens that a calling program should have replaced: `%number%`, `{number}`. Pure.

/// Tokens in percent signs. Others cannot be told from escapes.
const KNOWN: [&str; 16] = [
    "callerid",
    "callid",
    "direction",
    "domain",
    "duration",
    "extension",
    "md5_password",
    "name",
    "num",
    "number",
    "password",
    "phone",
    "server",
    "time",
    "url",
    "user",
];

/// The first token that stands in a text as it is.
pub(crate) fn placeholder(text: &str) -> Option<&str> {
    between(text, '%', '%', |word| {
        KNOWN.iter().any(|known| word.eq_ignore_ascii_case(known))
    })
    .or_else(|| {
        between(text, '{', '}', |word| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        })
    })
}

fn between(text: &str, open: char, close: char, fits: impl Fn(&str) -> bool) -> Option<&str> {
    text.match_indices(open).find_map(|(at, _)| {
        let inner = &text[at + 1..];
        let end = inner.find(close)?;
        fits(&inner[..end]).then(|| &text[at..at + end + 2])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_told_from_escapes() {
        for (text, token) in [
            ("%number%", Some("%number%")),
            ("sip:%Number%@pbx", Some("%Number%")),
            ("100%{number}", Some("{number}")),
            ("%20%number%", Some("%number%")),
            ("#%23%31%23", None),
            ("%ab%cd", None),
            ("{}", None),
            ("{", None),
            ("%", None),
            ("1002", None),
        ] {
            assert_eq!(placeholder(text), token, "{text}");
        }
    }
}
