//! Where the fleet is kept. The only place with SQL.
//!
//! [`Store`] says what is kept and what happens together; [`SqliteStore`] keeps it in one file. A [`Commit`] is all
//! or nothing: the ready documents, the records and the audit entries of one change.

mod audit;
mod change;
mod desks;
mod people;
mod reports;
mod sqlite;
mod tickets;

use std::collections::BTreeMap;
use std::sync::Arc;

use carillon_schemas::fleet_file::Layer;
use carillon_schemas::status::{DeskEvent, StatusReport};
use carillon_schemas::{AccountId, DeskId, Envelope, Generation, Timestamp};
use futures_util::future::BoxFuture;

use crate::fleet::{AuditDraft, AuditEntry, Desk, Locked, Standing, TicketRecord};

pub use people::{AdminToken, Scope, SessionRecord};
pub use reports::{Received, Totals};
pub use sqlite::SqliteStore;

/// The newest events kept for each desk.
pub const EVENTS_PER_DESK: u32 = 500;
/// The newest signed configurations kept for each desk.
pub const CONFIGS_PER_DESK: u32 = 20;

/// What a store gives, in time.
pub type Work<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Someone else changed what this change was made from: look again, and try again.
    #[error("the record was changed by someone else at the same time")]
    Conflict,
    /// Another desk has that name.
    #[error("a desk named {0:?} is there already")]
    NameTaken(String),
    /// The ticket was used up or ran out at that moment.
    #[error("the ticket was used up or expired at that moment")]
    TicketSpent,
    /// What is stored cannot be read.
    #[error("the store holds a damaged {0}")]
    Damaged(&'static str),
    /// The database refused or failed.
    #[error("the database failed: {0}")]
    Database(String),
}

/// The fleet as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct FleetRecord {
    /// Its random id: the audience of desk tokens.
    pub id: String,
    /// Its name, for people.
    pub name: String,
    /// Rises with every change of the defaults.
    pub revision: u64,
    /// What every desk starts from.
    pub defaults: Layer<Locked>,
}

/// A signed configuration, ready to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadyConfig {
    /// Its generation.
    pub generation: Generation,
    /// The envelope as JSON.
    pub envelope: Arc<str>,
}

/// All of one change.
#[derive(Debug, Clone, Default)]
pub struct Commit {
    /// When.
    pub at: Timestamp,
    /// The revision of the defaults that the configurations were composed from.
    pub fleet_revision: Option<u64>,
    /// New defaults.
    pub defaults: Option<Layer<Locked>>,
    /// Desks that come, change and go.
    pub desks: Vec<DeskWrite>,
    /// A ticket made, used or withdrawn.
    pub ticket: Option<TicketWrite>,
    /// What happened to which desk.
    pub events: Vec<(DeskId, DeskEvent)>,
    /// For the audit log.
    pub audit: Vec<AuditDraft>,
}

/// One desk's part in a change.
#[derive(Debug, Clone)]
pub enum DeskWrite {
    /// It comes.
    Add(DeskRecord),
    /// It changes; its record must still be at that revision.
    Change {
        /// The revision that the change was made from.
        from: u64,
        /// What it is now; its own revision is one higher.
        record: DeskRecord,
    },
    /// It goes, with all that hangs on it but the audit log.
    Remove {
        /// Which.
        id: DeskId,
        /// The revision that the removal was decided on.
        from: u64,
    },
}

/// A desk with what is written beside it.
#[derive(Debug, Clone)]
pub struct DeskRecord {
    /// The desk.
    pub desk: Desk,
    /// Passwords to lock away, or to forget (`None`), already under the vault key.
    pub secrets: BTreeMap<AccountId, Option<Vec<u8>>>,
    /// Its newest configuration, signed.
    pub config: Option<ReadyConfig>,
}

/// A ticket's part in a change.
#[derive(Debug, Clone)]
pub enum TicketWrite {
    /// Made.
    New {
        /// What it allows.
        ticket: TicketRecord,
        /// The hash of its token.
        token_hash: String,
    },
    /// Used by a desk.
    Use {
        /// Its id.
        ticket: String,
        /// The hash of the keys that enrolled with it.
        keys_hash: String,
        /// The desk that they are now.
        desk: DeskId,
    },
}

