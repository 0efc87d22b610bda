//! Presence as PIDF writes it (RFC 3863), with the activities of RPID (RFC 4480): read from others, written of ourselves.

use super::xml::{self, clean};
use std::fmt::Write;

/// The most activities kept.
const MAX_ACTIVITIES: usize = 8;

/// Whether somebody can be reached, and what they do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Presence {
    /// Whose presence it is.
    pub entity: String,
    /// Whether any of their devices takes communication; `None` when nothing was said.
    pub open: Option<bool>,
    /// What they say of themselves.
    pub note: Option<String>,
    /// Activities by their names in RPID, such as `on-the-phone`.
    pub activities: Vec<String>,
}

impl Presence {
    /// Reads a document.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(body: &[u8]) -> Result<Self, String> {
        let root = xml::read(body)?;
        if root.name != "presence" {
            return Err(format!("it is <{}>, not <presence>", clean(&root.name)));
        }
        let mut presence = Self {
            entity: clean(root.attribute("entity").unwrap_or("")),
            note: root.child_text("note"),
            ..Self::default()
        };
        for tuple in root.all("tuple") {
            let basic = tuple
                .child("status")
                .and_then(|status| status.child_text("basic"));
            if let Some(open) = basic.map(|basic| basic == "open") {
                presence.open = Some(open || presence.open == Some(true));
            }
            presence.note = presence.note.or_else(|| tuple.child_text("note"));
        }
        for activities in root
            .all("person")
            .chain(root.all("tuple"))
            .filter_map(|person| person.child("activities"))
        {
            let room = MAX_ACTIVITIES - presence.activities.len();
            let names = activities
                .children
                .iter()
                .filter(|child| child.name != "note");
            presence
                .activities
                .extend(names.map(|child| clean(&child.name)).take(room));
        }
        presence.note = presence.note.or_else(|| {
            root.all("person")
                .find_map(|person| person.child_text("note"))
        });
        Ok(presence)
    }

    /// Writes a document.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let basic = if self.open == Some(false) {
            "closed"
        } else {
            "open"
        };
        let mut out = String::from(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\"",
        );
        let escape = |text: &str| quick_xml::escape::escape(clean(text)).into_owned();
        let _ = write!(
            out,
            " entity=\"{}\">\n<tuple id=\"carillon\"><status><basic>{basic}</basic></status>",
            escape(&self.entity)
        );
        if let Some(note) = &self.note {
            let _ = write!(out, "<note>{}</note>", escape(note));
        }
        out.push_str("</tuple>\n");
        let names = self.activities.iter().filter(|name| {
            name.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
                && name.starts_with(|first: char| first.is_ascii_lowercase())
        });
        let activities: String = names
            .take(MAX_ACTIVITIES)
            .map(|name| format!("<rpid:{name}/>"))
            .collect();
        if !activities.is_empty() {
            let _ = writeln!(
                out,
                "<dm:person id=\"user\"><rpid:activities>{activities}</rpid:activities></dm:person>"
            );
        }
        out.push_str("</presence>\n");
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_the_same() {
        let presence = Presence {
            entity: "sip:alice@example.org".to_owned(),
            open: Some(false),
            note: Some("<out> & \"away\"".to_owned()),
            activities: vec!["on-the-phone".to_owned(), "busy".to_owned()],
        };
        assert_eq!(Presence::read(presence.to_xml().as_bytes()), Ok(presence));
        let odd = Presence {
            activities: vec!["<evil/>".to_owned(), "-x".to_owned()],
            ..Presence::default()
        };
        let read = Presence::read(odd.to_xml().as_bytes()).unwrap();
        assert_eq!((read.open, read.activities.len()), (Some(true), 0));
    }

    #[test]
    fn several_devices_are_open_when_one_is() {
        let text = "<presence entity=\"pres:a@x\"><tuple id=\"1\"><status><basic>closed</basic></status></tuple><tuple id=\"2\"><status><basic>open</basic></status><note>here</note></tuple></presence>";
        let presence = Presence::read(text.as_bytes()).unwrap();
        assert_eq!(presence.open, Some(true));
        assert_eq!(presence.note.as_deref(), Some("here"));
        assert_eq!(Presence::read(b"<presence/>").unwrap().open, None);
        assert!(Presence::read(b"<x/>").is_err());
    }
}
