//! The names of things: desks, accounts, keys, and the ever-rising number of a desk's configuration.
//!
//! Each is checked when it is read, so that an identifier in hand is always well formed: it can stand in a
//! URL, a file name or a log line as it is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is no identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {text:?} is not valid: it must be {rule}")]
pub struct IdentifierError {
    what: &'static str,
    text: String,
    rule: &'static str,
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
        #[serde(try_from = "String", into = "String")]
        #[cfg_attr(feature = "json-schema", schemars(with = "String"))]
        pub struct $name(String);

        impl $name {
            /// The text of the identifier.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdentifierError;
            fn from_str(text: &str) -> Result<Self, IdentifierError> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    let text = text.chars().take(80).collect();
                    Err(IdentifierError { what: $what, text, rule: $rule })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdentifierError;
            fn try_from(text: String) -> Result<Self, IdentifierError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

identifier!(
    /// A desk: one installed agent. Random, 128 bits in hex, made by the server at enrolment or when the desk is added.
    DeskId,
    "desk id",
    "32 hexadecimal digits in lower case",
    |text| text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
);

identifier!(
    /// A SIP account on a desk, named by the admin: unique on its desk.
    AccountId,
    "account id",
    "1 to 64 of a-z, 0-9, '-', '_' and '.', beginning with a letter or digit",
    is_slug
);

identifier!(
    /// A key: the SHA-256 of its public bytes, in hex.
    KeyId,
    "key id",
    "64 hexadecimal digits in lower case",
    |text| text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
);

/// The ever-rising number of a desk's configuration. Zero: no configuration yet.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Generation(pub u64);

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Lower-case hex of some bytes.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn is_slug(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (1..=64).contains(&text.len())
        && text.bytes().next().is_some_and(plain)
        && text
            .bytes()
            .all(|b| plain(b) || matches!(b, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_checked_when_read() {
        assert!("main".parse::<AccountId>().is_ok());
        assert!("../main".parse::<AccountId>().is_err());
        assert!("".parse::<AccountId>().is_err());
        assert!("Main".parse::<AccountId>().is_err());
        assert!("0123456789abcdef0123456789abcdef".parse::<DeskId>().is_ok());
        let error = "0123".parse::<DeskId>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "desk id \"0123\" is not valid: it must be 32 hexadecimal digits in lower case"
        );
        assert!(serde_json::from_str::<AccountId>("\"a b\"").is_err());
    }
}
