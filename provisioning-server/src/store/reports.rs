//! What desks report, in the store: their standing, their newest events, and sums over the fleet.

use std::collections::BTreeMap;

use carillon_schemas::status::{AccountState, DeskEvent, Level, StatusReport};
use carillon_schemas::{DeskId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Row as _, query};

use super::desks::desk_id;
use super::sqlite::{count, int, json, parsed};
use super::{EVENTS_PER_DESK, StoreError};
use crate::fleet::standing::Taken;
use crate::fleet::{DeskState, Standing};

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// Stored.
    Taken {
        /// A section was never seen.
        send_all: bool,
    },
    /// Older than what is there.
    Old,
    /// The desk is gone.
    NoDesk,
}

/// Counts over the whole fleet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Totals {
    /// Desks by state: pending, enrolled, revoked.
    pub desks: BTreeMap<&'static str, u64>,
    /// Accounts reported as registered.
    pub registered: u64,
    /// Accounts reported as asking the registrar.
    pub registering: u64,
    /// Accounts reported as refused or unanswered.
    pub failed: u64,
    /// Accounts in any other state.
    pub other: u64,
    /// Calls that stand.
    pub calls: u64,
}

pub(super) async fn take(
    db: &mut SqliteConnection,
    reports: Vec<(DeskId, StatusReport)>,
    now: Timestamp,
) -> Result<Vec<Received>, StoreError> {
    // Several reports of one desk are laid over one another first and written once.
    let mut standings: BTreeMap<DeskId, Option<Standing>> = BTreeMap::new();
    let mut events: BTreeMap<DeskId, Vec<DeskEvent>> = BTreeMap::new();
    let mut received = Vec::with_capacity(reports.len());
    for (desk, report) in reports {
        if !standings.contains_key(&desk) {
            let known = query("SELECT 1 FROM desks WHERE id = $1")
                .bind(desk.as_str())
                .fetch_optional(&mut *db)
                .await?;
            if known.is_none() {
                received.push(Received::NoDesk);
                continue;
            }
            let before = standing(db, &desk).await?;
            standings.insert(desk.clone(), before);
        }
        let place = standings.entry(desk.clone()).or_default();
        match Standing::take(place.clone(), &report, now) {
            Taken::News { standing, send_all } => {
                *place = Some(*standing);
                events.entry(desk).or_default().extend(report.events);
                received.push(Received::Taken { send_all });
            }
            Taken::Old => received.push(Received::Old),
        }
    }
    for (desk, standing) in &standings {
        if let Some(standing) = standing.as_ref().filter(|_| events.contains_key(desk)) {
            put_standing(db, desk, standing).await?;
        }
    }
    for (desk, events) in &events {
        add_events(db, desk, events).await?;
    }
    Ok(received)
}

pub(super) async fn standing(
    db: &mut SqliteConnection,
    desk: &DeskId,
) -> Result<Option<Standing>, StoreError> {
    let row = query("SELECT * FROM standings WHERE desk = $1")
        .bind(desk.as_str())
        .fetch_optional(db)
        .await?;
    row.map(|row| standing_of(&row)).transpose()
}

pub(super) async fn standings(
    db: &mut SqliteConnection,
) -> Result<BTreeMap<DeskId, Standing>, StoreError> {
    let rows = query("SELECT * FROM standings").fetch_all(db).await?;
    rows.iter()
        .map(|row| Ok((desk_id(row.try_get("desk")?)?, standing_of(row)?)))
        .collect()
}

/// Adds events of one desk, and drops the oldest above [`EVENTS_PER_DESK`].
pub(super) async fn add_events(
    db: &mut SqliteConnection,
    desk: &DeskId,
    events: &[DeskEvent],
) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    let skip = events.len().saturating_sub(EVENTS_PER_DESK as usize);
    for event in &events[skip..] {
        query("INSERT INTO events (desk, at, level, kind, text) VALUES ($1, $2, $3, $4, $5)")
            .bind(desk.as_str())
            .bind(int(event.at.0))
            .bind(level_word(event.level))
            .bind(&event.kind)
            .bind(&event.text)
            .execute(&mut *db)
            .await?;
    }
    query(
        "DELETE FROM events WHERE desk = $1 AND id <= \
         (SELECT id FROM events WHERE desk = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)",
    )
    .bind(desk.as_str())
    .bind(i64::from(EVENTS_PER_DESK))
    .execute(db)
    .await?;
    Ok(())
}

