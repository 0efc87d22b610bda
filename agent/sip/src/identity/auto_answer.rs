//! The wish of a caller to be answered without a hand, as phones and PBXs write it. A wish: whose is granted is decided elsewhere.

use crate::message::{HeaderName, Headers, Params};
use std::time::Duration;

/// The longest wait before the answer that is heeded.
const MAX_AFTER: Duration = Duration::from_secs(60);

/// A wish to be answered without a hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AutoAnswer {
    /// How long to ring before.
    pub after: Duration,
    /// The call is to be refused rather than to ring (`Answer-Mode: Auto;require`).
    pub required: bool,
}

impl AutoAnswer {
    /// Reads the wish: Answer-Mode and Priv-Answer-Mode (RFC 5373), `answer-after` in Call-Info, and the words of Alert-Info.
    #[must_use]
    pub fn read(headers: &Headers) -> Option<Self> {
        for name in [HeaderName::AnswerMode, HeaderName::PrivAnswerMode] {
            if let Some(text) = headers.text(name) {
                let (mode, params) = text.split_once(';').unwrap_or((&text, ""));
                let required = Params::parse(params).is_ok_and(|params| params.has("require"));
                return mode.trim().eq_ignore_ascii_case("auto").then_some(Self {
                    after: Duration::ZERO,
                    required,
                });
            }
        }
        let after = headers
            .values(HeaderName::CallInfo)
            .unwrap_or_default()
            .iter()
            .find_map(|value| answer_after(value));
        after
            .or_else(|| alert(headers).then_some(Duration::ZERO))
            .map(|after| Self {
                after,
                required: false,
            })
    }
}

/// `<sip:x>;answer-after=0`, also without the address.
fn answer_after(value: &str) -> Option<Duration> {
    let params = match value.split_once('>') {
        Some((_, params)) => params.trim_start().strip_prefix(';')?,
        None => value,
    };
    let params = Params::parse(params).ok()?;
    let seconds = params.unquoted("answer-after")?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_AFTER))
}

/// `info=alert-autoanswer` and what else is in use: Auto Answer, Intercom.
fn alert(headers: &Headers) -> bool {
    headers.all(HeaderName::AlertInfo).any(|value| {
        let text: String = String::from_utf8_lossy(value)
            .to_ascii_lowercase()
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || matches!(c, ';' | '='))
            .collect();
        ["alertautoanswer", "autoanswer", "info=intercom"]
            .iter()
            .any(|word| text.contains(word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(name: HeaderName, value: &str) -> Option<(u64, bool)> {
        let mut headers = Headers::new();
        headers.push(name, value);
        AutoAnswer::read(&headers).map(|wish| (wish.after.as_secs(), wish.required))
    }

    #[test]
    fn reads_what_phones_write() {
        for (name, value, wanted) in [
            (
                HeaderName::CallInfo,
                "<sip:x>;answer-after=0",
                Some((0, false)),
            ),
            (HeaderName::CallInfo, "answer-after=5", Some((5, false))),
            (
                HeaderName::CallInfo,
                "<sip:x>; purpose=icon, <sip:y>;answer-after=2",
                Some((2, false)),
            ),
            (
                HeaderName::CallInfo,
                "<sip:x>;answer-after=99999999",
                Some((60, false)),
            ),
            (HeaderName::CallInfo, "<sip:x>;answer-after=-1", None),
            (HeaderName::CallInfo, "<sip:x;answer-after=0>", None),
            (
                HeaderName::AlertInfo,
                "<http://x>;info=alert-autoanswer;delay=0",
                Some((0, false)),
            ),
            (HeaderName::AlertInfo, "Auto Answer", Some((0, false))),
            (HeaderName::AlertInfo, "info=Intercom", Some((0, false))),
            (HeaderName::AlertInfo, "<http://x/ring.wav>", None),
            (HeaderName::AnswerMode, "Auto", Some((0, false))),
            (HeaderName::AnswerMode, "auto;require", Some((0, true))),
            (HeaderName::AnswerMode, "Manual", None),
            (HeaderName::PrivAnswerMode, "Auto", Some((0, false))),
        ] {
            assert_eq!(wish(name, value), wanted, "{value}");
        }
    }
}
