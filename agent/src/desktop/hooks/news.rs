//! The agent's events in the words of hooks: pure.
//!
//! Owns what must be remembered to tell a beginning from a change: which calls were heard of, which accounts stand.

use std::collections::BTreeMap;

use carillon_schemas::hook::HookEvent;
use carillon_schemas::status::{AccountState, CallState, Direction};
use carillon_schemas::{AccountId, Timestamp};

use super::facts::{Facts, FarSide, OwnSide};
use crate::event::{AgentEvent, CallCause};
use crate::view::CallView;

/// The most calls that are remembered, and mailboxes.
const MAX_REMEMBERED: usize = 512;

/// Something that hooks can wait for.
#[derive(Clone, Debug, PartialEq)]
pub struct Occurrence {
    /// The call was turned away before it rang: only hooks from before the filters hear of it.
    pub turned_away: bool,
    /// What happened.
    pub facts: Facts,
}

/// Knows what was told already.
#[derive(Debug, Default)]
pub struct News {
    calls: BTreeMap<u32, Call>,
    /// Whether each account was registered last.
    accounts: BTreeMap<AccountId, bool>,
    /// Messages that waited last.
    mailboxes: BTreeMap<AccountId, u32>,
}

#[derive(Debug, Default)]
struct Call {
    rang: bool,
    media: bool,
    answered: Option<Timestamp>,
}

