//! Desks for the tests of the templates: a plain one, and one that says hostile things wherever it can.

use carillon_schemas::status::{
    AccountState, AccountStatus, CallState, CallStatus, DeskEvent, Direction, Level, Refusal,
};
use carillon_schemas::{AccountId, Generation, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::fleet::{DeskState, Spec};
use crate::service::{AccountRow, DeskPage, DeskRow};

pub(super) const NOW: Timestamp = Timestamp(1_795_426_860);
/// Breaks out of text, attributes and event streams where it is not escaped.
pub(super) const HOSTILE: &str = "'\"></td></title><script>alert(1)</script><img src=x onerror=alert(1)>\u{202e}{{7*7}}\nevent: ended\n\n";

pub(super) fn row(name: &str) -> DeskRow {
    let id: String = Sha256::digest(name)
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let account: AccountId = "200".parse().unwrap();
    DeskRow {
        id: id.parse().unwrap(),
        name: name.into(),
        state: DeskState::Enrolled,
        accounts: vec![AccountRow {
            id: account.clone(),
            label: None,
            address: "sip:200@pbx.example.org".parse().unwrap(),
            enabled: true,
            has_password: true,
            status: Some(AccountStatus {
                id: account.clone(),
                address: "sip:200@pbx.example.org".into(),
                state: AccountState::Registered,
                reason: None,
                since: NOW,
            }),
        }],
        calls: vec![CallStatus {
            id: "1".into(),
            account,
            direction: Direction::Incoming,
            state: CallState::Ringing,
            peer: "sip:201@pbx.example.org".into(),
            since: NOW,
            held: false,
        }],
        wanted: Generation(4),
        applied: Some(Generation(4)),
        applied_at: Some(NOW),
        stale: false,
        refused: None,
        connected: true,
        last_seen: Some(NOW),
        agent_version: Some("0.1.0".into()),
        os: Some("Debian 12".into()),
        host: Some("host-1".into()),
        restarts: 0,
        given_up: vec![],
        created: NOW,
        enrolled: Some(NOW),
    }
}

pub(super) fn page(name: &str) -> DeskPage {
    DeskPage {
        row: row(name),
        spec: Spec::named(name),
        events: vec![DeskEvent {
            at: NOW,
            level: Level::Warning,
            kind: "actor_restarted".into(),
            text: "the account was restarted".into(),
        }],
    }
}

/// A desk that puts [`HOSTILE`] wherever a text may stand.
pub(super) fn hostile_page() -> DeskPage {
    let mut page = page(HOSTILE);
    let said = || HOSTILE.to_owned();
    page.events[0].kind = said();
    page.events[0].text = said();
    let row = &mut page.row;
    row.accounts[0].label = Some(said());
    if let Some(status) = &mut row.accounts[0].status {
        status.state = AccountState::GivenUp;
        status.reason = Some(said());
        status.address = said();
    }
    row.calls[0].peer = said();
    row.refused = Some(Refusal {
        generation: Some(Generation(9)),
        reason: said(),
        at: NOW,
    });
    row.stale = true;
    row.agent_version = Some(said());
    row.os = Some(said());
    row.host = Some(said());
    row.given_up = vec![said()];
    row.restarts = 3;
    page
}

/// No element or attribute of [`HOSTILE`] came to life.
pub(super) fn assert_harmless(html: &str) {
    assert!(
        !html.contains("<script>") && !html.contains("<img src=x"),
        "{html}"
    );
    assert!(!html.contains("\"></td></title>"), "{html}");
    assert_eq!(html.matches("</title>").count(), 1, "{html}");
    assert!(
        !html.contains(" style=") && !html.contains(" onclick="),
        "{html}"
    );
}
