//! Challenges: which are answered, how often, with which credentials, and whose are not.

use crate::network::*;
use crate::registering::{ALICE_ADDRESS, REGISTRAR, account, registering, state};
use crate::registrar::{Proxy, Registrar};
use carillon_sip::digest::Algorithm;
use carillon_sip::message::{HeaderName, Method};
use carillon_sip::{Credential, EndCause, Event, Password, RegistrationState};
use std::time::Duration;

#[test]
fn answers_the_strongest_challenge() {
    let registrar = Registrar::new("secret");
    registrar.0.borrow_mut().algorithms = vec![Algorithm::Md5, Algorithm::Sha256];
    let network = registering(&registrar, "secret");
    assert!(matches!(
        state(&network),
        RegistrationState::Registered { .. }
    ));
    assert_eq!(
        registrar.0.borrow().passed,
        [(Method::Register, Algorithm::Sha256)]
    );
}

#[test]
fn answers_without_qop_as_rfc_2069() {
    let registrar = Registrar::new("secret");
    registrar.0.borrow_mut().qop = false;
    let network = registering(&registrar, "secret");
    assert!(matches!(
        state(&network),
        RegistrationState::Registered { .. }
    ));
}

#[test]
fn wrong_password_is_tried_once_and_said() {
    let registrar = Registrar::new("secret");
    let network = registering(&registrar, "wrong");
    let RegistrationState::Failed {
        status: Some(401),
        reason,
        retry_in: Some(retry_in),
    } = state(&network)
    else {
        panic!("{:?}", state(&network))
    };
    assert!(reason.contains("refused the credential"), "{reason}");
    assert!(!reason.contains("wrong"), "{reason}");
    assert!(*retry_in >= Duration::from_secs(30));
    assert_eq!(registrar.count(&Method::Register), 2);
}

#[test]
fn stale_nonce_is_answered_again_but_not_for_ever() {
    let registrar = Registrar::new("secret");
    registrar.0.borrow_mut().script = [(
        401,
        "WWW-Authenticate: Digest realm=\"example.org\", nonce=\"s1\", qop=\"auth\", stale=true",
    )]
    .into();
    let network = registering(&registrar, "secret");
    // s1 is not the registrar's own nonce: it challenges once more, without stale, and that is a refusal.
    assert!(matches!(
        state(&network),
        RegistrationState::Failed {
            status: Some(401),
            ..
        }
    ));
    assert_eq!(registrar.count(&Method::Register), 3);

    let registrar = Registrar::new("secret");
    registrar.0.borrow_mut().challenged.clear();
    registrar.0.borrow_mut().script = (0..20)
        .map(|_| {
            (
                401,
                "WWW-Authenticate: Digest realm=\"example.org\", nonce=\"again\", stale=true",
            )
        })
        .collect();
    let network = registering(&registrar, "secret");
    assert!(matches!(
        state(&network),
        RegistrationState::Failed {
            status: Some(401),
            ..
        }
    ));
    assert!(
        registrar.count(&Method::Register) <= 4,
        "{}",
        registrar.count(&Method::Register)
    );
}

#[test]
fn challenge_that_cannot_be_answered_is_said() {
    for header in [
        "WWW-Authenticate: Basic realm=\"example.org\"",
        "WWW-Authenticate: Digest realm=\"example.org\", nonce=\"n\", algorithm=SHA3-512",
        "WWW-Authenticate: Digest realm=\"example.org\", nonce=\"n\", qop=\"auth-int\"",
        "WWW-Authenticate: Digest realm=\"example.org\", nonce=\"\"",
        "WWW-Authenticate: Digest nonce=\"n\"",
        "WWW-Authenticate: Digest realm=\"example.org",
        "X: y",
    ] {
        let registrar = Registrar::new("secret");
        registrar.0.borrow_mut().challenged.clear();
        registrar.0.borrow_mut().script = [(401, header)].into();
        let network = registering(&registrar, "secret");
        assert!(
            matches!(
                state(&network),
                RegistrationState::Failed {
                    status: Some(401),
                    ..
                }
            ),
            "{header}"
        );
        assert_eq!(registrar.count(&Method::Register), 1, "{header}");
    }
}

#[test]
fn new_password_registers_at_once() {
    let registrar = Registrar::new("secret");
    let mut network = registering(&registrar, "secret");
    registrar.0.borrow_mut().password = "newer".to_owned();
    let credential = Credential {
        username: "alice".to_owned(),
        realm: Some("example.org".to_owned()),
        password: Password::new("newer"),
    };
    network.with(ALICE, |alice, now| {
        alice.set_credentials(now, vec![credential])
    });
    network.run_for(Duration::from_secs(1));
    assert!(matches!(
        state(&network),
        RegistrationState::Registered { .. }
    ));
    assert_eq!(registrar.0.borrow().passed.len(), 2);
}

