//! Records of who may administer: sessions and tokens, known by hash only.

use carillon_schemas::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Row as _, query};

use super::StoreError;
use super::sqlite::{count, int};

/// A signed-in admin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// The hash of the cookie.
    pub hash: String,
    /// Who.
    pub user: String,
    /// The token that every form carries.
    pub csrf: String,
    /// From when on it is over.
    pub expires: Timestamp,
}

/// A token for the admin API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AdminToken {
    /// A short public name.
    pub id: String,
    /// What it is for, in the admin's words.
    pub name: String,
    /// What it may do.
    pub scope: Scope,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is refused; never when absent.
    pub expires: Option<Timestamp>,
    /// When it was used last, to the minute.
    pub last_used: Option<Timestamp>,
}

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Look.
    Read,
    /// Look and change.
    Write,
}

impl Scope {
    /// The word in the store and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }

    /// The scope of that word.
    pub fn of(word: &str) -> Option<Self> {
        [Self::Read, Self::Write]
            .into_iter()
            .find(|scope| scope.as_str() == word)
    }
}

/// The most sessions of one admin; the oldest give way.
pub(super) const SESSIONS_PER_ADMIN: i64 = 20;

pub(super) async fn admin(
    db: &mut SqliteConnection,
    user: &str,
) -> Result<Option<String>, StoreError> {
    let row = query("SELECT password_hash FROM admins WHERE name = $1")
        .bind(user)
        .fetch_optional(db)
        .await?;
    Ok(row.map(|row| row.try_get("password_hash")).transpose()?)
}

pub(super) async fn open_session(
    db: &mut SqliteConnection,
    session: &SessionRecord,
) -> Result<(), StoreError> {
    query("INSERT INTO sessions (hash, admin, csrf, expires) VALUES ($1, $2, $3, $4)")
        .bind(&session.hash)
        .bind(&session.user)
        .bind(&session.csrf)
        .bind(int(session.expires.0))
        .execute(&mut *db)
        .await?;
    query(
        "DELETE FROM sessions WHERE admin = $1 AND hash NOT IN \
         (SELECT hash FROM sessions WHERE admin = $1 ORDER BY expires DESC, hash = $2 DESC LIMIT $3)",
    )
    .bind(&session.user)
    .bind(&session.hash)
    .bind(SESSIONS_PER_ADMIN)
    .execute(db)
    .await?;
    Ok(())
}

pub(super) async fn session(
    db: &mut SqliteConnection,
    hash: &str,
    now: Timestamp,
) -> Result<Option<SessionRecord>, StoreError> {
    let row = query("SELECT * FROM sessions WHERE hash = $1 AND expires > $2")
        .bind(hash)
        .bind(int(now.0))
        .fetch_optional(db)
        .await?;
    row.map(|row| {
        Ok(SessionRecord {
            hash: row.try_get("hash")?,
            user: row.try_get("admin")?,
            csrf: row.try_get("csrf")?,
            expires: Timestamp(count(row.try_get("expires")?)),
        })
    })
    .transpose()
}

pub(super) async fn close_session(db: &mut SqliteConnection, hash: &str) -> Result<(), StoreError> {
    query("DELETE FROM sessions WHERE hash = $1")
        .bind(hash)
        .execute(db)
        .await?;
    Ok(())
}

pub(super) async fn add_token(
    db: &mut SqliteConnection,
    token: &AdminToken,
    hash: &str,
) -> Result<(), StoreError> {
    query(
        "INSERT INTO admin_tokens (id, name, token_hash, scope, created, expires) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&token.id)
    .bind(&token.name)
    .bind(hash)
    .bind(token.scope.as_str())
    .bind(int(token.created.0))
    .bind(token.expires.map(|at| int(at.0)))
    .execute(db)
    .await?;
    Ok(())
}

pub(super) async fn token(
    db: &mut SqliteConnection,
    hash: &str,
    now: Timestamp,
) -> Result<Option<AdminToken>, StoreError> {
    let row = query(
        "SELECT * FROM admin_tokens WHERE token_hash = $1 AND (expires IS NULL OR expires > $2)",
    )
    .bind(hash)
    .bind(int(now.0))
    .fetch_optional(db)
    .await?;
    row.map(|row| token_of(&row)).transpose()
}

pub(super) async fn touch_token(
    db: &mut SqliteConnection,
    id: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    query("UPDATE admin_tokens SET last_used = $1 WHERE id = $2")
        .bind(int(now.0))
        .bind(id)
        .execute(db)
        .await?;
    Ok(())
}

pub(super) async fn tokens(db: &mut SqliteConnection) -> Result<Vec<AdminToken>, StoreError> {
    let rows = query("SELECT * FROM admin_tokens ORDER BY created, id")
        .fetch_all(db)
        .await?;
    rows.iter().map(token_of).collect()
}

pub(super) async fn remove_token(db: &mut SqliteConnection, id: &str) -> Result<bool, StoreError> {
    let gone = query("DELETE FROM admin_tokens WHERE id = $1")
        .bind(id)
        .execute(db)
        .await?;
    Ok(gone.rows_affected() == 1)
}

fn token_of(row: &SqliteRow) -> Result<AdminToken, StoreError> {
    let time = |column| -> Result<Option<Timestamp>, StoreError> {
        Ok(row
            .try_get::<Option<i64>, _>(column)?
            .map(|at| Timestamp(count(at))))
    };
    Ok(AdminToken {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        scope: Scope::of(row.try_get("scope")?).ok_or(StoreError::Damaged("scope of a token"))?,
        created: time("created")?.ok_or(StoreError::Damaged("admin token"))?,
        expires: time("expires")?,
        last_used: time("last_used")?,
    })
}