impl News {
    /// What an event is to hooks; most are nothing.
    pub fn of(
        &mut self,
        event: &AgentEvent,
        at: Timestamp,
        own: &BTreeMap<AccountId, OwnSide>,
    ) -> Vec<Occurrence> {
        let facts = |event, account: &AccountId| Facts {
            event,
            at,
            account: account.clone(),
            own: own.get(account).cloned().unwrap_or_default(),
            far: FarSide::default(),
            direction: None,
            call: None,
            duration: None,
            cause: None,
            new: None,
            text: None,
        };
        let happened = |facts| Occurrence {
            turned_away: false,
            facts,
        };
        let of_call = |event, view: &CallView| Facts {
            far: FarSide::read(&view.peer, view.peer_name.as_deref()),
            direction: Some(view.direction),
            call: Some(view.id),
            ..facts(event, &view.account)
        };
        match event {
            AgentEvent::CallChanged(view) => self
                .call_changed(view, at)
                .into_iter()
                .map(|event| happened(of_call(event, view)))
                .collect(),
            AgentEvent::CallEnded { view, cause, .. } => {
                let answered = self.calls.remove(&view.id).and_then(|call| call.answered);
                let seconds = answered.map_or(0, |since| at.since(since).as_secs());
                endings(view, *cause)
                    .map(|event| {
                        happened(Facts {
                            duration: Some(seconds),
                            cause: Some(*cause),
                            ..of_call(event, view)
                        })
                    })
                    .collect()
            }
            AgentEvent::CallTurnedAway {
                account,
                peer,
                name,
                ..
            }
            | AgentEvent::CallBarred {
                account,
                peer,
                name,
            } => vec![Occurrence {
                turned_away: true,
                facts: Facts {
                    far: FarSide::read(peer, name.as_deref()),
                    direction: Some(Direction::Incoming),
                    ..facts(HookEvent::Incoming, account)
                },
            }],
            AgentEvent::AccountChanged(status) => self
                .account_changed(&status.id, status.state)
                .map(|event| happened(facts(event, &status.id)))
                .into_iter()
                .collect(),
            AgentEvent::AccountRemoved(id) => {
                let was = self.accounts.remove(id);
                self.mailboxes.remove(id);
                let gone = (was == Some(true)).then(|| facts(HookEvent::Unregistered, id));
                gone.map(happened).into_iter().collect()
            }
            AgentEvent::TextReceived {
                account,
                from,
                name,
                text,
            } => vec![happened(Facts {
                far: FarSide::read(from, name.as_deref()),
                direction: Some(Direction::Incoming),
                text: Some(text.clone()),
                ..facts(HookEvent::Message, account)
            })],
            AgentEvent::MessagesWaiting {
                account,
                waiting,
                new,
            } => {
                let now = if *waiting { new.unwrap_or(1) } else { 0 };
                let before = self.mailboxes.insert(account.clone(), now).unwrap_or(0);
                bound(&mut self.mailboxes);
                let news = (now > before).then(|| Facts {
                    new: *new,
                    ..facts(HookEvent::Voicemail, account)
                });
                news.map(happened).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    fn call_changed(&mut self, view: &CallView, at: Timestamp) -> Vec<HookEvent> {
        let mut events = Vec::new();
        if !self.calls.contains_key(&view.id) {
            events.push(match view.direction {
                Direction::Incoming => HookEvent::Incoming,
                Direction::Outgoing => HookEvent::Outgoing,
            });
        }
        let call = self.calls.entry(view.id).or_default();
        if view.state == CallState::Ringing && !std::mem::replace(&mut call.rang, true) {
            events.push(HookEvent::Ringing);
        }
        if view.state == CallState::Established && call.answered.is_none() {
            call.answered = Some(at);
            events.push(HookEvent::Answered);
        }
        if view.codec.is_some() && !std::mem::replace(&mut call.media, true) {
            events.push(HookEvent::MediaStarted);
        }
        bound(&mut self.calls);
        events
    }

    fn account_changed(&mut self, id: &AccountId, state: AccountState) -> Option<HookEvent> {
        let registered = match state {
            AccountState::Registered => true,
            // Asking again, or for the first time: nothing is known yet.
            AccountState::Registering | AccountState::Local => return None,
            AccountState::Disabled
            | AccountState::Failed
            | AccountState::Restarting
            | AccountState::GivenUp
            | AccountState::Stopped => false,
        };
        let before = self.accounts.insert(id.clone(), registered);
        bound(&mut self.accounts);
        match (before, registered) {
            (Some(true), false) => Some(HookEvent::Unregistered),
            // The first try of an account that may register.
            (None, false) if state == AccountState::Failed => Some(HookEvent::Unregistered),
            (None | Some(false), true) => Some(HookEvent::Registered),
            _ => None,
        }
    }
}

/// `busy` or `ended`, and `missed` before it.
fn endings(view: &CallView, cause: CallCause) -> impl Iterator<Item = HookEvent> {
    let missed = view.direction == Direction::Incoming && cause == CallCause::Missed;
    let last = if cause == CallCause::Busy {
        HookEvent::Busy
    } else {
        HookEvent::Ended
    };
    missed
        .then_some(HookEvent::Missed)
        .into_iter()
        .chain([last])
}

/// Events that were lost leave what they would have removed: the oldest goes.
fn bound<K: Ord + Clone, V>(map: &mut BTreeMap<K, V>) {
    while map.len() > MAX_REMEMBERED {
        map.pop_first();
    }
}

#[cfg(test)]
mod tests {
    use carillon_schemas::status::AccountStatus;

    use super::*;

    fn call(id: u32, direction: Direction, state: CallState, codec: bool) -> CallView {
        let direction = serde_json::to_value(direction).unwrap();
        let state = serde_json::to_value(state).unwrap();
        serde_json::from_value(serde_json::json!({
            "id": id, "account": "main", "direction": direction, "state": state,
            "peer": "sip:1001@pbx", "peer_name": "Ann", "since": 0, "codec": codec.then_some("PCMA"), "held": false,
            "media": null,
        }))
        .unwrap()
    }

    fn words(news: &mut News, event: &AgentEvent, at: u64) -> Vec<&'static str> {
        let found = news.of(event, Timestamp(at), &BTreeMap::new());
        found.iter().map(|o| o.facts.event.as_str()).collect()
    }

    #[test]
    fn a_call_is_told_step_by_step_and_each_step_once() {
        use CallState::{Calling, Established, Ringing};
        let mut news = News::default();
        for (direction, state, codec, wanted) in [
            (
                Direction::Incoming,
                Ringing,
                false,
                vec!["incoming", "ringing"],
            ),
            (Direction::Incoming, Ringing, false, vec![]),
            (
                Direction::Incoming,
                Established,
                true,
                vec!["answered", "media_started"],
            ),
            (Direction::Incoming, Established, true, vec![]),
        ] {
            let event = AgentEvent::CallChanged(call(1, direction, state, codec));
            assert_eq!(words(&mut news, &event, 10), wanted);
        }
        let ended = |id, direction, cause| AgentEvent::CallEnded {
            view: call(id, direction, Established, true),
            cause,
            text: String::new(),
        };
        let over = ended(1, Direction::Incoming, CallCause::HungUpThere);
        let told = news.of(&over, Timestamp(17), &BTreeMap::new());
        assert_eq!((told.len(), told[0].facts.duration), (1, Some(7)));
        for (state, codec, wanted) in [
            (Calling, false, vec!["outgoing"]),
            (Ringing, true, vec!["ringing", "media_started"]),
            (Established, true, vec!["answered"]),
        ] {
            let event = AgentEvent::CallChanged(call(2, Direction::Outgoing, state, codec));
            assert_eq!(words(&mut news, &event, 20), wanted);
        }
        for (direction, cause, wanted) in [
            (Direction::Outgoing, CallCause::Busy, vec!["busy"]),
            (
                Direction::Incoming,
                CallCause::Missed,
                vec!["missed", "ended"],
            ),
            (
                Direction::Incoming,
                CallCause::AnsweredElsewhere,
                vec!["ended"],
            ),
            (Direction::Incoming, CallCause::Declined, vec!["ended"]),
        ] {
            assert_eq!(words(&mut news, &ended(3, direction, cause), 30), wanted);
        }
    }

    #[test]
    fn an_account_is_told_when_it_comes_and_when_it_goes() {
        let mut news = News::default();
        for (state, wanted) in [
            (AccountState::Registering, vec![]),
            (AccountState::Failed, vec!["unregistered"]),
            (AccountState::Failed, vec![]),
            (AccountState::Registered, vec!["registered"]),
            (AccountState::Registering, vec![]),
            (AccountState::Registered, vec![]),
            (AccountState::Restarting, vec!["unregistered"]),
        ] {
            let event = AgentEvent::AccountChanged(AccountStatus {
                id: "main".parse().unwrap(),
                address: String::new(),
                state,
                reason: None,
                since: Timestamp(0),
            });
            assert_eq!(words(&mut news, &event, 0), wanted, "{state:?}");
        }
    }

    #[test]
    fn a_mailbox_is_told_when_more_waits() {
        let mut news = News::default();
        for (waiting, new, wanted) in [
            (false, Some(0), 0),
            (true, Some(2), 1),
            (true, Some(2), 0),
            (true, Some(1), 0),
            (true, Some(3), 1),
            (false, None, 0),
            (true, None, 1),
        ] {
            let event = AgentEvent::MessagesWaiting {
                account: "main".parse().unwrap(),
                waiting,
                new,
            };
            assert_eq!(
                words(&mut news, &event, 0).len(),
                wanted,
                "{waiting} {new:?}"
            );
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut news = News::default();
        for id in 0..5_000 {
            let view = call(id, Direction::Incoming, CallState::Ringing, false);
            assert_eq!(words(&mut news, &AgentEvent::CallChanged(view), 0).len(), 2);
        }
        assert_eq!(news.calls.len(), MAX_REMEMBERED);
    }
}
