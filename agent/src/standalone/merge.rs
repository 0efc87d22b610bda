//! The server's configuration laid over the desk's own: pure.

use std::collections::BTreeSet;

use carillon_schemas::config::{Contact, MAX_ACCOUNTS, MAX_CONTACTS, Media, Network};
use carillon_schemas::directory::MAX_DIRECTORIES;
use carillon_schemas::phonebook::MAX_PHONEBOOKS;

use super::AgentFile;
use crate::provisioning::Verified;
use crate::running::{Origin, RunningAccount, RunningConfig};

/// What the agent shall run.
#[derive(Debug, Clone, PartialEq)]
pub struct Merged {
    /// The configuration.
    pub config: RunningConfig,
    /// What of `agent.yaml` had to give way, a line each.
    pub warnings: Vec<String>,
}

/// Lays the server's part over the desk's own. The server's accounts come first and win over one of the same
/// id; its settings win one by one; contacts and hooks are added up.
pub fn merge(server: Option<&Verified>, local: &AgentFile) -> Merged {
    let mut warnings = Vec::new();
    let mut accounts: Vec<_> = server
        .into_iter()
        .flat_map(|server| &server.accounts)
        .map(|config| RunningAccount {
            origin: Origin::Server,
            config: config.clone(),
        })
        .collect();
    let taken: BTreeSet<_> = accounts.iter().map(|a| a.config.id.clone()).collect();
    for config in &local.accounts {
        if taken.contains(&config.id) {
            warnings.push(format!(
                "account {} of agent.yaml gives way to the server's account of that id (rename it)",
                config.id
            ));
        } else if accounts.len() == MAX_ACCOUNTS {
            warnings.push(format!(
                "account {} of agent.yaml is left out: a desk has at most {MAX_ACCOUNTS} accounts",
                config.id
            ));
        } else {
            accounts.push(RunningAccount {
                origin: Origin::Local,
                config: config.clone(),
            });
        }
    }
    let (media, network) = settings(server, local, &mut warnings);
    let mut contacts: Vec<Contact> = server.map_or_else(Vec::new, |s| s.contacts.clone());
    contacts.extend(local.contacts.iter().cloned());
    if contacts.len() > MAX_CONTACTS {
        contacts.truncate(MAX_CONTACTS);
        warnings.push(format!(
            "contacts of agent.yaml are left out: a desk has at most {MAX_CONTACTS}"
        ));
    }
    let mut phonebooks: Vec<_> = server.map_or_else(Vec::new, |s| s.phonebooks.clone());
    phonebooks.extend(local.phonebooks.iter().cloned());
    if phonebooks.len() > MAX_PHONEBOOKS {
        phonebooks.truncate(MAX_PHONEBOOKS);
        warnings.push(format!(
            "phonebooks of agent.yaml are left out: a desk has at most {MAX_PHONEBOOKS}"
        ));
    }
    let mut directories: Vec<_> = server.map_or_else(Vec::new, |s| s.directories.clone());
    for own in &local.directories {
        if directories.iter().any(|known| known.id == own.id) {
            warnings.push(format!(
                "directory {} of agent.yaml gives way to the server's of that id (rename it)",
                own.id
            ));
        } else if directories.len() == MAX_DIRECTORIES {
            warnings.push(format!(
                "directory {} of agent.yaml is left out: a desk has at most {MAX_DIRECTORIES}",
                own.id
            ));
        } else {
            directories.push(own.clone());
        }
    }
    let history = server.map_or(local.history, |s| s.history.over(&local.history));
    let of_server = server.map_or(&[][..], |s| &s.hooks);
    let hooks = super::hooks::admit(of_server, local, &mut warnings);
    Merged {
        config: RunningConfig {
            generation: server.map(|s| s.generation),
            name: server.map(|s| s.name.clone()),
            accounts,
            media,
            network,
            links: server.map_or_else(
                || local.links.clone(),
                |server| server.links.clone().over(&local.links),
            ),
            contacts,
            phonebooks,
            directories,
            history,
            hooks,
        },
        warnings,
    }
}

