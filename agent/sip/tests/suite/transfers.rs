//! Transfers: three endpoints, blind and attended, seen by all of them; REFER and Replaces from who may not.

use crate::by_hand::{BOB_ADDRESS, PEER, SDP, ask, confirmed, said, send, statuses};
use crate::network::*;
use carillon_sip::message::{HeaderName, Message, Method};
use carillon_sip::{CallError, CallId, EndCause, Event, Replaces, TransferOutcome, TransferPolicy};
use std::time::Duration;

const CAROL: usize = 2;
const LONG: Duration = Duration::from_secs(300);
const NAMES: [&str; 3] = ["alice", "bob", "carol"];

fn second(network: &mut Network) {
    network.run_for(Duration::from_secs(1));
}

/// Alice, Bob and Carol, who follow each other's transfers.
fn three(seed: u64) -> Network {
    let mut network = Network::new(seed, Conditions::PERFECT);
    for (at, name) in NAMES.into_iter().enumerate() {
        let address = format!("10.0.0.{}:5060", at + 1);
        let mut config = peer(name, &address);
        config.transfers = TransferPolicy::Always;
        let node = network.add(&address, config, seed.wrapping_mul(17) + at as u64);
        network.with(node, |endpoint, now| endpoint.register(now));
    }
    network
}

fn uri(node: usize) -> String {
    format!("sip:{}@10.0.0.{}:5060", NAMES[node], node + 1)
}

/// A call that stands: the names of the caller and of the callee for it.
fn call(network: &mut Network, from: usize, to: usize) -> (CallId, CallId) {
    let target = uri(to);
    let port = 4000 + 100 * from as u16;
    let out = network.with(from, |endpoint, now| {
        endpoint.call(now, &target, media(port)).unwrap()
    });
    second(network);
    let called = last_incoming(network, to);
    network.with(to, |endpoint, now| {
        endpoint
            .answer(now, called, media(5000 + 100 * to as u16))
            .unwrap();
    });
    second(network);
    (out, called)
}

fn last_incoming(network: &Network, node: usize) -> CallId {
    let events = network.nodes[node].events.iter().rev();
    events
        .filter_map(|event| match event {
            Event::IncomingCall { call, .. } => Some(*call),
            _ => None,
        })
        .next()
        .unwrap()
}

fn ends(events: &[Event]) -> Vec<(CallId, EndCause)> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::CallEnded { call, cause, .. } => Some((*call, cause.clone())),
            _ => None,
        })
        .collect()
}

fn outcome(events: &[Event]) -> Option<TransferOutcome> {
    events.iter().find_map(|event| match event {
        Event::TransferEnded { outcome, .. } => Some(outcome.clone()),
        _ => None,
    })
}

#[test]
fn blind_transfer_is_followed_to_its_end() {
    let mut network = three(1);
    let (ab, ba) = call(&mut network, ALICE, BOB);
    network.with(ALICE, |alice, now| {
        alice.transfer(now, ab, &uri(CAROL)).unwrap();
        assert_eq!(
            alice.transfer(now, ab, &uri(CAROL)),
            Err(CallError::WrongState {
                call: ab,
                what: "transferred"
            })
        );
    });
    second(&mut network);
    let asked = network.nodes[BOB].events.last().cloned().unwrap();
    let Event::TransferRequested {
        call: asked,
        target,
        referred_by,
        attended: false,
    } = asked
    else {
        panic!("{asked:?}")
    };
    assert_eq!((asked, target.to_string()), (ba, uri(CAROL)));
    assert_eq!(
        referred_by.unwrap().to_string(),
        "<sip:alice@10.0.0.1:5060>"
    );
    let bc = network.with(BOB, |bob, now| {
        bob.accept_transfer(now, ba, media(5200)).unwrap()
    });
    network.with(BOB, |bob, now| {
        assert!(bob.accept_transfer(now, ba, media(5300)).is_err(), "twice");
    });
    second(&mut network);
    let cb = last_incoming(&network, CAROL);
    network.with(CAROL, |carol, now| carol.ring(now, cb).unwrap());
    second(&mut network);
    let progress: Vec<u16> = network.nodes[ALICE]
        .events
        .iter()
        .filter_map(|event| match event {
            Event::TransferProgress { status, .. } => Some(*status),
            _ => None,
        })
        .collect();
    assert_eq!(progress, [100, 180]);
    network.with(CAROL, |carol, now| {
        carol.answer(now, cb, media(6000)).unwrap();
    });
    second(&mut network);
    let alice = network.events(ALICE);
    assert_eq!(outcome(&alice), Some(TransferOutcome::Completed));
    assert_eq!(ends(&alice), [(ab, EndCause::Transferred)]);
    assert_eq!(
        ends(&network.events(BOB)),
        [(ba, EndCause::RemoteHangup)],
        "the new call stands"
    );
    let invite = network
        .trace
        .iter()
        .find(|(_, _, to, bytes)| {
            *to == "10.0.0.3:5060".parse().unwrap() && bytes.starts_with(b"INVITE")
        })
        .map(|(.., bytes)| String::from_utf8(bytes.clone()).unwrap())
        .unwrap();
    assert!(invite.contains("Referred-By: <sip:alice@10.0.0.1:5060>\r\n"));
    network.with(BOB, |bob, now| bob.hangup(now, bc).unwrap());
    assert!(network.run_until_quiet(LONG));
    network.assert_empty();
}

