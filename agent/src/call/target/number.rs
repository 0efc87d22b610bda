//! Telephone numbers as people write them: pure.
//!
//! Owns what may stand between digits, and the `(0)` that callers from abroad leave out.

/// The digits of a telephone number without what people put between them; `None` when it is no number.
///
/// `+49 (0)89 12-34` is `+498912341`'s kind: the `(0)` behind a country is for callers within it. Italy and its
/// neighbours in the same numbering keep theirs.
pub(crate) fn number_of(text: &str) -> Option<String> {
    // Longer than any that could be dialled, however much stands between the digits.
    if text.len() > super::MAX_TARGET {
        return None;
    }
    let text = text.trim_matches(is_between);
    let mut number = String::new();
    let mut open = false;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '+' | '\u{ff0b}' if number.is_empty() => number.push('+'),
            '*' | '#' => number.push(c),
            // No nesting, and nothing left open: `(((1` is no number.
            '(' if !open => {
                open = true;
                let mut ahead = rest.clone();
                let trunk = ahead.next() == Some('0') && ahead.next() == Some(')');
                if trunk && is_abroad(&number) && !keeps_its_zero(&number) {
                    rest.next();
                }
            }
            ')' if open => open = false,
            _ if is_between(c) => {}
            _ => number.push(digit(c)?),
        }
    }
    let dialled = number.strip_prefix('+').unwrap_or(&number);
    let some = if number.starts_with('+') {
        dialled.bytes().any(|b| b.is_ascii_digit())
    } else {
        !dialled.is_empty()
    };
    (some && !open).then_some(number)
}

/// What stands between digits and means nothing.
fn is_between(c: char) -> bool {
    matches!(
        c,
        ' ' | '\u{a0}' | '-' | '.' | '/' | '\u{2000}'..='\u{200b}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
        // Dashes of typographers.
        | '\u{2010}'..='\u{2015}' | '\u{2212}'
        // Marks of direction, which address books put around numbers.
        | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    )
}

/// A digit in our writing, in full width, or in Arabic writing.
fn digit(c: char) -> Option<char> {
    let zero = match c {
        '0'..='9' => return Some(c),
        '\u{ff10}'..='\u{ff19}' => 0xff10,
        '\u{660}'..='\u{669}' => 0x660,
        '\u{6f0}'..='\u{6f9}' => 0x6f0,
        _ => return None,
    };
    char::from_digit(c as u32 - zero, 10)
}

/// Whether what stands so far names a country.
fn is_abroad(number: &str) -> bool {
    let country = number
        .strip_prefix('+')
        .or_else(|| number.strip_prefix("00"));
    country.is_some_and(|country| (1..=3).contains(&country.len()))
}

/// Italy and San Marino, whose numbers begin with the zero also from abroad.
fn keeps_its_zero(number: &str) -> bool {
    let country = number
        .strip_prefix('+')
        .or_else(|| number.strip_prefix("00"));
    matches!(country, Some("39" | "378"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for (written, dialled) in [
            ("1002", "1002"),
            ("+49 (89) 12-34", "+49891234"),
            ("+49 (0)89 12-34", "+49891234"),
            ("+49 (0) 89/12 34", "+49891234"),
            ("0049 (0)89 1234", "0049891234"),
            ("+39 (0)6 1234", "+39061234"),
            ("+378 (0)549 1", "+37805491"),
            ("(0)89 1234", "0891234"),
            ("(089) 1234", "0891234"),
            ("+1 (212) 555-0100", "+12125550100"),
            ("+43\u{a0}1\u{202f}234\u{2011}56", "+43123456"),
            ("\u{202a}+49 89 1234\u{202c}", "+49891234"),
            ("\u{ff0b}\u{ff14}\u{ff19}89", "+4989"),
            ("\u{660}\u{661}\u{662}", "012"),
            ("*21*1003#", "*21*1003#"),
            ("##", "##"),
            (" 112 ", "112"),
        ] {
            assert_eq!(number_of(written).as_deref(), Some(dialled), "{written}");
        }
    }

    #[test]
    fn the_rest_is_no_number() {
        for text in [
            "", " ", "+", "()", "-", "alice", "12a", "1+2", "((1))", "(1", "1)", "+*", "1,2",
            "1;ext=2", "\u{feff}",
        ] {
            assert_eq!(number_of(text), None, "{text:?}");
        }
        assert_eq!(number_of(&" ".repeat(100_000)), None);
    }

    proptest! {
        /// However the digits are set apart, they are what is dialled.
        #[test]
        fn what_stands_between_digits_means_nothing(
            plus in any::<bool>(),
            digits in "[1-9][0-9]{2,14}",
            between in proptest::collection::vec("[ \u{a0}\u{2011}./-]{0,3}", 16),
        ) {
            let mut written = String::from(if plus { "+" } else { "" });
            for (digit, between) in digits.chars().zip(&between) {
                written.push(digit);
                written.push_str(between);
            }
            let wanted = format!("{}{digits}", if plus { "+" } else { "" });
            prop_assert_eq!(number_of(&written), Some(wanted.clone()));
            prop_assert_eq!(number_of(&wanted), Some(wanted));
        }

        #[test]
        fn only_what_can_be_dialled_comes_out(text in "\\PC{0,40}") {
            if let Some(number) = number_of(&text) {
                let digits = number.strip_prefix('+').unwrap_or(&number);
                prop_assert!(!digits.is_empty());
                prop_assert!(digits.bytes().all(|b| b.is_ascii_digit() || b == b'*' || b == b'#'));
            }
        }
    }
}
