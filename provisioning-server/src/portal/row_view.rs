//! One desk as a row of the list.

use askama::Template;
use carillon_schemas::status::AccountState;
use carillon_schemas::{DeskId, Timestamp};

use super::clock::Clock;
use super::state_mark::{Standing, StateMark};
use crate::fleet::DeskState;
use crate::service::DeskRow;

/// The most accounts named in a row; the rest are counted.
const ACCOUNTS_SHOWN: usize = 3;

/// A row. Two that are equal need not be sent twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RowView {
    pub(super) id: DeskId,
    pub(super) name: String,
    pub(super) standing: Standing,
    pub(super) accounts: Vec<RowAccount>,
    pub(super) more_accounts: usize,
    pub(super) calls: usize,
    pub(super) wanted: u64,
    pub(super) applied: Option<u64>,
    pub(super) enrolled: bool,
    pub(super) refused: bool,
    pub(super) seen: Option<Timestamp>,
    pub(super) version: Option<String>,
}

/// An account within a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RowAccount {
    pub(super) address: String,
    pub(super) mark: StateMark,
}

impl RowView {
    pub(super) fn of(desk: &DeskRow, now: Timestamp) -> Self {
        let standing = Standing::of(desk, now);
        let silent = standing == Standing::Offline;
        Self {
            id: desk.id.clone(),
            name: desk.name.clone(),
            standing,
            accounts: desk
                .accounts
                .iter()
                .take(ACCOUNTS_SHOWN)
                .map(|account| RowAccount {
                    address: account.address.to_string(),
                    mark: StateMark::of_account(account, silent),
                })
                .collect(),
            more_accounts: desk.accounts.len().saturating_sub(ACCOUNTS_SHOWN),
            calls: calls_of(desk),
            wanted: desk.wanted.0,
            applied: desk.applied.map(|generation| generation.0),
            enrolled: desk.state == DeskState::Enrolled,
            refused: desk.refused.is_some(),
            seen: desk.last_seen,
            version: desk.agent_version.clone(),
        }
    }

    /// The id of its element, by which a newer one takes its place.
    pub(super) fn element_id(&self) -> String {
        format!("desk-{}", self.id)
    }

    /// Generations wanted and applied.
    pub(super) fn generation(&self) -> String {
        match self.applied {
            Some(applied) => format!("{} / {applied}", self.wanted),
            None => format!("{} / –", self.wanted),
        }
    }

    /// Whether the desk does not run yet what is wanted of it.
    pub(super) fn is_behind(&self) -> bool {
        self.enrolled && self.applied.unwrap_or(0) != self.wanted
    }

    /// The generation applied, in a word.
    pub(super) fn applied_word(&self) -> String {
        self.applied
            .map_or_else(|| "none yet".to_owned(), |applied| applied.to_string())
    }
}

/// Whether a desk does not run yet what is wanted of it.
pub(super) fn is_behind(desk: &DeskRow) -> bool {
    desk.state == DeskState::Enrolled && desk.applied.unwrap_or_default() != desk.wanted
}

/// The calls that stand on a desk.
pub(super) fn calls_of(desk: &DeskRow) -> usize {
    desk.calls.len()
}

/// The accounts of a desk that are registered.
pub(super) fn registered(desk: &DeskRow) -> usize {
    let state =
        |account: &crate::service::AccountRow| account.status.as_ref().map(|status| status.state);
    desk.accounts
        .iter()
        .filter(|account| state(account) == Some(AccountState::Registered))
        .count()
}

/// The row alone, as it is sent when it changed.
#[derive(Template)]
#[template(path = "desks/row_partial.html")]
pub(super) struct RowPartial<'a> {
    pub(super) row: &'a RowView,
    pub(super) now: Clock,
}
