//! The plan that leads from one configuration to another.

use carillon_schemas::config::{Contact, Media, Network};
use carillon_schemas::directory::Directory;
use carillon_schemas::history::History;
use carillon_schemas::links::Links;
use carillon_schemas::phonebook::Phonebook;
use carillon_schemas::{AccountId, Generation, Secret};

use crate::running::{RunningAccount, RunningConfig, RunningHook};

/// Changes in the order in which they are carried out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The changes; empty when both configurations are the same.
    pub changes: Vec<Change>,
}

/// One change.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// An account leaves; its calls end when their people end them.
    Remove(AccountId),
    /// An account comes.
    Add(RunningAccount),
    /// An account changes in what its endpoint is made from: another takes its place.
    Replace(RunningAccount),
    /// Only user, realm or password of an account changed: it goes on with the new ones.
    SetCredentials(RunningAccount),
    /// Only calling features of an account changed, for later calls.
    SetFeatures(RunningAccount),
    /// Only what is shown of an account changed.
    Describe(RunningAccount),
    /// The accounts stand in another order.
    Order(Vec<AccountId>),
    /// Sound and codecs of later calls.
    Media(Media),
    /// Ports of later calls, and the link to the server.
    Network(Network),
    /// What a link on a web page may do.
    Links(Links),
    /// The people everyone calls.
    Contacts(Vec<Contact>),
    /// Phonebooks from elsewhere.
    Phonebooks(Vec<Phonebook>),
    /// LDAP directories.
    Directories(Vec<Directory<Secret>>),
    /// How long calls and messages are remembered.
    History(History),
    /// What runs when something happens.
    Hooks(Vec<RunningHook>),
    /// The desk's name.
    Name(Option<String>),
    /// The generation of the server's part.
    Generation(Option<Generation>),
}

/// The smallest plan that leads from `old` to `new`. Ids must be unique in each.
#[must_use]
pub fn plan(old: &RunningConfig, new: &RunningConfig) -> Plan {
    let mut changes = Vec::new();
    for account in &old.accounts {
        if new.account(account.id()).is_none() {
            changes.push(Change::Remove(account.id().clone()));
        }
    }
    for account in &new.accounts {
        match old.account(account.id()) {
            None => changes.push(Change::Add(account.clone())),
            Some(before) => changes.extend(account_change(before, account)),
        }
    }
    let kept = old
        .accounts
        .iter()
        .filter(|account| new.account(account.id()).is_some());
    let added = new
        .accounts
        .iter()
        .filter(|account| old.account(account.id()).is_none());
    let wanted = new.accounts.iter().map(RunningAccount::id);
    if !kept.chain(added).map(RunningAccount::id).eq(wanted.clone()) {
        changes.push(Change::Order(wanted.cloned().collect()));
    }
    if old.media != new.media {
        changes.push(Change::Media(new.media.clone()));
    }
    if old.network != new.network {
        changes.push(Change::Network(new.network.clone()));
    }
    if old.links != new.links {
        changes.push(Change::Links(new.links.clone()));
    }
    if old.contacts != new.contacts {
        changes.push(Change::Contacts(new.contacts.clone()));
    }
    if old.phonebooks != new.phonebooks {
        changes.push(Change::Phonebooks(new.phonebooks.clone()));
    }
    if old.directories != new.directories {
        changes.push(Change::Directories(new.directories.clone()));
    }
    if old.history != new.history {
        changes.push(Change::History(new.history));
    }
    if old.hooks != new.hooks {
        changes.push(Change::Hooks(new.hooks.clone()));
    }
    if old.name != new.name {
        changes.push(Change::Name(new.name.clone()));
    }
    if old.generation != new.generation {
        changes.push(Change::Generation(new.generation));
    }
    Plan { changes }
}

impl Plan {
    /// The configuration that results.
    #[must_use]
    pub fn apply(&self, to: &RunningConfig) -> RunningConfig {
        let mut config = to.clone();
        for change in &self.changes {
            match change.clone() {
                Change::Remove(id) => config.accounts.retain(|account| account.id() != &id),
                Change::Add(account) => config.accounts.push(account),
                Change::Replace(account)
                | Change::SetCredentials(account)
                | Change::SetFeatures(account)
                | Change::Describe(account) => {
                    for place in &mut config.accounts {
                        if place.id() == account.id() {
                            *place = account.clone();
                        }
                    }
                }
                Change::Order(ids) => config
                    .accounts
                    .sort_by_key(|account| ids.iter().position(|id| id == account.id())),
                Change::Media(media) => config.media = media,
                Change::Network(network) => config.network = network,
                Change::Links(links) => config.links = links,
                Change::Contacts(contacts) => config.contacts = contacts,
                Change::Phonebooks(phonebooks) => config.phonebooks = phonebooks,
                Change::Directories(directories) => config.directories = directories,
                Change::History(history) => config.history = history,
                Change::Hooks(hooks) => config.hooks = hooks,
                Change::Name(name) => config.name = name,
                Change::Generation(generation) => config.generation = generation,
            }
        }
        config
    }

    /// A line for each change that a person cares about. No secret is in them.
    #[must_use]
    pub fn describe(&self) -> Vec<String> {
        self.changes.iter().filter_map(Change::describe).collect()
    }
}

impl Change {
    fn describe(&self) -> Option<String> {
        Some(match self {
            Self::Remove(id) => format!("account {id} removed"),
            Self::Add(account) => format!("account {} added", account.id()),
            Self::Replace(account) => format!("account {} replaced", account.id()),
            Self::SetCredentials(account) => format!("account {}: new credentials", account.id()),
            Self::SetFeatures(account) => {
                format!("account {}: new calling features", account.id())
            }
            Self::Describe(account) => format!("account {}: new description", account.id()),
            Self::Order(_) => "accounts reordered".to_owned(),
            Self::Media(_) => "sound settings changed, for later calls".to_owned(),
            Self::Network(_) => "network settings changed, for later calls".to_owned(),
            Self::Links(_) => "what links may do changed".to_owned(),
            Self::Contacts(contacts) => format!("{} contacts", contacts.len()),
            Self::Phonebooks(phonebooks) => format!("{} phonebooks", phonebooks.len()),
            Self::Directories(directories) => format!("{} directories", directories.len()),
            Self::History(_) => "history kept for another time".to_owned(),
            Self::Hooks(hooks) => format!("{} hooks", hooks.len()),
            Self::Name(Some(name)) => format!("desk named {name:?}"),
            Self::Name(None) => "desk without a name".to_owned(),
            Self::Generation(_) => return None,
        })
    }
}

/// The least change that leads from one account to the other of the same id.
fn account_change(old: &RunningAccount, new: &RunningAccount) -> Option<Change> {
    if old == new {
        return None;
    }
    let mut probe = old.clone();
    probe.origin = new.origin;
    probe.config.label.clone_from(&new.config.label);
    if probe == *new {
        return Some(Change::Describe(new.clone()));
    }
    probe.config.features.clone_from(&new.config.features);
    if probe == *new {
        return Some(Change::SetFeatures(new.clone()));
    }
    probe.config.username.clone_from(&new.config.username);
    probe.config.realm.clone_from(&new.config.realm);
    probe.config.password.clone_from(&new.config.password);
    if probe == *new {
        return Some(Change::SetCredentials(new.clone()));
    }
    Some(Change::Replace(new.clone()))
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
