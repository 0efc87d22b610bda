//! One DTMF digit and the text form of several (RFC 4733 §3.2).

use std::fmt;

/// Most digits that may wait to be sent.
pub(crate) const MAX_QUEUED: usize = 64;

/// One of `0`–`9`, `*`, `#`, `A`–`D`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digit(u8);

const SYMBOLS: [char; 16] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D',
];

impl Digit {
    /// The digit a character stands for; letters may be small.
    #[must_use]
    pub fn from_char(symbol: char) -> Option<Self> {
        let symbol = symbol.to_ascii_uppercase();
        let code = SYMBOLS.iter().position(|known| *known == symbol)?;
        Some(Self(code as u8))
    }

    /// The digit of an event code, 0–15.
    #[must_use]
    pub fn from_event_code(code: u8) -> Option<Self> {
        (usize::from(code) < SYMBOLS.len()).then_some(Self(code))
    }

    /// The event code, 0–15.
    #[must_use]
    pub const fn event_code(self) -> u8 {
        self.0
    }

    /// The character on the key.
    #[must_use]
    pub fn symbol(self) -> char {
        SYMBOLS[usize::from(self.0) % SYMBOLS.len()]
    }

    /// Reads a whole string of digits.
    ///
    /// # Errors
    /// [`DtmfError::NotADigit`] with the first character that is none.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, DtmfError> {
        text.chars()
            .map(|symbol| Self::from_char(symbol).ok_or(DtmfError::NotADigit(symbol)))
            .collect()
    }
}

impl fmt::Display for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.symbol())
    }
}

/// Digits may be a PIN: they are not shown where values are printed for debugging.
impl fmt::Debug for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digit(_)")
    }
}

/// Digits that cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DtmfError {
    /// A character that is on no key.
    #[error("'{0}' is not a DTMF digit: use 0-9, *, #, A-D")]
    NotADigit(char),
    /// More digits than may wait.
    #[error("{waiting} digits wait and {asked} more do not fit: at most 64 may wait")]
    QueueFull {
        /// Digits that wait.
        waiting: usize,
        /// Digits that were to be added.
        asked: usize,
    },
    /// The peer takes no telephone events.
    #[error("the other side did not agree to telephone events: DTMF cannot be sent in this call")]
    NotNegotiated,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_digits_lead_there_and_back() {
        for (code, symbol) in "0123456789*#ABCD".chars().enumerate() {
            let digit = Digit::from_char(symbol).unwrap();
            assert_eq!(usize::from(digit.event_code()), code);
            assert_eq!(Digit::from_event_code(code as u8), Some(digit));
            assert_eq!(digit.to_string(), symbol.to_string());
        }
        assert_eq!(Digit::from_event_code(16), None);
        assert_eq!(Digit::parse_all("1b"), Digit::parse_all("1B"));
        assert_eq!(Digit::parse_all("1x2"), Err(DtmfError::NotADigit('x')));
    }

    #[test]
    fn a_digit_is_not_printed_for_debugging() {
        let pin = Digit::parse_all("4711").unwrap();
        assert!(!format!("{pin:?}").contains(['4', '7', '1']));
    }
}
