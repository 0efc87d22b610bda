//! The configuration as the agent runs it: verified, or read from `agent.yaml`, with every seal opened.
//!
//! Owns the shape that [`reload`](crate::reload) compares and the account actors are made from. It never
//! crosses a wire and is never written to disk: the passwords in it are in the clear.

use carillon_schemas::config::{Account, Contact, Hook, Media, Network};
use carillon_schemas::directory::Directory;
use carillon_schemas::history::History;
use carillon_schemas::links::Links;
use carillon_schemas::phonebook::Phonebook;
use carillon_schemas::{AccountId, Generation, Secret};
use serde::{Deserialize, Serialize};

use crate::standalone::WebhookKey;

/// Everything the agent runs at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunningConfig {
    /// The generation of the server's part; `None` for a desk that never saw a server.
    pub generation: Option<Generation>,
    /// The desk's name, as the admin knows it.
    pub name: Option<String>,
    /// The accounts in the order shown to the user; the first is the default.
    pub accounts: Vec<RunningAccount>,
    /// Sound and codecs.
    pub media: Media,
    /// Addresses, ports, and the link to the server.
    pub network: Network,
    /// What a link on a web page may do.
    pub links: Links,
    /// The people everyone calls.
    pub contacts: Vec<Contact>,
    /// Phonebooks from elsewhere.
    pub phonebooks: Vec<Phonebook>,
    /// LDAP directories.
    pub directories: Vec<Directory<Secret>>,
    /// How long calls and messages are remembered.
    pub history: History,
    /// What runs when something happens.
    pub hooks: Vec<RunningHook>,
}

impl RunningConfig {
    /// The account of that id.
    #[must_use]
    pub fn account(&self, id: &AccountId) -> Option<&RunningAccount> {
        self.accounts.iter().find(|account| account.id() == id)
    }
}

/// One account with its password opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningAccount {
    /// Where it comes from.
    pub origin: Origin,
    /// What it is.
    pub config: Account<Secret>,
}

impl RunningAccount {
    /// Its id, unique on the desk.
    #[must_use]
    pub fn id(&self) -> &AccountId {
        &self.config.id
    }
}

/// A hook that may run on this desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningHook {
    /// Where it stands, for a person: `hooks[2] of agent.yaml, on incoming`.
    pub name: String,
    /// What it is.
    pub hook: Hook,
    /// What signs, where it posts.
    pub key: Option<WebhookKey>,
}

/// Where an account or a hook comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The signed configuration of the provisioning server.
    Server,
    /// The desk's own `agent.yaml`.
    Local,
}
