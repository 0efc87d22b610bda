//! What to report: only the sections that differ from what the server has. Pure.

use carillon_schemas::status::{
    AccountStatus, AgentStatus, CallStatus, ConfigStatus, DeskEvent, MAX_TEXT, StatusAnswer,
    StatusReport,
};

use super::bounded;
use crate::provisioning::{LinkView, host_info};
use crate::view::{AgentView, CallView};

/// The most calls told; the rest stand in the agent's own view.
const MAX_CALLS: usize = 200;

/// Knows what the server has.
#[derive(Debug, Default)]
pub struct Composer {
    taken: Sections,
    sent: Option<Sections>,
}

/// The sections of a report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Sections {
    agent: Option<AgentStatus>,
    config: Option<ConfigStatus>,
    accounts: Option<Vec<AccountStatus>>,
    calls: Option<Vec<CallStatus>>,
}

impl Composer {
    /// The report that brings the server up to date; `None` when it is, and there are no events. A heartbeat
    /// is sent all the same.
    pub fn compose(
        &mut self,
        view: &AgentView,
        link: &LinkView,
        events: Vec<DeskEvent>,
        heartbeat: bool,
    ) -> Option<StatusReport> {
        let now = sections(view, link);
        if now == self.taken && events.is_empty() && !heartbeat {
            return None;
        }
        let report = StatusReport {
            boot: String::new(),
            sequence: 0,
            agent: changed(&now.agent, &self.taken.agent),
            config: changed(&now.config, &self.taken.config),
            accounts: changed(&now.accounts, &self.taken.accounts),
            calls: changed(&now.calls, &self.taken.calls),
            events,
        };
        self.sent = Some(now);
        Some(report)
    }

    /// The server took the report last composed.
    pub fn taken(&mut self, answer: &StatusAnswer) {
        self.taken = match self.sent.take() {
            Some(sent) if !answer.send_all => sent,
            _ => Sections::default(),
        };
    }

    /// Another server, or a new identity: it has nothing.
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

fn changed<T: Clone + PartialEq>(now: &Option<T>, taken: &Option<T>) -> Option<T> {
    if now == taken { None } else { now.clone() }
}

fn sections(view: &AgentView, link: &LinkView) -> Sections {
    let host = host_info();
    let reason = |text: &str| bounded(text, MAX_TEXT);
    Sections {
        agent: Some(AgentStatus {
            version: view.version.clone(),
            os: host.os,
            host: host.name,
            started: view.started,
            restarts: view.restarts,
            given_up: view.given_up.clone(),
        }),
        config: Some(ConfigStatus {
            applied: view.generation.unwrap_or_default(),
            applied_at: view.applied_at,
            refused: link.refused.clone(),
            stale: link.stale,
        }),
        accounts: Some(
            view.accounts
                .iter()
                .map(|account| AccountStatus {
                    reason: account.status.reason.as_deref().map(reason),
                    ..account.status.clone()
                })
                .collect(),
        ),
        calls: Some(view.calls.iter().take(MAX_CALLS).map(call).collect()),
    }
}

fn call(call: &CallView) -> CallStatus {
    CallStatus {
        id: call.id.to_string(),
        account: call.account.clone(),
        direction: call.direction,
        state: call.state,
        peer: bounded(call.peer_name.as_deref().unwrap_or(&call.peer), 255),
        since: call.since,
        held: call.on_hold || call.held,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use carillon_schemas::status::{AccountState, CallState, Direction};
    use carillon_schemas::{Generation, Timestamp};

    use crate::running::Origin;
    use crate::view::AccountView;

    fn view() -> AgentView {
        AgentView {
            version: "1".into(),
            started: Timestamp(1),
            name: None,
            generation: Some(Generation(3)),
            applied_at: None,
            accounts: vec![AccountView {
                status: AccountStatus {
                    id: "main".parse().unwrap(),
                    address: "sip:1@pbx".into(),
                    state: AccountState::Registered,
                    reason: None,
                    since: Timestamp(2),
                },
                label: None,
                origin: Origin::Server,
                preferred: true,
            }],
            calls: vec![],
            restarts: 0,
            given_up: vec![],
        }
    }

    #[test]
    fn only_what_changed_is_told() {
        let mut composer = Composer::default();
        let link = LinkView::default();
        let first = composer.compose(&view(), &link, vec![], false).unwrap();
        assert!(first.agent.is_some() && first.config.is_some() && first.calls.is_some());
        composer.taken(&StatusAnswer::default());
        assert_eq!(composer.compose(&view(), &link, vec![], false), None);
        let mut calling = view();
        calling.calls.push(CallView {
            id: 1,
            account: "main".parse().unwrap(),
            direction: Direction::Outgoing,
            state: CallState::Calling,
            peer: "sip:2@pbx".into(),
            peer_name: None,
            contact: None,
            since: Timestamp(3),
            codec: None,
            on_hold: false,
            muted: false,
            recording: None,
            conference: false,
            held: false,
            caller: None,
            media: None,
        });
        let second = composer.compose(&calling, &link, vec![], false).unwrap();
        assert!(second.agent.is_none() && second.config.is_none() && second.accounts.is_none());
        assert_eq!(second.calls.unwrap()[0].peer, "sip:2@pbx");
        // Not taken: the change is told again.
        assert!(composer.compose(&calling, &link, vec![], false).is_some());
    }

    #[test]
    fn a_server_that_lacks_what_came_before_gets_all() {
        let mut composer = Composer::default();
        let link = LinkView::default();
        composer.compose(&view(), &link, vec![], false).unwrap();
        composer.taken(&StatusAnswer { send_all: true });
        let again = composer.compose(&view(), &link, vec![], false).unwrap();
        assert!(again.agent.is_some() && again.accounts.is_some());
        composer.taken(&StatusAnswer::default());
        let heartbeat = composer.compose(&view(), &link, vec![], true).unwrap();
        assert!(heartbeat.agent.is_none() && heartbeat.accounts.is_none());
    }

    #[test]
    fn staleness_and_refusal_change_the_configuration_section() {
        let mut composer = Composer::default();
        composer.compose(&view(), &LinkView::default(), vec![], false);
        composer.taken(&StatusAnswer::default());
        let stale = LinkView {
            stale: true,
            ..LinkView::default()
        };
        let report = composer.compose(&view(), &stale, vec![], false).unwrap();
        assert!(report.config.unwrap().stale && report.agent.is_none());
    }
}
