//! Subscriptions, publications and short messages against a server by script.

use crate::by_hand::{ask, bob, request, said, statuses};
use crate::network::*;
use crate::registering::{ALICE_ADDRESS, account};
use carillon_sip::message::{HeaderName, Message, Method, NameAddr, Request, Response};
use carillon_sip::{
    Event, Notice, Package, Presence, PublicationState, SubscribeError, SubscriptionId,
    SubscriptionState,
};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

const SERVER: &str = "10.0.0.100:5060";
const MWI: &str = "Content-Type: application/simple-message-summary\r\n";
const WAITING: &str = "Messages-Waiting: yes\r\nVoice-Message: 3/1\r\n";

#[derive(Default)]
struct Book {
    seen: Vec<Request>,
    /// Answers for the next requests, before the usual 200.
    script: VecDeque<(u16, &'static str)>,
    expires: Option<&'static str>,
    silent: bool,
    tags: u32,
}

/// Says 200 to everything, with a lifetime and, to PUBLISH, an entity tag.
#[derive(Clone, Default)]
struct Server(Rc<RefCell<Book>>);

impl Script for Server {
    fn receive(&mut self, from: SocketAddr, bytes: &[u8]) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut book = self.0.borrow_mut();
        let Ok(Message::Request(request)) = Message::parse(bytes) else {
            return Vec::new();
        };
        book.seen.push(request.clone());
        if book.silent {
            return Vec::new();
        }
        let scripted = book.script.pop_front();
        let (status, line) = scripted.unwrap_or((200, ""));
        let mut response = Response::to(&request, status, Some("server"));
        if status < 300 {
            let asked = request
                .headers
                .text(HeaderName::Expires)
                .unwrap_or_default();
            let expires = match book.expires {
                Some(expires) if asked != "0" => expires,
                _ => &asked,
            };
            response.headers.push(HeaderName::Expires, expires);
            response
                .headers
                .push(HeaderName::Contact, format!("<sip:server@{SERVER}>"));
            book.tags += 1;
            response
                .headers
                .push(HeaderName::SipETag, format!("tag{}", book.tags));
        }
        if let Some((name, value)) = line.split_once(": ") {
            response.headers.push_unknown(name, value);
        }
        vec![(from, response.to_bytes())]
    }
}

impl Server {
    fn all(&self, method: &Method) -> Vec<Request> {
        let book = self.0.borrow();
        book.seen
            .iter()
            .filter(|request| request.method == *method)
            .cloned()
            .collect()
    }

    fn last(&self) -> Request {
        self.0.borrow().seen.last().unwrap().clone()
    }
}

fn alice(server: &Server) -> Network {
    let mut network = Network::new(5, Conditions::PERFECT);
    network
        .names
        .insert("example.org".to_owned(), vec![SERVER.parse().unwrap()]);
    network.script(SERVER, server.clone());
    let mut config = account("alice", "secret");
    config.register_expires = Duration::ZERO;
    network.add(ALICE_ADDRESS, config, 3);
    network.with(ALICE, |alice, now| alice.register(now));
    network
}

fn watch(network: &mut Network, package: Package) -> SubscriptionId {
    let id = network.with(ALICE, |alice, now| {
        alice.subscribe(now, package, "1002").unwrap()
    });
    network.run_for(Duration::from_millis(100));
    id
}

/// A NOTIFY in the dialog that this SUBSCRIBE asked for, and the status it got.
fn notify(
    network: &mut Network,
    subscribe: &Request,
    (cseq, tag): (u32, &str),
    (event, state): (&str, &str),
    (headers, body): (&str, &str),
) -> u16 {
    let from: NameAddr = subscribe
        .headers
        .text(HeaderName::From)
        .unwrap()
        .parse()
        .unwrap();
    let call_id = subscribe.headers.text(HeaderName::CallId).unwrap();
    let text = format!(
        "NOTIFY sip:alice@{ALICE_ADDRESS} SIP/2.0\r\nVia: SIP/2.0/UDP {SERVER};branch=z9hG4bKn{cseq}{tag}{}\r\nMax-Forwards: 70\r\nFrom: <sip:1002@example.org>;tag={tag}\r\nTo: <sip:alice@example.org>;tag={}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} NOTIFY\r\nContact: <sip:server@{SERVER}>\r\nEvent: {event}\r\nSubscription-State: {state}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        network.trace.len(),
        from.tag().unwrap(),
        body.len()
    );
    let before = network.trace.len();
    network.inject(
        SERVER.parse().unwrap(),
        ALICE_ADDRESS.parse().unwrap(),
        text.as_bytes(),
    );
    network.trace[before..]
        .iter()
        .filter(|(_, from, ..)| *from == ALICE_ADDRESS.parse().unwrap())
        .find_map(|(.., bytes)| match Message::parse(bytes) {
            Ok(Message::Response(response)) => Some(response.status),
            _ => None,
        })
        .unwrap()
}

