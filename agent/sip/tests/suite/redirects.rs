//! Redirects (3xx), Retry-After and Reason, as a caller and its owner see them.

use crate::by_hand::*;
use crate::network::*;
use carillon_sip::message::{HeaderName, Message, Method, Request, Response};
use carillon_sip::{EndCause, Event, Reason};
use std::net::SocketAddr;
use std::time::Duration;

/// Bob calls `sip:first@PEER`; the peer answers each INVITE by its Request-URI.
fn calling(answer: impl Fn(&str, &Request) -> Response + 'static) -> Network {
    let mut network = bob();
    network.script(
        PEER,
        move |from: SocketAddr, bytes: &[u8]| match Message::parse(bytes) {
            Ok(Message::Request(request)) if request.method == Method::Invite => {
                let uri = request.uri.to_string();
                let user = uri.trim_start_matches("sip:").split('@').next().unwrap();
                vec![(from, answer(user, &request).to_bytes())]
            }
            Ok(Message::Request(request)) if request.method != Method::Ack => {
                vec![(from, Response::to(&request, 200, None).to_bytes())]
            }
            _ => Vec::new(),
        },
    );
    network.with(0, |bob, now| {
        bob.call(now, &format!("sip:first@{PEER}"), media(5000))
            .unwrap()
    });
    network.run_for(Duration::from_secs(2));
    network
}

fn refused(request: &Request, status: u16, headers: &[(HeaderName, String)]) -> Response {
    let mut response = Response::to(request, status, Some("x"));
    for (name, value) in headers {
        response.headers.push(*name, value);
    }
    response
}

fn moved(request: &Request, contacts: &[(&str, &str)]) -> Response {
    let contacts: Vec<String> = contacts
        .iter()
        .map(|(user, params)| format!("<sip:{user}@{PEER}>{params}"))
        .collect();
    refused(request, 302, &[(HeaderName::Contact, contacts.join(", "))])
}

fn accepted(request: &Request) -> Response {
    let mut response = refused(
        request,
        200,
        &[(HeaderName::Contact, format!("<sip:p@{PEER}>"))],
    );
    response.body = SDP.as_bytes().to_vec();
    response
}

/// Users that were called, with the CSeq number.
fn tried(network: &mut Network) -> Vec<(String, u32)> {
    said(network)
        .into_iter()
        .filter_map(|message| match message {
            Message::Request(request) if request.method == Method::Invite => {
                let uri = request.uri.to_string();
                let user = uri.trim_start_matches("sip:").split('@').next()?.to_owned();
                Some((user, request.essentials().unwrap().cseq.number))
            }
            _ => None,
        })
        .collect()
}

fn names(tried: &[(String, u32)]) -> Vec<&str> {
    tried.iter().map(|(user, _)| user.as_str()).collect()
}

#[test]
fn targets_are_tried_by_q_until_one_answers() {
    let mut network = calling(|user, request| match user {
        "first" => moved(
            request,
            &[("worst", ";q=0.1"), ("best", ""), ("busy", ";q=0.9")],
        ),
        "best" => refused(request, 404, &[]),
        "busy" => moved(request, &[("first", ""), ("nearer", ";q=0.3")]),
        "nearer" => accepted(request),
        other => panic!("{other} was called"),
    });
    let tried = tried(&mut network);
    assert_eq!(
        tried,
        [("first", 1), ("best", 2), ("busy", 3), ("nearer", 4)]
            .map(|(user, number)| (user.to_owned(), number))
    );
    let events = network.events(0);
    let redirects = events
        .iter()
        .filter(|event| matches!(event, Event::CallRedirected { .. }));
    assert_eq!(redirects.count(), 3);
    assert!(matches!(events.last(), Some(Event::CallEstablished { .. })));
}

#[test]
fn a_chain_of_redirects_ends() {
    let mut network = calling(|user, request| {
        let next = format!("{user}x");
        moved(request, &[(&next, "")])
    });
    let tried = tried(&mut network);
    assert_eq!(names(&tried).len(), 6, "the first and five redirects");
    assert!(matches!(
        network.events(0).last(),
        Some(Event::CallEnded {
            cause: EndCause::Rejected { status: 302, .. },
            ..
        })
    ));
    let mut network = calling(|_, request| moved(request, &[("first", ""), ("FIRST", "")]));
    assert_eq!(
        names(&super::redirects::tried(&mut network)),
        ["first", "FIRST"],
        "a loop"
    );
    assert!(network.run_until_quiet(Duration::from_secs(120)));
    network.assert_empty();
}

#[test]
fn a_refusal_for_everywhere_ends_the_search() {
    let mut network = calling(|user, request| match user {
        "first" => moved(request, &[("a", ""), ("b", ";q=0.1")]),
        _ => refused(request, 603, &[]),
    });
    assert_eq!(names(&tried(&mut network)), ["first", "a"]);
}

#[test]
fn a_caller_that_hangs_up_while_redirected_cancels_the_call_under_way() {
    let mut network = calling(|user, request| match user {
        "first" => moved(request, &[("rings", ""), ("never", ";q=0.1")]),
        _ => refused(request, 180, &[]),
    });
    let call = network
        .events(0)
        .iter()
        .find_map(|event| match event {
            Event::CallRedirected { call, .. } => Some(*call),
            _ => None,
        })
        .unwrap();
    network.with(0, |bob, now| bob.hangup(now, call).unwrap());
    assert!(network.run_until_quiet(Duration::from_secs(120)));
    let lines = network.lines(BOB_ADDRESS.parse().unwrap(), PEER.parse().unwrap());
    assert!(lines.contains(&format!("CANCEL sip:rings@{PEER} SIP/2.0")));
    assert!(!lines.iter().any(|line| line.contains("never")));
    network.assert_empty();
}

#[test]
fn retry_after_and_reason_reach_the_owner() {
    let mut network = calling(|_, request| {
        refused(
            request,
            480,
            &[
                (HeaderName::RetryAfter, "120 (lunch)".to_owned()),
                (
                    HeaderName::Reason,
                    "Q.850;cause=20;text=\"subscriber absent\"".to_owned(),
                ),
            ],
        )
    });
    let events = network.events(0);
    let Some(Event::CallEnded {
        cause: EndCause::Rejected { retry_after, .. },
        reason: Some(reason),
        ..
    }) = events.last()
    else {
        panic!("{events:?}")
    };
    assert_eq!(*retry_after, Some(Duration::from_secs(120)));
    assert_eq!(
        (
            reason.protocol.as_str(),
            reason.cause,
            reason.text.as_deref()
        ),
        ("Q.850", Some(20), Some("subscriber absent"))
    );
}

#[test]
fn a_call_answered_elsewhere_is_told_apart() {
    let mut network = bob();
    send(&mut network, &request("INVITE", 1, "inv", "", "", SDP));
    let elsewhere = "Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n";
    send(
        &mut network,
        &request("CANCEL", 1, "inv", "", elsewhere, ""),
    );
    let events = network.events(0);
    let Some(Event::CallEnded {
        cause: EndCause::Cancelled,
        reason: Some(reason),
        ..
    }) = events.last()
    else {
        panic!("{events:?}")
    };
    assert!(reason.is_answered_elsewhere());
    assert_eq!(*reason, Reason::sip(200, "Call completed elsewhere"));
}
