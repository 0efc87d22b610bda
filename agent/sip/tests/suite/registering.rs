//! Registration against a scripted registrar: refresh, refusals, silence, absurd answers, a network that comes back.

use crate::network::*;
use crate::registrar::{Registrar, contact};
use carillon_sip::digest::Algorithm;
use carillon_sip::message::{HeaderName, Method};
use carillon_sip::{Credential, EndpointConfig, Event, Password, RegistrationState};
use std::time::Duration;

pub(crate) const REGISTRAR: &str = "10.0.0.100:5060";
pub(crate) const ALICE_ADDRESS: &str = "10.0.0.1:5060";

pub(crate) fn account(user: &str, password: &str) -> EndpointConfig {
    let mut config = EndpointConfig::new(format!("sip:{user}@example.org").parse().unwrap());
    config.credentials = vec![Credential {
        username: user.to_owned(),
        realm: None,
        password: Password::new(password),
    }];
    config.instance_id = "urn:uuid:00000000-0000-1000-8000-000A95A0E128".to_owned();
    config
}

pub(crate) fn registering(registrar: &Registrar, password: &str) -> Network {
    registering_as(registrar, account("alice", password))
}

pub(crate) fn registering_as(registrar: &Registrar, account: EndpointConfig) -> Network {
    let mut network = Network::new(7, Conditions::PERFECT);
    network
        .names
        .insert("example.org".to_owned(), vec![REGISTRAR.parse().unwrap()]);
    network.script(REGISTRAR, registrar.clone());
    network.add(ALICE_ADDRESS, account, 3);
    network.with(ALICE, |alice, now| alice.register(now));
    network.run_for(Duration::from_secs(1));
    network
}

pub(crate) fn state(network: &Network) -> &RegistrationState {
    network.nodes[ALICE].endpoint.registration()
}

#[test]
fn answers_the_challenge_and_tells_contact_and_lifetime() {
    let registrar = Registrar::new("secret");
    let mut network = registering(&registrar, "secret");
    let RegistrationState::Registered {
        contact: held,
        expires_in,
        ..
    } = state(&network)
    else {
        panic!("{:?}", state(&network))
    };
    assert_eq!(
        (held.to_string().as_str(), *expires_in),
        ("sip:alice@10.0.0.1:5060", Duration::from_secs(300))
    );
    let events = network.events(ALICE);
    assert!(matches!(
        events[..],
        [
            Event::Registration(RegistrationState::Registering),
            Event::Registration(RegistrationState::Registered { .. })
        ]
    ));
    let settings = registrar.0.borrow();
    assert_eq!(settings.passed, [(Method::Register, Algorithm::Md5)]);
    let (first, second) = (&settings.seen[0], &settings.seen[1]);
    assert_eq!(
        first.headers.get(HeaderName::CallId),
        second.headers.get(HeaderName::CallId)
    );
    assert_eq!(
        (
            first.headers.get(HeaderName::CSeq).unwrap(),
            second.headers.get(HeaderName::CSeq).unwrap()
        ),
        (&b"1 REGISTER"[..], &b"2 REGISTER"[..])
    );
    assert_eq!(first.uri.to_string(), "sip:example.org");
    assert_eq!(
        contact(second).params.unquoted("+sip.instance").unwrap(),
        "<urn:uuid:00000000-0000-1000-8000-000A95A0E128>"
    );
}

#[test]
fn refreshes_in_time_and_uses_a_nonce_again_while_it_lasts() {
    let registrar = Registrar::new("secret");
    registrar.0.borrow_mut().nonce_uses = 3;
    let mut network = registering(&registrar, "secret");
    network.run_for(Duration::from_secs(600));
    assert!(matches!(
        state(&network),
        RegistrationState::Registered { .. }
    ));
    // Two to three refreshes within two lifetimes, the first two of them without another challenge.
    let seen = registrar.count(&Method::Register);
    assert!((4..=6).contains(&seen), "{seen} REGISTERs");
    let times: Vec<Duration> = network
        .trace
        .iter()
        .filter(|(.., to, _)| *to == REGISTRAR.parse().unwrap())
        .map(|(at, ..)| *at)
        .collect();
    let wait = times[2] - times[1];
    assert!(
        wait >= Duration::from_secs(225) && wait <= Duration::from_secs(270),
        "{wait:?}"
    );
}

#[test]
fn too_brief_is_asked_again_with_what_is_demanded() {
    let registrar = Registrar::new("secret");
    registrar.0.borrow_mut().script = [(423, "Min-Expires: 1800")].into();
    registrar.0.borrow_mut().expires = "1800".to_owned();
    let network = registering(&registrar, "secret");
    let RegistrationState::Registered { expires_in, .. } = state(&network) else {
        panic!("{:?}", state(&network))
    };
    assert_eq!(*expires_in, Duration::from_secs(1800));
    assert_eq!(
        registrar
            .0
            .borrow()
            .seen
            .last()
            .unwrap()
            .headers
            .get(HeaderName::Expires),
        Some(&b"1800"[..])
    );
}

#[test]
fn absurd_demand_is_refused() {
    for header in [
        "Min-Expires: 4294967295",
        "Min-Expires: 1",
        "Min-Expires: x",
        "X: y",
    ] {
        let registrar = Registrar::new("secret");
        registrar.0.borrow_mut().script = [(423, header)].into();
        let network = registering(&registrar, "secret");
        assert!(
            matches!(
                state(&network),
                RegistrationState::Failed {
                    status: Some(423),
                    ..
                }
            ),
            "{header}: {:?}",
            state(&network)
        );
    }
}

