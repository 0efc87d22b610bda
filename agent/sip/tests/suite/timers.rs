//! Session timers (RFC 4028) on both sides: who refreshes and how, 422, and the end of a session nobody refreshes.

use crate::by_hand::*;
use crate::network::*;
use carillon_sip::message::{HeaderName, Message, Method, Request, Response};
use carillon_sip::{CallId, EndCause, Event, Reason};
use std::net::SocketAddr;
use std::time::Duration;

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

fn talking(network: &mut Network) -> (CallId, CallId) {
    let out = network.with(ALICE, |alice, now| {
        alice
            .call(now, "sip:bob@10.0.0.2:5060", media(4000))
            .unwrap()
    });
    network.run_for(Duration::from_secs(1));
    let call = network.incoming(BOB).unwrap();
    network.with(BOB, |bob, now| bob.answer(now, call, media(5000)).unwrap());
    network.run_for(Duration::from_secs(1));
    (out, call)
}

#[test]
fn a_session_is_refreshed_as_long_as_both_are_there() {
    let mut network = pair(51, Conditions::PERFECT);
    let (out, _) = talking(&mut network);
    network.run_for(minutes(180));
    let (alice, bob) = (network.address(ALICE), network.address(BOB));
    let updates = |network: &Network, from, to| {
        let lines = network.lines(from, to);
        lines
            .iter()
            .filter(|line| line.starts_with("UPDATE"))
            .count()
    };
    // 1800 s asked for, refreshed at half of it by who called.
    assert_eq!(
        (updates(&network, alice, bob), updates(&network, bob, alice)),
        (12, 0)
    );
    assert_eq!(network.nodes[BOB].endpoint.counts().calls, 1);
    network.with(ALICE, |alice, now| alice.hangup(now, out).unwrap());
    assert!(network.run_until_quiet(minutes(2)));
    network.assert_empty();
}

#[test]
fn a_session_ends_on_both_sides_when_the_network_is_gone() {
    let mut network = pair(52, Conditions::PERFECT);
    talking(&mut network);
    network.events(ALICE);
    network.events(BOB);
    network.conditions.loss = 1.0;
    assert!(network.run_until_quiet(minutes(40)));
    let alice = network.events(ALICE);
    assert!(
        matches!(
            &alice[..],
            [Event::CallEnded {
                cause: EndCause::Failed { .. },
                ..
            }]
        ),
        "the refresh was not answered: {alice:?}"
    );
    let bob = network.events(BOB);
    assert!(
        matches!(
            &bob[..],
            [Event::CallEnded {
                cause: EndCause::SessionExpired,
                ..
            }]
        ),
        "{bob:?}"
    );
    network.assert_empty();
}

#[test]
fn the_bye_of_an_expired_session_says_why() {
    let mut network = bob();
    let extra = "Supported: timer\r\nSession-Expires: 90;refresher=uac\r\n";
    send(&mut network, &request("INVITE", 1, "inv", "", extra, SDP));
    let call = network.incoming(0).unwrap();
    network.with(0, |bob, now| bob.answer(now, call, media(5000)).unwrap());
    let Some(Message::Response(answer)) = said(&mut network).pop() else {
        panic!()
    };
    assert_eq!(
        answer.headers.text(HeaderName::SessionExpires).unwrap(),
        "90;refresher=uac"
    );
    assert!(answer.headers.lists(HeaderName::Require, "timer"));
    let tag = answer.essentials().unwrap().to.tag().unwrap().to_owned();
    send(&mut network, &request("ACK", 1, "ack", &tag, "", ""));
    network.run_for(Duration::from_secs(50));
    // The peer refreshes once, with an UPDATE, then never again.
    assert_eq!(
        ask(&mut network, &request("UPDATE", 2, "u", &tag, extra, "")),
        [200]
    );
    network.run_for(Duration::from_secs(58));
    assert!(said(&mut network).is_empty());
    network.run_for(Duration::from_secs(3));
    let Some(Message::Request(bye)) = said(&mut network).into_iter().next() else {
        panic!()
    };
    assert_eq!(bye.method, Method::Bye);
    assert_eq!(
        Reason::of(&bye.headers),
        Some(Reason::sip(408, "session expired"))
    );
    assert!(network.run_until_quiet(minutes(2)));
    network.assert_empty();
}

#[test]
fn an_interval_that_is_too_short_is_refused_everywhere() {
    let mut network = bob();
    let short = "Supported: timer\r\nSession-Expires: 30\r\n";
    send(&mut network, &request("INVITE", 1, "inv", "", short, SDP));
    let said_first = said(&mut network);
    let Some(Message::Response(refusal)) = said_first.last() else {
        panic!()
    };
    assert_eq!(
        (
            refusal.status,
            refusal.headers.text(HeaderName::MinSe).as_deref()
        ),
        (422, Some("90"))
    );
    assert!(network.events(0).is_empty(), "it must not ring");
    network.run_for(minutes(1));
    said(&mut network);
    let text = request("INVITE", 1, "inv2", "", "", SDP).replace("Call-ID: call", "Call-ID: other");
    send(&mut network, &text);
    let call = network.incoming(0).unwrap();
    network.with(0, |bob, now| bob.answer(now, call, media(5000)).unwrap());
    let Some(Message::Response(answer)) = said(&mut network).pop() else {
        panic!()
    };
    let tag = answer.essentials().unwrap().to.tag().unwrap().to_owned();
    let other = |text: String| text.replace("Call-ID: call", "Call-ID: other");
    send(&mut network, &other(request("ACK", 1, "ack", &tag, "", "")));
    said(&mut network);
    assert_eq!(
        ask(
            &mut network,
            &other(request("UPDATE", 2, "u2", &tag, short, ""))
        ),
        [422]
    );
    assert_eq!(
        ask(
            &mut network,
            &other(request("INVITE", 3, "re", &tag, short, SDP))
        ),
        [422]
    );
    assert_eq!(network.nodes[0].endpoint.counts().calls, 1);
}

