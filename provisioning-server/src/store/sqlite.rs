//! The fleet in one SQLite file.
//!
//! Write-ahead log with full synchronisation: what was acknowledged survives a power cut, so that no generation is
//! ever given out twice. One connection writes, in the order asked; a few others read beside it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use carillon_schemas::status::{DeskEvent, StatusReport};
use carillon_schemas::{AccountId, DeskId, Envelope, Timestamp};
use futures_util::future::BoxFuture;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Sqlite, Transaction};

use super::{
    AdminToken, Commit, DeskRef, FleetRecord, Founding, ReadyConfig, Received, SessionRecord,
    Store, StoreError, Totals, Work, audit, change, desks, people, reports, tickets,
};
use crate::fleet::{AuditDraft, AuditEntry, Desk, Standing, TicketRecord};

/// Connections that read.
const READERS: u32 = 4;
/// The longest wait for a connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// [`Store`] in one file.
pub struct SqliteStore {
    reading: SqlitePool,
    writing: SqlitePool,
}

impl SqliteStore {
    /// Opens the file, makes it when it is not there, and brings its tables up to date.
    ///
    /// # Errors
    /// When it cannot be opened, is no such database, or is of a newer server.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(PATIENCE);
        let writing = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(PATIENCE)
            .connect_with(options.clone())
            .await?;
        sqlx::migrate!()
            .run(&writing)
            .await
            .map_err(|e| StoreError::Database(e.to_string()))?;
        let reading = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(PATIENCE)
            .connect_with(options.read_only(true))
            .await?;
        Ok(Self { reading, writing })
    }

    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.writing.begin_with("BEGIN IMMEDIATE").await?)
    }
}

