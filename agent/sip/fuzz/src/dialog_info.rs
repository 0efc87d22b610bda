//! Bytes as the body of a notice: dialogs of another line, presence, registrations and waiting messages, within bounds and fit to
//! be shown.

use carillon_sip::subscription::{DialogInfo, MessageSummary, Presence, RegistrationInfo};

/// The most dialogs a watched line is believed to have.
const MANY: usize = 1000;

/// Reads the bytes as each of them.
pub fn run(data: &[u8]) {
    if let Ok(info) = DialogInfo::read(data) {
        assert!(info.dialogs.len() <= MANY);
        assert_eq!(info.is_busy(), !info.dialogs.is_empty());
        let _ = info.ringing();
        for dialog in &info.dialogs {
            assert!(!dialog.id.chars().any(char::is_control));
            if let Some(replaces) = dialog.replaces() {
                assert!(!replaces.contains(['\r', '\n', ',']), "{replaces}");
            }
        }
    }
    if let Ok(presence) = Presence::read(data) {
        let again = Presence::read(presence.to_xml().as_bytes());
        assert!(again.is_ok(), "{presence:?}: {again:?}");
    }
    let _ = RegistrationInfo::read(data);
    if let Ok(summary) = MessageSummary::read(data) {
        let _ = summary.new_voice();
    }
}
