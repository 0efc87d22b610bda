//! The audit log in the store: appended to inside the transaction of what it tells of, never changed.

use carillon_schemas::Timestamp;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Row as _, query};

use super::StoreError;
use super::sqlite::{count, int};
use crate::fleet::audit::GENESIS;
use crate::fleet::{AuditDraft, AuditEntry};

pub(super) async fn append(
    db: &mut SqliteConnection,
    drafts: Vec<AuditDraft>,
    at: Timestamp,
) -> Result<(), StoreError> {
    if drafts.is_empty() {
        return Ok(());
    }
    let last = query("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")
        .fetch_optional(&mut *db)
        .await?;
    let (mut seq, mut previous) = match last {
        Some(row) => (count(row.try_get("seq")?), row.try_get("hash")?),
        None => (0, GENESIS.to_owned()),
    };
    for draft in drafts {
        seq += 1;
        let entry = draft.chain(seq, at, &previous);
        query(
            "INSERT INTO audit (seq, at, actor, address, action, target, detail, previous, hash) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(int(entry.seq))
        .bind(int(entry.at.0))
        .bind(&entry.actor)
        .bind(&entry.address)
        .bind(&entry.action)
        .bind(&entry.target)
        .bind(&entry.detail)
        .bind(&entry.previous)
        .bind(&entry.hash)
        .execute(&mut *db)
        .await?;
        previous = entry.hash;
    }
    Ok(())
}

pub(super) async fn after(
    db: &mut SqliteConnection,
    after: u64,
    limit: u32,
) -> Result<Vec<AuditEntry>, StoreError> {
    let rows = query("SELECT * FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2")
        .bind(int(after))
        .bind(i64::from(limit))
        .fetch_all(db)
        .await?;
    rows.into_iter()
        .map(|row| {
            Ok(AuditEntry {
                seq: count(row.try_get("seq")?),
                at: Timestamp(count(row.try_get("at")?)),
                actor: row.try_get("actor")?,
                address: row.try_get("address")?,
                action: row.try_get("action")?,
                target: row.try_get("target")?,
                detail: row.try_get("detail")?,
                previous: row.try_get("previous")?,
                hash: row.try_get("hash")?,
            })
        })
        .collect()
}