impl Store for SqliteStore {
    fn fleet(&self) -> Work<'_, Option<FleetRecord>> {
        Box::pin(async { desks::fleet(&mut *self.reading.acquire().await?).await })
    }

    fn found<'a>(&'a self, founding: &'a Founding) -> Work<'a, ()> {
        Box::pin(async move {
            let mut transaction = self.begin().await?;
            change::found(&mut transaction, founding).await?;
            Ok(transaction.commit().await?)
        })
    }

    fn root(&self, version: u64) -> Work<'_, Option<Envelope>> {
        Box::pin(async move { desks::root(&mut *self.reading.acquire().await?, version).await })
    }

    fn newest_root(&self) -> Work<'_, u64> {
        Box::pin(async { desks::newest_root(&mut *self.reading.acquire().await?).await })
    }

    fn desk<'a>(&'a self, which: DeskRef<'a>) -> Work<'a, Option<Desk>> {
        Box::pin(async move { desks::desk(&mut *self.reading.acquire().await?, which).await })
    }

    fn desks(&self) -> Work<'_, Vec<Desk>> {
        Box::pin(async { desks::all(&mut *self.reading.acquire().await?).await })
    }

    fn secrets<'a>(&'a self, desk: &'a DeskId) -> Work<'a, BTreeMap<AccountId, Vec<u8>>> {
        Box::pin(async move { desks::secrets(&mut *self.reading.acquire().await?, desk).await })
    }

    fn accounts_with_secret(&self) -> Work<'_, BTreeMap<DeskId, Vec<AccountId>>> {
        Box::pin(async { desks::accounts_with_secret(&mut *self.reading.acquire().await?).await })
    }

    fn config<'a>(&'a self, desk: &'a DeskId) -> Work<'a, Option<ReadyConfig>> {
        Box::pin(async move { desks::config(&mut *self.reading.acquire().await?, desk).await })
    }

    fn commit(&self, commit: Commit) -> Work<'_, ()> {
        Box::pin(async move {
            let mut transaction = self.begin().await?;
            change::write(&mut transaction, commit).await?;
            Ok(transaction.commit().await?)
        })
    }

    fn ticket<'a>(&'a self, token_hash: &'a str) -> Work<'a, Option<TicketRecord>> {
        Box::pin(
            async move { tickets::by_hash(&mut *self.reading.acquire().await?, token_hash).await },
        )
    }

    fn ticket_use<'a>(&'a self, ticket: &'a str, keys_hash: &'a str) -> Work<'a, Option<DeskId>> {
        Box::pin(async move {
            tickets::used_by(&mut *self.reading.acquire().await?, ticket, keys_hash).await
        })
    }

    fn tickets(&self) -> Work<'_, Vec<TicketRecord>> {
        Box::pin(async { tickets::all(&mut *self.reading.acquire().await?).await })
    }

    fn take_reports(
        &self,
        reports: Vec<(DeskId, StatusReport)>,
        now: Timestamp,
    ) -> Work<'_, Vec<Received>> {
        Box::pin(async move {
            let mut transaction = self.begin().await?;
            let received = reports::take(&mut transaction, reports, now).await?;
            transaction.commit().await?;
            Ok(received)
        })
    }

    fn standing<'a>(&'a self, desk: &'a DeskId) -> Work<'a, Option<Standing>> {
        Box::pin(async move { reports::standing(&mut *self.reading.acquire().await?, desk).await })
    }

    fn standings(&self) -> Work<'_, BTreeMap<DeskId, Standing>> {
        Box::pin(async { reports::standings(&mut *self.reading.acquire().await?).await })
    }

    fn events<'a>(&'a self, desk: &'a DeskId, limit: u32) -> Work<'a, Vec<DeskEvent>> {
        Box::pin(
            async move { reports::events(&mut *self.reading.acquire().await?, desk, limit).await },
        )
    }

    fn totals(&self) -> Work<'_, Totals> {
        Box::pin(async { reports::totals(&mut *self.reading.acquire().await?).await })
    }

    fn audit(&self, after: u64, limit: u32) -> Work<'_, Vec<AuditEntry>> {
        Box::pin(
            async move { audit::after(&mut *self.reading.acquire().await?, after, limit).await },
        )
    }

    fn admin<'a>(&'a self, user: &'a str) -> Work<'a, Option<String>> {
        Box::pin(async move { people::admin(&mut *self.reading.acquire().await?, user).await })
    }

    fn open_session(&self, session: SessionRecord) -> Work<'_, ()> {
        Box::pin(async move {
            let mut transaction = self.begin().await?;
            people::open_session(&mut transaction, &session).await?;
            Ok(transaction.commit().await?)
        })
    }

    fn session<'a>(&'a self, hash: &'a str, now: Timestamp) -> Work<'a, Option<SessionRecord>> {
        Box::pin(
            async move { people::session(&mut *self.reading.acquire().await?, hash, now).await },
        )
    }

    fn close_session<'a>(&'a self, hash: &'a str) -> Work<'a, ()> {
        Box::pin(
            async move { people::close_session(&mut *self.writing.acquire().await?, hash).await },
        )
    }

    fn add_token(&self, token: AdminToken, hash: String, draft: AuditDraft) -> Work<'_, ()> {
        Box::pin(async move {
            let mut transaction = self.begin().await?;
            people::add_token(&mut transaction, &token, &hash).await?;
            audit::append(&mut transaction, vec![draft], token.created).await?;
            Ok(transaction.commit().await?)
        })
    }

    fn token<'a>(&'a self, hash: &'a str, now: Timestamp) -> Work<'a, Option<AdminToken>> {
        Box::pin(async move {
            let token = people::token(&mut *self.reading.acquire().await?, hash, now).await?;
            if let Some(token) = &token
                && token.last_used.is_none_or(|at| now.0 >= at.0 + 60)
            {
                people::touch_token(&mut *self.writing.acquire().await?, &token.id, now).await?;
            }
            Ok(token)
        })
    }

    fn tokens(&self) -> Work<'_, Vec<AdminToken>> {
        Box::pin(async { people::tokens(&mut *self.reading.acquire().await?).await })
    }

    fn remove_token(&self, id: String, draft: AuditDraft, at: Timestamp) -> Work<'_, bool> {
        Box::pin(async move {
            let mut transaction = self.begin().await?;
            if !people::remove_token(&mut transaction, &id).await? {
                return Ok(false);
            }
            audit::append(&mut transaction, vec![draft], at).await?;
            transaction.commit().await?;
            Ok(true)
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.reading.close().await;
            self.writing.close().await;
        })
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.to_string())
    }
}

/// A count or time as SQL holds it.
pub(super) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A count or time as it came back.
pub(super) fn count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}

/// A document as SQL holds it.
pub(super) fn json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Damaged("document to write"))
}

/// A document as it came back.
pub(super) fn parsed<T: serde::de::DeserializeOwned>(
    text: &str,
    what: &'static str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Damaged(what))
}
