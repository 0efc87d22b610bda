//! Where a desk says it stands: its reports, laid over one another in the order it made them.

use carillon_schemas::config::MAX_ACCOUNTS;
use carillon_schemas::status::{
    AccountState, AccountStatus, AgentStatus, CallStatus, ConfigStatus, MAX_EVENTS, MAX_TEXT,
    StatusReport,
};
use carillon_schemas::{AccountId, Timestamp};

/// The most calls in one report.
pub const MAX_CALLS: usize = 1_000;
/// The longest name, version, address or number in a report, in bytes.
const MAX_WORD: usize = 256;

/// What a desk said last of each section.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// The start of the agent that it speaks of.
    pub boot: String,
    /// The newest report of that start.
    pub sequence: u64,
    /// The agent itself.
    pub agent: Option<AgentStatus>,
    /// The configuration.
    pub config: Option<ConfigStatus>,
    /// The accounts.
    pub accounts: Option<Vec<AccountStatus>>,
    /// The calls.
    pub calls: Option<Vec<CallStatus>>,
    /// When the last report came, by the server's clock.
    pub last_seen: Timestamp,
}

/// What became of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// Laid over what was there.
    News {
        /// The standing now.
        standing: Box<Standing>,
        /// A section was never seen: the next report shall hold all.
        send_all: bool,
    },
    /// Older than what is there, or the same again.
    Old,
}

/// A report above a limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the report's {what} is out of bounds: {why}")]
pub struct ReportError {
    what: &'static str,
    why: String,
}

impl Standing {
    /// Lays a report over what was there.
    pub fn take(before: Option<Self>, report: &StatusReport, now: Timestamp) -> Taken {
        let mut standing = match before {
            Some(standing) if standing.boot == report.boot => {
                if report.sequence <= standing.sequence {
                    return Taken::Old;
                }
                standing
            }
            _ => Self {
                boot: report.boot.clone(),
                ..Self::default()
            },
        };
        standing.sequence = report.sequence;
        standing.last_seen = now;
        lay(&mut standing.agent, &report.agent);
        lay(&mut standing.config, &report.config);
        lay(&mut standing.accounts, &report.accounts);
        lay(&mut standing.calls, &report.calls);
        let send_all = standing.agent.is_none()
            || standing.config.is_none()
            || standing.accounts.is_none()
            || standing.calls.is_none();
        Taken::News {
            standing: Box::new(standing),
            send_all,
        }
    }

    /// One account's report.
    pub fn account(&self, id: &AccountId) -> Option<&AccountStatus> {
        self.accounts.iter().flatten().find(|a| a.id == *id)
    }

    /// How many accounts are in a state.
    pub fn accounts_in(&self, state: AccountState) -> usize {
        self.accounts
            .iter()
            .flatten()
            .filter(|a| a.state == state)
            .count()
    }
}

/// Checks what the types of a report do not bound.
///
/// # Errors
/// The first section out of bounds.
pub fn check_report(report: &StatusReport) -> Result<(), ReportError> {
    let fail = |what, why: String| Err(ReportError { what, why });
    let word = |what, text: &str| match text.len() {
        1..=MAX_WORD => Ok(()),
        found => fail(what, format!("{found} bytes, wanted 1 to {MAX_WORD}")),
    };
    let text = |what, text: &str| match text.len() {
        0..=MAX_TEXT => Ok(()),
        found => fail(what, format!("{found} bytes, at most {MAX_TEXT}")),
    };
    let count = |what, found: usize, limit: usize| {
        if found > limit {
            return fail(what, format!("{found} entries, at most {limit}"));
        }
        Ok(())
    };
    word("boot", &report.boot)?;
    if report.sequence > i64::MAX as u64 {
        return fail("sequence", format!("{} is too high", report.sequence));
    }
    if let Some(agent) = &report.agent {
        word("agent.version", &agent.version)?;
        word("agent.os", &agent.os)?;
        word("agent.host", &agent.host)?;
        count("agent.given_up", agent.given_up.len(), MAX_ACCOUNTS)?;
        for name in &agent.given_up {
            text("agent.given_up", name)?;
        }
    }
    if let Some(refused) = report.config.as_ref().and_then(|c| c.refused.as_ref()) {
        text("config.refused.reason", &refused.reason)?;
    }
    if let Some(accounts) = &report.accounts {
        count("accounts", accounts.len(), MAX_ACCOUNTS)?;
        for account in accounts {
            word("accounts.address", &account.address)?;
            text(
                "accounts.reason",
                account.reason.as_deref().unwrap_or_default(),
            )?;
        }
    }
    if let Some(calls) = &report.calls {
        count("calls", calls.len(), MAX_CALLS)?;
        for call in calls {
            word("calls.id", &call.id)?;
            text("calls.peer", &call.peer)?;
        }
    }
    count("events", report.events.len(), MAX_EVENTS)?;
    for event in &report.events {
        word("events.kind", &event.kind)?;
        text("events.text", &event.text)?;
    }
    Ok(())
}

