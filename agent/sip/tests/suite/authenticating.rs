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
fn answers_each_algorithm_and_body_protection() {
    use Algorithm::{Md5, Md5Sess, Sha256, Sha256Sess, Sha512_256, Sha512_256Sess};
    for algorithm in [Md5, Md5Sess, Sha256, Sha256Sess, Sha512_256, Sha512_256Sess] {
        for body_only in [false, true] {
            let registrar = Registrar::new("secret");
            registrar.0.borrow_mut().algorithms = vec![Algorithm::Md5, algorithm];
            registrar.0.borrow_mut().body_only = body_only;
            registering(&registrar, "secret");
            assert_eq!(
                registrar.0.borrow().passed,
                [(Method::Register, algorithm)],
                "{algorithm:?} {body_only}"
            );
        }
    }
}

#[test]
fn next_nonce_spares_every_further_challenge() {
    let registrar = Registrar::new("secret");
    registrar.0.borrow_mut().next_nonce = true;
    let mut network = registering(&registrar, "secret");
    network.run_for(Duration::from_secs(3_000));
    let seen = registrar.count(&Method::Register);
    assert!(seen >= 11, "{seen} REGISTERs");
    // Every nonce is good for one answer, and each answer brings the next nonce: one challenge in all.
    assert_eq!(registrar.0.borrow().passed.len(), seen - 1);
}

#[test]
fn one_request_answers_several_realms_at_once() {
    let registrar = Registrar::new("secret");
    registrar.0.borrow_mut().challenged.clear();
    registrar.0.borrow_mut().script = [(
        401,
        "WWW-Authenticate: Digest realm=\"one\", nonce=\"a\", qop=\"auth\", Digest realm=\"two\", nonce=\"b\", algorithm=SHA-256, qop=\"auth\", Digest realm=\"two\", nonce=\"b\", qop=\"auth\"",
    )]
    .into();
    let network = registering(&registrar, "secret");
    assert!(matches!(
        state(&network),
        RegistrationState::Registered { .. }
    ));
    let settings = registrar.0.borrow();
    let answers: Vec<String> = settings.seen[1]
        .headers
        .all(HeaderName::Authorization)
        .map(|value| String::from_utf8(value.to_vec()).unwrap())
        .collect();
    assert_eq!(answers.len(), 2, "{answers:?}");
    assert!(answers[0].contains("realm=\"one\"") && !answers[0].contains("algorithm"));
    assert!(answers[1].contains("realm=\"two\"") && answers[1].contains("algorithm=SHA-256"));
}

#[test]
fn registrar_that_asks_with_ever_new_realms_is_given_up() {
    let registrar = Registrar::new("secret");
    registrar.0.borrow_mut().challenged.clear();
    registrar.0.borrow_mut().script = (0..100)
        .map(|realm| {
            let line: &'static str = Box::leak(
                format!("WWW-Authenticate: Digest realm=\"{realm}\", nonce=\"n\"").into_boxed_str(),
            );
            (401, line)
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
    assert!(registrar.count(&Method::Register) <= 13);
}

#[test]
fn challenge_from_another_host_than_was_asked_gets_no_digest() {
    let registrar = Registrar::new("secret");
    registrar.0.borrow_mut().silent = true;
    let mut network = registering(&registrar, "secret");
    let request = registrar.0.borrow().seen[0].clone();
    let mut challenge = carillon_sip::message::Response::to(&request, 401, Some("evil"));
    challenge.headers.push(
        HeaderName::WwwAuthenticate,
        "Digest realm=\"example.org\", nonce=\"chosen\"",
    );
    network.inject(
        "10.0.0.66:5060".parse().unwrap(),
        ALICE_ADDRESS.parse().unwrap(),
        &challenge.to_bytes(),
    );
    network.run_for(Duration::from_secs(1));
    let RegistrationState::Failed { reason, .. } = state(&network) else {
        panic!("{:?}", state(&network))
    };
    assert!(reason.contains("not answered"), "{reason}");
    assert!(
        registrar
            .0
            .borrow()
            .seen
            .iter()
            .all(|request| !request.headers.has(HeaderName::Authorization))
    );
}

/// The far side of a call that came through our proxy challenges our BYE: it would choose the nonce.
#[test]
fn peer_that_challenges_our_bye_through_the_proxy_gets_no_digest() {
    for (status, header) in [(401, "WWW-Authenticate"), (407, "Proxy-Authenticate")] {
        let registrar = Registrar::new("secret");
        let mut network = registering(&registrar, "secret");
        let proxy = REGISTRAR;
        let invite = format!(
            "INVITE sip:alice@{ALICE_ADDRESS} SIP/2.0\r\nVia: SIP/2.0/UDP {proxy};branch=z9hG4bKx\r\nRecord-Route: <sip:{proxy};lr>\r\nMax-Forwards: 70\r\nFrom: <sip:eve@evil.example>;tag=e\r\nTo: <sip:alice@example.org>\r\nCall-ID: eve\r\nCSeq: 1 INVITE\r\nContact: <sip:eve@10.6.6.6>\r\nContent-Length: 0\r\n\r\n"
        );
        network.inject(
            proxy.parse().unwrap(),
            ALICE_ADDRESS.parse().unwrap(),
            invite.as_bytes(),
        );
        let call = network.incoming(ALICE).unwrap();
        network.with(ALICE, |alice, now| {
            alice.answer(now, call, media(4000)).unwrap()
        });
        network.run_for(Duration::from_millis(100));
        let line: &'static str = Box::leak(
            format!("{header}: Digest realm=\"example.org\", nonce=\"chosen\"").into_boxed_str(),
        );
        registrar.0.borrow_mut().script = [(status, line)].into();
        let tag = network.trace.iter().rev().find_map(|(.., bytes)| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            let to = text
                .lines()
                .find(|line| line.starts_with("To: "))?
                .to_owned();
            text.starts_with("SIP/2.0 200")
                .then(|| to.split("tag=").nth(1).map(str::to_owned))?
        });
        let ack = format!(
            "ACK sip:alice@{ALICE_ADDRESS} SIP/2.0\r\nVia: SIP/2.0/UDP {proxy};branch=z9hG4bKy\r\nMax-Forwards: 70\r\nFrom: <sip:eve@evil.example>;tag=e\r\nTo: <sip:alice@example.org>;tag={}\r\nCall-ID: eve\r\nCSeq: 1 ACK\r\nContact: <sip:eve@10.6.6.6>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{}",
            tag.unwrap(),
            crate::by_hand::SDP.len(),
            crate::by_hand::SDP
        );
        network.inject(
            proxy.parse().unwrap(),
            ALICE_ADDRESS.parse().unwrap(),
            ack.as_bytes(),
        );
        network.with(ALICE, |alice, now| alice.hangup(now, call).unwrap());
        network.run_for(Duration::from_secs(2));
        let settings = registrar.0.borrow();
        let byes: Vec<_> = settings
            .seen
            .iter()
            .filter(|request| request.method == Method::Bye)
            .collect();
        assert_eq!(byes.len(), 1, "{status}");
        assert!(
            !byes[0].headers.has(HeaderName::Authorization)
                && !byes[0].headers.has(HeaderName::ProxyAuthorization),
            "{status}"
        );
    }
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
        "WWW-Authenticate: Digest realm=\"example.org\", nonce=\"n\", qop=\"auth-conf\"",
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
        ..
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
