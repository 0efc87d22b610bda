//! Writing a change: every part of it inside the transaction that the caller opened.

use carillon_schemas::Timestamp;
use sqlx::query;
use sqlx::sqlite::SqliteConnection;

use super::sqlite::{int, json};
use super::{
    CONFIGS_PER_DESK, Commit, DeskRecord, DeskWrite, Founding, StoreError, TicketWrite, audit,
    people, reports, tickets,
};
use crate::fleet::{Actor, AuditDraft, Desk};

pub(super) async fn found(
    db: &mut SqliteConnection,
    founding: &Founding,
) -> Result<(), StoreError> {
    let fleet = &founding.fleet;
    query("INSERT INTO fleet (one, id, name, revision, defaults) VALUES (1, $1, $2, $3, $4)")
        .bind(&fleet.id)
        .bind(&fleet.name)
        .bind(int(fleet.revision))
        .bind(json(&fleet.defaults)?)
        .execute(&mut *db)
        .await?;
    query("INSERT INTO trust_roots (version, envelope) VALUES (1, $1)")
        .bind(json(&founding.root)?)
        .execute(&mut *db)
        .await?;
    query("INSERT INTO admins (name, password_hash, created) VALUES ($1, $2, $3)")
        .bind(&founding.admin)
        .bind(&founding.password_hash)
        .bind(int(founding.at.0))
        .execute(&mut *db)
        .await?;
    people::add_token(db, &founding.token.0, &founding.token.1).await?;
    let draft = AuditDraft {
        actor: Actor::local("init"),
        action: "fleet_founded",
        target: fleet.name.clone(),
        detail: serde_json::json!({ "fleet": fleet.id, "admin": founding.admin }),
    };
    audit::append(db, vec![draft], founding.at).await
}

pub(super) async fn write(db: &mut SqliteConnection, commit: Commit) -> Result<(), StoreError> {
    let at = commit.at;
    if let Some(seen) = commit.fleet_revision {
        // Also the lock that makes a change of the defaults and a publish follow one another.
        let held = query("UPDATE fleet SET revision = revision WHERE revision = $1")
            .bind(int(seen))
            .execute(&mut *db)
            .await?;
        if held.rows_affected() != 1 {
            return Err(StoreError::Conflict);
        }
    }
    if let Some(defaults) = &commit.defaults {
        query("UPDATE fleet SET defaults = $1, revision = revision + 1")
            .bind(json(defaults)?)
            .execute(&mut *db)
            .await?;
    }
    // Names are free for the desks that come only when the ones that go are gone.
    let (going, staying): (Vec<_>, Vec<_>) = commit
        .desks
        .into_iter()
        .partition(|write| matches!(write, DeskWrite::Remove { .. }));
    for write in going.into_iter().chain(staying) {
        match write {
            DeskWrite::Add(record) => add(db, &record, at).await?,
            DeskWrite::Change { from, record } => change(db, from, &record, at).await?,
            DeskWrite::Remove { id, from } => {
                let gone = query("DELETE FROM desks WHERE id = $1 AND revision = $2")
                    .bind(id.as_str())
                    .bind(int(from))
                    .execute(&mut *db)
                    .await?;
                if gone.rows_affected() != 1 {
                    return Err(StoreError::Conflict);
                }
            }
        }
    }
    match &commit.ticket {
        Some(TicketWrite::New { ticket, token_hash }) => {
            tickets::add(db, ticket, token_hash).await?;
        }
        Some(TicketWrite::Use {
            ticket,
            keys_hash,
            desk,
        }) => tickets::spend(db, ticket, keys_hash, desk, at).await?,
        None => {}
    }
    for (desk, event) in &commit.events {
        reports::add_events(db, desk, std::slice::from_ref(event)).await?;
    }
    audit::append(db, commit.audit, at).await
}

