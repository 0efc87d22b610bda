//! Two endpoints without anything in between: the ways a call can go.

use crate::network::*;
use carillon_sip::{CallError, Direction, EndCause, Event};
use std::time::Duration;

const BOB_URI: &str = "sip:bob@10.0.0.2:5060";
const LONG: Duration = Duration::from_secs(120);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn ended(network: &mut Network, node: usize) -> Option<EndCause> {
    network
        .events(node)
        .into_iter()
        .find_map(|event| match event {
            Event::CallEnded { cause, .. } => Some(cause),
            _ => None,
        })
}

/// A call that rings at Bob: Alice's and Bob's names for it.
fn ringing(network: &mut Network) -> (carillon_sip::CallId, carillon_sip::CallId) {
    let out = network.with(ALICE, |alice, now| {
        alice.call(now, BOB_URI, media(4000)).unwrap()
    });
    network.run_for(seconds(1));
    let call = network.incoming(BOB).unwrap();
    network.with(BOB, |bob, now| bob.ring(now, call).unwrap());
    network.run_for(seconds(1));
    (out, call)
}

fn talking(network: &mut Network) -> (carillon_sip::CallId, carillon_sip::CallId) {
    let (out, call) = ringing(network);
    network.with(BOB, |bob, now| bob.answer(now, call, media(5000)).unwrap());
    network.run_for(seconds(1));
    (out, call)
}

#[test]
fn is_answered_and_hung_up_by_the_caller() {
    let mut network = pair(1, Conditions::PERFECT);
    let (out, call) = talking(&mut network);
    let events = network.events(ALICE);
    assert!(
        matches!(
            &events[0],
            Event::CallProgress {
                status: 180,
                media: None,
                ..
            }
        ),
        "{events:?}"
    );
    let Event::CallEstablished { call: id, media } = &events[1] else {
        panic!("{events:?}")
    };
    assert_eq!(
        (
            *id,
            media.remote_rtp.port(),
            media.codec.name.as_str(),
            media.dtmf
        ),
        (out, 5000, "PCMA", Some(101))
    );
    let events = network.events(BOB);
    let Event::CallEstablished { media, .. } = events.last().unwrap() else {
        panic!("{events:?}")
    };
    assert_eq!(
        (
            media.remote_rtp.port(),
            media.remote_rtcp.port(),
            media.direction
        ),
        (4000, 4001, Direction::SendRecv)
    );

    network.with(ALICE, |alice, now| alice.hangup(now, out).unwrap());
    assert!(network.run_until_quiet(LONG));
    assert_eq!(ended(&mut network, ALICE), Some(EndCause::LocalHangup));
    assert_eq!(ended(&mut network, BOB), Some(EndCause::RemoteHangup));
    network.assert_empty();
    let (alice, bob) = (network.address(ALICE), network.address(BOB));
    assert_eq!(
        network.lines(alice, bob),
        [
            format!("INVITE {BOB_URI} SIP/2.0"),
            format!("ACK {BOB_URI} SIP/2.0"),
            format!("BYE {BOB_URI} SIP/2.0")
        ]
    );
    assert_eq!(
        network.lines(bob, alice),
        [
            "SIP/2.0 100 Trying",
            "SIP/2.0 180 Ringing",
            "SIP/2.0 200 OK",
            "SIP/2.0 200 OK"
        ]
    );
    assert_eq!(
        network.with(BOB, |bob, now| bob.hangup(now, call)),
        Err(CallError::NoSuchCall { call })
    );
}

#[test]
fn is_hung_up_by_the_callee() {
    let mut network = pair(2, Conditions::PERFECT);
    let (_, call) = talking(&mut network);
    network.with(BOB, |bob, now| bob.hangup(now, call).unwrap());
    assert!(network.run_until_quiet(LONG));
    assert_eq!(ended(&mut network, ALICE), Some(EndCause::RemoteHangup));
    assert_eq!(ended(&mut network, BOB), Some(EndCause::LocalHangup));
    network.assert_empty();
}

#[test]
fn is_cancelled() {
    let mut network = pair(3, Conditions::PERFECT);
    let (out, _) = ringing(&mut network);
    network.with(ALICE, |alice, now| alice.hangup(now, out).unwrap());
    assert!(network.run_until_quiet(LONG));
    assert_eq!(ended(&mut network, ALICE), Some(EndCause::LocalHangup));
    assert_eq!(ended(&mut network, BOB), Some(EndCause::Cancelled));
    network.assert_empty();
}

