//! What the desk reports to the server: its accounts, its calls, its configuration, what happened.
//!
//! [`composer`] says what changed since the server last took a report (pure), [`journal`] keeps what happened
//! until the server has it, [`reporter`] is the actor that sends. A report never holds a secret, and never
//! what was dialled as DTMF.

pub mod composer;
pub mod journal;
pub mod reporter;

pub use reporter::{Setup, Status};

/// A text of at most `limit` bytes, without control characters.
pub(crate) fn bounded(text: &str, limit: usize) -> String {
    let mut out = String::new();
    for c in text.chars().map(|c| if c.is_control() { ' ' } else { c }) {
        if out.len() + c.len_utf8() > limit {
            break;
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(bounded("a\nb", 10), "a b");
        assert_eq!(bounded("aéé", 4), "aé");
    }
}
