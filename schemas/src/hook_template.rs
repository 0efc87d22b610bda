//! Texts with tokens, as hooks hold them: `{number}` and `%number%` stand for facts of what happened.
//!
//! Owns the tokens' names and how a text is cut at them. What stands in a token's place, and how it is made harmless,
//! is the agent's.

use std::fmt;

/// What a token stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Token {
    /// The event, as `on` names it.
    Event,
    /// The id of the account.
    Account,
    /// The host that the account registers at.
    Server,
    /// The account's own user.
    Extension,
    /// `incoming` or `outgoing`.
    Direction,
    /// The far side's number or user.
    Number,
    /// The same.
    User,
    /// The far side's host.
    Domain,
    /// The name that the far side gives itself.
    Name,
    /// Name and number in one: `Ann <1001>`.
    CallerId,
    /// The call's number, as the local API knows it.
    CallId,
    /// Seconds talked.
    Duration,
    /// When it happened: RFC 3339 in UTC.
    Time,
    /// Why a call ended, in one word.
    Cause,
    /// Voice messages not heard yet.
    New,
}

impl Token {
    /// Every token with its name.
    pub const ALL: [(&'static str, Self); 15] = [
        ("event", Self::Event),
        ("account", Self::Account),
        ("server", Self::Server),
        ("extension", Self::Extension),
        ("direction", Self::Direction),
        ("number", Self::Number),
        ("user", Self::User),
        ("domain", Self::Domain),
        ("name", Self::Name),
        ("callerid", Self::CallerId),
        ("callid", Self::CallId),
        ("duration", Self::Duration),
        ("time", Self::Time),
        ("cause", Self::Cause),
        ("new", Self::New),
    ];

    fn named(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(known, _)| *known == name)?;
        Some(found.1)
    }
}

/// A piece of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// Stands for itself.
    Text(&'a str),
    /// Stands for a fact.
    Token(Token),
}

/// A token that there is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadToken {
    /// A password, which no hook gets.
    Password,
    /// A name that means nothing.
    Unknown(String),
}

impl fmt::Display for BadToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password => f.write_str(
                "no hook gets a password: it would show in process lists, logs and addresses",
            ),
            Self::Unknown(name) => {
                let known = Token::ALL.map(|(known, _)| known);
                let nearest = known
                    .into_iter()
                    .min_by_key(|known| strsim::damerau_levenshtein(known, name))
                    .filter(|known| strsim::damerau_levenshtein(known, name) <= 2);
                write!(f, "there is no token {{{name}}}")?;
                match nearest {
                    Some(nearest) => write!(f, ": did you mean {{{nearest}}}?"),
                    None => write!(f, ": there are {}", known.join(", ")),
                }
            }
        }
    }
}

/// Cuts a text at its tokens. A `%` that begins no known token stands for itself, since addresses are full of them.
///
/// # Errors
/// A token in braces that means nothing, or one for a password in either spelling.
pub fn parts(text: &str) -> Result<Vec<Part<'_>>, BadToken> {
    let mut parts = Vec::new();
    let (mut begin, mut at) = (0, 0);
    while let Some(step) = text[at..].find(['{', '%']) {
        let open = at + step;
        at = open + 1;
        let braces = text[open..].starts_with('{');
        let Some(length) = text[at..].find(if braces { '}' } else { '%' }) else {
            continue;
        };
        let name = &text[at..at + length];
        let word = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !word {
            continue;
        }
        if matches!(name, "password" | "md5_password") {
            return Err(BadToken::Password);
        }
        match Token::named(name) {
            Some(token) => {
                if begin < open {
                    parts.push(Part::Text(&text[begin..open]));
                }
                parts.push(Part::Token(token));
                at += length + 1;
                begin = at;
            }
            None if braces => return Err(BadToken::Unknown(name.chars().take(40).collect())),
            None => {}
        }
    }
    if begin < text.len() {
        parts.push(Part::Text(&text[begin..]));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_found_and_all_else_stands() {
        use Part::{Text, Token as T};
        for (text, wanted) in [
            ("", vec![]),
            ("plain", vec![Text("plain")]),
            ("{number}", vec![T(Token::Number)]),
            ("a%name%b", vec![Text("a"), T(Token::Name), Text("b")]),
            ("%20%number%", vec![Text("%20"), T(Token::Number)]),
            ("100%", vec![Text("100%")]),
            (
                "{\"n\":{user}}",
                vec![Text("{\"n\":"), T(Token::User), Text("}")],
            ),
            ("{}", vec![Text("{}")]),
            ("%%number%%", vec![Text("%"), T(Token::Number), Text("%")]),
        ] {
            assert_eq!(parts(text), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn passwords_and_slips_are_refused_with_the_reason() {
        for text in [
            "{password}",
            "x%password%",
            "{md5_password}",
            "%md5_password%",
        ] {
            assert_eq!(parts(text), Err(BadToken::Password), "{text}");
        }
        let slip = parts("{numbr}").unwrap_err().to_string();
        assert!(slip.contains("did you mean {number}?"), "{slip}");
        let far = parts("{squirrel}").unwrap_err().to_string();
        assert!(far.contains("callerid"), "{far}");
    }
}