pub(super) async fn events(
    db: &mut SqliteConnection,
    desk: &DeskId,
    limit: u32,
) -> Result<Vec<DeskEvent>, StoreError> {
    let rows = query("SELECT * FROM events WHERE desk = $1 ORDER BY id DESC LIMIT $2")
        .bind(desk.as_str())
        .bind(i64::from(limit))
        .fetch_all(db)
        .await?;
    rows.into_iter()
        .map(|row| {
            Ok(DeskEvent {
                at: Timestamp(count(row.try_get("at")?)),
                level: level_of(row.try_get("level")?)?,
                kind: row.try_get("kind")?,
                text: row.try_get("text")?,
            })
        })
        .collect()
}

pub(super) async fn totals(db: &mut SqliteConnection) -> Result<Totals, StoreError> {
    let mut totals = Totals {
        desks: DeskState::ALL.iter().map(|s| (s.as_str(), 0)).collect(),
        ..Totals::default()
    };
    let rows = query("SELECT state, COUNT(*) AS desks FROM desks GROUP BY state")
        .fetch_all(&mut *db)
        .await?;
    for row in rows {
        let state =
            DeskState::of(row.try_get("state")?).ok_or(StoreError::Damaged("state of a desk"))?;
        totals
            .desks
            .insert(state.as_str(), count(row.try_get("desks")?));
    }
    let sums = query(
        "SELECT COALESCE(SUM(registered), 0) AS registered, COALESCE(SUM(registering), 0) AS registering, \
         COALESCE(SUM(failed), 0) AS failed, COALESCE(SUM(other), 0) AS other, \
         COALESCE(SUM(calls_active), 0) AS calls FROM standings",
    )
    .fetch_one(db)
    .await?;
    totals.registered = count(sums.try_get("registered")?);
    totals.registering = count(sums.try_get("registering")?);
    totals.failed = count(sums.try_get("failed")?);
    totals.other = count(sums.try_get("other")?);
    totals.calls = count(sums.try_get("calls")?);
    Ok(totals)
}

async fn put_standing(
    db: &mut SqliteConnection,
    desk: &DeskId,
    standing: &Standing,
) -> Result<(), StoreError> {
    let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let [registered, registering, failed] = [
        AccountState::Registered,
        AccountState::Registering,
        AccountState::Failed,
    ]
    .map(|state| standing.accounts_in(state));
    let all = standing.accounts.as_ref().map_or(0, Vec::len);
    query(
        "INSERT INTO standings (desk, boot, sequence, last_seen, agent, config, accounts, calls, \
         registered, registering, failed, other, calls_active) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
         ON CONFLICT (desk) DO UPDATE SET boot = excluded.boot, sequence = excluded.sequence, \
         last_seen = excluded.last_seen, agent = excluded.agent, config = excluded.config, \
         accounts = excluded.accounts, calls = excluded.calls, registered = excluded.registered, \
         registering = excluded.registering, failed = excluded.failed, other = excluded.other, \
         calls_active = excluded.calls_active",
    )
    .bind(desk.as_str())
    .bind(&standing.boot)
    .bind(int(standing.sequence))
    .bind(int(standing.last_seen.0))
    .bind(standing.agent.as_ref().map(json).transpose()?)
    .bind(standing.config.as_ref().map(json).transpose()?)
    .bind(standing.accounts.as_ref().map(json).transpose()?)
    .bind(standing.calls.as_ref().map(json).transpose()?)
    .bind(number(registered))
    .bind(number(registering))
    .bind(number(failed))
    .bind(number(all - registered - registering - failed))
    .bind(number(standing.calls.as_ref().map_or(0, Vec::len)))
    .execute(db)
    .await?;
    Ok(())
}

fn standing_of(row: &SqliteRow) -> Result<Standing, StoreError> {
    let section = |column| row.try_get::<Option<&str>, _>(column);
    let what = "status of a desk";
    Ok(Standing {
        boot: row.try_get("boot")?,
        sequence: count(row.try_get("sequence")?),
        last_seen: Timestamp(count(row.try_get("last_seen")?)),
        agent: section("agent")?.map(|s| parsed(s, what)).transpose()?,
        config: section("config")?.map(|s| parsed(s, what)).transpose()?,
        accounts: section("accounts")?.map(|s| parsed(s, what)).transpose()?,
        calls: section("calls")?.map(|s| parsed(s, what)).transpose()?,
    })
}

fn level_word(level: Level) -> &'static str {
    match level {
        Level::Info => "info",
        Level::Warning => "warning",
        Level::Error => "error",
    }
}

fn level_of(word: &str) -> Result<Level, StoreError> {
    match word {
        "info" => Ok(Level::Info),
        "warning" => Ok(Level::Warning),
        "error" => Ok(Level::Error),
        _ => Err(StoreError::Damaged("level of an event")),
    }
}
