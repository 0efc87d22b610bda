//! What the history makes of each event: pure but for the time, which is a parameter.

use std::collections::BTreeMap;

use carillon_schemas::Timestamp;
use carillon_schemas::status::{CallState, Direction};

use super::entry::{Happened, Kind, Outcome};
use crate::event::{AgentEvent, CallCause};
use crate::view::CallView;

/// The most calls whose beginning is remembered; a desk has at most 128 accounts of 100.
const MAX_CALLS: usize = 12_800;

/// Follows the calls that stand, so that each becomes one entry.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    began: BTreeMap<u32, Timestamp>,
}

impl Recorder {
    /// The entry that an event completes, if it does.
    pub(super) fn record(&mut self, event: &AgentEvent, now: Timestamp) -> Option<Happened> {
        match event {
            AgentEvent::CallChanged(view) => {
                if self.began.len() < MAX_CALLS {
                    self.began.entry(view.id).or_insert(view.since);
                }
                None
            }
            AgentEvent::CallEnded { view, cause, text } => {
                let at = self.began.remove(&view.id).unwrap_or(view.since);
                Some(call(view, *cause, text, at, now))
            }
            AgentEvent::CallTurnedAway {
                account,
                peer,
                name,
                why,
            } => Some(Happened {
                kind: Kind::Call,
                at: now,
                account: account.to_string(),
                direction: Direction::Incoming,
                peer: peer.clone(),
                name: name.clone(),
                outcome: Outcome::TurnedAway,
                seconds: 0,
                text: Some(why.clone()),
            }),
            AgentEvent::TextReceived {
                account,
                from,
                name,
                text,
            } => Some(Happened {
                kind: Kind::Message,
                at: now,
                account: account.to_string(),
                direction: Direction::Incoming,
                peer: from.clone(),
                name: name.clone(),
                outcome: Outcome::Received,
                seconds: 0,
                text: Some(text.clone()),
            }),
            AgentEvent::TextSent {
                account,
                to,
                text,
                delivered,
            } => Some(Happened {
                kind: Kind::Message,
                at: now,
                account: account.to_string(),
                direction: Direction::Outgoing,
                peer: to.clone(),
                name: None,
                outcome: if *delivered {
                    Outcome::Delivered
                } else {
                    Outcome::NotDelivered
                },
                seconds: 0,
                text: Some(text.clone()),
            }),
            // Ends of calls may be among them: their beginnings must not pile up.
            AgentEvent::EventsMissed { .. } => {
                self.began.clear();
                None
            }
            _ => None,
        }
    }
}

fn call(view: &CallView, cause: CallCause, text: &str, at: Timestamp, now: Timestamp) -> Happened {
    let answered = view.state == CallState::Established;
    let seconds = if answered {
        u32::try_from(now.since(view.since).as_secs()).unwrap_or(u32::MAX)
    } else {
        0
    };
    Happened {
        kind: Kind::Call,
        at,
        account: view.account.to_string(),
        direction: view.direction,
        peer: view.peer.clone(),
        name: view.contact.clone().or_else(|| view.peer_name.clone()),
        outcome: outcome(cause, answered, view.direction),
        seconds,
        text: Some(text.to_owned()).filter(|text| !text.is_empty()),
    }
}

fn outcome(cause: CallCause, answered: bool, direction: Direction) -> Outcome {
    match (cause, answered) {
        (CallCause::Transferred, true) => Outcome::Transferred,
        (_, true) => Outcome::Answered,
        (CallCause::Missed, _) => Outcome::Missed,
        (CallCause::AnsweredElsewhere, _) => Outcome::AnsweredElsewhere,
        (CallCause::Declined, _) => Outcome::Declined,
        (CallCause::Busy, _) => Outcome::Busy,
        (CallCause::Refused, _) => Outcome::Refused,
        (CallCause::NoAnswer, _) if direction == Direction::Incoming => Outcome::Missed,
        (CallCause::NoAnswer, _) => Outcome::NoAnswer,
        // Before an answer the far side only hangs up when it gives up.
        (CallCause::HungUpThere, _) if direction == Direction::Incoming => Outcome::Missed,
        (CallCause::HungUpThere, _) => Outcome::NoAnswer,
        (CallCause::HungUpHere, _) if direction == Direction::Incoming => Outcome::Declined,
        (CallCause::HungUpHere, _) => Outcome::Cancelled,
        // An incoming call that was sent on, or whose place another call took.
        (CallCause::Transferred, _) => Outcome::TurnedAway,
        (CallCause::Media | CallCause::Unreachable | CallCause::ActorFailed, _) => Outcome::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(id: u32, state: CallState, since: u64) -> CallView {
        let mut view: CallView = serde_json::from_value(serde_json::json!({
            "id": id, "account": "main", "direction": "incoming", "state": "ringing",
            "peer": "sip:1001@pbx", "peer_name": "Claims to be", "since": since,
            "codec": null, "held": false, "media": null,
        }))
        .unwrap();
        view.state = state;
        view
    }

    fn ended(view: CallView, cause: CallCause) -> AgentEvent {
        AgentEvent::CallEnded {
            view,
            cause,
            text: "bye".into(),
        }
    }

    #[test]
    fn a_call_is_one_entry_from_its_beginning() {
        let mut recorder = Recorder::default();
        let ringing = AgentEvent::CallChanged(view(1, CallState::Ringing, 100));
        assert_eq!(recorder.record(&ringing, Timestamp(100)), None);
        let mut talking = view(1, CallState::Established, 107);
        talking.contact = Some("Reception".into());
        let stands = AgentEvent::CallChanged(talking.clone());
        assert_eq!(recorder.record(&stands, Timestamp(107)), None);
        let over = ended(talking, CallCause::HungUpThere);
        let entry = recorder.record(&over, Timestamp(167)).unwrap();
        assert_eq!((entry.at, entry.seconds), (Timestamp(100), 60));
        assert_eq!(entry.outcome, Outcome::Answered);
        assert_eq!(entry.name.as_deref(), Some("Reception"));
        assert!(recorder.began.is_empty());
    }

    #[test]
    fn what_was_not_answered_says_why() {
        for (cause, direction, outcome) in [
            (CallCause::Missed, Direction::Incoming, Outcome::Missed),
            (CallCause::Declined, Direction::Incoming, Outcome::Declined),
            (
                CallCause::HungUpHere,
                Direction::Outgoing,
                Outcome::Cancelled,
            ),
            (CallCause::Busy, Direction::Outgoing, Outcome::Busy),
            (CallCause::NoAnswer, Direction::Outgoing, Outcome::NoAnswer),
            (CallCause::Unreachable, Direction::Outgoing, Outcome::Failed),
            (
                CallCause::Transferred,
                Direction::Incoming,
                Outcome::TurnedAway,
            ),
        ] {
            let mut call = view(1, CallState::Ringing, 100);
            call.direction = direction;
            let entry = Recorder::default()
                .record(&ended(call, cause), Timestamp(130))
                .unwrap();
            assert_eq!((entry.outcome, entry.seconds), (outcome, 0), "{cause:?}");
        }
    }

    #[test]
    fn beginnings_do_not_pile_up() {
        let mut recorder = Recorder::default();
        for id in 0..20_000 {
            let rings = AgentEvent::CallChanged(view(id, CallState::Ringing, 1));
            recorder.record(&rings, Timestamp(1));
        }
        assert_eq!(recorder.began.len(), MAX_CALLS);
        recorder.record(&AgentEvent::EventsMissed { count: 1 }, Timestamp(1));
        assert!(recorder.began.is_empty());
    }
}