/// A peer that answers by `answer`, called by Bob.
fn against(answer: impl Fn(&Request) -> Response + 'static) -> Network {
    let mut network = bob();
    network.script(
        PEER,
        move |from: SocketAddr, bytes: &[u8]| match Message::parse(bytes) {
            Ok(Message::Request(request)) if request.method != Method::Ack => {
                vec![(from, answer(&request).to_bytes())]
            }
            _ => Vec::new(),
        },
    );
    network.with(0, |bob, now| {
        bob.call(now, &format!("sip:p@{PEER}"), media(5000))
            .unwrap()
    });
    network.run_for(Duration::from_secs(1));
    network
}

fn accepted(request: &Request, interval: &str) -> Response {
    let mut response = Response::to(request, 200, Some("peer"));
    response
        .headers
        .push(HeaderName::Contact, format!("<sip:p@{PEER}>"));
    if !interval.is_empty() {
        response.headers.push(HeaderName::SessionExpires, interval);
    }
    response.body = SDP.replace("8 101", "8").into_bytes();
    response
}

#[test]
fn a_422_is_answered_by_a_longer_interval() {
    let mut network = against(|request| {
        let asked = request.headers.text(HeaderName::SessionExpires);
        if asked.as_deref() == Some("1800") {
            let mut response = Response::to(request, 422, Some("proxy"));
            response.headers.push(HeaderName::MinSe, "3600");
            return response;
        }
        accepted(request, "3600;refresher=uac")
    });
    assert!(matches!(
        network.events(0)[..],
        [Event::CallEstablished { .. }]
    ));
    let invites: Vec<(u32, String)> = said(&mut network)
        .into_iter()
        .filter_map(|message| match message {
            Message::Request(request) if request.method == Method::Invite => Some((
                request.essentials().unwrap().cseq.number,
                request.headers.text(HeaderName::MinSe)?.into_owned(),
            )),
            _ => None,
        })
        .collect();
    assert_eq!(invites, [(2, "3600".to_owned())]);
}

#[test]
fn a_peer_that_only_says_422_is_given_up() {
    let mut network = against(|request| {
        let mut response = Response::to(request, 422, Some("proxy"));
        response.headers.push(HeaderName::MinSe, "3600");
        response
    });
    assert!(matches!(
        network.events(0)[..],
        [Event::CallEnded {
            cause: EndCause::Rejected { status: 422, .. },
            ..
        }]
    ));
}

#[test]
fn an_interval_that_is_raised_for_ever_is_given_up() {
    let mut network = against(|request| {
        let number = request.essentials().unwrap().cseq.number;
        let mut response = Response::to(request, 422, Some("proxy"));
        let floor = (2000 + number).to_string();
        response.headers.push(HeaderName::MinSe, floor);
        response
    });
    let invites = network
        .lines(BOB_ADDRESS.parse().unwrap(), PEER.parse().unwrap())
        .iter()
        .filter(|line| line.starts_with("INVITE"))
        .count();
    assert_eq!(invites, 5, "the call, raised four times");
    assert!(network.run_until_quiet(minutes(2)));
    network.assert_empty();
}

#[test]
fn without_update_the_session_is_refreshed_by_the_same_offer() {
    let mut network = against(|request| accepted(request, "100;refresher=uac"));
    network.run_for(Duration::from_secs(120));
    let offers: Vec<String> = said(&mut network)
        .into_iter()
        .filter_map(|message| match message {
            Message::Request(request) if request.method == Method::Invite => {
                Some(String::from_utf8_lossy(&request.body).into_owned())
            }
            _ => None,
        })
        .collect();
    assert_eq!(offers.len(), 3);
    assert!(offers.iter().all(|offer| *offer == offers[0]));
    assert!(
        !network
            .events(0)
            .iter()
            .any(|event| matches!(event, Event::MediaChanged { .. }))
    );
}

#[test]
fn a_refresh_that_is_refused_is_tried_again_until_the_end() {
    let mut network = against(|request| {
        if request.essentials().unwrap().to.tag().is_none() {
            return accepted(request, "100;refresher=uac");
        }
        let status = if request.method == Method::Bye {
            200
        } else {
            503
        };
        Response::to(request, status, None)
    });
    assert!(network.run_until_quiet(minutes(4)));
    let tries = network
        .lines(BOB_ADDRESS.parse().unwrap(), PEER.parse().unwrap())
        .iter()
        .filter(|line| line.starts_with("INVITE"))
        .count();
    assert_eq!(
        tries, 4,
        "the call, at 50 s, then twice at half of what is left"
    );
    assert!(matches!(
        network.events(0).last(),
        Some(Event::CallEnded {
            cause: EndCause::SessionExpired,
            ..
        })
    ));
    network.assert_empty();
}