/// Alice and Bob behind one proxy that challenges INVITE and BYE.
fn behind_proxy(registrar: &Registrar) -> Network {
    let mut network = Network::new(9, Conditions::PERFECT);
    network
        .names
        .insert("example.org".to_owned(), vec![REGISTRAR.parse().unwrap()]);
    registrar.0.borrow_mut().challenged = vec![Method::Register, Method::Invite, Method::Bye];
    let phones = vec![
        ("alice".to_owned(), ALICE_ADDRESS.parse().unwrap()),
        ("bob".to_owned(), "10.0.0.2:5060".parse().unwrap()),
    ];
    network.script(
        REGISTRAR,
        Proxy {
            registrar: registrar.clone(),
            address: REGISTRAR.parse().unwrap(),
            phones,
        },
    );
    network.add(ALICE_ADDRESS, account("alice", "secret"), 3);
    network.add("10.0.0.2:5060", account("bob", "secret"), 4);
    for node in [ALICE, BOB] {
        network.with(node, |endpoint, now| endpoint.register(now));
    }
    network.run_for(Duration::from_secs(1));
    network
}

#[test]
fn call_through_a_proxy_stands_while_the_password_changes_and_its_bye_still_authenticates() {
    let registrar = Registrar::new("secret");
    let mut network = behind_proxy(&registrar);
    let out = network.with(ALICE, |alice, now| {
        alice.call(now, "bob", media(4000)).unwrap()
    });
    network.run_for(Duration::from_secs(1));
    let call = network.incoming(BOB).unwrap();
    network.with(BOB, |bob, now| bob.answer(now, call, media(5000)).unwrap());
    network.run_for(Duration::from_secs(1));
    assert!(
        network
            .events(ALICE)
            .iter()
            .any(|event| matches!(event, Event::CallEstablished { .. }))
    );

    registrar.0.borrow_mut().password = "newer".to_owned();
    let credential = Credential {
        username: "alice".to_owned(),
        realm: None,
        password: Password::new("newer"),
    };
    network.with(ALICE, |alice, now| {
        alice.set_credentials(now, vec![credential])
    });
    network.run_for(Duration::from_secs(1));
    assert_eq!(network.nodes[ALICE].endpoint.counts().calls, 1);
    assert!(matches!(
        state(&network),
        RegistrationState::Registered { .. }
    ));

    network.with(ALICE, |alice, now| alice.hangup(now, out).unwrap());
    network.run_for(Duration::from_secs(1));
    assert!(network.events(BOB).iter().any(|event| matches!(
        event,
        Event::CallEnded {
            cause: EndCause::RemoteHangup,
            ..
        }
    )));
    let settings = registrar.0.borrow();
    assert_eq!(
        settings
            .passed
            .iter()
            .filter(|(method, _)| *method == Method::Bye)
            .count(),
        1
    );
    let acks = settings.seen.iter().filter(|request| {
        request.method == Method::Ack && request.headers.has(HeaderName::ProxyAuthorization)
    });
    assert_eq!(
        acks.count(),
        1,
        "the ACK of the answer carries the credentials of its INVITE (RFC 3261 §22.1)"
    );
}

#[test]
fn challenge_of_a_stranger_gets_no_digest() {
    let registrar = Registrar::new("secret");
    let mut network = registering(&registrar, "secret");
    let stranger = Registrar::new("secret");
    stranger.0.borrow_mut().challenged = vec![Method::Invite];
    network.script("10.0.0.66:5060", stranger.clone());
    network.with(ALICE, |alice, now| {
        alice.call(now, "sip:x@10.0.0.66", media(4000)).unwrap()
    });
    network.run_for(Duration::from_secs(1));
    let seen = &stranger.0.borrow().seen;
    assert_eq!(
        seen.iter()
            .filter(|request| request.method == Method::Invite)
            .count(),
        1
    );
    assert!(seen.iter().all(
        |request| !request.headers.has(HeaderName::ProxyAuthorization)
            && !request.headers.has(HeaderName::Authorization)
    ));
    let ended = network
        .events(ALICE)
        .into_iter()
        .find_map(|event| match event {
            Event::CallEnded { cause, .. } => Some(cause),
            _ => None,
        });
    let Some(EndCause::Rejected {
        status: 407,
        reason,
    }) = ended
    else {
        panic!("{ended:?}")
    };
    assert!(reason.contains("not answered"), "{reason}");
}

#[test]
fn another_realm_through_our_own_proxy_gets_no_digest() {
    let registrar = Registrar::new("secret");
    let mut network = behind_proxy(&registrar);
    registrar.0.borrow_mut().realm = "evil.example".to_owned();
    network.with(ALICE, |alice, now| {
        alice.call(now, "bob", media(4000)).unwrap()
    });
    network.run_for(Duration::from_secs(1));
    let settings = registrar.0.borrow();
    assert!(
        settings
            .seen
            .iter()
            .filter(|request| request.method == Method::Invite)
            .all(|request| !request.headers.has(HeaderName::ProxyAuthorization))
    );
}
