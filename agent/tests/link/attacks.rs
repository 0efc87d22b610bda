//! The attacks on a signed configuration, each carried out against the verification itself.

use carillon_agent::provisioning::keys::PrivateKeys;
use carillon_agent::provisioning::seen::Seen;
use carillon_agent::provisioning::trust::Trust;
use carillon_agent::provisioning::verify::{FreshnessError, RefusedWhy, config, freshness};
use carillon_schemas::config::MAX_CONFIG_BYTES;
use carillon_schemas::envelope::{EnvelopeError, PayloadType};
use carillon_schemas::trust::RootError;
use carillon_schemas::{DeskId, Generation, Timestamp};

use crate::forge::{self, Fleet, Key, envelope};

struct Desk {
    fleet: Fleet,
    id: DeskId,
    keys: PrivateKeys,
    seen: Seen,
}

fn desk() -> Desk {
    let id: DeskId = "0123456789abcdef0123456789abcdef".parse().unwrap();
    Desk {
        fleet: Fleet::new(),
        keys: PrivateKeys::generate().unwrap(),
        seen: Seen::nothing(id.clone()),
        id,
    }
}

impl Desk {
    fn signed(&self, generation: u64) -> Vec<u8> {
        self.fleet
            .config(&self.id, generation, self.keys.public(), "correct horse")
    }

    /// Verifies, and on success takes the floors along.
    fn take(&mut self, body: &[u8]) -> Result<String, RefusedWhy> {
        let verified = config(body, &self.fleet.root(1), &self.id, &self.keys, &self.seen)
            .map_err(|refused| refused.why)?;
        self.seen.generation = verified.generation;
        self.seen.digest = verified.digest;
        Ok(verified.accounts[0]
            .password
            .as_ref()
            .unwrap()
            .expose()
            .to_owned())
    }
}

#[test]
fn a_right_configuration_is_believed_and_its_password_opened() {
    let mut desk = desk();
    let body = desk.signed(5);
    assert_eq!(desk.take(&body).unwrap(), "correct horse");
    assert_eq!(
        desk.take(&body).unwrap(),
        "correct horse",
        "the same once more"
    );
    let next = desk.signed(6);
    desk.take(&next).unwrap();
}

#[test]
fn a1_a_signature_by_nobody_or_without_the_role_is_refused() {
    let mut desk = desk();
    let payload = serde_json::to_vec(&forge::config(&desk.id, 5, desk.keys.public(), "x")).unwrap();
    let stranger = Key::new(99);
    let root = desk.fleet.roots[0].clone();
    for keys in [vec![], vec![&stranger], vec![&root]] {
        let body = serde_json::to_vec(&envelope(PayloadType::Config, &payload, &keys)).unwrap();
        let why = desk.take(&body).unwrap_err();
        let expected = matches!(
            why,
            RefusedWhy::Envelope(EnvelopeError::Unsigned { valid: 0, .. })
        );
        assert!(expected, "{why}");
    }
    // The director's name under a stranger's signature.
    let mut forged = envelope(PayloadType::Config, &payload, &[&stranger]);
    forged.signatures[0].keyid = desk.fleet.director.id.clone();
    assert!(desk.take(&serde_json::to_vec(&forged).unwrap()).is_err());
}

#[test]
fn a2_an_older_generation_and_a_changed_one_are_refused() {
    let mut desk = desk();
    let (old, new) = (desk.signed(5), desk.signed(6));
    desk.take(&new).unwrap();
    let why = desk.take(&old).unwrap_err();
    assert!(matches!(
        why,
        RefusedWhy::Rollback {
            found: Generation(5),
            floor: Generation(6)
        }
    ));
    let other = desk.fleet.config(&desk.id, 6, desk.keys.public(), "other");
    let why = desk.take(&other).unwrap_err();
    assert_eq!(why, RefusedWhy::Changed(Generation(6)));
}

#[test]
fn a4_an_expired_or_old_freshness_statement_is_refused() {
    let mut desk = desk();
    let root = desk.fleet.root(1);
    desk.seen.generation = Generation(6);
    let now = Timestamp(10_000);
    let check = |header: &str| freshness(header, &root, &desk.id, &desk.seen, now);
    let header = |generation, expires| {
        let issued = Timestamp(9_000);
        desk.fleet
            .freshness_at(&desk.id, generation, 1, issued, Timestamp(expires))
    };
    assert!(check(&header(6, 10_001)).is_ok());
    let error = check(&header(6, 10_000)).unwrap_err();
    assert!(matches!(error, FreshnessError::Expired { .. }));
    let error = check(&header(5, 20_000)).unwrap_err();
    assert!(matches!(error, FreshnessError::Rollback { .. }));
    let other: DeskId = "f".repeat(32).parse().unwrap();
    let foreign = desk
        .fleet
        .freshness_at(&other, 6, 1, now, Timestamp(20_000));
    assert!(matches!(check(&foreign), Err(FreshnessError::OtherDesk(_))));
    assert!(check("junk").is_err());
    assert!(check(&"A".repeat(1 << 20)).is_err());
}

