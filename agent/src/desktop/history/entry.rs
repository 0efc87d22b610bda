//! One line of the history.

use carillon_schemas::Timestamp;
use carillon_schemas::status::Direction;
use serde::{Deserialize, Serialize};

/// The longest address, name or account that is kept, in bytes.
pub const MAX_NAME: usize = 256;
/// The longest text that is kept, in bytes.
pub const MAX_TEXT: usize = 4_096;

/// One call or message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number; later entries have higher ones.
    pub id: i64,
    /// What it was.
    #[serde(flatten)]
    pub what: Happened,
}

/// What is remembered of a call or message. What a message says is for its reader: never log it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happened {
    /// Call or message.
    pub kind: Kind,
    /// When it began.
    pub at: Timestamp,
    /// On which account.
    pub account: String,
    /// Which way it went.
    pub direction: Direction,
    /// The far side's address.
    pub peer: String,
    /// Its name: from the contacts, else as it gave itself.
    pub name: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// How long was talked.
    pub seconds: u32,
    /// What a message says; of a call, how it ended, for a person.
    pub text: Option<String>,
}

/// Call or message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A call.
    Call,
    /// A short message.
    Message,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A call that was answered.
    Answered,
    /// Answered, then put through to somebody else.
    Transferred,
    /// Nobody here answered.
    Missed,
    /// Another phone of ours answered.
    AnsweredElsewhere,
    /// Declined here.
    Declined,
    /// A feature refused it or sent it on.
    TurnedAway,
    /// This side gave up before an answer.
    Cancelled,
    /// The far side was busy.
    Busy,
    /// The far side, or a server on the way, refused.
    Refused,
    /// The far side did not answer.
    NoAnswer,
    /// It did not work out.
    Failed,
    /// A message that came.
    Received,
    /// A message that was taken.
    Delivered,
    /// A message that was not.
    NotDelivered,
}

impl Kind {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Message => "message",
        }
    }

    /// The kind of that word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        [Self::Call, Self::Message]
            .into_iter()
            .find(|kind| kind.word() == word)
    }
}

impl Outcome {
    const ALL: [Self; 14] = [
        Self::Answered,
        Self::Transferred,
        Self::Missed,
        Self::AnsweredElsewhere,
        Self::Declined,
        Self::TurnedAway,
        Self::Cancelled,
        Self::Busy,
        Self::Refused,
        Self::NoAnswer,
        Self::Failed,
        Self::Received,
        Self::Delivered,
        Self::NotDelivered,
    ];

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Transferred => "transferred",
            Self::Missed => "missed",
            Self::AnsweredElsewhere => "answered_elsewhere",
            Self::Declined => "declined",
            Self::TurnedAway => "turned_away",
            Self::Cancelled => "cancelled",
            Self::Busy => "busy",
            Self::Refused => "refused",
            Self::NoAnswer => "no_answer",
            Self::Failed => "failed",
            Self::Received => "received",
            Self::Delivered => "delivered",
            Self::NotDelivered => "not_delivered",
        }
    }

    /// The outcome of that word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.word() == word)
    }
}

impl Happened {
    /// The same within the bounds of what is kept.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        cut(&mut self.account, MAX_NAME);
        cut(&mut self.peer, MAX_NAME);
        if let Some(name) = &mut self.name {
            cut(name, MAX_NAME);
        }
        if let Some(text) = &mut self.text {
            cut(text, MAX_TEXT);
        }
        self
    }
}

/// At most `limit` bytes, in whole characters.
fn cut(text: &mut String, limit: usize) {
    let mut end = limit.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lead_back_and_are_those_of_the_json() {
        for outcome in Outcome::ALL {
            assert_eq!(Outcome::of(outcome.word()), Some(outcome));
            let json = serde_json::to_string(&outcome).unwrap();
            assert_eq!(json, format!("{:?}", outcome.word()));
        }
        assert_eq!(Kind::of("message"), Some(Kind::Message));
        assert_eq!((Kind::of("x"), Outcome::of("x")), (None, None));
    }

    #[test]
    fn what_a_stranger_sends_is_cut_between_characters() {
        let long = Happened {
            kind: Kind::Message,
            at: Timestamp(1),
            account: "a".into(),
            direction: Direction::Incoming,
            peer: "ä".repeat(10_000),
            name: Some("€".repeat(10_000)),
            outcome: Outcome::Received,
            seconds: 0,
            text: Some("x".repeat(1 << 20)),
        };
        let kept = long.bounded();
        assert_eq!(kept.peer.len(), MAX_NAME);
        assert_eq!(kept.name.unwrap().len(), 255);
        assert_eq!(kept.text.unwrap().len(), MAX_TEXT);
    }
}
