//! Where a subscription stands: for its owner, and as Subscription-State says it (RFC 6665 §4.1.3, §8.2.3).

use crate::message::{HeaderName, Headers, Params};
use std::time::Duration;

/// Where a subscription stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubscriptionState {
    /// The first SUBSCRIBE is under way, or one after a failure.
    Requested,
    /// The notifier has not decided yet, as when its user must be asked.
    Pending,
    /// Notices come.
    Active,
    /// It did not work out.
    Failed {
        /// Final status, when there was an answer.
        status: Option<u16>,
        /// What went wrong, for a person.
        reason: String,
        /// When the next attempt comes; `None` when there will be none.
        retry_in: Option<Duration>,
    },
    /// Taken back by its owner.
    Ended,
}

/// What a NOTIFY says of the subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) state: Word,
    pub(super) expires: Option<Duration>,
    pub(super) reason: Option<String>,
    pub(super) retry_after: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Active,
    Pending,
    Terminated,
}

impl Said {
    /// Reads Subscription-State. A word of an extension counts as active; without the header, so does the NOTIFY of an old peer.
    pub(super) fn read(headers: &Headers) -> Self {
        let text = headers
            .text(HeaderName::SubscriptionState)
            .unwrap_or_default();
        let (word, params) = text.split_once(';').unwrap_or((&text, ""));
        let params = Params::parse(params).unwrap_or_default();
        let seconds = |name: &str| {
            params
                .get(name)
                .and_then(|text| text.parse::<u32>().ok())
                .map(|seconds| Duration::from_secs(u64::from(seconds)))
        };
        let word = word.trim();
        let state = if word.eq_ignore_ascii_case("terminated") {
            Word::Terminated
        } else if word.eq_ignore_ascii_case("pending") {
            Word::Pending
        } else {
            Word::Active
        };
        Self {
            state,
            expires: seconds("expires"),
            reason: params
                .get("reason")
                .map(|reason| reason.chars().take(64).collect()),
            retry_after: seconds("retry-after"),
        }
    }

    /// What to do after `terminated`: subscribe again at once, wait as after a failure, or leave it be.
    pub(super) fn after_the_end(&self) -> AfterTheEnd {
        match self
            .reason
            .as_deref()
            .unwrap_or("")
            .to_ascii_lowercase()
            .as_str()
        {
            "deactivated" | "timeout" => AfterTheEnd::AtOnce,
            "rejected" | "noresource" | "invariant" => AfterTheEnd::Never,
            _ => AfterTheEnd::Later,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AfterTheEnd {
    AtOnce,
    Later,
    Never,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Said {
        let mut headers = Headers::new();
        headers.push(HeaderName::SubscriptionState, text);
        Said::read(&headers)
    }

    #[test]
    fn reads_each_reason() {
        assert_eq!(
            said("Active;expires=60").expires,
            Some(Duration::from_secs(60))
        );
        assert_eq!(said("pending").state, Word::Pending);
        let probation = said("terminated;reason=probation;retry-after=7");
        assert_eq!(probation.state, Word::Terminated);
        assert_eq!(probation.retry_after, Some(Duration::from_secs(7)));
        for (reason, then) in [
            ("deactivated", AfterTheEnd::AtOnce),
            ("timeout", AfterTheEnd::AtOnce),
            ("probation", AfterTheEnd::Later),
            ("giveup", AfterTheEnd::Later),
            ("whatever", AfterTheEnd::Later),
            ("rejected", AfterTheEnd::Never),
            ("noresource", AfterTheEnd::Never),
            ("invariant", AfterTheEnd::Never),
        ] {
            let said = said(&format!("terminated;reason={reason}"));
            assert_eq!(said.after_the_end(), then, "{reason}");
        }
        assert_eq!(said("terminated").after_the_end(), AfterTheEnd::Later);
        assert_eq!(said("").state, Word::Active);
    }
}
