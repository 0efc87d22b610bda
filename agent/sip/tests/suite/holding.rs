//! Changes of a session that stands, from this side: hold and resume, the codec settled, glare, refusals; and the peer's UPDATE.

use crate::by_hand::*;
use crate::network::*;
use carillon_sip::call::Change;
use carillon_sip::message::{HeaderName, Message, Method, Request, Response};
use carillon_sip::{CallError, CallId, Direction, EndCause, Event};
use std::net::SocketAddr;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(120);

/// A call that stands between Alice and Bob: their names for it.
fn talking(seed: u64) -> (Network, CallId, CallId) {
    let mut network = pair(seed, Conditions::PERFECT);
    let out = network.with(ALICE, |alice, now| {
        alice
            .call(now, "sip:bob@10.0.0.2:5060", media(4000))
            .unwrap()
    });
    network.run_for(Duration::from_secs(1));
    let call = network.incoming(BOB).unwrap();
    network.with(BOB, |bob, now| bob.answer(now, call, media(5000)).unwrap());
    network.run_for(Duration::from_secs(1));
    network.events(ALICE);
    network.events(BOB);
    (network, out, call)
}

fn directions(events: &[Event]) -> Vec<Direction> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::MediaChanged { media, .. } => Some(media.direction),
            _ => None,
        })
        .collect()
}

fn holds(events: &[Event]) -> Vec<(bool, bool)> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::HoldChanged { here, there, .. } => Some((*here, *there)),
            _ => None,
        })
        .collect()
}

/// Directions and holds one side was told.
type Told = (Vec<Direction>, Vec<(bool, bool)>);

fn step(network: &mut Network) -> [Told; 2] {
    network.run_for(Duration::from_secs(5));
    [ALICE, BOB].map(|node| {
        let events = network.events(node);
        (directions(&events), holds(&events))
    })
}

#[test]
fn hold_and_resume_from_both_sides() {
    use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
    let (mut network, out, call) = talking(31);
    network.with(ALICE, |alice, now| alice.hold(now, out).unwrap());
    assert_eq!(
        step(&mut network),
        [
            (vec![SendOnly], vec![(true, false)]),
            (vec![RecvOnly], vec![(false, true)])
        ]
    );
    network.with(BOB, |bob, now| bob.hold(now, call).unwrap());
    assert_eq!(
        step(&mut network),
        [
            (vec![Inactive], vec![(true, true)]),
            (vec![Inactive], vec![(true, true)])
        ]
    );
    network.with(ALICE, |alice, now| alice.resume(now, out).unwrap());
    assert_eq!(
        step(&mut network),
        [
            (vec![RecvOnly], vec![(false, true)]),
            (vec![SendOnly], vec![(true, false)])
        ]
    );
    network.with(BOB, |bob, now| bob.resume(now, call).unwrap());
    assert_eq!(
        step(&mut network),
        [
            (vec![SendRecv], vec![(false, false)]),
            (vec![SendRecv], vec![(false, false)])
        ]
    );
    network.with(BOB, |bob, now| bob.hangup(now, call).unwrap());
    assert!(network.run_until_quiet(LONG));
    network.assert_empty();
    assert_eq!(
        network.with(ALICE, |alice, now| alice.hold(now, out)),
        Err(CallError::NoSuchCall { call: out })
    );
}

#[test]
fn a_call_that_rings_cannot_be_held() {
    let mut network = pair(32, Conditions::PERFECT);
    let out = network.with(ALICE, |alice, now| {
        alice
            .call(now, "sip:bob@10.0.0.2:5060", media(4000))
            .unwrap()
    });
    let error = network
        .with(ALICE, |alice, now| alice.hold(now, out))
        .unwrap_err();
    assert_eq!(error.to_string(), format!("call {out} cannot be held now"));
}

#[test]
fn two_who_hold_at_once_both_succeed_after_the_glare() {
    for seed in 0..20 {
        let (mut network, out, call) = talking(100 + seed);
        network.with(ALICE, |alice, now| alice.hold(now, out).unwrap());
        network.with(BOB, |bob, now| bob.hold(now, call).unwrap());
        network.run_for(Duration::from_secs(20));
        let (alice, bob) = (network.address(ALICE), network.address(BOB));
        let glare = |line: &String| line == "SIP/2.0 491 Request Pending";
        assert!(network.lines(alice, bob).iter().any(glare));
        assert!(network.lines(bob, alice).iter().any(glare));
        for node in [ALICE, BOB] {
            let events = network.events(node);
            assert_eq!(holds(&events).last(), Some(&(true, true)), "{events:?}");
            assert_eq!(directions(&events).last(), Some(&Direction::Inactive));
        }
        network.with(ALICE, |alice, now| alice.hangup(now, out).unwrap());
        assert!(network.run_until_quiet(LONG));
        network.assert_empty();
    }
}

