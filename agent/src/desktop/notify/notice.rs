//! What a notification says: pure. Whatever comes from elsewhere is cut and stripped of what would disguise it.

use crate::view::CallView;

/// The longest name or text, in characters.
const MAX_SHOWN: usize = 200;

/// A notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Notice {
    /// Who it is about.
    pub(super) title: String,
    /// What happened.
    pub(super) text: String,
    /// Its kind, as the desktop's specification names it.
    pub(super) kind: &'static str,
}

impl Notice {
    pub(super) fn ringing(call: &CallView) -> Self {
        let (title, number) = person(&call.peer, call.peer_name.as_deref());
        let text = match number {
            Some(number) => format!("{number} is calling"),
            None => "Incoming call".to_owned(),
        };
        let kind = "call.incoming";
        Self { title, text, kind }
    }

    pub(super) fn missed(call: &CallView) -> Self {
        let (title, number) = person(&call.peer, call.peer_name.as_deref());
        let text = match number {
            Some(number) => format!("Missed call from {number}"),
            None => "Missed call".to_owned(),
        };
        let kind = "call.unanswered";
        Self { title, text, kind }
    }

    pub(super) fn message(from: &str, name: Option<&str>, text: &str) -> Self {
        Self {
            title: person(from, name).0,
            text: shown(text),
            kind: "im.received",
        }
    }
}

/// The name to show, and the number when it is another.
fn person(address: &str, name: Option<&str>) -> (String, Option<String>) {
    let number = shown(bare(address));
    match name.map(shown).filter(|name| !name.is_empty()) {
        Some(name) if name != number => (name, Some(number)),
        _ => (number, None),
    }
}

/// An address without scheme and parameters.
fn bare(address: &str) -> &str {
    let address = ["sips:", "sip:", "tel:"]
        .iter()
        .find_map(|scheme| address.strip_prefix(scheme))
        .unwrap_or(address);
    address.split([';', '?']).next().unwrap_or(address)
}

/// Text without control characters and marks that turn the direction of writing; not too long.
fn shown(text: &str) -> String {
    let marks = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars()
        .map(|c| if c == '\n' { ' ' } else { c })
        .filter(|c| !c.is_control() && !marks(*c))
        .take(MAX_SHOWN)
        .collect::<String>()
        .trim()
        .to_owned()
}

/// The same where the desktop reads markup.
#[cfg(target_os = "linux")]
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caller_comes_first() {
        assert_eq!(
            person("sip:1002@pbx.example;user=phone", Some("Zoë")),
            ("Zoë".into(), Some("1002@pbx.example".into()))
        );
        assert_eq!(person("tel:+49891234", None), ("+49891234".into(), None));
        assert_eq!(person("sip:1002", Some(" \n")), ("1002".into(), None));
    }

    #[test]
    fn nobody_disguises_what_is_shown_or_makes_it_endless() {
        let notice = Notice::message(
            "sip:9@x",
            Some("\u{202e}knaB\u{202c} \0\u{7}\u{1b}[2J"),
            &"é".repeat(10_000),
        );
        assert_eq!(notice.title, "knaB [2J");
        assert_eq!(notice.text.chars().count(), MAX_SHOWN);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn markup_stays_text() {
        assert_eq!(
            escaped("<a href=\"x\">&amp;</a>"),
            "&lt;a href=\"x\"&gt;&amp;amp;&lt;/a&gt;"
        );
    }
}
