//! Reading for people: the desks as the portal and the admin API show them.

use std::collections::BTreeMap;

use carillon_schemas::status::{AccountStatus, CallStatus, DeskEvent, Refusal};
use carillon_schemas::{AccountId, DeskId, Generation, SipAddress, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Service, ServiceError};
use crate::fleet::{AuditEntry, Desk, DeskState, Spec, Standing, TicketRecord};
use crate::store::{DeskRef, EVENTS_PER_DESK, FleetRecord, Totals};

/// One desk in the list.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct DeskRow {
    /// Its identity.
    pub id: DeskId,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub state: DeskState,
    /// The accounts it is to have, with what it reported of each.
    pub accounts: Vec<AccountRow>,
    /// The calls that stand.
    pub calls: Vec<CallStatus>,
    /// The newest signed generation.
    pub wanted: Generation,
    /// The generation that runs, as the desk reported.
    pub applied: Option<Generation>,
    /// Since when.
    pub applied_at: Option<Timestamp>,
    /// The desk reports that its freshness statement has expired.
    pub stale: bool,
    /// The newest configuration it refused, and why.
    pub refused: Option<Refusal>,
    /// Whether it waits here for news at this moment.
    pub connected: bool,
    /// When it reported last.
    pub last_seen: Option<Timestamp>,
    /// The agent's version.
    pub agent_version: Option<String>,
    /// The operating system.
    pub os: Option<String>,
    /// The host's name.
    pub host: Option<String>,
    /// Actors restarted after a panic since the agent started.
    pub restarts: u32,
    /// Actors given up: what needs a person.
    pub given_up: Vec<String>,
    /// When it was added.
    pub created: Timestamp,
    /// When it enrolled last.
    pub enrolled: Option<Timestamp>,
}

/// One account of a desk.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct AccountRow {
    /// Its id.
    pub id: AccountId,
    /// What the user sees.
    pub label: Option<String>,
    /// The address of record.
    pub address: SipAddress,
    /// Whether it is to be on.
    pub enabled: bool,
    /// Whether the server holds a password for it.
    pub has_password: bool,
    /// What the desk reported of it.
    pub status: Option<AccountStatus>,
}

/// All of one desk.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct DeskPage {
    /// As in the list.
    pub row: DeskRow,
    /// What the admin wants of it.
    pub spec: Spec,
    /// What happened, newest first, at most 500.
    pub events: Vec<DeskEvent>,
}

impl Service {
    /// All desks by name.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn desks(&self) -> Result<Vec<DeskRow>, ServiceError> {
        let desks = self.store.desks().await?;
        let mut standings = self.store.standings().await?;
        let secrets = self.store.accounts_with_secret().await?;
        Ok(desks
            .into_iter()
            .map(|desk| {
                let standing = standings.remove(&desk.id);
                let with_secret = secrets.get(&desk.id).map_or(&[][..], Vec::as_slice);
                self.row(&desk, standing.as_ref(), with_secret)
            })
            .collect())
    }

    /// One desk as in the list; `None` when there is none of that identity.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn desk_row(&self, id: &DeskId) -> Result<Option<DeskRow>, ServiceError> {
        let Some(desk) = self.store.desk(DeskRef::Id(id)).await? else {
            return Ok(None);
        };
        self.row_of(&desk).await.map(Some)
    }

    /// All of one desk; `None` when there is none of that identity.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn desk(&self, id: &DeskId) -> Result<Option<DeskPage>, ServiceError> {
        let Some(desk) = self.store.desk(DeskRef::Id(id)).await? else {
            return Ok(None);
        };
        Ok(Some(DeskPage {
            row: self.row_of(&desk).await?,
            events: self.store.events(id, EVENTS_PER_DESK).await?,
            spec: desk.spec,
        }))
    }

    /// The identity of the desk of that name; `None` when there is none.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn desk_id(&self, name: &str) -> Result<Option<DeskId>, ServiceError> {
        let desk = self.store.desk(DeskRef::Name(name)).await?;
        Ok(desk.map(|desk| desk.id))
    }

    /// The fleet as a whole.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn fleet(&self) -> Result<FleetRecord, ServiceError> {
        self.store
            .fleet()
            .await?
            .ok_or(ServiceError::NotInitialised)
    }

    /// Counts over the whole fleet.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn totals(&self) -> Result<Totals, ServiceError> {
        Ok(self.store.totals().await?)
    }

    /// All tickets that are not long over, newest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn tickets(&self) -> Result<Vec<TicketRecord>, ServiceError> {
        Ok(self.store.tickets().await?)
    }

    /// Audit entries after a place, in order; at most 1,000 at once.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn audit(&self, after: u64, limit: u32) -> Result<Vec<AuditEntry>, ServiceError> {
        Ok(self.store.audit(after, limit.min(1_000)).await?)
    }

    pub(super) async fn row_of(&self, desk: &Desk) -> Result<DeskRow, ServiceError> {
        let standing = self.store.standing(&desk.id).await?;
        let secrets: BTreeMap<AccountId, Vec<u8>> = self.store.secrets(&desk.id).await?;
        let with_secret: Vec<AccountId> = secrets.into_keys().collect();
        Ok(self.row(desk, standing.as_ref(), &with_secret))
    }

    fn row(&self, desk: &Desk, standing: Option<&Standing>, with_secret: &[AccountId]) -> DeskRow {
        let agent = standing.and_then(|s| s.agent.as_ref());
        let config = standing.and_then(|s| s.config.as_ref());
        let host = desk.host.as_ref();
        DeskRow {
            id: desk.id.clone(),
            name: desk.spec.name.clone(),
            state: desk.state,
            accounts: desk
                .spec
                .accounts
                .iter()
                .map(|account| AccountRow {
                    id: account.id.clone(),
                    label: account.label.clone(),
                    address: account.address.clone(),
                    enabled: account.enabled,
                    has_password: with_secret.contains(&account.id),
                    status: standing.and_then(|s| s.account(&account.id)).cloned(),
                })
                .collect(),
            calls: standing.and_then(|s| s.calls.clone()).unwrap_or_default(),
            wanted: desk.generation,
            applied: config.map(|c| c.applied),
            applied_at: config.and_then(|c| c.applied_at),
            stale: config.is_some_and(|c| c.stale),
            refused: config.and_then(|c| c.refused.clone()),
            connected: self.push.is_waiting(&desk.id),
            last_seen: standing.map(|s| s.last_seen),
            agent_version: agent
                .map(|a| a.version.clone())
                .or_else(|| host.map(|h| h.agent_version.clone())),
            os: agent
                .map(|a| a.os.clone())
                .or_else(|| host.map(|h| h.os.clone())),
            host: agent
                .map(|a| a.host.clone())
                .or_else(|| host.map(|h| h.name.clone())),
            restarts: agent.map_or(0, |a| a.restarts),
            given_up: agent.map(|a| a.given_up.clone()).unwrap_or_default(),
            created: desk.created,
            enrolled: desk.enrolled,
        }
    }
}