#[test]
fn a5_parts_of_two_generations_do_not_mix() {
    let mut desk = desk();
    let read = |body: &[u8]| carillon_schemas::Envelope::from_json(body).unwrap();
    let (one, two) = (read(&desk.signed(5)), read(&desk.signed(6)));
    let mut mixed = two;
    mixed.signatures = one.signatures;
    assert!(desk.take(&serde_json::to_vec(&mixed).unwrap()).is_err());
    // Even the director cannot carry a seal over from one generation, or one account, to another.
    let mut config = forge::config(&desk.id, 6, desk.keys.public(), "x");
    config.accounts[0].password = Some(forge::seal(&desk.id, 5, desk.keys.public(), "x"));
    let body = desk.fleet.signed_config(&config);
    let why = desk.take(&body).unwrap_err();
    assert!(matches!(why, RefusedWhy::Seal { .. }), "{why}");
    let mut config = forge::config(&desk.id, 6, desk.keys.public(), "x");
    config.accounts[0].id = "other".parse().unwrap();
    let body = desk.fleet.signed_config(&config);
    assert!(matches!(desk.take(&body), Err(RefusedWhy::Seal { .. })));
}

#[test]
fn a6_every_cut_is_refused() {
    let mut desk = desk();
    let body = desk.signed(5);
    for end in 0..body.len() {
        assert!(desk.take(&body[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn every_changed_byte_is_refused() {
    let mut desk = desk();
    let body = desk.signed(5);
    for at in (0..body.len()).step_by(7) {
        let mut changed = body.clone();
        changed[at] ^= 0x01;
        if let Ok(password) = desk.take(&changed) {
            // A change that JSON reads the same way, such as within the name of an unknown key, changes nothing.
            assert_eq!(password, "correct horse", "byte {at}");
        }
    }
}

#[test]
fn a7_another_desks_configuration_is_refused() {
    let mut desk = desk();
    let other: DeskId = "f".repeat(32).parse().unwrap();
    let body = desk.fleet.config(&other, 5, desk.keys.public(), "x");
    assert!(matches!(
        desk.take(&body),
        Err(RefusedWhy::OtherDesk { .. })
    ));
    // Sealed to another desk's key.
    let theirs = PrivateKeys::generate().unwrap();
    let body = desk.fleet.config(&desk.id, 5, theirs.public(), "x");
    assert!(matches!(desk.take(&body), Err(RefusedWhy::Seal { .. })));
}

#[test]
fn a8_too_much_is_refused_unread() {
    let mut desk = desk();
    let body = vec![b' '; MAX_CONFIG_BYTES + 1];
    assert_eq!(desk.take(&body), Err(RefusedWhy::TooLarge));
    let deep = "[".repeat(100_000);
    assert!(desk.take(deep.as_bytes()).is_err());
}

#[test]
fn a9_one_root_key_alone_changes_no_root() {
    let fleet = Fleet::new();
    let trust = Trust::pinned(fleet.root_envelope(1), &fleet.fingerprint()).unwrap();
    let mut next = fleet.root(2);
    next.director.keys = [Key::new(66).id].into();
    next.keys.insert(Key::new(66).id, Key::new(66).public);
    let payload = serde_json::to_vec(&next).unwrap();
    let one = envelope(PayloadType::Root, &payload, &[&fleet.roots[0]]);
    assert!(matches!(
        trust.successor(one),
        Err(RootError::Envelope(EnvelopeError::Unsigned {
            valid: 1,
            ..
        }))
    ));
    // Nor does the same signature twice.
    let mut twice = envelope(PayloadType::Root, &payload, &[&fleet.roots[0]]);
    twice.signatures.push(twice.signatures[0].clone());
    assert!(trust.successor(twice).is_err());
    let both = envelope(
        PayloadType::Root,
        &payload,
        &[&fleet.roots[0], &fleet.roots[1]],
    );
    let successor = trust.successor(both).unwrap();
    assert!(trust.revokes_director(&successor));
    // Nor is a version left out.
    assert!(matches!(
        trust.successor(fleet.root_envelope(3)),
        Err(RootError::NotNext { have: 1, found: 3 })
    ));
}

#[test]
fn a15_one_kind_of_document_does_not_pass_for_another() {
    let mut desk = desk();
    let payload = serde_json::to_vec(&forge::config(&desk.id, 5, desk.keys.public(), "x")).unwrap();
    let director = desk.fleet.director.clone();
    let mut confused = envelope(PayloadType::Freshness, &payload, &[&director]);
    let body = serde_json::to_vec(&confused).unwrap();
    assert!(matches!(
        desk.take(&body),
        Err(RefusedWhy::Envelope(EnvelopeError::WrongType { .. }))
    ));
    confused.payload_type = PayloadType::Config.as_str().into();
    let body = serde_json::to_vec(&confused).unwrap();
    assert!(matches!(
        desk.take(&body),
        Err(RefusedWhy::Envelope(EnvelopeError::Unsigned { .. }))
    ));
}

#[test]
fn a_setting_out_of_bounds_is_refused_even_when_signed() {
    let mut desk = desk();
    let mut config = forge::config(&desk.id, 5, desk.keys.public(), "x");
    config.accounts[0].register_expires = 1;
    let body = desk.fleet.signed_config(&config);
    let why = desk.take(&body).unwrap_err();
    assert!(
        why.to_string().contains("accounts[0].register_expires"),
        "{why}"
    );
    let mut config = forge::config(&desk.id, 5, desk.keys.public(), "line\nend");
    config.name = "desk".into();
    let body = desk.fleet.signed_config(&config);
    let why = desk.take(&body).unwrap_err();
    assert!(matches!(why, RefusedWhy::Secret { .. }));
    assert!(!why.to_string().contains("line\n"), "{why}");
}
