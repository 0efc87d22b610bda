//! Our own presence, short messages, news without a subscription, keys by INFO, and what OPTIONS says of all that.

use crate::by_hand::{ask, bob, request, said, statuses};
use crate::network::*;
use crate::watching::{MWI, Server, WAITING, alice};
use carillon_sip::message::{HeaderName, Message, Method, Response};
use carillon_sip::{Event, Notice, Package, Presence, PublicationState, SubscribeError};
use std::time::Duration;

#[test]
fn publishes_refreshes_changes_and_takes_back() {
    let server = Server::default();
    server.0.borrow_mut().expires = Some("300");
    let mut network = alice(&server);
    let publish = |network: &mut Network, note: &str| {
        let presence = Presence {
            open: Some(true),
            note: Some(note.to_owned()),
            ..Presence::default()
        };
        network.with(ALICE, |alice, now| alice.publish(now, presence));
        network.run_for(Duration::from_secs(1));
    };
    publish(&mut network, "here");
    let first = server.last();
    assert_eq!(first.headers.text(HeaderName::Event).unwrap(), "presence");
    assert!(!first.headers.has(HeaderName::SipIfMatch));
    let read = Presence::read(&first.body).unwrap();
    assert_eq!(
        (read.entity.as_str(), read.note.as_deref()),
        ("sip:alice@example.org", Some("here"))
    );
    network.run_for(Duration::from_secs(290));
    let refresh = server.last();
    assert_eq!(
        refresh.headers.text(HeaderName::SipIfMatch).unwrap(),
        "tag1"
    );
    assert!(refresh.body.is_empty());
    publish(&mut network, "there");
    assert_eq!(
        server.last().headers.text(HeaderName::SipIfMatch).unwrap(),
        "tag2"
    );
    assert!(!server.last().body.is_empty());
    // The server forgot: the whole goes out again.
    server.0.borrow_mut().script = [(412, "")].into();
    network.run_for(Duration::from_secs(290));
    assert!(!server.last().headers.has(HeaderName::SipIfMatch));
    assert!(!server.last().body.is_empty());
    network.with(ALICE, |alice, now| alice.unpublish(now));
    network.run_for(Duration::from_secs(1));
    assert_eq!(
        server.last().headers.text(HeaderName::Expires).unwrap(),
        "0"
    );
    assert!(server.last().headers.has(HeaderName::SipIfMatch));
    let events = network.events(ALICE);
    assert_eq!(
        events.last(),
        Some(&Event::Publication(PublicationState::Unpublished))
    );
    assert!(network.run_until_quiet(Duration::from_secs(60)));
}

#[test]
fn publication_that_fails_backs_off() {
    let server = Server::default();
    server.0.borrow_mut().script = (0..100).map(|_| (412, "")).collect();
    let mut network = alice(&server);
    network.with(ALICE, |alice, now| alice.publish(now, Presence::default()));
    network.run_for(Duration::from_secs(20));
    assert_eq!(server.all(&Method::Publish).len(), 1);
    network.run_for(Duration::from_secs(3_600));
    assert!(server.all(&Method::Publish).len() <= 8);
}

#[test]
fn short_messages_go_and_come() {
    let server = Server::default();
    let mut network = alice(&server);
    let id = network.with(ALICE, |alice, now| {
        alice.send_message(now, "1002", "hello \u{e4}").unwrap()
    });
    network.run_for(Duration::from_secs(1));
    assert_eq!(server.last().body, "hello \u{e4}".as_bytes());
    assert!(network.events(ALICE).contains(&Event::MessageSent {
        message: id,
        result: Ok(200)
    }));
    server.0.borrow_mut().script = [(404, "")].into();
    network.with(ALICE, |alice, now| {
        alice.send_message(now, "1003", "x").unwrap()
    });
    network.run_for(Duration::from_secs(1));
    assert!(
        matches!(&network.events(ALICE)[..], [Event::MessageSent { result: Err(why), .. }] if why == "404 Not Found")
    );
    for bad in ["", &"x".repeat(5_000)] {
        assert!(matches!(
            network.with(ALICE, |alice, now| alice.send_message(now, "1002", bad)),
            Err(SubscribeError::Length { .. })
        ));
    }
}

/// A number of its own for each branch: the same one over another branch would be the same request (RFC 3261 §8.2.2.2).
fn number(branch: &str) -> u32 {
    u32::from(branch.as_bytes()[0])
}

#[test]
fn messages_of_strangers_are_bounded_and_can_be_shut_out() {
    let mut network = bob();
    let message = |branch: &str, kind: &str, body: &str| {
        request(
            "MESSAGE",
            number(branch),
            branch,
            "",
            &format!("Content-Type: {kind}\r\n"),
            body,
        )
    };
    assert_eq!(
        ask(&mut network, &message("a", "text/plain", "hi\u{7}")),
        [200]
    );
    assert!(
        matches!(&network.events(0)[..], [Event::MessageReceived { text, .. }] if text == "hi\u{7}")
    );
    assert_eq!(ask(&mut network, &message("b", "text/html", "<b>")), [415]);
    assert_eq!(
        ask(
            &mut network,
            &message("c", "text/plain", &"x".repeat(5_000))
        ),
        [513]
    );
    assert_eq!(network.events(0).len(), 0);

    let mut network = Network::new(21, Conditions::PERFECT);
    network.script(crate::by_hand::PEER, Mailbox);
    let mut config = peer("bob", crate::by_hand::BOB_ADDRESS);
    config.only_from_proxy = true;
    network.add(crate::by_hand::BOB_ADDRESS, config, 4);
    network.with(0, |bob, now| bob.register(now));
    assert_eq!(ask(&mut network, &message("a", "text/plain", "hi")), [403]);
}