async fn add(
    db: &mut SqliteConnection,
    record: &DeskRecord,
    at: Timestamp,
) -> Result<(), StoreError> {
    let desk = &record.desk;
    let keys = desk.keys.as_ref();
    let done = query(
        "INSERT INTO desks (id, name, state, revision, generation, spec, signing_key, sealing_key, host, created, enrolled) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(desk.id.as_str())
    .bind(desk.name())
    .bind(desk.state.as_str())
    .bind(int(desk.revision))
    .bind(int(desk.generation.0))
    .bind(json(&desk.spec)?)
    .bind(keys.map(|k| k.signing.as_str()))
    .bind(keys.map(|k| k.sealing.as_str()))
    .bind(desk.host.as_ref().map(json).transpose()?)
    .bind(int(desk.created.0))
    .bind(desk.enrolled.map(|t| int(t.0)))
    .execute(&mut *db)
    .await;
    named(done, desk)?;
    beside(db, record, at).await
}

async fn change(
    db: &mut SqliteConnection,
    from: u64,
    record: &DeskRecord,
    at: Timestamp,
) -> Result<(), StoreError> {
    let desk = &record.desk;
    let keys = desk.keys.as_ref();
    let done = query(
        "UPDATE desks SET name = $1, state = $2, revision = $3, generation = $4, spec = $5, \
         signing_key = $6, sealing_key = $7, host = $8, enrolled = $9 WHERE id = $10 AND revision = $11",
    )
    .bind(desk.name())
    .bind(desk.state.as_str())
    .bind(int(desk.revision))
    .bind(int(desk.generation.0))
    .bind(json(&desk.spec)?)
    .bind(keys.map(|k| k.signing.as_str()))
    .bind(keys.map(|k| k.sealing.as_str()))
    .bind(desk.host.as_ref().map(json).transpose()?)
    .bind(desk.enrolled.map(|t| int(t.0)))
    .bind(desk.id.as_str())
    .bind(int(from))
    .execute(&mut *db)
    .await;
    if named(done, desk)? != 1 {
        return Err(StoreError::Conflict);
    }
    beside(db, record, at).await
}

/// Passwords and the configuration beside a desk's record.
async fn beside(
    db: &mut SqliteConnection,
    record: &DeskRecord,
    at: Timestamp,
) -> Result<(), StoreError> {
    let id = record.desk.id.as_str();
    for (account, locked) in &record.secrets {
        match locked {
            Some(locked) => {
                query(
                    "INSERT INTO secrets (desk, account, locked) VALUES ($1, $2, $3) \
                     ON CONFLICT (desk, account) DO UPDATE SET locked = excluded.locked",
                )
                .bind(id)
                .bind(account.as_str())
                .bind(locked.as_slice())
                .execute(&mut *db)
                .await?;
            }
            None => {
                query("DELETE FROM secrets WHERE desk = $1 AND account = $2")
                    .bind(id)
                    .bind(account.as_str())
                    .execute(&mut *db)
                    .await?;
            }
        }
    }
    if let Some(config) = &record.config {
        query("INSERT INTO configs (desk, generation, issued, envelope) VALUES ($1, $2, $3, $4)")
            .bind(id)
            .bind(int(config.generation.0))
            .bind(int(at.0))
            .bind(&*config.envelope)
            .execute(&mut *db)
            .await?;
        query("DELETE FROM configs WHERE desk = $1 AND generation <= $2")
            .bind(id)
            .bind(int(config
                .generation
                .0
                .saturating_sub(u64::from(CONFIGS_PER_DESK))))
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

/// The rows written, or that the name is taken.
fn named(
    done: Result<sqlx::sqlite::SqliteQueryResult, sqlx::Error>,
    desk: &Desk,
) -> Result<u64, StoreError> {
    match done {
        Ok(done) => Ok(done.rows_affected()),
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
            Err(StoreError::NameTaken(desk.name().to_owned()))
        }
        Err(error) => Err(error.into()),
    }
}
