//! Dialogs of another line (RFC 4235): whether it is busy, whom it talks to, and what pickup needs to know.

use super::xml::{self, Element, clean};

/// The most dialogs of one line that are kept.
const MAX_DIALOGS: usize = 64;

/// The dialogs of a line, as far as its notifier told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DialogInfo {
    /// The line watched.
    pub entity: String,
    /// Its dialogs; one that ended is not kept.
    pub dialogs: Vec<WatchedDialog>,
    version: Option<u32>,
}

/// One dialog of another line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchedDialog {
    /// Names it within the line.
    pub id: String,
    /// Call-ID, when the notifier shows it.
    pub call_id: Option<String>,
    /// The watched line's tag.
    pub local_tag: Option<String>,
    /// The far side's tag.
    pub remote_tag: Option<String>,
    /// Whether the watched line was called; `None` when it was not said.
    pub incoming: Option<bool>,
    /// How far it is.
    pub phase: DialogPhase,
    /// The watched line in this dialog.
    pub local: Party,
    /// The far side.
    pub remote: Party,
}

/// How far a dialog is (RFC 4235 §3.7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialogPhase {
    /// An INVITE was sent.
    Trying,
    /// It was received, and no tag is known.
    Proceeding,
    /// It rings.
    Early,
    /// It was answered.
    Confirmed,
    /// It is over.
    Terminated,
}

/// One side of a dialog.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Party {
    /// Its address.
    pub identity: Option<String>,
    /// The name it shows.
    pub display_name: Option<String>,
    /// Where it is reached within the dialog.
    pub target: Option<String>,
}

/// What became of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Applied {
    Yes,
    /// Something before it is missing: the whole state must be asked for.
    Gap,
}

impl DialogInfo {
    /// Reads a document that stands on its own.
    ///
    /// # Errors
    /// No dialog-info document, or one that only changes an earlier one.
    pub fn read(body: &[u8]) -> Result<Self, String> {
        let mut info = Self::default();
        match info.apply(body)? {
            Applied::Yes => Ok(info),
            Applied::Gap => Err("it changes a document that is not known".to_owned()),
        }
    }

    /// Whether any dialog is under way.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        !self.dialogs.is_empty()
    }

    /// The dialog that rings at the watched line and could be picked up.
    #[must_use]
    pub fn ringing(&self) -> Option<&WatchedDialog> {
        self.dialogs.iter().find(|dialog| {
            dialog.incoming == Some(true)
                && matches!(dialog.phase, DialogPhase::Proceeding | DialogPhase::Early)
        })
    }

    /// Takes a document in: whole state replaces, partial state changes (§4.3). The order is that of the NOTIFYs, so a whole
    /// state with a lower number, as after a notifier's restart, counts too.
    pub(super) fn apply(&mut self, body: &[u8]) -> Result<Applied, String> {
        let root = xml::read(body)?;
        if root.name != "dialog-info" {
            return Err(format!("it is <{}>, not <dialog-info>", clean(&root.name)));
        }
        let version = root
            .attribute("version")
            .and_then(|text| text.parse::<u32>().ok())
            .ok_or("it has no version")?;
        let partial = root.attribute("state") == Some("partial");
        if partial && self.version.and_then(|last| last.checked_add(1)) != Some(version) {
            return Ok(if self.version.is_some_and(|last| version <= last) {
                Applied::Yes
            } else {
                Applied::Gap
            });
        }
        self.version = Some(version);
        self.entity = clean(root.attribute("entity").unwrap_or(""));
        if !partial {
            self.dialogs.clear();
        }
        for dialog in root.all("dialog").filter_map(WatchedDialog::read) {
            self.dialogs.retain(|known| known.id != dialog.id);
            if dialog.phase != DialogPhase::Terminated && self.dialogs.len() < MAX_DIALOGS {
                self.dialogs.push(dialog);
            }
        }
        Ok(Applied::Yes)
    }
}

impl WatchedDialog {
    fn read(element: &Element) -> Option<Self> {
        let attribute = |name: &str| element.attribute(name).map(clean);
        let phase = match element.child_text("state")?.as_str() {
            "trying" => DialogPhase::Trying,
            "proceeding" => DialogPhase::Proceeding,
            "early" => DialogPhase::Early,
            "confirmed" => DialogPhase::Confirmed,
            "terminated" => DialogPhase::Terminated,
            _ => return None,
        };
        Some(Self {
            id: attribute("id")?,
            call_id: attribute("call-id"),
            local_tag: attribute("local-tag"),
            remote_tag: attribute("remote-tag"),
            incoming: match element.attribute("direction") {
                Some("recipient") => Some(true),
                Some("initiator") => Some(false),
                _ => None,
            },
            phase,
            local: Party::read(element.child("local")),
            remote: Party::read(element.child("remote")),
        })
    }

