//! Passwords of directories: the fleet's are locked away in its defaults, a desk's beside those of its accounts.
//!
//! A directory gets its password in the clear, unlike a registrar. So one that the server keeps goes only where it was
//! meant for when it was given: who may change a directory's address does not learn its password by that.

use std::collections::BTreeMap;

use carillon_schemas::config::ConfigError;
use carillon_schemas::directory::Directory;
use carillon_schemas::fleet_file::Layer;
use carillon_schemas::{AccountId, Secret};

use super::{Service, ServiceError};
use crate::fleet::{FleetDiff, Locked, Spec};
use crate::trust::vault::FLEET;

impl Service {
    /// The defaults of a file with their passwords locked away, those that did not change as they lie there already.
    pub(super) fn lock_defaults(
        &self,
        before: &Layer<Locked>,
        file: &Layer<Secret>,
        diff: &mut FleetDiff,
    ) -> Result<Layer<Locked>, ServiceError> {
        file.clone().map_passwords(|directory, given| {
            let id = &directory.id;
            let known = before.directories.iter().find(|known| known.id == *id);
            let had_one = known.is_some_and(|known| known.password.is_some());
            let kept = known.filter(|known| same_place(known, directory));
            let kept = kept.and_then(|known| known.password.clone());
            let Some(secret) = given else {
                return match directory.bind_dn.is_some() && kept.is_none() {
                    true => Err(missing(&format!("defaults.directories[{id}]"))),
                    false => Ok(kept.filter(|_| directory.bind_dn.is_some())),
                };
            };
            if let Some(kept) = kept
                && self.vault.unlock(FLEET, id, &kept.bytes())? == secret
            {
                return Ok(Some(kept));
            }
            diff.set_directory_password(None, id.as_str(), had_one);
            Ok(Some(Locked::of(&self.vault.lock(FLEET, id, &secret)?)))
        })
    }
}

/// Whether a password that is kept under that id still has its place: at an account, or at the directory that it was
/// given for.
pub(super) fn has_place(before: &Spec, after: &Spec, id: &AccountId) -> bool {
    let directory = |spec: &'_ Spec| spec.directories.iter().find(|d| d.id == *id).cloned();
    let (known, wanted) = (directory(before), directory(after));
    let stays = known
        .zip(wanted)
        .is_some_and(|(known, wanted)| same_place(&known, &wanted) && wanted.bind_dn.is_some());
    let account = |spec: &Spec| spec.accounts.iter().any(|account| account.id == *id);
    stays || account(before) && account(after)
}

/// Whether every directory of a desk that signs in has a password.
pub(super) fn complete(
    spec: &Spec,
    kept: &BTreeMap<AccountId, Vec<u8>>,
    changed: &BTreeMap<AccountId, Option<Secret>>,
) -> Result<(), ServiceError> {
    let has_one = |id: &AccountId| match changed.get(id) {
        Some(secret) => secret.is_some(),
        None => kept.contains_key(id),
    };
    let without =
        |directory: &&Directory<()>| directory.bind_dn.is_some() && !has_one(&directory.id);
    match spec.directories.iter().find(without) {
        Some(directory) => Err(missing(&format!(
            "desk {:?} directories[{}]",
            spec.name, directory.id
        ))),
        None => Ok(()),
    }
}

fn same_place<A, B>(one: &Directory<A>, other: &Directory<B>) -> bool {
    let place = |url: &str, start_tls, ca: &Option<String>, name: &Option<String>| {
        (url.to_owned(), start_tls, ca.clone(), name.clone())
    };
    place(&one.url, one.start_tls, &one.ca, &one.bind_dn)
        == place(&other.url, other.start_tls, &other.ca, &other.bind_dn)
}

fn missing(at: &str) -> ServiceError {
    ServiceError::Invalid(ConfigError {
        path: format!("{at}.password"),
        why: "is needed for this bind_dn at this address; one that was given for another is not taken along"
            .into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use carillon_schemas::fleet_file::FleetFile;

    /// A desk with an account and a directory.
    fn spec(directory: &str) -> Spec {
        let yaml = format!(
            "desks: [{{name: d, accounts: [{{id: main, address: 'sip:1@pbx'}}], directories: [{directory}]}}]"
        );
        let desk = FleetFile::from_yaml(&yaml).unwrap().desks.remove(0);
        let mut spec = Spec::named("d");
        let accounts = desk.accounts.into_iter();
        spec.accounts = accounts.map(|a| a.map_password(|_| None)).collect();
        let directories = desk.directories.into_iter();
        spec.directories = directories.map(|d| d.map_password(|_| None)).collect();
        spec
    }

    fn company(more: &str) -> Spec {
        spec(&format!("{{id: company, base: 'dc=x', {more}}}"))
    }

    #[test]
    fn attack_b_a_password_stays_where_it_was_given_for() {
        let (company_id, main): (AccountId, AccountId) =
            ("company".parse().unwrap(), "main".parse().unwrap());
        let usual = "url: 'ldaps://a', bind_dn: 'cn=r'";
        let before = company(usual);
        for (more, stays) in [
            (usual.to_owned(), true),
            (format!("{usual}, size_limit: 9, name: Other"), true),
            ("url: 'ldaps://evil', bind_dn: 'cn=r'".to_owned(), false),
            ("url: 'ldaps://a', bind_dn: 'cn=other'".to_owned(), false),
            (format!("{usual}, ca: '-----BEGIN CERTIFICATE-----'"), false),
            ("url: 'ldaps://a'".to_owned(), false),
        ] {
            let after = company(&more);
            assert_eq!(has_place(&before, &after, &company_id), stays, "{more}");
            assert!(has_place(&before, &after, &main));
        }
        // Nor does an account's become a directory's of the same id.
        let mut other = before.clone();
        other.accounts[0].id = company_id.clone();
        other.directories.clear();
        assert!(!has_place(&other, &before, &company_id));
    }

    #[test]
    fn who_signs_in_needs_a_password() {
        let spec = company("url: 'ldaps://a', bind_dn: 'cn=r'");
        let id: AccountId = "company".parse().unwrap();
        let kept = BTreeMap::from([(id.clone(), vec![1])]);
        assert!(complete(&spec, &kept, &BTreeMap::new()).is_ok());
        assert!(complete(&spec, &BTreeMap::new(), &BTreeMap::new()).is_err());
        let gone = BTreeMap::from([(id.clone(), None)]);
        assert!(complete(&spec, &kept, &gone).is_err());
        let given = BTreeMap::from([(id, Some(Secret::new("x".into()).unwrap()))]);
        assert!(complete(&spec, &BTreeMap::new(), &given).is_ok());
    }
}
