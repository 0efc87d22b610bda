//! The page of one desk, made of sections that the stream replaces one by one.

use askama::Template;
use carillon_schemas::status::Direction;
use carillon_schemas::{Timestamp, status};

use super::clock::Clock;
use super::frame::Frame;
use super::row_view::RowView;
use super::state_mark::{Standing, StateMark};
use crate::fleet::DeskState;
use crate::service::DeskPage;

/// The most events shown; the newest.
const EVENTS_SHOWN: usize = 100;

/// One desk.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DeskView {
    pub(super) row: RowView,
    pub(super) accounts: Vec<AccountView>,
    pub(super) calls: Vec<CallView>,
    pub(super) agent: AgentView,
    pub(super) config: ConfigView,
    pub(super) events: Vec<EventView>,
    state: DeskState,
}

/// One account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AccountView {
    pub(super) id: String,
    pub(super) label: Option<String>,
    pub(super) address: String,
    pub(super) mark: StateMark,
    pub(super) reason: Option<String>,
    pub(super) since: Option<Timestamp>,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CallView {
    pub(super) peer: String,
    pub(super) direction: &'static str,
    pub(super) mark: StateMark,
    pub(super) account: String,
    pub(super) since: Timestamp,
}

/// The agent, as it describes itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AgentView {
    pub(super) version: Option<String>,
    pub(super) host: Option<String>,
    pub(super) os: Option<String>,
    pub(super) enrolled: Option<Timestamp>,
    pub(super) restarts: u32,
    pub(super) given_up: Vec<String>,
}

/// How far the configuration has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ConfigView {
    pub(super) wanted: u64,
    pub(super) applied: String,
    pub(super) applied_at: Option<Timestamp>,
    pub(super) behind: bool,
    pub(super) refused: Option<status::Refusal>,
    pub(super) stale: bool,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EventView {
    pub(super) at: Timestamp,
    pub(super) mark: StateMark,
    pub(super) kind: String,
    pub(super) text: String,
}

impl DeskView {
    pub(super) fn of(desk: &DeskPage, now: Timestamp) -> Self {
        let row = RowView::of(&desk.row, now);
        let silent = row.standing == Standing::Offline;
        let accounts = desk.row.accounts.iter().map(|account| AccountView {
            id: account.id.to_string(),
            label: account.label.clone(),
            address: account.address.to_string(),
            mark: StateMark::of_account(account, silent),
            reason: match account
                .status
                .as_ref()
                .and_then(|status| status.reason.clone())
            {
                None if !account.has_password => {
                    Some("No password is set; the PBX may ask for one.".to_owned())
                }
                reason => reason,
            },
            since: account.status.as_ref().map(|status| status.since),
        });
        let calls = desk.row.calls.iter().map(|call| CallView {
            peer: call.peer.clone(),
            direction: match call.direction {
                Direction::Incoming => "incoming",
                Direction::Outgoing => "outgoing",
            },
            mark: StateMark::of_call(call.state),
            account: call.account.to_string(),
            since: call.since,
        });
        let events = desk
            .events
            .iter()
            .take(EVENTS_SHOWN)
            .map(|event| EventView {
                at: event.at,
                mark: StateMark::of_level(event.level),
                kind: event.kind.clone(),
                text: event.text.clone(),
            });
        Self {
            accounts: accounts.collect(),
            calls: calls.collect(),
            events: events.collect(),
            agent: AgentView {
                version: desk.row.agent_version.clone(),
                host: desk.row.host.clone(),
                os: desk.row.os.clone(),
                enrolled: desk.row.enrolled,
                restarts: desk.row.restarts,
                given_up: desk.row.given_up.clone(),
            },
            config: ConfigView {
                wanted: row.wanted,
                applied: row.applied_word(),
                applied_at: desk.row.applied_at,
                behind: row.is_behind(),
                refused: desk.row.refused.clone(),
                stale: desk.row.stale,
            },
            state: desk.row.state,
            row,
        }
    }

    /// Where the stream of this desk is.
    pub(super) fn events_address(&self) -> String {
        format!("/portal/events/{}", self.row.id)
    }

    /// Whether an agent holds its keys.
    pub(super) fn is_enrolled(&self) -> bool {
        self.state == DeskState::Enrolled
    }

    /// Whether it was shut out.
    pub(super) fn is_revoked(&self) -> bool {
        self.state == DeskState::Revoked
    }

    /// The sections that differ from what was sent before, each with the id of its element: all, when nothing was.
    ///
    /// # Errors
    /// When a template does not render.
    pub(super) fn changed_sections(
        &self,
        before: Option<&Self>,
        now: Clock,
    ) -> askama::Result<Vec<(&'static str, String)>> {
        let desk = self;
        let mut sections = Vec::new();
        if before.is_none_or(|b| b.row != desk.row) {
            sections.push(("desk-head", HeadPartial { desk, now }.render()?));
        }
        if before.is_none_or(|b| b.accounts != desk.accounts) {
            sections.push(("desk-accounts", AccountsPartial { desk, now }.render()?));
        }
        if before.is_none_or(|b| b.calls != desk.calls) {
            sections.push(("desk-calls", CallsPartial { desk, now }.render()?));
        }
        if before.is_none_or(|b| b.config != desk.config) {
            sections.push(("desk-config", ConfigPartial { desk, now }.render()?));
        }
        if before.is_none_or(|b| b.agent != desk.agent) {
            sections.push(("desk-agent", AgentPartial { desk, now }.render()?));
        }
        if before.is_none_or(|b| b.events != desk.events) {
            sections.push(("desk-events", EventsPartial { desk, now }.render()?));
        }
        Ok(sections)
    }
}