fn states(network: &mut Network) -> Vec<SubscriptionState> {
    network
        .events(ALICE)
        .into_iter()
        .filter_map(|event| match event {
            Event::Subscription { state, .. } => Some(state),
            _ => None,
        })
        .collect()
}

#[test]
fn subscribes_hears_refreshes_and_takes_back() {
    let server = Server::default();
    server.0.borrow_mut().expires = Some("600");
    let mut network = alice(&server);
    let id = watch(&mut network, Package::MessageSummary);
    let first = server.last();
    assert_eq!(
        first.headers.text(HeaderName::Event).unwrap(),
        "message-summary"
    );
    assert_eq!(
        first.headers.text(HeaderName::Accept).unwrap(),
        "application/simple-message-summary"
    );
    assert!(first.headers.has(HeaderName::Contact));
    let said = ("message-summary", "active;expires=600");
    assert_eq!(
        notify(&mut network, &first, (1, "server"), said, (MWI, WAITING)),
        200
    );
    let events = network.events(ALICE);
    assert!(events.contains(&Event::Subscription {
        subscription: id,
        state: SubscriptionState::Active
    }));
    assert!(events.iter().any(|event| matches!(event, Event::Notified { subscription: Some(of), notice: Notice::MessageSummary(summary) } if *of == id && summary.new_voice() == Some(3))));
    assert_eq!(
        notify(&mut network, &first, (1, "server"), said, (MWI, WAITING)),
        500,
        "an old number"
    );
    assert_eq!(
        notify(&mut network, &first, (2, "other"), said, (MWI, WAITING)),
        481,
        "a fork"
    );
    assert_eq!(
        notify(
            &mut network,
            &first,
            (2, "server"),
            ("presence", "active"),
            ("", "")
        ),
        481
    );

    network.run_for(Duration::from_secs(600));
    let all = server.all(&Method::Subscribe);
    assert_eq!(all.len(), 2);
    let to: NameAddr = all[1]
        .headers
        .text(HeaderName::To)
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(to.tag(), Some("server"), "within the dialog");
    assert_eq!(
        all[1].headers.text(HeaderName::CSeq).unwrap(),
        "2 SUBSCRIBE"
    );

    network.with(ALICE, |alice, now| alice.unsubscribe(now, id));
    network.run_for(Duration::from_secs(1));
    assert_eq!(
        server.last().headers.text(HeaderName::Expires).unwrap(),
        "0"
    );
    assert_eq!(
        notify(
            &mut network,
            &first,
            (3, "server"),
            ("message-summary", "terminated;reason=timeout"),
            ("", "")
        ),
        200
    );
    assert_eq!(states(&mut network), [SubscriptionState::Ended]);
    assert!(network.run_until_quiet(Duration::from_secs(60)));
    assert_eq!(network.nodes[ALICE].endpoint.counts().subscriptions, 0);
}

