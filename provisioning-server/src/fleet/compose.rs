//! The layers laid over one another: fleet defaults under a desk's own settings give the configuration to sign.

use std::collections::BTreeMap;

use carillon_schemas::fleet_file::Layer;
use carillon_schemas::{AccountId, DeskConfig, Generation, SealedSecret, Timestamp};

use super::{Desk, Locked};

/// The configuration of a desk, its passwords sealed already.
pub fn compose(
    desk: &Desk,
    defaults: &Layer<Locked>,
    generation: Generation,
    issued: Timestamp,
    mut passwords: BTreeMap<AccountId, SealedSecret>,
) -> DeskConfig {
    let spec = &desk.spec;
    let mut directories = Vec::new();
    for directory in defaults.directories.iter().cloned() {
        let password = passwords.remove(&directory.id);
        directories.push(directory.map_password(|_| password));
    }
    for directory in spec.directories.iter().cloned() {
        let password = passwords.remove(&directory.id);
        directories.push(directory.map_password(|_| password));
    }
    DeskConfig {
        desk: desk.id.clone(),
        name: spec.name.clone(),
        generation,
        issued,
        accounts: spec
            .accounts
            .iter()
            .cloned()
            .map(|account| {
                let password = passwords.remove(&account.id);
                account.map_password(|_| password)
            })
            .collect(),
        media: spec.media.clone().over(&defaults.media),
        network: spec.network.clone().over(&defaults.network),
        links: spec.links.clone().over(&defaults.links),
        hooks: defaults.hooks.iter().chain(&spec.hooks).cloned().collect(),
        contacts: defaults
            .contacts
            .iter()
            .chain(&spec.contacts)
            .cloned()
            .collect(),
        phonebooks: defaults
            .phonebooks
            .iter()
            .chain(&spec.phonebooks)
            .cloned()
            .collect(),
        directories,
        history: spec.history.over(&defaults.history),
    }
}