#[test]
fn is_rejected_with_the_status_given() {
    let mut network = pair(4, Conditions::PERFECT);
    let (_, call) = ringing(&mut network);
    network.with(BOB, |bob, now| bob.reject(now, call, 486).unwrap());
    assert!(network.run_until_quiet(LONG));
    assert_eq!(
        ended(&mut network, ALICE),
        Some(EndCause::Rejected {
            status: 486,
            reason: "Busy Here".to_owned(),
            retry_after: None,
        })
    );
    assert_eq!(
        ended(&mut network, BOB),
        Some(EndCause::Declined { status: 486 })
    );
    network.assert_empty();
}

#[test]
fn cancel_that_crosses_the_answer_ends_in_bye() {
    let mut network = pair(5, Conditions::PERFECT);
    let (out, call) = ringing(&mut network);
    network.with(BOB, |bob, now| bob.answer(now, call, media(5000)).unwrap());
    network.with(ALICE, |alice, now| alice.hangup(now, out).unwrap());
    assert!(network.run_until_quiet(LONG));
    assert_eq!(ended(&mut network, ALICE), Some(EndCause::LocalHangup));
    assert_eq!(ended(&mut network, BOB), Some(EndCause::RemoteHangup));
    network.assert_empty();
}

#[test]
fn bye_from_both_sides_at_once_ends_both() {
    let mut network = pair(6, Conditions::PERFECT);
    let (out, call) = talking(&mut network);
    network.with(ALICE, |alice, now| alice.hangup(now, out).unwrap());
    network.with(BOB, |bob, now| bob.hangup(now, call).unwrap());
    assert!(network.run_until_quiet(LONG));
    assert_eq!(ended(&mut network, ALICE), Some(EndCause::LocalHangup));
    assert_eq!(ended(&mut network, BOB), Some(EndCause::LocalHangup));
    network.assert_empty();
}

#[test]
fn callee_that_hangs_up_before_the_ack_waits_for_it() {
    let mut network = pair(7, Conditions::PERFECT);
    network.drop_if = Some(|text| text.starts_with("ACK"));
    let (_, call) = talking(&mut network);
    network.with(BOB, |bob, now| bob.hangup(now, call).unwrap());
    network.run_for(seconds(5));
    let (alice, bob) = (network.address(ALICE), network.address(BOB));
    assert!(
        !network
            .lines(bob, alice)
            .iter()
            .any(|line| line.starts_with("BYE")),
        "BYE before the ACK"
    );
    network.drop_if = None;
    assert!(network.run_until_quiet(LONG));
    assert!(
        network
            .lines(bob, alice)
            .iter()
            .any(|line| line.starts_with("BYE"))
    );
    assert_eq!(ended(&mut network, ALICE), Some(EndCause::RemoteHangup));
    network.assert_empty();
}

#[test]
fn answer_that_is_never_confirmed_ends_the_call() {
    let mut network = pair(8, Conditions::PERFECT);
    network.drop_if = Some(|text| text.starts_with("ACK"));
    talking(&mut network);
    assert!(network.run_until_quiet(LONG));
    assert!(matches!(
        ended(&mut network, BOB),
        Some(EndCause::Failed { .. })
    ));
    assert_eq!(ended(&mut network, ALICE), Some(EndCause::RemoteHangup));
    let (alice, bob) = (network.address(ALICE), network.address(BOB));
    let answers = network
        .lines(bob, alice)
        .iter()
        .filter(|line| *line == "SIP/2.0 200 OK")
        .count();
    let acks: Vec<_> = network
        .trace
        .iter()
        .filter(|(.., bytes)| bytes.starts_with(b"ACK"))
        .map(|(.., bytes)| bytes.clone())
        .collect();
    // 0, 0.5, 1.5, 3.5, 7.5, then every 4 s up to 32 s (§13.3.1.4); each confirmed by the very same ACK.
    assert_eq!((answers, acks.len()), (11, 11));
    assert!(acks.iter().all(|ack| *ack == acks[0]));
    network.assert_empty();
}

#[test]
fn nobody_there_fails_after_timer_b() {
    let mut network = pair(9, Conditions::PERFECT);
    network.with(ALICE, |alice, now| {
        alice.call(now, "sip:carol@10.0.0.3", media(4000)).unwrap()
    });
    network.run_for(Duration::from_millis(31_900));
    assert_eq!(ended(&mut network, ALICE), None);
    assert!(network.run_until_quiet(LONG));
    assert_eq!(
        ended(&mut network, ALICE),
        Some(EndCause::Failed {
            why: "no answer from 10.0.0.3:5060 within 32 s".to_owned()
        })
    );
    let times: Vec<u128> = network
        .trace
        .iter()
        .map(|(at, ..)| at.as_millis())
        .collect();
    assert_eq!(times, [0, 500, 1500, 3500, 7500, 15_500, 31_500], "timer A");
    network.assert_empty();
}

