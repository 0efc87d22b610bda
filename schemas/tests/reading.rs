//! How documents are read: strictly from an admin, leniently from a newer peer, and never without a limit.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use carillon_schemas::config::DeskConfig;
use carillon_schemas::fleet_file::FleetFile;
use carillon_schemas::strict::{self, ReadError};
use proptest::prelude::*;

fn refusal(yaml: &str) -> String {
    FleetFile::from_yaml(yaml).unwrap_err().to_string()
}

#[test]
fn a_misspelt_key_is_named_with_its_line_and_the_nearest_key() {
    let text = refusal(
        "desks:\n  - name: a\n    accounts:\n      - id: main\n        address: sip:1@h\n        pasword: x\n",
    );
    assert_eq!(
        text,
        "line 6: unknown key desks[0].accounts[0].pasword: did you mean \"password\"?"
    );
}

#[test]
fn a_misspelt_key_that_is_required_is_named_rather_than_missed() {
    for (yaml, want) in [
        (
            "desks:\n  - nam: a\n",
            "line 2: unknown key desks[0].nam: did you mean \"name\"?",
        ),
        (
            "desks:\n  - name: a\n    accounts:\n      - id: main\n        adress: sip:1@h\n",
            "line 5: unknown key desks[0].accounts[0].adress: did you mean \"address\"?",
        ),
        (
            "defaults:\n  contacts:\n    - {nmae: x, number: 1}\n",
            "line 3: unknown key defaults.contacts[0].nmae: did you mean \"name\"?",
        ),
    ] {
        assert_eq!(refusal(yaml), want, "{yaml}");
    }
}

#[test]
fn what_cannot_be_read_hides_no_unknown_key_elsewhere() {
    let text = refusal(
        "desks:\n  - nam: a\n  - name: b\n    accounts: [{id: m, address: 'sip:1@h', max_calls: many, labl: x}]\n  - name: c\n    medai: {}\n",
    );
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(
        lines,
        [
            "line 2: unknown key desks[0].nam: did you mean \"name\"?",
            "line 4: unknown key desks[1].accounts[0].labl: did you mean \"label\"?",
            "line 6: unknown key desks[2].medai: did you mean \"media\"?",
        ]
    );
}

#[test]
fn a_key_that_is_missing_and_not_misspelt_is_called_missing() {
    let text = refusal("desks:\n  - accounts: []\n");
    assert!(
        text.contains("missing field `name`") && text.contains("line 2"),
        "{text}"
    );
}

#[test]
fn a_password_run_into_its_key_is_not_quoted() {
    let text = refusal(
        "desks:\n  - name: a\n    accounts: [{id: m, address: 'sip:1@h', password:hunter2}]\n",
    );
    assert_eq!(
        text,
        "line 3: unknown key desks[0].accounts[0].password…: did you mean \"password\"?"
    );
}

#[test]
fn endless_unknown_keys_are_counted_not_listed() {
    let mut yaml = String::from("desks:\n");
    for n in 0..5_000 {
        yaml.push_str(&format!("  - nam: desk-{n}\n"));
    }
    let text = refusal(&yaml);
    assert_eq!(text.lines().count(), 21, "{text}");
    assert!(text.ends_with("and more of the kind"), "{text}");
}

#[test]
fn a_key_like_none_lists_what_is_known() {
    let text = refusal("desks: []\nsquirrel: 1\n");
    assert!(
        text.starts_with("line 2: unknown key squirrel: known here are defaults, desks"),
        "{text}"
    );
}

#[test]
fn every_unknown_key_is_listed_at_once() {
    let text = refusal("defalts: {}\ndesks:\n  - name: a\n    medai: {}\n");
    assert!(
        text.contains("defaults") && text.contains("media"),
        "{text}"
    );
}

#[test]
fn a_duplicate_key_is_refused_with_its_line() {
    let text = refusal("desks:\n  - name: a\n    name: b\n");
    assert!(
        text.contains("duplicate") && text.contains("line 3"),
        "{text}"
    );
}

#[test]
fn a_number_may_stand_for_a_text() {
    let fleet = FleetFile::from_yaml("defaults:\n  contacts:\n    - {name: x, number: 1001}\n");
    assert!(fleet.is_ok(), "{fleet:?}");
}

#[test]
fn wrong_values_say_where() {
    for (yaml, want) in [
        (
            "desks:\n  - name: a\n    accounts: [{id: main, address: 1001}]\n",
            "must begin with 'sip:'",
        ),
        ("desks:\n  - name: a\n  - name: a\n", "desks[1].name"),
        (
            "desks:\n  - name: a\n    accounts: [{id: m, address: 'sip:1@h', max_calls: 0}]\n",
            "desks[0].accounts[0].max_calls",
        ),
        (
            "desks:\n  - name: a\n    accounts: [{id: m, address: 'sip:1@h', registrar: 'h:0'}]\n",
            "registrar",
        ),
        (
            "defaults: {media: {ptime_ms: 15}}\ndesks: [{name: a}]\n",
            "ptime_ms",
        ),
        (
            "desks:\n  - name: a\n    accounts: [{id: m, address: 'sip:1@h', register: false, accept_from: proxy}]\n",
            "desks[0].accounts[0].accept_from",
        ),
        (
            "desks:\n  - name: a\n    accounts: [{id: m, address: 'sip:1@h', accept_from: friends}]\n",
            "expected one of",
        ),
        ("desks: {", "line"),
    ] {
        let text = refusal(yaml);
        assert!(text.contains(want), "{yaml}: {text}");
    }
}

#[test]
fn a_bad_password_is_not_quoted() {
    let text = refusal(
        "desks:\n  - name: a\n    accounts: [{id: m, address: 'sip:1@h', password: \"hunter2\\n\"}]\n",
    );
    assert!(text.contains("control character"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn size_is_limited() {
    let text = "x".repeat(101);
    let error = strict::from_yaml::<FleetFile>(&text, 100).unwrap_err();
    assert_eq!(
        error,
        ReadError::TooLarge {
            found: 101,
            limit: 100
        }
    );
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut yaml = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let refs = vec![format!("*a{}", level - 1); 10].join(", ");
        yaml.push_str(&format!("a{level}: &a{level} [{refs}]\n"));
    }
    assert!(matches!(
        strict::from_yaml::<FleetFile>(&yaml, 1 << 20),
        Err(ReadError::Yaml(_))
    ));
}

#[test]
fn what_a_newer_server_adds_is_ignored() {
    let text = r#"{"desk":"0123456789abcdef0123456789abcdef","name":"a","generation":1,"issued":1,
        "accounts":[{"id":"main","address":"sip:1@h","colour":"red"}],"weather":{"sun":true}}"#;
    let config: DeskConfig = serde_json::from_str(text).unwrap();
    config.validate().unwrap();
    assert_eq!(config.accounts[0].id.as_str(), "main");
}

#[test]
fn a_fleet_of_ten_thousand_desks_is_read() {
    let mut yaml = String::from("desks:\n");
    for n in 0..10_000 {
        yaml.push_str(&format!("  - name: desk-{n}\n    accounts:\n      - {{id: main, address: 'sip:{n}@h', password: secret-{n}}}\n"));
    }
    assert_eq!(FleetFile::from_yaml(&yaml).unwrap().desks.len(), 10_000);
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        let _ = FleetFile::from_yaml(&text);
    }

    #[test]
    fn any_ticket_is_read_or_refused(text in "(carillon1\\.)?[A-Za-z0-9_.-]{0,100}") {
        let _ = text.parse::<carillon_schemas::Ticket>();
    }
}