#[test]
fn notice_before_the_answer_begins_the_dialog() {
    let server = Server::default();
    server.0.borrow_mut().silent = true;
    let mut network = alice(&server);
    watch(&mut network, Package::Presence);
    let first = server.last();
    let body = "<presence entity=\"sip:1002@example.org\"><tuple id=\"1\"><status><basic>open</basic></status></tuple></presence>";
    let kind = "Content-Type: application/pidf+xml\r\n";
    assert_eq!(
        notify(
            &mut network,
            &first,
            (7, "early"),
            ("presence", "pending"),
            (kind, body)
        ),
        200
    );
    assert_eq!(states(&mut network), [SubscriptionState::Pending]);
    server.0.borrow_mut().silent = false;
    network.run_for(Duration::from_secs(2));
    assert_eq!(
        notify(
            &mut network,
            &first,
            (8, "early"),
            ("presence", "active"),
            ("", "")
        ),
        200
    );
    assert_eq!(states(&mut network), [SubscriptionState::Active]);
    network.run_for(Duration::from_secs(3600));
    let to: NameAddr = server
        .last()
        .headers
        .text(HeaderName::To)
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(to.tag(), Some("early"));
}

#[test]
fn agreement_without_a_notice_is_a_failure() {
    let server = Server::default();
    let mut network = alice(&server);
    watch(&mut network, Package::Dialog);
    network.run_for(Duration::from_secs(33));
    assert!(matches!(
        &states(&mut network)[..],
        [SubscriptionState::Failed {
            status: None,
            retry_in: Some(_),
            ..
        }]
    ));
    network.run_for(Duration::from_secs(60));
    assert_eq!(server.all(&Method::Subscribe).len(), 2);
}

#[test]
fn each_end_is_followed_by_what_it_means() {
    for (reason, again_within) in [
        ("deactivated", Some(1)),
        ("timeout", Some(1)),
        ("probation;retry-after=100", Some(111)),
        ("giveup;retry-after=20", Some(30)),
        ("rejected", None),
        ("noresource", None),
    ] {
        let server = Server::default();
        let mut network = alice(&server);
        watch(&mut network, Package::Dialog);
        let first = server.last();
        assert_eq!(
            notify(
                &mut network,
                &first,
                (1, "server"),
                ("dialog", "active"),
                ("", "")
            ),
            200
        );
        network.run_for(Duration::from_secs(60));
        let end = format!("terminated;reason={reason}");
        assert_eq!(
            notify(
                &mut network,
                &first,
                (2, "server"),
                ("dialog", &end),
                ("", "")
            ),
            200
        );
        network.run_for(Duration::from_secs(again_within.unwrap_or(7_200)));
        let all = server.all(&Method::Subscribe);
        assert_eq!(
            all.len(),
            if again_within.is_some() { 2 } else { 1 },
            "{reason}"
        );
        if let Some(second) = all.get(1) {
            assert_ne!(
                second.headers.get(HeaderName::CallId),
                first.headers.get(HeaderName::CallId)
            );
        }
    }
}

/// A notifier that ends every subscription as soon as it began must not make us subscribe without end.
#[test]
fn notifier_that_always_ends_is_met_with_patience() {
    let server = Server::default();
    let mut network = alice(&server);
    watch(&mut network, Package::Dialog);
    for turn in 0..20 {
        let last = server.all(&Method::Subscribe).pop().unwrap();
        notify(
            &mut network,
            &last,
            (turn, "server"),
            ("dialog", "terminated;reason=timeout"),
            ("", ""),
        );
        network.run_for(Duration::from_secs(1));
    }
    assert_eq!(server.all(&Method::Subscribe).len(), 1);
}

#[test]
fn refusals_are_said_and_hopeless_ones_not_repeated() {
    for (status, line, repeats) in [
        (489, "Allow-Events: presence", false),
        (405, "", false),
        (403, "", true),
        (503, "Retry-After: 40", true),
        (423, "Min-Expires: 1", true),
    ] {
        let server = Server::default();
        server.0.borrow_mut().script = [(status, line)].into();
        let mut network = alice(&server);
        watch(&mut network, Package::MessageSummary);
        assert!(
            matches!(&states(&mut network)[..], [SubscriptionState::Failed { status: Some(said), retry_in, .. }] if *said == status && retry_in.is_some() == repeats),
            "{status}"
        );
        network.run_for(Duration::from_secs(100));
        assert_eq!(
            server.all(&Method::Subscribe).len(),
            1 + usize::from(repeats),
            "{status}"
        );
    }
    let server = Server::default();
    server.0.borrow_mut().script = [(423, "Min-Expires: 7200")].into();
    let mut network = alice(&server);
    watch(&mut network, Package::MessageSummary);
    assert_eq!(
        server.last().headers.text(HeaderName::Expires).unwrap(),
        "7200"
    );
}

