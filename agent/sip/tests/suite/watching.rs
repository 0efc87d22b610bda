//! Subscriptions, publications and short messages against a server by script.

use crate::network::*;
use crate::registering::{ALICE_ADDRESS, account};
use carillon_sip::message::{HeaderName, Message, Method, NameAddr, Request, Response};
use carillon_sip::{Event, Notice, Package, SubscribeError, SubscriptionId, SubscriptionState};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

const SERVER: &str = "10.0.0.100:5060";
pub(crate) const MWI: &str = "Content-Type: application/simple-message-summary\r\n";
pub(crate) const WAITING: &str = "Messages-Waiting: yes\r\nVoice-Message: 3/1\r\n";

#[derive(Default)]
pub(crate) struct Book {
    seen: Vec<Request>,
    /// Answers for the next requests, before the usual 200.
    pub(crate) script: VecDeque<(u16, &'static str)>,
    pub(crate) expires: Option<&'static str>,
    silent: bool,
    tags: u32,
}

/// Says 200 to everything, with a lifetime and, to PUBLISH, an entity tag.
#[derive(Clone, Default)]
pub(crate) struct Server(pub(crate) Rc<RefCell<Book>>);

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
    pub(crate) fn all(&self, method: &Method) -> Vec<Request> {
        let book = self.0.borrow();
        book.seen
            .iter()
            .filter(|request| request.method == *method)
            .cloned()
            .collect()
    }

    pub(crate) fn last(&self) -> Request {
        self.0.borrow().seen.last().unwrap().clone()
    }
}

pub(crate) fn alice(server: &Server) -> Network {
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