#[test]
fn a_transfer_that_fails_leaves_the_call_standing() {
    for refuses in [BOB, CAROL] {
        let mut network = three(2);
        let (ab, ba) = call(&mut network, ALICE, BOB);
        network.with(ALICE, |alice, now| {
            alice.transfer(now, ab, &uri(CAROL)).unwrap()
        });
        second(&mut network);
        if refuses == BOB {
            network.with(BOB, |bob, now| bob.refuse_transfer(now, ba, 603).unwrap());
        } else {
            network.with(BOB, |bob, now| {
                bob.accept_transfer(now, ba, media(5200)).unwrap();
            });
            second(&mut network);
            let cb = last_incoming(&network, CAROL);
            network.with(CAROL, |carol, now| carol.reject(now, cb, 486).unwrap());
        }
        second(&mut network);
        let status = if refuses == BOB { 603 } else { 486 };
        let alice = network.events(ALICE);
        assert!(
            matches!(outcome(&alice), Some(TransferOutcome::Refused { status: told, .. }) if told == status),
            "{alice:?}"
        );
        assert!(ends(&alice).is_empty());
        // Asked again, with the id of the REFER now (RFC 3515 §2.4.6).
        network.with(ALICE, |alice, now| {
            alice.transfer(now, ab, &uri(CAROL)).unwrap()
        });
        second(&mut network);
        network.with(BOB, |bob, now| bob.refuse_transfer(now, ba, 480).unwrap());
        second(&mut network);
        assert!(matches!(
            outcome(&network.events(ALICE)),
            Some(TransferOutcome::Refused { status: 480, .. })
        ));
        network.with(ALICE, |alice, now| alice.hangup(now, ab).unwrap());
        assert!(network.run_until_quiet(LONG));
        network.assert_empty();
    }
}

#[test]
fn an_owner_that_does_nothing_is_answered_for() {
    let mut network = three(3);
    let (ab, _) = call(&mut network, ALICE, BOB);
    network.with(ALICE, |alice, now| {
        alice.transfer(now, ab, &uri(CAROL)).unwrap()
    });
    network.run_for(Duration::from_secs(70));
    assert!(matches!(
        outcome(&network.events(ALICE)),
        Some(TransferOutcome::Refused { status: 480, .. })
    ));
}

#[test]
fn attended_transfer_puts_the_two_others_together() {
    let mut network = three(4);
    let (ab, ba) = call(&mut network, ALICE, BOB);
    network.with(ALICE, |alice, now| alice.hold(now, ab).unwrap());
    second(&mut network);
    let (ac, ca) = call(&mut network, ALICE, CAROL);
    network.events(ALICE);
    network.with(ALICE, |alice, now| {
        assert!(alice.transfer_to_call(now, ab, ab).is_err());
        alice.transfer_to_call(now, ab, ac).unwrap();
    });
    second(&mut network);
    assert!(matches!(
        network.nodes[BOB].events.last(),
        Some(Event::TransferRequested { attended: true, .. })
    ));
    network.with(BOB, |bob, now| {
        bob.accept_transfer(now, ba, media(5200)).unwrap();
    });
    second(&mut network);
    let Some(Event::IncomingCall {
        call: cb,
        replaces: Some(replaced),
        ..
    }) = network.nodes[CAROL].events.last().cloned()
    else {
        panic!()
    };
    assert_eq!(replaced, ca);
    network.with(CAROL, |carol, now| {
        carol.answer(now, cb, media(6100)).unwrap();
    });
    second(&mut network);
    assert_eq!(
        ends(&network.events(CAROL)),
        [(ca, EndCause::Replaced { by: cb })]
    );
    let alice = network.events(ALICE);
    assert_eq!(outcome(&alice), Some(TransferOutcome::Completed));
    let mut over: Vec<CallId> = ends(&alice).iter().map(|(call, _)| *call).collect();
    over.sort_unstable();
    assert_eq!(over, [ab, ac]);
    for (node, calls) in [(ALICE, 0), (BOB, 1), (CAROL, 1)] {
        assert_eq!(network.nodes[node].endpoint.counts().calls, calls);
    }
    network.with(CAROL, |carol, now| carol.hangup(now, cb).unwrap());
    assert!(network.run_until_quiet(LONG));
    network.assert_empty();
}

