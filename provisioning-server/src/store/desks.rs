//! Reading desks, their configurations and the fleet around them.

use std::collections::BTreeMap;

use carillon_schemas::enrolment::DeskKeys;
use carillon_schemas::{AccountId, DeskId, Envelope, Generation, Timestamp};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Row as _, query};

use super::sqlite::{count, int, parsed};
use super::{DeskRef, FleetRecord, ReadyConfig, StoreError};
use crate::fleet::{Desk, DeskState};

pub(super) async fn fleet(db: &mut SqliteConnection) -> Result<Option<FleetRecord>, StoreError> {
    let row = query("SELECT id, name, revision, defaults FROM fleet")
        .fetch_optional(db)
        .await?;
    row.map(|row| {
        Ok(FleetRecord {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            revision: count(row.try_get("revision")?),
            defaults: parsed(row.try_get("defaults")?, "record of the fleet's defaults")?,
        })
    })
    .transpose()
}

pub(super) async fn root(
    db: &mut SqliteConnection,
    version: u64,
) -> Result<Option<Envelope>, StoreError> {
    let row = query("SELECT envelope FROM trust_roots WHERE version = $1")
        .bind(int(version))
        .fetch_optional(db)
        .await?;
    row.map(|row| parsed(row.try_get("envelope")?, "trust root"))
        .transpose()
}

pub(super) async fn newest_root(db: &mut SqliteConnection) -> Result<u64, StoreError> {
    let row = query("SELECT COALESCE(MAX(version), 0) AS version FROM trust_roots")
        .fetch_one(db)
        .await?;
    Ok(count(row.try_get("version")?))
}

pub(super) async fn desk(
    db: &mut SqliteConnection,
    which: DeskRef<'_>,
) -> Result<Option<Desk>, StoreError> {
    let found = match which {
        DeskRef::Id(id) => query("SELECT * FROM desks WHERE id = $1").bind(id.as_str()),
        DeskRef::Name(name) => query("SELECT * FROM desks WHERE name = $1").bind(name),
    };
    let row = found.fetch_optional(db).await?;
    row.map(|row| desk_of(&row)).transpose()
}

pub(super) async fn all(db: &mut SqliteConnection) -> Result<Vec<Desk>, StoreError> {
    let rows = query("SELECT * FROM desks ORDER BY name")
        .fetch_all(db)
        .await?;
    rows.iter().map(desk_of).collect()
}

pub(super) async fn secrets(
    db: &mut SqliteConnection,
    desk: &DeskId,
) -> Result<BTreeMap<AccountId, Vec<u8>>, StoreError> {
    let rows = query("SELECT account, locked FROM secrets WHERE desk = $1")
        .bind(desk.as_str())
        .fetch_all(db)
        .await?;
    rows.into_iter()
        .map(|row| Ok((account_of(row.try_get("account")?)?, row.try_get("locked")?)))
        .collect()
}

pub(super) async fn accounts_with_secret(
    db: &mut SqliteConnection,
) -> Result<BTreeMap<DeskId, Vec<AccountId>>, StoreError> {
    let rows = query("SELECT desk, account FROM secrets")
        .fetch_all(db)
        .await?;
    let mut found: BTreeMap<DeskId, Vec<AccountId>> = BTreeMap::new();
    for row in rows {
        let desk = desk_id(row.try_get("desk")?)?;
        let account = account_of(row.try_get("account")?)?;
        found.entry(desk).or_default().push(account);
    }
    Ok(found)
}

pub(super) async fn config(
    db: &mut SqliteConnection,
    desk: &DeskId,
) -> Result<Option<ReadyConfig>, StoreError> {
    let row = query(
        "SELECT generation, envelope FROM configs WHERE desk = $1 ORDER BY generation DESC LIMIT 1",
    )
    .bind(desk.as_str())
    .fetch_optional(db)
    .await?;
    row.map(|row| {
        let envelope: String = row.try_get("envelope")?;
        Ok(ReadyConfig {
            generation: Generation(count(row.try_get("generation")?)),
            envelope: envelope.into(),
        })
    })
    .transpose()
}

pub(super) fn desk_id(text: &str) -> Result<DeskId, StoreError> {
    text.parse().map_err(|_| StoreError::Damaged("desk id"))
}

fn account_of(text: &str) -> Result<AccountId, StoreError> {
    text.parse().map_err(|_| StoreError::Damaged("account id"))
}

fn desk_of(row: &SqliteRow) -> Result<Desk, StoreError> {
    let signing: Option<String> = row.try_get("signing_key")?;
    let sealing: Option<String> = row.try_get("sealing_key")?;
    let host: Option<&str> = row.try_get("host")?;
    let enrolled: Option<i64> = row.try_get("enrolled")?;
    Ok(Desk {
        id: desk_id(row.try_get("id")?)?,
        spec: parsed(row.try_get("spec")?, "record of a desk")?,
        state: DeskState::of(row.try_get("state")?)
            .ok_or(StoreError::Damaged("state of a desk"))?,
        revision: count(row.try_get("revision")?),
        generation: Generation(count(row.try_get("generation")?)),
        keys: signing
            .zip(sealing)
            .map(|(signing, sealing)| DeskKeys { signing, sealing }),
        host: host
            .map(|host| parsed(host, "host of a desk"))
            .transpose()?,
        created: Timestamp(count(row.try_get("created")?)),
        enrolled: enrolled.map(|at| Timestamp(count(at))),
    })
}