/// A ticket, to be shown once.
pub(super) struct TicketView {
    pub(super) text: zeroize::Zeroizing<String>,
    pub(super) expires: Timestamp,
}

impl TicketView {
    /// When it ends, to the minute.
    pub(super) fn ends(&self) -> String {
        let text = self.expires.to_string().replace('T', " ");
        format!("{} UTC", text.get(..16).unwrap_or(&text))
    }
}

/// The page.
#[derive(Template)]
#[template(path = "desk/page.html")]
pub(super) struct DeskPageTemplate<'a> {
    pub(super) frame: &'a Frame,
    pub(super) desk: &'a DeskView,
    pub(super) done: Option<&'static str>,
    pub(super) problem: Option<&'a str>,
    pub(super) ticket: Option<&'a TicketView>,
    pub(super) now: Clock,
}

macro_rules! section {
    ($name:ident, $path:literal) => {
        #[derive(Template)]
        #[template(path = $path)]
        struct $name<'a> {
            desk: &'a DeskView,
            now: Clock,
        }
    };
}

section!(HeadPartial, "desk/head_partial.html");
section!(AccountsPartial, "desk/accounts_partial.html");
section!(CallsPartial, "desk/calls_partial.html");
section!(ConfigPartial, "desk/config_partial.html");
section!(AgentPartial, "desk/agent_partial.html");
section!(EventsPartial, "desk/events_partial.html");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portal::frame::{Place, Visitor};
    use crate::portal::samples::{self, HOSTILE, NOW};

    fn rendered(desk: &DeskPage, problem: Option<&str>, ticket: Option<&TicketView>) -> String {
        let now = Clock::at(NOW);
        let visitor = Visitor {
            name: HOSTILE.into(),
            csrf: "token".into(),
        };
        let frame = Frame::new(visitor, Place::Elsewhere, now);
        let desk = DeskView::of(desk, NOW);
        DeskPageTemplate {
            frame: &frame,
            desk: &desk,
            done: Some("Done."),
            problem,
            ticket,
            now,
        }
        .render()
        .unwrap()
    }

    #[test]
    fn nothing_a_desk_says_becomes_markup() {
        let page = rendered(&samples::hostile_page(), Some(HOSTILE), None);
        samples::assert_harmless(&page);
        assert!(page.matches("&#60;script").count() >= 8, "{page}");
    }

    #[test]
    fn the_page_says_what_is_wrong_with_the_desk() {
        let page = rendered(&samples::hostile_page(), None, None);
        for word in [
            "given up",
            "Refused",
            "generation 9",
            "Stale",
            "ringing",
            "Needs attention",
            "warning",
        ] {
            assert!(page.contains(word), "{word}");
        }
    }

    #[test]
    fn a_pending_desk_offers_its_ticket_and_a_revoked_one_nothing() {
        let mut desk = DeskPage {
            events: vec![],
            ..samples::page("Reception")
        };
        desk.row.state = DeskState::Pending;
        desk.row.last_seen = None;
        let page = rendered(&desk, None, None);
        assert!(
            page.contains("/ticket")
                && page.contains("Nothing has happened")
                && page.contains("never seen")
        );
        desk.row.state = DeskState::Revoked;
        assert!(!rendered(&desk, None, None).contains("method=\"post\" action=\"/desks"));
    }

    #[test]
    fn a_ticket_is_shown_with_the_commands_that_use_it() {
        let ticket = TicketView {
            text: zeroize::Zeroizing::new("carillon1.abc.def".into()),
            expires: NOW,
        };
        let page = rendered(&samples::page("Reception"), None, Some(&ticket));
        assert!(
            page.contains(">2026-11-23 09:41 UTC<")
                && page.contains("carillon enrol carillon1.abc.def")
                && page.contains("Shown once")
        );
    }

    #[test]
    fn only_sections_that_changed_are_sent() {
        let now = Clock::at(NOW);
        let before = DeskView::of(&samples::page("Reception"), NOW);
        assert_eq!(before.changed_sections(None, now).unwrap().len(), 6);
        assert!(
            before
                .changed_sections(Some(&before), now)
                .unwrap()
                .is_empty()
        );
        let mut desk = samples::page("Reception");
        desk.row.calls.clear();
        let after = DeskView::of(&desk, NOW)
            .changed_sections(Some(&before), now)
            .unwrap();
        let ids: Vec<_> = after.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, ["desk-head", "desk-calls"]);
        for (id, html) in after {
            assert!(html.contains(&format!("id=\"{id}\"")), "{html}");
        }
    }
}
