//! Message waiting (RFC 3842): how many messages wait at a mailbox.

/// The most message classes kept.
const MAX_CLASSES: usize = 8;

/// What waits at a mailbox.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessageSummary {
    /// Whether anything new waits.
    pub waiting: bool,
    /// The mailbox, when it was named.
    pub account: Option<String>,
    /// Counts by class, such as `voice-message`.
    pub counts: Vec<MessageCount>,
}

/// Messages of one class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageCount {
    /// Class, in lower case: `voice-message`, `fax-message`.
    pub class: String,
    /// Not heard yet.
    pub new: u32,
    /// Heard and kept.
    pub old: u32,
    /// Those of `new` that are urgent.
    pub new_urgent: u32,
    /// Those of `old` that are urgent.
    pub old_urgent: u32,
}

impl MessageSummary {
    /// Reads a body. Lines that are none of RFC 3842 are skipped.
    ///
    /// # Errors
    /// No `Messages-Waiting` line, or one that says neither yes nor no.
    pub fn read(body: &[u8]) -> Result<Self, String> {
        let text = String::from_utf8_lossy(body);
        let mut waiting = None;
        let mut summary = Self::default();
        // Headers of single messages may follow after an empty line.
        for line in text.lines().take_while(|line| !line.trim().is_empty()) {
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
            match name.as_str() {
                "messages-waiting" => {
                    waiting = match value.to_ascii_lowercase().as_str() {
                        "yes" => Some(true),
                        "no" => Some(false),
                        _ => None,
                    }
                }
                "message-account" => summary.account = Some(super::xml::clean(value)),
                _ if summary.counts.len() < MAX_CLASSES => {
                    summary.counts.extend(count(name, value));
                }
                _ => {}
            }
        }
        summary.waiting = waiting.ok_or("it does not say whether messages wait")?;
        Ok(summary)
    }

    /// Voice messages not heard yet, when they were counted.
    #[must_use]
    pub fn new_voice(&self) -> Option<u32> {
        self.counts
            .iter()
            .find(|count| count.class == "voice-message")
            .map(|count| count.new)
    }
}

/// `2/8 (0/2)`
fn count(class: String, value: &str) -> Option<MessageCount> {
    if class.len() > 64 {
        return None;
    }
    let (all, urgent) = match value.split_once('(') {
        Some((all, urgent)) => (all, urgent.trim().trim_end_matches(')')),
        None => (value, "0/0"),
    };
    let pair = |text: &str| {
        let (new, old) = text.split_once('/')?;
        Some((new.trim().parse().ok()?, old.trim().parse().ok()?))
    };
    let (new, old) = pair(all)?;
    let (new_urgent, old_urgent) = pair(urgent).unwrap_or((0, 0));
    Some(MessageCount {
        class,
        new,
        old,
        new_urgent,
        old_urgent,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_example_of_the_rfc() {
        let body = "Messages-Waiting: yes\r\nMessage-Account: sip:alice@vmail.example.com\r\nVoice-Message: 2/8 (0/2)\r\n\r\nTo: <alice@atlanta.example.com>\r\n";
        let summary = MessageSummary::read(body.as_bytes()).unwrap();
        assert!(summary.waiting);
        assert_eq!(
            summary.account.as_deref(),
            Some("sip:alice@vmail.example.com")
        );
        assert_eq!(summary.new_voice(), Some(2));
        assert_eq!(summary.counts[0].old_urgent, 2);
        assert_eq!(summary.counts.len(), 1);
    }

    #[test]
    fn odd_bodies_are_bounded_or_refused() {
        assert!(MessageSummary::read(b"").is_err());
        assert!(MessageSummary::read(b"Messages-Waiting: maybe").is_err());
        let many = format!(
            "messages-waiting:no\n{}",
            "Voice-Message: 1/1\n".repeat(100)
        );
        let summary = MessageSummary::read(many.as_bytes()).unwrap();
        assert_eq!(summary.counts.len(), MAX_CLASSES);
        let odd =
            b"Messages-Waiting: no\nVoice-Message: 99999999999/1\nFax-Message: 1\nX: 1/2 (x\n";
        assert_eq!(MessageSummary::read(odd).unwrap().counts.len(), 1);
    }
}