/// The caller waits 2.1 to 4 s after a 491, the callee up to 2 s (§14.1).
#[test]
fn who_owns_the_call_id_waits_longer_after_a_glare() {
    for (owner, low, high) in [(true, 2.1, 4.1), (false, 0.0, 2.1)] {
        let (mut network, call) = standing_against(owner, move |request| {
            // A callee's own numbers begin at 1.
            let glare = request.essentials().unwrap().cseq.number <= 1 + u32::from(owner);
            respond(request, if glare { 491 } else { 200 }, SDP_HELD)
        });
        hold(&mut network, call);
        network.run_for(Duration::from_secs(10));
        let times: Vec<f64> = network
            .trace
            .iter()
            .filter(|(_, from, _, bytes)| {
                *from == BOB_ADDRESS.parse().unwrap()
                    && bytes.starts_with(b"INVITE")
                    && String::from_utf8_lossy(bytes).contains("a=sendonly")
            })
            .map(|(at, ..)| at.as_secs_f64())
            .collect();
        assert_eq!(times.len(), 2, "{times:?}");
        let wait = times[1] - times[0];
        assert!((low..high).contains(&wait), "{wait} s as owner {owner}");
        assert_eq!(holds(&network.events(0)), [(true, false)]);
    }
}

const SDP_HELD: &str = "v=0\r\no=- 5 2 IN IP4 10.0.0.50\r\ns=-\r\nc=IN IP4 10.0.0.50\r\nt=0 0\r\nm=audio 7000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=recvonly\r\n";

fn first(request: &Request) -> bool {
    request.essentials().unwrap().cseq.number <= 2
}

fn respond(request: &Request, status: u16, body: &str) -> Response {
    let mut response = Response::to(request, status, Some("peer"));
    response
        .headers
        .push(HeaderName::Contact, format!("<sip:p@{PEER}>"));
    if status == 200 && request.method == Method::Invite {
        response.body = body.as_bytes().to_vec();
    }
    response
}

/// Bob in a call with a peer that answers what comes later by `answer`. `owner`: whether Bob called.
fn standing_against(
    owner: bool,
    answer: impl Fn(&Request) -> Response + 'static,
) -> (Network, CallId) {
    let mut network = bob();
    let call = if owner {
        network.script(PEER, move |from: SocketAddr, bytes: &[u8]| {
            let Ok(Message::Request(request)) = Message::parse(bytes) else {
                return Vec::new();
            };
            let response = match request.method {
                Method::Ack => return Vec::new(),
                Method::Invite if request.essentials().unwrap().to.tag().is_none() => {
                    respond(&request, 200, SDP)
                }
                _ => answer(&request),
            };
            vec![(from, response.to_bytes())]
        });
        let call = network.with(0, |bob, now| {
            bob.call(now, &format!("sip:p@{PEER}"), media(5000))
                .unwrap()
        });
        network.run_for(Duration::from_secs(1));
        call
    } else {
        let (call, _) = confirmed(&mut network);
        network.script(
            PEER,
            move |from: SocketAddr, bytes: &[u8]| match Message::parse(bytes) {
                Ok(Message::Request(request)) if request.method != Method::Ack => {
                    vec![(from, answer(&request).to_bytes())]
                }
                _ => Vec::new(),
            },
        );
        call
    };
    network.events(0);
    (network, call)
}

fn hold(network: &mut Network, call: CallId) {
    network.with(0, |bob, now| bob.hold(now, call).unwrap());
}

#[test]
fn a_refused_hold_leaves_the_session_as_it_was() {
    for (status, body) in [(488, ""), (603, ""), (500, ""), (200, ""), (200, "junk")] {
        let (mut network, call) =
            standing_against(true, move |request| respond(request, status, body));
        hold(&mut network, call);
        network.run_for(Duration::from_secs(3));
        let events = network.events(0);
        let [
            Event::ChangeRefused {
                change: Change::Hold,
                status: told,
                ..
            },
        ] = &events[..]
        else {
            panic!("{status}: {events:?}")
        };
        assert_eq!(*told, (status != 200).then_some(status));
        assert_eq!(network.nodes[0].endpoint.counts().calls, 1);
        // Asked again, it is an offer again.
        network.with(0, |bob, now| bob.hold(now, call).unwrap());
        network.run_for(Duration::from_secs(3));
        assert_eq!(network.events(0).len(), 1);
    }
}

#[test]
fn a_busy_peer_is_asked_again_when_it_says() {
    let (mut network, call) = standing_against(true, |request| {
        if !first(request) || request.method != Method::Invite {
            return respond(request, 200, SDP_HELD);
        }
        let mut response = respond(request, 500, "");
        response.headers.push(HeaderName::RetryAfter, "7");
        response
    });
    hold(&mut network, call);
    network.run_for(Duration::from_secs(6));
    assert!(network.events(0).is_empty());
    network.run_for(Duration::from_secs(3));
    assert_eq!(holds(&network.events(0)), [(true, false)]);
}