/// Which desk is meant.
#[derive(Debug, Clone, Copy)]
pub enum DeskRef<'a> {
    /// By identity.
    Id(&'a DeskId),
    /// By name.
    Name(&'a str),
}

/// What is kept, and what happens together.
pub trait Store: Send + Sync + 'static {
    /// The fleet; `None` before `init`.
    fn fleet(&self) -> Work<'_, Option<FleetRecord>>;
    /// Writes the fleet, its first root, the first admin and their token: once.
    fn found<'a>(&'a self, founding: &'a Founding) -> Work<'a, ()>;
    /// A trust root by its version.
    fn root(&self, version: u64) -> Work<'_, Option<Envelope>>;
    /// The newest version of the trust root.
    fn newest_root(&self) -> Work<'_, u64>;

    /// One desk.
    fn desk<'a>(&'a self, which: DeskRef<'a>) -> Work<'a, Option<Desk>>;
    /// All desks by name.
    fn desks(&self) -> Work<'_, Vec<Desk>>;
    /// The passwords of a desk, under the vault key.
    fn secrets<'a>(&'a self, desk: &'a DeskId) -> Work<'a, BTreeMap<AccountId, Vec<u8>>>;
    /// The accounts of all desks that have a password.
    fn accounts_with_secret(&self) -> Work<'_, BTreeMap<DeskId, Vec<AccountId>>>;
    /// The newest configuration of a desk.
    fn config<'a>(&'a self, desk: &'a DeskId) -> Work<'a, Option<ReadyConfig>>;
    /// Does all of a change, or nothing.
    fn commit(&self, commit: Commit) -> Work<'_, ()>;

    /// A ticket by the hash of its token.
    fn ticket<'a>(&'a self, token_hash: &'a str) -> Work<'a, Option<TicketRecord>>;
    /// The desk that these keys became with this ticket.
    fn ticket_use<'a>(&'a self, ticket: &'a str, keys_hash: &'a str) -> Work<'a, Option<DeskId>>;
    /// All tickets that are not long over, newest first.
    fn tickets(&self) -> Work<'_, Vec<TicketRecord>>;

    /// Takes reports in their order, in one transaction; what became of each.
    fn take_reports(
        &self,
        reports: Vec<(DeskId, StatusReport)>,
        now: Timestamp,
    ) -> Work<'_, Vec<Received>>;
    /// What a desk said last.
    fn standing<'a>(&'a self, desk: &'a DeskId) -> Work<'a, Option<Standing>>;
    /// What all desks said last.
    fn standings(&self) -> Work<'_, BTreeMap<DeskId, Standing>>;
    /// A desk's events, newest first.
    fn events<'a>(&'a self, desk: &'a DeskId, limit: u32) -> Work<'a, Vec<DeskEvent>>;
    /// Counts over the whole fleet.
    fn totals(&self) -> Work<'_, Totals>;

    /// Audit entries after a place, in order.
    fn audit(&self, after: u64, limit: u32) -> Work<'_, Vec<AuditEntry>>;

    /// The password hash of an admin.
    fn admin<'a>(&'a self, user: &'a str) -> Work<'a, Option<String>>;
    /// Opens a session.
    fn open_session(&self, session: SessionRecord) -> Work<'_, ()>;
    /// A session by the hash of its cookie, if it still holds.
    fn session<'a>(&'a self, hash: &'a str, now: Timestamp) -> Work<'a, Option<SessionRecord>>;
    /// Ends a session.
    fn close_session<'a>(&'a self, hash: &'a str) -> Work<'a, ()>;
    /// Adds an admin token.
    fn add_token(&self, token: AdminToken, hash: String, audit: AuditDraft) -> Work<'_, ()>;
    /// An admin token by its hash, if it still holds.
    fn token<'a>(&'a self, hash: &'a str, now: Timestamp) -> Work<'a, Option<AdminToken>>;
    /// All admin tokens.
    fn tokens(&self) -> Work<'_, Vec<AdminToken>>;
    /// Withdraws an admin token; whether it was there.
    fn remove_token(&self, id: String, audit: AuditDraft, at: Timestamp) -> Work<'_, bool>;

    /// Finishes what is being written and closes the files.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// What `init` writes.
#[derive(Debug, Clone)]
pub struct Founding {
    /// When.
    pub at: Timestamp,
    /// The fleet.
    pub fleet: FleetRecord,
    /// Version 1 of its trust root.
    pub root: Envelope,
    /// The first admin.
    pub admin: String,
    /// The hash of the admin's password.
    pub password_hash: String,
    /// The first admin token, with its hash.
    pub token: (AdminToken, String),
}