#[test]
fn unavailable_is_tried_again_when_the_registrar_says() {
    let registrar = Registrar::new("secret");
    registrar.0.borrow_mut().script = [(503, "Retry-After: 100 (busy)")].into();
    let mut network = registering(&registrar, "secret");
    let RegistrationState::Failed {
        status: Some(503),
        retry_in: Some(retry_in),
        ..
    } = state(&network)
    else {
        panic!("{:?}", state(&network))
    };
    assert!(
        *retry_in >= Duration::from_secs(100) && *retry_in <= Duration::from_secs(110),
        "{retry_in:?}"
    );
    let seen = registrar.count(&Method::Register);
    network.run_for(Duration::from_secs(95));
    assert_eq!(registrar.count(&Method::Register), seen);
    network.run_for(Duration::from_secs(20));
    assert!(matches!(
        state(&network),
        RegistrationState::Registered { .. }
    ));
}

#[test]
fn silence_backs_off_and_recovers() {
    let registrar = Registrar::new("secret");
    registrar.0.borrow_mut().silent = true;
    let mut network = registering(&registrar, "secret");
    network.run_for(Duration::from_secs(4 * 3600));
    let waits: Vec<Duration> = network
        .events(ALICE)
        .into_iter()
        .filter_map(|event| match event {
            Event::Registration(RegistrationState::Failed {
                status: None,
                retry_in,
                ..
            }) => retry_in,
            _ => None,
        })
        .collect();
    for (at, wait) in waits.iter().enumerate() {
        let upper = Duration::from_secs(30 << (at + 1).min(10)).min(Duration::from_secs(1800));
        assert!(*wait >= upper / 2 && *wait <= upper, "wait {at}: {wait:?}");
    }
    assert!(waits.len() > 8);
    registrar.0.borrow_mut().silent = false;
    network.run_for(Duration::from_secs(1900));
    assert!(matches!(
        state(&network),
        RegistrationState::Registered { .. }
    ));
}

#[test]
fn next_address_is_tried_when_the_first_is_silent() {
    let registrar = Registrar::new("secret");
    let mut network = Network::new(7, Conditions::PERFECT);
    network.names.insert(
        "example.org".to_owned(),
        vec![
            "10.0.0.99:5060".parse().unwrap(),
            REGISTRAR.parse().unwrap(),
        ],
    );
    network.script("10.0.0.99:5060", Mailbox);
    network.script(REGISTRAR, registrar.clone());
    network.add(ALICE_ADDRESS, account("alice", "secret"), 3);
    network.with(ALICE, |alice, now| alice.register(now));
    network.run_for(Duration::from_secs(40));
    assert!(
        matches!(state(&network), RegistrationState::Registered { .. }),
        "{:?}",
        state(&network)
    );
}

#[test]
fn dead_name_and_dead_network_are_said_and_retried() {
    let mut network = Network::new(7, Conditions::PERFECT);
    network.add(ALICE_ADDRESS, account("alice", "secret"), 3);
    network.with(ALICE, |alice, now| alice.register(now));
    network.run_for(Duration::from_secs(1));
    let RegistrationState::Failed {
        status: None,
        reason,
        ..
    } = state(&network)
    else {
        panic!("{:?}", state(&network))
    };
    assert_eq!(reason, "example.org cannot be resolved: no such name");

    let registrar = Registrar::new("secret");
    network
        .names
        .insert("example.org".to_owned(), vec![REGISTRAR.parse().unwrap()]);
    network.script(REGISTRAR, registrar);
    network.nodes[ALICE].offline = true;
    network.with(ALICE, |alice, now| alice.register(now));
    network.run_for(Duration::from_secs(1));
    let RegistrationState::Failed { reason, .. } = state(&network) else {
        panic!("{:?}", state(&network))
    };
    assert_eq!(reason, "the flow failed: the network is unreachable");
    // The flow comes back: registered at once, without waiting for the back-off of the registration.
    network.nodes[ALICE].offline = false;
    network.run_for(Duration::from_secs(10));
    assert!(matches!(
        state(&network),
        RegistrationState::Registered { .. }
    ));
}

#[test]
fn unregister_takes_the_binding_back() {
    let registrar = Registrar::new("secret");
    let mut network = registering(&registrar, "secret");
    network.with(ALICE, |alice, now| alice.unregister(now));
    assert!(network.run_until_quiet(Duration::from_secs(60)));
    assert_eq!(*state(&network), RegistrationState::Unregistered);
    assert_eq!(
        registrar
            .0
            .borrow()
            .seen
            .last()
            .unwrap()
            .headers
            .get(HeaderName::Expires),
        Some(&b"0"[..])
    );
    network.assert_empty();
}

#[test]
fn shutdown_unregisters_even_when_nobody_answers() {
    let registrar = Registrar::new("secret");
    let mut network = registering(&registrar, "secret");
    registrar.0.borrow_mut().silent = true;
    network.with(ALICE, |alice, now| alice.shutdown(now));
    assert!(network.run_until_quiet(Duration::from_secs(60)));
    assert!(matches!(network.events(ALICE).last(), Some(Event::Stopped)));
    network.assert_empty();
}