#[test]
fn a_peer_that_knows_the_call_no_more_ends_it() {
    for status in [481, 408] {
        let (mut network, call) = standing_against(true, move |request| match request.method {
            Method::Invite => respond(request, status, ""),
            _ => respond(request, 200, ""),
        });
        hold(&mut network, call);
        assert!(network.run_until_quiet(LONG));
        let events = network.events(0);
        assert!(
            matches!(
                &events[..],
                [Event::CallEnded {
                    cause: EndCause::Failed { .. },
                    ..
                }]
            ),
            "{events:?}"
        );
        let said = network.lines(BOB_ADDRESS.parse().unwrap(), PEER.parse().unwrap());
        assert!(said.last().unwrap().starts_with("BYE"), "{said:?}");
        network.assert_empty();
    }
}

#[test]
fn a_peer_that_does_not_answer_a_hold_is_gone() {
    let mut network = bob();
    let (call, _) = confirmed(&mut network);
    network.events(0);
    hold(&mut network, call);
    assert!(network.run_until_quiet(LONG));
    let events = network.events(0);
    assert!(matches!(
        &events[..],
        [Event::CallEnded {
            cause: EndCause::Failed { .. },
            ..
        }]
    ));
    network.assert_empty();
}

#[test]
fn an_answer_with_several_codecs_is_settled_by_a_second_offer() {
    const SEVERAL: &str = "v=0\r\no=- 5 1 IN IP4 10.0.0.50\r\ns=-\r\nc=IN IP4 10.0.0.50\r\nt=0 0\r\nm=audio 7000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n";
    for update in [false, true] {
        let mut network = bob();
        network.script(PEER, move |from: SocketAddr, bytes: &[u8]| {
            let Ok(Message::Request(request)) = Message::parse(bytes) else {
                return Vec::new();
            };
            if request.method == Method::Ack {
                return Vec::new();
            }
            let again = request.essentials().unwrap().to.tag().is_some();
            let one = SEVERAL.replace("AVP 0 8 101", "AVP 0 101");
            let mut response = respond(&request, 200, "");
            response.body = if again { one } else { SEVERAL.to_owned() }.into_bytes();
            if update {
                response.headers.push(HeaderName::Allow, "INVITE, UPDATE");
            }
            vec![(from, response.to_bytes())]
        });
        network.with(0, |bob, now| {
            bob.call(now, &format!("sip:p@{PEER}"), media(5000))
                .unwrap()
        });
        network.run_for(Duration::from_secs(2));
        let said: Vec<Request> = said(&mut network)
            .into_iter()
            .filter_map(|message| match message {
                Message::Request(request) if request.method != Method::Ack => Some(request),
                _ => None,
            })
            .collect();
        assert_eq!(said.len(), 2);
        assert_eq!(said[1].method == Method::Update, update);
        let offer = String::from_utf8_lossy(&said[1].body);
        assert!(offer.contains("m=audio 5000 RTP/AVP 0 101\r\n"), "{offer}");
        assert_eq!(network.nodes[0].endpoint.counts().calls, 1);
    }
}

#[test]
fn an_update_of_the_peer_is_answered() {
    let mut network = bob();
    let (_, tag) = confirmed(&mut network);
    network.events(0);
    statuses(&mut network);
    let held = format!("{SDP}a=sendonly\r\n");
    assert_eq!(
        ask(&mut network, &request("UPDATE", 2, "u2", &tag, "", &held)),
        [200]
    );
    let events = network.events(0);
    assert_eq!(
        (directions(&events), holds(&events)),
        (vec![Direction::RecvOnly], vec![(false, true)])
    );
    send(&mut network, &request("UPDATE", 3, "u3", &tag, "", ""));
    let Message::Response(answer) = said(&mut network).remove(0) else {
        panic!()
    };
    assert!(answer.status == 200 && answer.body.is_empty());
    assert!(answer.headers.has(HeaderName::Contact));
    let unfit = SDP.replace("8 101", "18");
    assert_eq!(
        ask(&mut network, &request("UPDATE", 4, "u4", &tag, "", &unfit)),
        [488]
    );
    assert_eq!(
        ask(&mut network, &request("UPDATE", 5, "u5", &tag, "", "junk")),
        [400]
    );
    // While our offer is open, theirs must wait.
    send(&mut network, &request("INVITE", 6, "re6", &tag, "", ""));
    assert_eq!(
        ask(&mut network, &request("UPDATE", 7, "u7", &tag, "", SDP)),
        [491]
    );
}

#[test]
fn the_peers_old_hold_is_understood() {
    let mut network = bob();
    let (_, tag) = confirmed(&mut network);
    network.events(0);
    let old = SDP.replace("IP4 10.0.0.50\r\nt", "IP4 0.0.0.0\r\nt");
    send(&mut network, &request("INVITE", 2, "re", &tag, "", &old));
    send(&mut network, &request("ACK", 2, "ack2", &tag, "", ""));
    let events = network.events(0);
    assert_eq!(holds(&events), [(false, true)]);
    assert_eq!(directions(&events), [Direction::RecvOnly]);
}