    /// The value of Replaces that takes this dialog over (RFC 3891); one that rings is taken only while it rings.
    #[must_use]
    pub fn replaces(&self) -> Option<String> {
        let word = |text: &Option<String>| {
            text.as_deref()
                .filter(|text| {
                    !text.is_empty()
                        && text
                            .bytes()
                            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b';' | b','))
                })
                .map(str::to_owned)
        };
        let call_id = word(&self.call_id)?;
        let (to, from) = (word(&self.local_tag)?, word(&self.remote_tag)?);
        let early = match self.phase {
            DialogPhase::Confirmed => "",
            _ => ";early-only",
        };
        Some(format!("{call_id};to-tag={to};from-tag={from}{early}"))
    }
}

impl Party {
    fn read(element: Option<&Element>) -> Self {
        let Some(element) = element else {
            return Self::default();
        };
        let identity = element.child("identity");
        Self {
            identity: element.child_text("identity"),
            display_name: identity
                .and_then(|identity| identity.attribute("display"))
                .map(clean)
                .filter(|name| !name.is_empty()),
            target: element
                .child("target")
                .and_then(|target| target.attribute("uri"))
                .map(clean),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(version: u32, state: &str, dialogs: &str) -> Vec<u8> {
        format!("<?xml version=\"1.0\"?><dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"{version}\" state=\"{state}\" entity=\"sip:1002@x\">{dialogs}</dialog-info>").into_bytes()
    }

    fn dialog(id: &str, state: &str) -> String {
        format!(
            "<dialog id=\"{id}\" call-id=\"c{id}\" local-tag=\"l\" remote-tag=\"r\" direction=\"recipient\"><state>{state}</state><remote><identity display=\"Bob\">sip:bob@x</identity><target uri=\"sip:bob@10.0.0.1\"/></remote></dialog>"
        )
    }

    #[test]
    fn whole_and_partial_state() {
        let mut info = DialogInfo::default();
        let first = document(7, "full", &dialog("1", "early"));
        assert_eq!(info.apply(&first), Ok(Applied::Yes));
        let ringing = info.ringing().unwrap();
        assert_eq!(ringing.remote.display_name.as_deref(), Some("Bob"));
        assert_eq!(
            ringing.replaces().as_deref(),
            Some("c1;to-tag=l;from-tag=r;early-only")
        );
        let second = document(8, "partial", &dialog("2", "confirmed"));
        assert_eq!(info.apply(&second), Ok(Applied::Yes));
        assert_eq!(info.dialogs.len(), 2);
        assert_eq!(
            info.apply(&second),
            Ok(Applied::Yes),
            "an old one is skipped"
        );
        let lost = document(10, "partial", &dialog("1", "terminated"));
        assert_eq!(info.apply(&lost), Ok(Applied::Gap));
        assert_eq!(info.dialogs.len(), 2);
        let third = document(9, "partial", &dialog("1", "terminated"));
        assert_eq!(info.apply(&third), Ok(Applied::Yes));
        assert_eq!(info.dialogs.len(), 1);
        assert_eq!(info.apply(&document(0, "full", "")), Ok(Applied::Yes));
        assert!(!info.is_busy());
    }

    #[test]
    fn odd_documents_are_bounded_or_refused() {
        let mut info = DialogInfo::default();
        let many: String = (0..200)
            .map(|id| dialog(&id.to_string(), "early"))
            .collect();
        assert_eq!(info.apply(&document(1, "full", &many)), Ok(Applied::Yes));
        assert_eq!(info.dialogs.len(), MAX_DIALOGS);
        assert!(info.apply(b"<presence/>").is_err());
        assert!(info.apply(b"<dialog-info/>").is_err());
        assert_eq!(info.dialogs.len(), MAX_DIALOGS, "what could be read stands");
        let nameless = document(
            2,
            "full",
            "<dialog><state>early</state></dialog><dialog id=\"1\"><state>odd</state></dialog>",
        );
        assert_eq!(info.apply(&nameless), Ok(Applied::Yes));
        assert!(!info.is_busy());
        let tag = "<dialog id=\"1\" call-id=\"a;b\" local-tag=\"l\" remote-tag=\"r\"><state>early</state></dialog>";
        assert_eq!(info.apply(&document(3, "full", tag)), Ok(Applied::Yes));
        assert_eq!(info.dialogs[0].replaces(), None);
    }
}