#[test]
fn a_call_that_rings_elsewhere_is_picked_up() {
    let mut network = three(5);
    // Alice calls Bob; Carol, who knows the dialog (as dialog-info tells it), takes it.
    let out = network.with(ALICE, |alice, now| {
        alice.call(now, &uri(BOB), media(4000)).unwrap()
    });
    second(&mut network);
    let ringing = last_incoming(&network, BOB);
    network.with(BOB, |bob, now| bob.ring(now, ringing).unwrap());
    second(&mut network);
    let response = network
        .trace
        .iter()
        .find(|(.., bytes)| bytes.starts_with(b"SIP/2.0 180"))
        .map(|(.., bytes)| bytes.clone())
        .unwrap();
    let Ok(Message::Response(response)) = Message::parse(&response) else {
        panic!()
    };
    let essentials = response.essentials().unwrap();
    let replaces = Replaces {
        call_id: essentials.call_id.clone(),
        to_tag: essentials.from.tag().unwrap().to_owned(),
        from_tag: essentials.to.tag().unwrap().to_owned(),
        early_only: true,
    };
    network.with(CAROL, |carol, now| {
        let alice = uri(ALICE);
        carol
            .call_replacing(now, &alice, media(6000), replaces)
            .unwrap();
    });
    second(&mut network);
    let picked = last_incoming(&network, ALICE);
    network.with(ALICE, |alice, now| {
        alice.answer(now, picked, media(4100)).unwrap();
    });
    second(&mut network);
    assert_eq!(
        ends(&network.events(ALICE)),
        [(out, EndCause::Replaced { by: picked })]
    );
    assert_eq!(ends(&network.events(BOB)), [(ringing, EndCause::Cancelled)]);
    assert_eq!(network.nodes[CAROL].endpoint.counts().calls, 1);
    network.with(ALICE, |alice, now| alice.hangup(now, picked).unwrap());
    assert!(network.run_until_quiet(LONG));
    network.assert_empty();
}

#[test]
fn replaces_that_names_nothing_or_the_wrong_thing_is_refused() {
    let mut network = by_policy(TransferPolicy::Always);
    let (call, tag) = confirmed(&mut network);
    network.events(0);
    statuses(&mut network);
    let invite = |branch: &str, replaces: &str| {
        let extra = format!("Require: replaces\r\nReplaces: {replaces}\r\n");
        crate::by_hand::request("INVITE", 1, branch, "", &extra, SDP)
            .replace("Call-ID: call", &format!("Call-ID: new{branch}"))
    };
    let named = format!("call;to-tag={tag};from-tag=peer");
    for (branch, replaces, status) in [
        ("r1", "junk".to_owned(), 400),
        ("r2", format!("call;to-tag={tag};from-tag=guess"), 481),
        ("r3", "call;to-tag=guess;from-tag=peer".to_owned(), 481),
        ("r4", format!("{named};early-only"), 486),
        ("r5", format!("{named}\r\nReplaces: {named}"), 400),
        ("r6", format!("{named}\r\nJoin: {named}"), 400),
    ] {
        assert_eq!(
            ask(&mut network, &invite(branch, &replaces)),
            [status],
            "{replaces}"
        );
    }
    assert!(network.events(0).is_empty());
    // A call that rings here cannot be taken from here (RFC 3891 §3).
    let ringing = crate::by_hand::request("INVITE", 1, "ring", "", "", SDP)
        .replace("Call-ID: call", "Call-ID: ring");
    send(&mut network, &ringing);
    let second = last_incoming(&network, 0);
    network.with(0, |bob, now| bob.ring(now, second).unwrap());
    let Some(Message::Response(response)) = said(&mut network).pop() else {
        panic!()
    };
    let early = response.essentials().unwrap().to.tag().unwrap().to_owned();
    let replaces = format!("ring;to-tag={early};from-tag=peer");
    assert_eq!(ask(&mut network, &invite("r7", &replaces)), [481]);
    // What is right is told with the call it replaces.
    network.events(0);
    assert_eq!(ask(&mut network, &invite("r8", &named)), [100]);
    assert!(matches!(
        network.events(0)[..],
        [Event::IncomingCall { replaces: Some(replaced), .. }] if replaced == call
    ));
}