#[test]
fn rings_no_longer_than_the_limit_on_either_side() {
    let mut network = pair(10, Conditions::PERFECT);
    ringing(&mut network);
    assert!(network.run_until_quiet(seconds(400)));
    assert_eq!(ended(&mut network, ALICE), Some(EndCause::NoAnswer));
    assert!(matches!(
        ended(&mut network, BOB),
        Some(EndCause::NoAnswer | EndCause::Cancelled)
    ));
    let (alice, bob) = (network.address(ALICE), network.address(BOB));
    let ringing = network
        .lines(bob, alice)
        .iter()
        .filter(|line| line.starts_with("SIP/2.0 180"))
        .count();
    assert_eq!(ringing, 3, "repeated every minute (§13.3.1.1)");
    network.assert_empty();
}

#[test]
fn one_more_than_max_calls_is_busy() {
    let mut network = pair(11, Conditions::PERFECT);
    for _ in 0..8 {
        network.with(ALICE, |alice, now| {
            alice.call(now, BOB_URI, media(4000)).unwrap()
        });
    }
    assert_eq!(
        network.with(ALICE, |alice, now| alice.call(now, BOB_URI, media(4000))),
        Err(CallError::TooManyCalls { limit: 8 })
    );
    network.run_for(seconds(1));
    // Half of Bob's lines may ring for strangers.
    assert_eq!(network.nodes[BOB].endpoint.counts().calls, 4);
    assert_eq!(network.nodes[BOB].endpoint.counts().refused, 4);
    let refused = network.events(ALICE).into_iter().filter(|event| {
        matches!(
            event,
            Event::CallEnded {
                cause: EndCause::Rejected { status: 486, .. },
                ..
            }
        )
    });
    assert_eq!(refused.count(), 4);
}

#[test]
fn shutdown_hangs_up_and_leaves_nothing() {
    let mut network = pair(12, Conditions::PERFECT);
    talking(&mut network);
    network.with(ALICE, |alice, now| alice.shutdown(now));
    network.run_for(seconds(1));
    let events = network.events(ALICE);
    assert!(matches!(events.last(), Some(Event::Stopped)), "{events:?}");
    assert_eq!(ended(&mut network, BOB), Some(EndCause::RemoteHangup));
    assert_eq!(network.nodes[ALICE].flow, None);
    assert_eq!(
        network.with(ALICE, |alice, now| alice.call(now, BOB_URI, media(4000))),
        Err(CallError::Stopping)
    );
    assert!(network.run_until_quiet(LONG));
    network.assert_empty();
}

#[test]
fn lost_flow_leaves_the_call_standing() {
    let mut network = pair(13, Conditions::PERFECT);
    let (out, _) = talking(&mut network);
    let flow = network.nodes[ALICE].flow.unwrap();
    network.with(ALICE, |alice, now| {
        alice.flow_failed(now, flow, "the cable was pulled")
    });
    network.run_for(seconds(10));
    assert_ne!(
        network.nodes[ALICE].flow,
        Some(flow),
        "a new flow was asked for"
    );
    network.with(ALICE, |alice, now| alice.hangup(now, out).unwrap());
    assert!(network.run_until_quiet(LONG));
    assert_eq!(ended(&mut network, BOB), Some(EndCause::RemoteHangup));
    network.assert_empty();
}

#[test]
fn ping_tells_the_status() {
    let mut network = pair(14, Conditions::PERFECT);
    network.with(ALICE, |alice, now| alice.options(now, BOB_URI).unwrap());
    assert!(network.run_until_quiet(LONG));
    assert!(matches!(
        network.events(ALICE)[..],
        [Event::PingEnded {
            result: Ok(200),
            ..
        }]
    ));
    let answer = network
        .trace
        .iter()
        .find(|(.., bytes)| bytes.starts_with(b"SIP/2.0 200"))
        .map(|(.., bytes)| String::from_utf8(bytes.clone()).unwrap())
        .unwrap();
    for header in [
        "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, REFER, NOTIFY, MESSAGE, INFO\r\n",
        "Accept: application/sdp, multipart/mixed, text/plain, ",
        "Supported: 100rel, norefersub, replaces, timer\r\n",
    ] {
        assert!(answer.contains(header), "{answer}");
    }
}

#[test]
fn same_seed_and_inputs_give_the_same_bytes() {
    let conditions = Conditions {
        loss: 0.2,
        duplication: 0.2,
        min_delay: Duration::from_millis(1),
        max_delay: Duration::from_millis(300),
    };
    let trace = |seed| {
        let mut network = pair(seed, conditions);
        let out = network.with(ALICE, |alice, now| {
            alice.call(now, BOB_URI, media(4000)).unwrap()
        });
        network.run_for(seconds(10));
        let _ = network.with(ALICE, |alice, now| alice.hangup(now, out));
        assert!(network.run_until_quiet(seconds(600)));
        network.trace
    };
    assert_eq!(trace(99), trace(99));
    assert_ne!(trace(99), trace(100));
}
