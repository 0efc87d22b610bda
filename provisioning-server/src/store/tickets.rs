//! Tickets in the store.

use carillon_schemas::{DeskId, Timestamp};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Row as _, query};

use super::StoreError;
use super::desks::desk_id;
use super::sqlite::{count, int};
use crate::fleet::TicketRecord;

/// How long a ticket that is over stays, for its error to say 'expired' rather than 'unknown', and for a desk that
/// asks again.
const KEPT_AFTER: u64 = 30 * 86_400;
/// The most tickets listed.
const LISTED: i64 = 1_000;

pub(super) async fn add(
    db: &mut SqliteConnection,
    ticket: &TicketRecord,
    token_hash: &str,
) -> Result<(), StoreError> {
    query("DELETE FROM tickets WHERE expires < $1")
        .bind(int(ticket.created.0.saturating_sub(KEPT_AFTER)))
        .execute(&mut *db)
        .await?;
    query(
        "INSERT INTO tickets (id, token_hash, desk, created, expires, uses, uses_left, created_by) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(&ticket.id)
    .bind(token_hash)
    .bind(ticket.desk.as_ref().map(DeskId::as_str))
    .bind(int(ticket.created.0))
    .bind(int(ticket.expires.0))
    .bind(i64::from(ticket.uses))
    .bind(i64::from(ticket.uses_left))
    .bind(&ticket.created_by)
    .execute(db)
    .await?;
    Ok(())
}

/// Takes one use of a ticket, if it has one left at this moment.
pub(super) async fn spend(
    db: &mut SqliteConnection,
    ticket: &str,
    keys_hash: &str,
    desk: &DeskId,
    at: Timestamp,
) -> Result<(), StoreError> {
    let spent = query(
        "UPDATE tickets SET uses_left = uses_left - 1 WHERE id = $1 AND uses_left > 0 AND expires > $2",
    )
    .bind(ticket)
    .bind(int(at.0))
    .execute(&mut *db)
    .await?;
    if spent.rows_affected() != 1 {
        return Err(StoreError::TicketSpent);
    }
    query("INSERT INTO ticket_uses (ticket, keys_hash, desk, at) VALUES ($1, $2, $3, $4)")
        .bind(ticket)
        .bind(keys_hash)
        .bind(desk.as_str())
        .bind(int(at.0))
        .execute(db)
        .await
        .map_err(|error| match &error {
            // The same enrolment, at the same moment: the caller looks again and finds it done.
            sqlx::Error::Database(e) if e.is_unique_violation() => StoreError::Conflict,
            _ => error.into(),
        })?;
    Ok(())
}

pub(super) async fn by_hash(
    db: &mut SqliteConnection,
    token_hash: &str,
) -> Result<Option<TicketRecord>, StoreError> {
    let row = query("SELECT * FROM tickets WHERE token_hash = $1")
        .bind(token_hash)
        .fetch_optional(db)
        .await?;
    row.map(|row| ticket_of(&row)).transpose()
}

pub(super) async fn used_by(
    db: &mut SqliteConnection,
    ticket: &str,
    keys_hash: &str,
) -> Result<Option<DeskId>, StoreError> {
    let row = query("SELECT desk FROM ticket_uses WHERE ticket = $1 AND keys_hash = $2")
        .bind(ticket)
        .bind(keys_hash)
        .fetch_optional(db)
        .await?;
    row.map(|row| desk_id(row.try_get("desk")?)).transpose()
}

pub(super) async fn all(db: &mut SqliteConnection) -> Result<Vec<TicketRecord>, StoreError> {
    let rows = query("SELECT * FROM tickets ORDER BY created DESC, id LIMIT $1")
        .bind(LISTED)
        .fetch_all(db)
        .await?;
    rows.iter().map(ticket_of).collect()
}

fn ticket_of(row: &SqliteRow) -> Result<TicketRecord, StoreError> {
    let desk: Option<&str> = row.try_get("desk")?;
    let uses = |column| -> Result<u32, StoreError> {
        u32::try_from(row.try_get::<i64, _>(column)?).map_err(|_| StoreError::Damaged("ticket"))
    };
    Ok(TicketRecord {
        id: row.try_get("id")?,
        desk: desk.map(desk_id).transpose()?,
        created: Timestamp(count(row.try_get("created")?)),
        expires: Timestamp(count(row.try_get("expires")?)),
        uses: uses("uses")?,
        uses_left: uses("uses_left")?,
        created_by: row.try_get("created_by")?,
    })
}
