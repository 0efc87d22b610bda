//! What happened on the desk, in the words of the status report, kept until the server has taken it.
//!
//! Bounded: beyond the limit the oldest goes, and one line says how many went.

use std::collections::VecDeque;

use carillon_schemas::Timestamp;
use carillon_schemas::status::{
    AccountState, CallState, DeskEvent, Direction, Level, MAX_EVENTS, MAX_TEXT,
};

use super::bounded;
use crate::event::AgentEvent;

/// Answered calls that are remembered; an account has at most 100 at once.
const MAX_ANSWERED: usize = 128;

/// Events that wait for the server, oldest first.
#[derive(Debug, Default)]
pub struct Journal {
    waiting: VecDeque<DeskEvent>,
    lost: u64,
    /// Calls whose answer was noted: what changes of them later is no news of that kind.
    answered: VecDeque<u32>,
}

impl Journal {
    /// Notes an event, if it is one that a report tells.
    pub fn note(&mut self, event: &AgentEvent, at: Timestamp) {
        let Some((level, kind, text)) = told(event) else {
            return;
        };
        if let AgentEvent::CallChanged(call) = event {
            if self.answered.contains(&call.id) {
                return;
            }
            self.answered.push_back(call.id);
            if self.answered.len() > MAX_ANSWERED {
                self.answered.pop_front();
            }
        }
        // One place is left for the line that says what was lost.
        if self.waiting.len() == MAX_EVENTS - 1 {
            self.waiting.pop_front();
            self.lost += 1;
        }
        self.waiting.push_back(DeskEvent {
            at,
            level,
            kind: kind.to_owned(),
            text: bounded(&text, MAX_TEXT),
        });
    }

    /// What to send now, of at most `limit` bytes of text, and how much of the journal that is.
    pub fn page(&self, limit: usize) -> (Vec<DeskEvent>, Taken) {
        let mut events = Vec::new();
        if let Some(oldest) = self.waiting.front().filter(|_| self.lost > 0) {
            events.push(DeskEvent {
                at: oldest.at,
                level: Level::Warning,
                kind: "events_lost".into(),
                text: format!(
                    "{} older events were lost before they could be reported",
                    self.lost
                ),
            });
        }
        let mut room = limit;
        let mut count = 0;
        for event in &self.waiting {
            let Some(left) = room.checked_sub(event.text.len()) else {
                break;
            };
            room = left;
            count += 1;
            events.push(event.clone());
        }
        let taken = Taken {
            count,
            lost: self.lost,
            newest: self.waiting.len(),
        };
        (events, taken)
    }

