//! What a plan changes, and what it leaves alone.

use carillon_schemas::Secret;
use carillon_schemas::config::{Account, CodecName};
use proptest::prelude::*;

use super::*;
use crate::running::Origin;

fn account(id: &str) -> RunningAccount {
    let config: Account<Secret> = serde_json::from_value(serde_json::json!({
        "id": id,
        "address": format!("sip:{id}@pbx.example.org"),
        "password": "first",
    }))
    .unwrap();
    RunningAccount {
        origin: Origin::Server,
        config,
    }
}

fn config(ids: &[&str]) -> RunningConfig {
    RunningConfig {
        accounts: ids.iter().map(|id| account(id)).collect(),
        ..RunningConfig::default()
    }
}

fn touched(plan: &Plan) -> Vec<AccountId> {
    plan.changes
        .iter()
        .filter_map(|change| match change {
            Change::Remove(id) => Some(id.clone()),
            Change::Add(account)
            | Change::Replace(account)
            | Change::SetCredentials(account)
            | Change::SetFeatures(account)
            | Change::Describe(account) => Some(account.id().clone()),
            _ => None,
        })
        .collect()
}

#[test]
fn the_same_configuration_changes_nothing() {
    let config = config(&["a", "b"]);
    assert_eq!(plan(&config, &config), Plan::default());
}

#[test]
fn new_features_replace_nothing() {
    let old = config(&["a", "b"]);
    let mut new = old.clone();
    new.accounts[0].config.features.do_not_disturb = Some(true);
    let plan = plan(&old, &new);
    assert_eq!(plan.changes, [Change::SetFeatures(new.accounts[0].clone())]);
    assert_eq!(plan.describe(), ["account a: new calling features"]);
}

#[test]
fn a_new_password_is_set_in_place_and_named_without_it() {
    let old = config(&["a", "b"]);
    let mut new = old.clone();
    new.accounts[1].config.password = Some(Secret::new("correct horse".into()).unwrap());
    let plan = plan(&old, &new);
    assert_eq!(
        plan.changes,
        [Change::SetCredentials(new.accounts[1].clone())]
    );
    assert_eq!(plan.describe(), ["account b: new credentials"]);
    assert!(!format!("{plan:?}").contains("horse"));
}

#[test]
fn another_registrar_replaces_and_another_label_does_not() {
    let old = config(&["a"]);
    let mut new = old.clone();
    new.accounts[0].config.registrar = Some("other.example.org".into());
    assert!(matches!(plan(&old, &new).changes[..], [Change::Replace(_)]));
    let mut new = old.clone();
    new.accounts[0].config.label = Some("Front desk".into());
    new.accounts[0].origin = Origin::Local;
    assert!(matches!(
        plan(&old, &new).changes[..],
        [Change::Describe(_)]
    ));
}

#[test]
fn another_order_touches_no_account() {
    let old = config(&["a", "b", "c"]);
    let new = config(&["c", "a", "b"]);
    let plan = plan(&old, &new);
    assert!(matches!(plan.changes[..], [Change::Order(_)]));
    assert_eq!(plan.apply(&old), new);
}

#[test]
fn sound_settings_touch_no_account() {
    let old = config(&["a"]);
    let mut new = old.clone();
    new.media.codecs = Some(vec![CodecName::Pcmu]);
    new.network.rtp_port_min = Some(20_000);
    new.generation = Some(Generation(7));
    let plan = plan(&old, &new);
    assert!(touched(&plan).is_empty());
    assert_eq!(plan.describe().len(), 2);
    assert_eq!(plan.apply(&old), new);
}

prop_compose! {
    fn any_account(id: usize)(
        user in prop::option::of("[ab]"),
        password in prop::option::of("[ab]"),
        registrar in prop::option::of("[ab]"),
        label in prop::option::of("[ab]"),
        enabled in any::<bool>(),
        local in any::<bool>(),
    ) -> RunningAccount {
        let mut account = account(&format!("a{id}"));
        account.config.username = user;
        account.config.password = password.map(|text| Secret::new(text).unwrap());
        account.config.registrar = registrar;
        account.config.label = label;
        account.config.enabled = enabled;
        account.origin = if local { Origin::Local } else { Origin::Server };
        account
    }
}

fn any_config() -> impl Strategy<Value = RunningConfig> {
    let accounts = prop::sample::subsequence((0..6_usize).collect::<Vec<_>>(), 0..=6)
        .prop_shuffle()
        .prop_flat_map(|ids| ids.into_iter().map(any_account).collect::<Vec<_>>());
    (
        accounts,
        prop::option::of(0..4_u64),
        prop::option::of("[ab]"),
        prop::option::of(Just(10_u16)),
        prop::option::of(Just(20_000_u16)),
    )
        .prop_map(|(accounts, generation, name, ptime_ms, port)| {
            let mut config = RunningConfig {
                accounts,
                generation: generation.map(Generation),
                name,
                ..RunningConfig::default()
            };
            config.media.ptime_ms = ptime_ms;
            config.network.rtp_port_min = port;
            config
        })
}

proptest! {
    #[test]
    fn a_plan_leads_from_the_old_to_the_new(old in any_config(), new in any_config()) {
        prop_assert_eq!(plan(&old, &new).apply(&old), new);
    }

    #[test]
    fn an_account_that_stays_the_same_is_never_touched(old in any_config(), new in any_config()) {
        let touched = touched(&plan(&old, &new));
        for account in &old.accounts {
            if new.account(account.id()) == Some(account) {
                prop_assert!(!touched.contains(account.id()));
            }
        }
        let mut once = touched.clone();
        once.sort();
        once.dedup();
        prop_assert_eq!(once.len(), touched.len());
    }
}
