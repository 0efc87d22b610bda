//! A desk as the server knows it: its identity, what the admin wants of it, and how far it has come.

use carillon_schemas::config::{ConfigError, MAX_ACCOUNTS};
use carillon_schemas::enrolment::{DeskKeys, HostInfo};
use carillon_schemas::fleet_file::DeskEntry;
use carillon_schemas::{Account, AccountId, DeskId, Generation, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

/// What the admin wants of a desk. Passwords are kept apart, under the vault key.
pub type Spec = DeskEntry<()>;

/// One desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desk {
    /// Its identity, random, for life.
    pub id: DeskId,
    /// What the admin wants of it; its name is in there.
    pub spec: Spec,
    /// Where it stands.
    pub state: DeskState,
    /// Rises with every write; a writer that saw an older one must look again.
    pub revision: u64,
    /// The newest signed generation; zero before the first.
    pub generation: Generation,
    /// Its public keys, from enrolment on.
    pub keys: Option<DeskKeys>,
    /// What it said of its host when it enrolled.
    pub host: Option<HostInfo>,
    /// When it was added.
    pub created: Timestamp,
    /// When it enrolled last.
    pub enrolled: Option<Timestamp>,
}

/// Where a desk stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeskState {
    /// Added by an admin, and no agent has enrolled as it yet.
    Pending,
    /// An agent holds its keys.
    Enrolled,
    /// Shut out for good; its record stays.
    Revoked,
}

impl DeskState {
    /// All of them, in the order shown.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Enrolled, Self::Revoked];

    /// The word on the wire and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Enrolled => "enrolled",
            Self::Revoked => "revoked",
        }
    }

    /// The state of that word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == word)
    }
}

impl Desk {
    /// A desk that waits for its agent.
    pub fn pending(id: DeskId, spec: Spec, now: Timestamp) -> Self {
        Self {
            id,
            spec,
            state: DeskState::Pending,
            revision: 1,
            generation: Generation(0),
            keys: None,
            host: None,
            created: now,
            enrolled: None,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// One of its accounts.
    pub fn account(&self, id: &AccountId) -> Option<&Account<()>> {
        self.spec.accounts.iter().find(|a| a.id == *id)
    }

    /// Puts an account in place of the one with the same id, or after the last.
    ///
    /// # Errors
    /// When the desk is full.
    pub fn set_account(&mut self, account: Account<()>) -> Result<(), ConfigError> {
        let account = account.map_password(|_| None::<()>);
        let accounts = &mut self.spec.accounts;
        match accounts.iter().position(|a| a.id == account.id) {
            Some(place) => accounts[place] = account,
            None if accounts.len() >= MAX_ACCOUNTS => {
                return Err(ConfigError {
                    path: "accounts".into(),
                    why: format!("the desk has {MAX_ACCOUNTS} accounts, and may have no more"),
                });
            }
            None => accounts.push(account),
        }
        Ok(())
    }

    /// Takes an account away; whether it was there.
    pub fn remove_account(&mut self, id: &AccountId) -> bool {
        let before = self.spec.accounts.len();
        self.spec.accounts.retain(|a| a.id != *id);
        before != self.spec.accounts.len()
    }
}