#[test]
fn forgotten_dialog_is_begun_anew() {
    let server = Server::default();
    server.0.borrow_mut().expires = Some("300");
    let mut network = alice(&server);
    watch(&mut network, Package::Dialog);
    let first = server.last();
    notify(
        &mut network,
        &first,
        (1, "server"),
        ("dialog", "active"),
        ("", ""),
    );
    server.0.borrow_mut().script = [(481, "")].into();
    network.run_for(Duration::from_secs(290));
    let all = server.all(&Method::Subscribe);
    assert_eq!(all.len(), 3);
    assert_ne!(
        all[2].headers.get(HeaderName::CallId),
        first.headers.get(HeaderName::CallId)
    );
}

#[test]
fn lost_partial_state_is_asked_for_whole() {
    let server = Server::default();
    let mut network = alice(&server);
    let id = watch(&mut network, Package::Dialog);
    let first = server.last();
    let kind = "Content-Type: application/dialog-info+xml\r\n";
    let body = |version: u32, state: &str| {
        format!(
            "<dialog-info version=\"{version}\" state=\"{state}\" entity=\"sip:1002@example.org\"><dialog id=\"1\" call-id=\"x\" local-tag=\"a\" remote-tag=\"b\" direction=\"recipient\"><state>early</state></dialog></dialog-info>"
        )
    };
    let said = ("dialog", "active;expires=3600");
    notify(
        &mut network,
        &first,
        (1, "server"),
        said,
        (kind, &body(0, "full")),
    );
    assert!(network.events(ALICE).iter().any(|event| matches!(event, Event::Notified { subscription: Some(of), notice: Notice::Dialogs(info) } if *of == id && info.ringing().is_some())));
    notify(
        &mut network,
        &first,
        (2, "server"),
        said,
        (kind, &body(5, "partial")),
    );
    network.run_for(Duration::from_secs(1));
    assert_eq!(
        server.all(&Method::Subscribe).len(),
        2,
        "a refresh brings the whole"
    );
    assert_eq!(
        notify(
            &mut network,
            &first,
            (3, "server"),
            said,
            (kind, "<!DOCTYPE x><dialog-info/>")
        ),
        400
    );
    assert_eq!(
        notify(
            &mut network,
            &first,
            (4, "server"),
            said,
            ("Content-Type: text/html\r\n", "x")
        ),
        415
    );
}

#[test]
fn another_contact_is_told_to_notifiers() {
    let server = Server::default();
    let mut network = alice(&server);
    watch(&mut network, Package::Dialog);
    let first = server.last();
    notify(
        &mut network,
        &first,
        (1, "server"),
        ("dialog", "active"),
        ("", ""),
    );
    network.with(ALICE, |alice, now| alice.network_changed(now));
    network.run_for(Duration::from_secs(1));
    assert_eq!(server.all(&Method::Subscribe).len(), 2);
}

#[test]
fn subscriptions_are_bounded() {
    let server = Server::default();
    let mut network = alice(&server);
    for _ in 0..carillon_sip::subscription::MAX_SUBSCRIPTIONS {
        network.with(ALICE, |alice, now| {
            alice.subscribe(now, Package::Dialog, "1002").unwrap()
        });
    }
    let more = network.with(ALICE, |alice, now| {
        alice.subscribe(now, Package::Dialog, "1002")
    });
    assert!(matches!(more, Err(SubscribeError::TooMany { .. })));
    assert!(matches!(
        network.with(ALICE, |alice, now| alice.subscribe(
            now,
            Package::Dialog,
            "a b"
        )),
        Err(SubscribeError::Target { .. })
    ));
    network.with(ALICE, |alice, now| alice.shutdown(now));
    assert!(network.run_until_quiet(Duration::from_secs(60)));
    assert!(matches!(network.events(ALICE).last(), Some(Event::Stopped)));
    network.assert_empty();
}

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