/// Bob alone, with a policy.
fn by_policy(policy: TransferPolicy) -> Network {
    let mut network = Network::new(21, Conditions::PERFECT);
    network.script(PEER, Mailbox);
    let mut config = peer("bob", BOB_ADDRESS);
    config.transfers = policy;
    network.add(BOB_ADDRESS, config, 4);
    network.with(0, |bob, now| bob.register(now));
    network
}

#[test]
fn refer_is_followed_only_from_inside_a_call_and_only_when_allowed() {
    let refer = |cseq, tag: &str, to: &str| {
        let extra = format!("Refer-To: {to}\r\n");
        crate::by_hand::request("REFER", cseq, &format!("refer{cseq}"), tag, &extra, "")
    };
    let carol = "<sip:carol@10.0.0.3>";
    let mut network = by_policy(TransferPolicy::Always);
    assert_eq!(ask(&mut network, &refer(1, "", carol)), [405], "outside");
    assert_eq!(ask(&mut network, &refer(2, "guess", carol)), [481]);
    for policy in [TransferPolicy::Never, TransferPolicy::FromProxy] {
        let mut network = by_policy(policy);
        let (_, tag) = confirmed(&mut network);
        network.events(0);
        assert_eq!(ask(&mut network, &refer(2, &tag, carol)), [403]);
        assert!(network.events(0).is_empty());
    }
    let mut network = by_policy(TransferPolicy::Always);
    let (_, tag) = confirmed(&mut network);
    network.events(0);
    for (cseq, to, status) in [
        (2, "junk", 400),
        (3, "<tel:+49123>", 416),
        (4, "<sips:carol@10.0.0.3>", 416),
        (5, "<sip:carol@10.0.0.3;method=BYE>", 403),
        (6, "<sip:carol@10.0.0.3?Replaces=junk>", 400),
        (7, "<sip:a@x>, <sip:b@x>", 400),
    ] {
        assert_eq!(ask(&mut network, &refer(cseq, &tag, to)), [status], "{to}");
    }
    assert!(network.events(0).is_empty());
    send(&mut network, &refer(8, &tag, carol));
    let said = said(&mut network);
    let Message::Request(notify) = &said[1] else {
        panic!("{said:?}")
    };
    assert!(status_is(&said[0], 202) && notify.method == Method::Notify);
    assert_eq!(notify.body, b"SIP/2.0 100 Trying\r\n");
    assert_eq!(notify.headers.text(HeaderName::Event).unwrap(), "refer");
    assert_eq!(
        ask(&mut network, &refer(9, &tag, carol)),
        [491],
        "one at a time"
    );
    assert_eq!(network.events(0).len(), 1);
    // A NOTIFY nobody asked for, and one of another package.
    let notify = |cseq, event: &str| {
        let extra = format!("Event: {event}\r\nSubscription-State: active\r\n");
        crate::by_hand::request("NOTIFY", cseq, &format!("n{cseq}"), &tag, &extra, "")
    };
    assert_eq!(ask(&mut network, &notify(10, "refer")), [481]);
    assert_eq!(ask(&mut network, &notify(11, "talk")), [489]);
}

fn status_is(message: &Message, status: u16) -> bool {
    crate::by_hand::status(message) == Some(status)
}

#[test]
fn a_peer_that_hangs_up_after_the_refer_leaves_nothing() {
    let mut network = three(6);
    let (ab, ba) = call(&mut network, ALICE, BOB);
    network.with(ALICE, |alice, now| {
        alice.transfer(now, ab, &uri(CAROL)).unwrap()
    });
    second(&mut network);
    network.with(BOB, |bob, now| {
        bob.accept_transfer(now, ba, media(5200)).unwrap();
    });
    network.with(BOB, |bob, now| bob.hangup(now, ba).unwrap());
    second(&mut network);
    let alice = network.events(ALICE);
    assert_eq!(outcome(&alice), Some(TransferOutcome::Unknown));
    assert_eq!(ends(&alice), [(ab, EndCause::RemoteHangup)]);
    let cb = last_incoming(&network, CAROL);
    network.with(CAROL, |carol, now| carol.reject(now, cb, 486).unwrap());
    assert!(network.run_until_quiet(LONG));
    network.assert_empty();
}
