//! When two ways of writing a number mean the same person: pure.
//!
//! `+49 89 1234567`, `0049891234567` and `089 1234567` are one number; `1002` and `sip:1002@pbx` are one
//! extension. Numbers of seven digits and more match when one ends with the other, leading zeros left out.

/// So many digits make a number that can be told by its end.
const ENOUGH: usize = 7;

/// A number or address, ready to be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// The digits without leading zeros, or the user in small letters.
    user: Box<str>,
    /// The host, of an address that is no number.
    host: Option<Box<str>>,
    digits: bool,
    /// Whether it began with `+` or `00`: with the country's code.
    whole: bool,
}

impl Reach {
    /// Of a number as people write it, or a `sip:`, `sips:` or `tel:` address; `None` when nothing is left of it.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = match text.split_once('<') {
            Some((_, rest)) => rest.split('>').next().unwrap_or_default(),
            None => text,
        };
        let bare = ["sips:", "sip:", "tel:", "callto:"]
            .iter()
            .find_map(|scheme| {
                let start = text.get(..scheme.len())?;
                start
                    .eq_ignore_ascii_case(scheme)
                    .then(|| &text[scheme.len()..])
            })
            .unwrap_or(text);
        let bare = bare.split(['?']).next().unwrap_or_default();
        let (user, host) = match bare.rsplit_once('@') {
            Some((user, host)) => (user, Some(host)),
            None => (bare, None),
        };
        let user = user.split(';').next().unwrap_or_default();
        if let Some(digits) = digits_of(user) {
            let whole = user.trim_start().starts_with('+') || digits.starts_with("00");
            let kept = digits.trim_start_matches('0');
            // An extension may be 0.
            let kept = if kept.is_empty() {
                digits.as_str()
            } else {
                kept
            };
            return Some(Self {
                user: kept.into(),
                host: None,
                digits: true,
                whole,
            });
        }
        let host = host.map(|host| {
            let host = host.split([';', ':']).next().unwrap_or_default();
            host.to_lowercase().into_boxed_str()
        });
        let user = user.trim().to_lowercase();
        (!user.is_empty()).then(|| Self {
            user: user.into(),
            host,
            digits: false,
            whole: false,
        })
    }

    /// What names it among others.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}@{}", self.user, self.host.as_deref().unwrap_or_default())
    }

    /// Whether it is a number, and no name.
    #[must_use]
    pub fn is_number(&self) -> bool {
        self.digits
    }

    /// The end by which it can be told, and whether that is the whole of it.
    #[must_use]
    pub fn end(&self) -> (&str, bool) {
        match self.user.len().checked_sub(ENOUGH) {
            // All digits: each is a byte.
            Some(begin) if self.digits => (&self.user[begin..], false),
            _ => (&self.user, true),
        }
    }

    /// Whether both mean the same.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        if self.digits != other.digits {
            return false;
        }
        if !self.digits {
            let hosts = match (&self.host, &other.host) {
                (Some(one), Some(two)) => one == two,
                _ => true,
            };
            return hosts && self.user == other.user;
        }
        if self.user == other.user {
            return true;
        }
        let (long, short) = if self.user.len() > other.user.len() {
            (self, other)
        } else {
            (other, self)
        };
        // Two that both carry the country's code differ when they differ.
        short.user.len() >= ENOUGH && !short.whole && long.user.ends_with(&*short.user)
    }
}

/// The digits, when the text is a number: digits, `*`, `#` and what people put between them.
fn digits_of(user: &str) -> Option<String> {
    let mut digits = String::new();
    // A trunk prefix in brackets is dialled only within the country: `+49 (0) 89`.
    let user = if user.trim_start().starts_with('+') {
        user.replace("(0)", "")
    } else {
        user.to_owned()
    };
    for (place, character) in user.trim().chars().enumerate() {
        match character {
            '0'..='9' | '*' | '#' => digits.push(character),
            '+' if place == 0 => {}
            ' ' | '-' | '.' | '/' | '(' | ')' | '\u{a0}' => {}
            _ => return None,
        }
    }
    (!digits.is_empty()).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn meet(one: &str, two: &str) -> bool {
        let (one, two) = (Reach::of(one).unwrap(), Reach::of(two).unwrap());
        assert_eq!(one.meets(&two), two.meets(&one), "it goes both ways");
        one.meets(&two)
    }

    #[test]
    fn ways_of_writing_one_number_meet() {
        for (one, two) in [
            (
                "+49 89 1234567",
                "sip:+49891234567@pbx.example.org;user=phone",
            ),
            ("+49 (0) 89 1234567", "tel:+49-89-1234567"),
            ("0049 89 1234567", "+49891234567"),
            ("089/123 45 67", "sip:+49891234567@gateway"),
            ("1234567", "+49 89 1234567"),
            ("1002", "sip:1002@192.0.2.1:5060"),
            ("0", "sip:0@pbx"),
            ("*98", "sip:*98@pbx"),
            ("Alice", "sip:alice@example.org"),
            (
                "sip:alice@Example.org",
                "<sip:ALICE@example.org:5061;transport=tls>",
            ),
        ] {
            assert!(meet(one, two), "{one} is {two}");
        }
    }

    #[test]
    fn others_do_not() {
        for (one, two) in [
            ("1002", "11002"),
            ("123456", "+4989123456"),
            ("+49 89 1234567", "+1 49 89 1234567"),
            ("+43 89 1234567", "+49 89 1234567"),
            ("sip:alice@example.org", "sip:alice@example.com"),
            ("alice", "1002"),
            ("1002", "*1002"),
        ] {
            assert!(!meet(one, two), "{one} is not {two}");
        }
        for nothing in ["", "  ", "sip:@host", "tel:"] {
            assert_eq!(Reach::of(nothing), None, "{nothing:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_can_be_looked_at(one in ".{0,40}", two in "[+0-9 ()/@a-z:;<>.-]{0,30}") {
            if let (Some(one), Some(two)) = (Reach::of(&one), Reach::of(&two)) {
                prop_assert_eq!(one.meets(&two), two.meets(&one));
                prop_assert!(one.meets(&one));
            }
        }
    }
}