    /// The server has that page.
    pub fn taken(&mut self, page: Taken) {
        // What was pushed out meanwhile was of the page, and counted as lost.
        let pushed_out = usize::try_from(self.lost - page.lost).unwrap_or(usize::MAX);
        self.waiting.drain(
            ..page
                .count
                .saturating_sub(pushed_out)
                .min(self.waiting.len()),
        );
        self.lost =
            (self.lost - page.lost).saturating_sub(u64::try_from(page.count).unwrap_or(u64::MAX));
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

/// A page of the journal, to be handed back when the server has it.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    count: usize,
    lost: u64,
    newest: usize,
}

impl Taken {
    /// Whether more waited than fitted.
    pub fn left_some(&self) -> bool {
        self.newest > self.count
    }
}

fn told(event: &AgentEvent) -> Option<(Level, &'static str, String)> {
    Some(match event {
        AgentEvent::AccountChanged(account) => {
            let why = account
                .reason
                .as_deref()
                .map_or(String::new(), |r| format!(": {r}"));
            let text = format!("{} ({}){why}", account.id, account.address);
            match account.state {
                AccountState::Registered => (Level::Info, "registered", text),
                AccountState::Failed => (Level::Error, "registration_failed", text),
                // Told by their own events, or no news to anyone.
                _ => return None,
            }
        }
        AgentEvent::AccountRemoved(id) => (Level::Info, "account_removed", id.to_string()),
        AgentEvent::CallChanged(call) if call.state == CallState::Established => {
            let codec = call.codec.as_deref().unwrap_or("unknown codec");
            let (id, peer) = (call.id, &call.peer);
            let text = format!(
                "call {id} on {} {} {peer} ({codec})",
                call.account,
                way(call.direction)
            );
            (Level::Info, "call_established", text)
        }
        AgentEvent::CallChanged(_) => return None,
        AgentEvent::CallEnded { view, text, .. } => {
            let text = format!(
                "call {} on {} {} {}: {text}",
                view.id,
                view.account,
                way(view.direction),
                view.peer
            );
            (Level::Info, "call_ended", text)
        }
        AgentEvent::TransferRequested { call, target, by } => (
            Level::Info,
            "transfer_requested",
            format!(
                "call {call}: {} asks for a call to {target}",
                by.as_deref().unwrap_or("the far side")
            ),
        ),
        AgentEvent::TransferEnded { call, text, .. } => (
            Level::Info,
            "transfer_ended",
            format!("call {call}: {text}"),
        ),
        AgentEvent::CallTurnedAway {
            account, peer, why, ..
        } => (
            Level::Info,
            "call_turned_away",
            format!("{peer} on {account}: {why}"),
        ),
        AgentEvent::HookFailed { hook, why } => {
            (Level::Warning, "hook_failed", format!("{hook}: {why}"))
        }
        // Digits may be a PIN, texts are for their readers; lamps and mailboxes are the user's; scanners would fill the
        // journal.
        AgentEvent::TransferProgress { .. }
        | AgentEvent::CallBarred { .. }
        | AgentEvent::DtmfReceived { .. }
        | AgentEvent::TextReceived { .. }
        | AgentEvent::TextSent { .. }
        | AgentEvent::HistoryChanged
        | AgentEvent::ContactsChanged
        | AgentEvent::LampChanged { .. }
        | AgentEvent::FeaturesChanged(_)
        | AgentEvent::MessagesWaiting { .. }
        | AgentEvent::CheckSync
        | AgentEvent::LinkAsked(_)
        | AgentEvent::LinkSettled { .. } => return None,
        AgentEvent::ShuttingDown => (
            Level::Info,
            "shutting_down",
            "the agent was told to leave".into(),
        ),
        AgentEvent::HistoryTrouble { text } => (Level::Warning, "history_trouble", text.clone()),
        AgentEvent::MediaTrouble { call, text } => (
            Level::Warning,
            "media_trouble",
            format!("call {call}: {text}"),
        ),
        AgentEvent::ConfigApplied {
            generation,
            changes,
            took,
        } => {
            let what = generation.map_or("agent.yaml".into(), |g| format!("generation {g}"));
            let changes = if changes.is_empty() {
                "nothing changed".into()
            } else {
                changes.join("; ")
            };
            let text = format!("{what} runs, in {} ms: {changes}", took.as_millis());
            (Level::Info, "config_applied", text)
        }
        AgentEvent::ConfigRefused { generation, reason } => {
            let what = generation.map_or(String::new(), |g| format!("generation {g}: "));
            (Level::Error, "config_refused", format!("{what}{reason}"))
        }
        AgentEvent::ConfigWarning { text } => (Level::Warning, "config_warning", text.clone()),
        AgentEvent::ActorRestarted {
            actor,
            why,
            attempt,
            after,
            ..
        } => {
            let text = format!(
                "{actor} starts again in {} ms (try {attempt}): {why}",
                after.as_millis()
            );
            (Level::Warning, "actor_restarted", text)
        }
        AgentEvent::ActorGivenUp { actor, why, .. } => (
            Level::Error,
            "actor_given_up",
            format!("{actor} failed too often and stays down: {why}"),
        ),
        AgentEvent::FreshnessLost => {
            let text = "no current word from the server that this configuration is the newest";
            (Level::Warning, "freshness_lost", text.into())
        }
        AgentEvent::FreshnessRegained => (
            Level::Info,
            "freshness_regained",
            "the configuration is known to be the newest".into(),
        ),
        AgentEvent::EventsMissed { count } => (
            Level::Warning,
            "events_lost",
            format!("{count} events came too fast to be told"),
        ),
    })
}

fn way(direction: Direction) -> &'static str {
    match direction {
        Direction::Incoming => "from",
        Direction::Outgoing => "to",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warning(n: usize) -> AgentEvent {
        AgentEvent::ConfigWarning {
            text: format!("{n:04}"),
        }
    }

    #[test]
    fn is_bounded_and_says_what_it_lost() {
        let mut journal = Journal::default();
        for n in 0..MAX_EVENTS + 50 {
            journal.note(&warning(n), Timestamp(n as u64));
        }
        let (events, page) = journal.page(usize::MAX);
        assert_eq!(events.len(), MAX_EVENTS);
        assert!(events[0].text.starts_with("51 older"), "{}", events[0].text);
        assert_eq!(events.last().unwrap().text, "0249");
        journal.taken(page);
        assert!(journal.is_empty());
        assert_eq!(journal.page(usize::MAX).0, vec![]);
    }

    #[test]
    fn what_comes_while_a_page_is_under_way_is_kept() {
        let mut journal = Journal::default();
        for n in 0..MAX_EVENTS - 1 {
            journal.note(&warning(n), Timestamp(0));
        }
        let (_, page) = journal.page(4 * 100);
        assert!(page.left_some());
        for n in 0..10 {
            journal.note(&warning(1_000 + n), Timestamp(0));
        }
        journal.taken(page);
        let (events, _) = journal.page(usize::MAX);
        assert_eq!(events[0].text, "0100", "the page and nothing more is gone");
        assert_eq!(events.last().unwrap().text, "1009");
    }

    #[test]
    fn long_texts_and_digits_do_not_get_out() {
        let mut journal = Journal::default();
        journal.note(
            &AgentEvent::DtmfReceived {
                call: 1,
                digit: '7',
            },
            Timestamp(0),
        );
        assert!(journal.is_empty());
        let text = "x".repeat(5_000);
        journal.note(&AgentEvent::ConfigWarning { text }, Timestamp(0));
        assert_eq!(journal.page(usize::MAX).0[0].text.len(), MAX_TEXT);
    }
}