fn lay<T: Clone>(place: &mut Option<T>, section: &Option<T>) {
    if section.is_some() {
        place.clone_from(section);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use carillon_schemas::Generation;

    fn report(boot: &str, sequence: u64) -> StatusReport {
        StatusReport {
            boot: boot.into(),
            sequence,
            ..StatusReport::default()
        }
    }

    fn full(boot: &str, sequence: u64, applied: u64) -> StatusReport {
        StatusReport {
            agent: Some(AgentStatus {
                version: "1".into(),
                os: "os".into(),
                host: "host".into(),
                started: Timestamp(1),
                restarts: 0,
                given_up: vec![],
            }),
            config: Some(ConfigStatus {
                applied: Generation(applied),
                applied_at: None,
                refused: None,
                stale: false,
            }),
            accounts: Some(vec![]),
            calls: Some(vec![]),
            ..report(boot, sequence)
        }
    }

    fn news(taken: Taken) -> (Standing, bool) {
        match taken {
            Taken::News { standing, send_all } => (*standing, send_all),
            Taken::Old => panic!("the report was dropped"),
        }
    }

    #[test]
    fn an_older_report_of_the_same_start_is_dropped() {
        let (standing, send_all) = news(Standing::take(None, &full("a", 5, 1), Timestamp(9)));
        assert!(!send_all);
        for sequence in [4, 5] {
            let taken = Standing::take(
                Some(standing.clone()),
                &report("a", sequence),
                Timestamp(10),
            );
            assert_eq!(taken, Taken::Old);
        }
    }

    #[test]
    fn a_section_that_is_there_replaces_the_one_before() {
        let (standing, _) = news(Standing::take(None, &full("a", 1, 1), Timestamp(9)));
        let next = StatusReport {
            config: full("a", 2, 7).config,
            ..report("a", 2)
        };
        let (standing, send_all) = news(Standing::take(Some(standing), &next, Timestamp(10)));
        assert_eq!(standing.config.unwrap().applied, Generation(7));
        assert!(standing.agent.is_some() && !send_all);
    }

    #[test]
    fn a_new_start_forgets_the_old_one_and_is_asked_for_all() {
        let (standing, _) = news(Standing::take(None, &full("a", 90, 1), Timestamp(9)));
        let (standing, send_all) = news(Standing::take(
            Some(standing),
            &report("b", 1),
            Timestamp(10),
        ));
        assert!(send_all && standing.agent.is_none());
    }

    #[test]
    fn every_list_and_text_of_a_report_is_bounded() {
        assert!(check_report(&full("a", 1, 1)).is_ok());
        let mut long = full("a", 1, 1);
        long.boot = "x".repeat(MAX_WORD + 1);
        assert!(check_report(&long).is_err());
        let mut many = full("a", 1, 1);
        many.events = vec![
            carillon_schemas::status::DeskEvent {
                at: Timestamp(1),
                level: carillon_schemas::status::Level::Info,
                kind: "k".into(),
                text: String::new(),
            };
            MAX_EVENTS + 1
        ];
        assert!(check_report(&many).is_err());
        many.events.truncate(1);
        assert!(check_report(&many).is_ok());
        many.events[0].text = "x".repeat(MAX_TEXT + 1);
        assert!(check_report(&many).is_err());
    }
}