#[test]
fn news_without_a_subscription_count_from_our_own_server_alone() {
    let notice = |branch: &str, event: &str, headers: &str, body: &str| {
        request(
            "NOTIFY",
            number(branch),
            branch,
            "",
            &format!("Event: {event}\r\nSubscription-State: active\r\n{headers}"),
            body,
        )
    };
    // A stranger.
    let mut network = bob();
    assert_eq!(
        ask(&mut network, &notice("a", "message-summary", MWI, WAITING)),
        [481]
    );
    assert_eq!(ask(&mut network, &notice("b", "check-sync", "", "")), [489]);
    assert_eq!(ask(&mut network, &notice("c", "conference", "", "")), [489]);
    assert_eq!(network.events(0).len(), 0);
    // The account's own server.
    let mut network = Network::new(21, Conditions::PERFECT);
    network.script(crate::by_hand::PEER, Mailbox);
    let mut config = peer("bob", crate::by_hand::BOB_ADDRESS);
    config.registrar = Some(format!("sip:{}", crate::by_hand::PEER).parse().unwrap());
    network.add(crate::by_hand::BOB_ADDRESS, config, 4);
    network.with(0, |bob, now| bob.register(now));
    assert_eq!(
        ask(&mut network, &notice("a", "message-summary", MWI, WAITING)),
        [200]
    );
    assert_eq!(
        ask(&mut network, &notice("b", "check-sync;reboot=true", "", "")),
        [200]
    );
    assert_eq!(
        ask(
            &mut network,
            &notice("c", "message-summary", MWI, "garbage")
        ),
        [400]
    );
    assert!(matches!(
        &network.events(0)[..],
        [
            Event::Notified {
                subscription: None,
                notice: Notice::MessageSummary(_)
            },
            Event::CheckSync
        ]
    ));
    assert_eq!(ask(&mut network, &notice("d", "presence", "", "")), [481]);
}

/// What OPTIONS says is what is done: a method in Allow is not refused as unknown, any other is.
#[test]
fn options_tells_the_truth() {
    let mut network = bob();
    let (_, tag) = crate::by_hand::confirmed(&mut network);
    said(&mut network);
    crate::by_hand::send(&mut network, &request("OPTIONS", 2, "o", "", "", ""));
    let answer = said(&mut network)
        .into_iter()
        .find_map(|message| match message {
            Message::Response(response) => Some(response),
            Message::Request(_) => None,
        });
    let answer = answer.unwrap();
    let allowed = answer.headers.values(HeaderName::Allow).unwrap();
    let outside = [
        "OPTIONS",
        "REGISTER",
        "SUBSCRIBE",
        "NOTIFY",
        "MESSAGE",
        "PUBLISH",
        "FOO",
    ];
    let within = ["OPTIONS", "INFO", "UPDATE", "PRACK", "REFER", "BYE"];
    let outside = outside.map(|method| (method, ""));
    let within = within.map(|method| (method, tag.as_str()));
    for (cseq, (method, tag)) in (10..).zip(outside.into_iter().chain(within)) {
        let text = request(method, cseq, &format!("m{cseq}"), tag, "", "");
        crate::by_hand::send(&mut network, &text);
        let statuses = statuses(&mut network);
        let refused = statuses.iter().any(|status| matches!(status, 405 | 501));
        let listed = allowed.iter().any(|known| known == method);
        assert_eq!(listed, !refused, "{method} {tag}: {statuses:?}");
    }
    let events = answer.headers.values(HeaderName::AllowEvents).unwrap();
    assert_eq!(events.len(), Package::ALL.len());
    let types = answer.headers.values(HeaderName::Accept).unwrap();
    for kind in [
        "application/sdp",
        "text/plain",
        "application/dialog-info+xml",
    ] {
        assert!(types.iter().any(|known| known == kind), "{kind}");
    }
}

#[test]
fn keys_go_and_come_by_info() {
    let mut network = bob();
    let (call, tag) = crate::by_hand::confirmed(&mut network);
    said(&mut network);
    network.events(0);
    let info = |cseq: u32, kind: &str, body: &str| {
        let kind = format!("Content-Type: {kind}\r\n");
        request("INFO", cseq, &format!("i{cseq}"), &tag, &kind, body)
    };
    assert_eq!(
        ask(
            &mut network,
            &info(10, "application/dtmf-relay", "Signal=5\r\nDuration=100\r\n")
        ),
        [200]
    );
    assert_eq!(ask(&mut network, &info(11, "text/plain", "5")), [415]);
    assert_eq!(
        ask(&mut network, &info(12, "application/dtmf", "nonsense")),
        [400]
    );
    assert_eq!(network.events(0), [Event::KeyPressed { call, key: '5' }]);

    network.with(0, |bob, now| bob.press_keys(now, call, "1#").unwrap());
    network.run_for(Duration::from_millis(20));
    let first = said(&mut network)
        .into_iter()
        .find_map(|message| match message {
            Message::Request(request) if request.method == Method::Info => Some(request),
            _ => None,
        });
    let first = first.unwrap();
    assert_eq!(first.body, b"Signal=1\r\nDuration=160\r\n");
    let answer = Response::to(&first, 200, None).to_bytes();
    network.inject(
        crate::by_hand::PEER.parse().unwrap(),
        crate::by_hand::BOB_ADDRESS.parse().unwrap(),
        &answer,
    );
    let second = said(&mut network)
        .into_iter()
        .find_map(|message| match message {
            Message::Request(request) if request.method == Method::Info => Some(request),
            _ => None,
        });
    assert_eq!(second.unwrap().body, b"Signal=#\r\nDuration=160\r\n");
    assert!(
        network
            .with(0, |bob, now| bob.press_keys(now, call, "x"))
            .is_err()
    );
}