/// Each layer is within bounds; two together may not be, such as one's lowest port above the other's highest.
fn settings(
    server: Option<&Verified>,
    local: &AgentFile,
    warnings: &mut Vec<String>,
) -> (Media, Network) {
    let Some(server) = server else {
        return (local.media.clone(), local.network.clone());
    };
    let media = server.media.clone().over(&local.media);
    let network = server.network.clone().over(&local.network);
    match network.validate() {
        Ok(()) => (media, network),
        Err(error) => {
            warnings.push(format!(
                "the network settings of agent.yaml are left out, since with the server's they do not work: {error}"
            ));
            (media, server.network.clone())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use carillon_schemas::links::{LinkDial, LinkScheme};
    use carillon_schemas::{Generation, Timestamp};

    fn local(yaml: &str) -> AgentFile {
        AgentFile::from_yaml(yaml).unwrap()
    }

    fn server(yaml: &str) -> Verified {
        let file = local(yaml);
        Verified {
            generation: Generation(7),
            digest: String::new(),
            issued: Timestamp(1),
            name: "desk".into(),
            accounts: file.accounts,
            media: file.media,
            network: file.network,
            links: file.links,
            hooks: file.hooks,
            contacts: file.contacts,
            phonebooks: file.phonebooks,
            directories: file.directories,
            history: file.history,
        }
    }

    #[test]
    fn the_server_wins_and_says_so() {
        let merged = merge(
            Some(&server(
                "accounts: [{id: main, address: 'sip:1@pbx'}]\nmedia: {input: default}\nlinks: {dial: ask}",
            )),
            &local(
                "accounts: [{id: main, address: 'sip:9@other'}, {id: own, address: 'sip:2@lan'}]\n\
                 media: {input: 'null', ptime_ms: 10}\nlinks: {dial: now, schemes: [tel]}",
            ),
        );
        let ids: Vec<_> = merged
            .config
            .accounts
            .iter()
            .map(|a| (a.config.id.as_str(), a.origin))
            .collect();
        assert_eq!(ids, [("main", Origin::Server), ("own", Origin::Local)]);
        assert_eq!(merged.config.accounts[0].config.address.host(), "pbx");
        assert_eq!(merged.config.media.input(), "default");
        assert_eq!(merged.config.media.ptime_ms(), 10);
        assert_eq!(merged.config.links.dial(), LinkDial::Ask);
        assert_eq!(merged.config.links.schemes(), [LinkScheme::Tel]);
        assert_eq!(merged.config.generation, Some(Generation(7)));
        assert!(merged.warnings[0].contains("main"), "{:?}", merged.warnings);
    }

    #[test]
    fn without_a_server_the_file_is_all() {
        let merged = merge(None, &local("accounts: [{id: own, address: 'sip:2@lan'}]"));
        assert_eq!(merged.config.accounts.len(), 1);
        assert_eq!((merged.config.generation, merged.warnings), (None, vec![]));
    }

    #[test]
    fn a_directory_of_the_same_id_gives_way() {
        let directory = |id: &str, host: &str| {
            format!("directories: [{{id: {id}, url: 'ldap://{host}', base: 'dc=x'}}]")
        };
        let server = server(&directory("company", "theirs"));
        let merged = merge(Some(&server), &local(&directory("company", "ours")));
        assert_eq!(merged.config.directories, server.directories);
        assert!(
            merged.warnings[0].contains("company"),
            "{:?}",
            merged.warnings
        );
        let merged = merge(Some(&server), &local(&directory("own", "ours")));
        let ids: Vec<_> = merged
            .config
            .directories
            .iter()
            .map(|d| d.id.as_str())
            .collect();
        assert_eq!(ids, ["company", "own"]);
    }

    #[test]
    fn layers_that_do_not_fit_keep_to_the_servers() {
        let merged = merge(
            Some(&server("network: {rtp_port_max: 20000}")),
            &local("network: {rtp_port_min: 30000, rtp_port_max: 30100}"),
        );
        assert_eq!(merged.config.network.rtp_ports(), 16_384..=20_000);
        assert_eq!(merged.warnings.len(), 1);
    }

    #[test]
    fn the_limits_hold_for_both_together() {
        let many = |prefix: &str, count: usize| {
            let accounts: Vec<_> = (0..count)
                .map(|n| format!("{{id: {prefix}{n}, address: 'sip:{n}@pbx'}}"))
                .collect();
            format!("accounts: [{}]", accounts.join(", "))
        };
        let merged = merge(
            Some(&server(&many("s", MAX_ACCOUNTS - 1))),
            &local(&many("l", 3)),
        );
        assert_eq!(merged.config.accounts.len(), MAX_ACCOUNTS);
        assert_eq!(merged.warnings.len(), 2);
    }
}
