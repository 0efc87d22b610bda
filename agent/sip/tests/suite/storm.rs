//! Ten thousand calls over a bad network: every one ends on both sides, and nothing is left.

use crate::network::*;
use carillon_sip::{CallId, Event};
use std::collections::BTreeMap;
use std::time::Duration;

/// What somebody does at some time.
#[derive(Debug, Clone, Copy)]
enum Deed {
    CallerHangsUp,
    CalleeRings,
    CalleeAnswers,
    CalleeRejects,
    CalleeHangsUp,
}

/// Who ends the calls of a batch. Where one side never does, it must learn of the end from the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ender {
    Caller,
    Callee,
    Both,
}

const BATCHES: u64 = 500;
const CALLS_PER_BATCH: usize = 20;

#[test]
fn ten_thousand_calls_all_end_and_leave_nothing() {
    storm(BATCHES);
}

/// For `cargo test --release -- --ignored`: tells how long it took, and judges only the calls.
#[test]
#[ignore = "heavy: 100,000 calls"]
fn hundred_thousand_calls_all_end_and_leave_nothing() {
    let start = std::time::Instant::now();
    storm(10 * BATCHES);
    println!("100,000 calls took {:.1} s", start.elapsed().as_secs_f64());
}

fn storm(batches: u64) {
    let mut established = 0;
    let mut cancelled = 0;
    for seed in 0..batches {
        let ender = [Ender::Caller, Ender::Callee, Ender::Both][(seed % 3) as usize];
        let (up, off) = batch(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed + 1), ender);
        established += up;
        cancelled += off;
    }
    // The storm must reach all sorts of ends to prove anything.
    assert!(established > 3000, "{established} established");
    assert!(cancelled > 500, "{cancelled} cancelled");
}

/// Twenty calls at once between two endpoints; how many were established and cancelled.
fn batch(seed: u64, ender: Ender) -> (usize, usize) {
    let mut network = Network::new(seed, Conditions::PERFECT);
    network.keep_trace = false;
    network.conditions = Conditions {
        loss: network.random(30) as f64 / 100.0,
        duplication: network.random(20) as f64 / 100.0,
        min_delay: Duration::from_millis(1),
        max_delay: Duration::from_millis(1 + network.random(800)),
    };
    for (at, name) in ["alice", "bob"].into_iter().enumerate() {
        let address = format!("10.0.0.{}:5060", at + 1);
        let mut config = peer(name, &address);
        config.max_calls = 60;
        let node = network.add(&address, config, seed ^ at as u64);
        network.with(node, |endpoint, now| endpoint.register(now));
    }

    let mut placed = Vec::new();
    let mut deeds: BTreeMap<(std::time::Instant, u64), (CallId, Deed)> = BTreeMap::new();
    let mut order = 0;
    for _ in 0..CALLS_PER_BATCH {
        let gap = Duration::from_millis(network.random(700));
        run_with_deeds(&mut network, ender, &mut deeds, &mut order, gap);
        let call = network.with(ALICE, |alice, now| {
            alice
                .call(now, "sip:bob@10.0.0.2:5060", media(4000))
                .unwrap()
        });
        placed.push(call);
        let at = network.now + Duration::from_millis(network.random(20_000));
        order += 1;
        if ender != Ender::Callee {
            deeds.insert((at, order), (call, Deed::CallerHangsUp));
        }
    }
    run_with_deeds(
        &mut network,
        ender,
        &mut deeds,
        &mut order,
        Duration::from_secs(400),
    );
    assert!(
        network.run_until_quiet(Duration::from_secs(600)),
        "seed {seed}: still not quiet"
    );

    let alice = network.events(ALICE);
    let bob = network.events(BOB);
    let ends = |events: &[Event], call: CallId| {
        events
            .iter()
            .filter(|event| matches!(event, Event::CallEnded { call: id, .. } if *id == call))
            .count()
    };
    for call in placed {
        assert_eq!(
            ends(&alice, call),
            1,
            "seed {seed}: {call} did not end once at the caller"
        );
    }
    for event in &bob {
        if let Event::IncomingCall { call, .. } = event {
            assert_eq!(
                ends(&bob, *call),
                1,
                "seed {seed}: {call} did not end once at the callee"
            );
        }
    }
    network.assert_empty();
    let up = alice
        .iter()
        .filter(|event| matches!(event, Event::CallEstablished { .. }))
        .count();
    let off = bob
        .iter()
        .filter(|event| {
            matches!(
                event,
                Event::CallEnded {
                    cause: carillon_sip::EndCause::Cancelled,
                    ..
                }
            )
        })
        .count();
    (up, off)
}

/// Runs the network and carries out deeds when their time comes; new calls at Bob get deeds of their own.
fn run_with_deeds(
    network: &mut Network,
    ender: Ender,
    deeds: &mut BTreeMap<(std::time::Instant, u64), (CallId, Deed)>,
    order: &mut u64,
    duration: Duration,
) {
    let until = network.now + duration;
    let mut seen = network.nodes[BOB].events.len();
    while network.now < until {
        let next = deeds
            .first_key_value()
            .map_or(until, |((at, _), _)| *at)
            .min(until)
            .max(network.now);
        let slice = (next - network.now)
            .min(Duration::from_millis(100))
            .max(Duration::from_millis(1));
        network.run_for(slice);
        let fresh: Vec<CallId> = network.nodes[BOB].events[seen..]
            .iter()
            .filter_map(|event| match event {
                Event::IncomingCall { call, .. } => Some(*call),
                _ => None,
            })
            .collect();
        seen = network.nodes[BOB].events.len();
        for call in fresh {
            let first = network.now + Duration::from_millis(network.random(500));
            let second = first + Duration::from_millis(network.random(8000));
            let third = second + Duration::from_millis(network.random(12_000));
            let choice = [
                Deed::CalleeAnswers,
                Deed::CalleeAnswers,
                Deed::CalleeAnswers,
                Deed::CalleeRejects,
                Deed::CalleeHangsUp,
            ][network.random(5) as usize];
            let of_callee = [
                (first, Deed::CalleeRings),
                (second, choice),
                (third, Deed::CalleeHangsUp),
            ];
            let of_caller = [(first, Deed::CalleeRings), (second, Deed::CalleeAnswers)];
            let mine = if ender == Ender::Caller {
                &of_caller[..]
            } else {
                &of_callee[..]
            };
            for (at, deed) in mine {
                *order += 1;
                deeds.insert((*at, *order), (call, *deed));
            }
        }
        while let Some(entry) = deeds
            .first_entry()
            .filter(|entry| entry.key().0 <= network.now)
        {
            let (call, deed) = entry.remove();
            // A deed may come too late for the state the call is in; then it is refused, which is what is wanted.
            match deed {
                Deed::CallerHangsUp => {
                    drop(network.with(ALICE, |alice, now| alice.hangup(now, call)))
                }
                Deed::CalleeRings => drop(network.with(BOB, |bob, now| bob.ring(now, call))),
                Deed::CalleeAnswers => {
                    drop(network.with(BOB, |bob, now| bob.answer(now, call, media(5000))))
                }
                Deed::CalleeRejects => {
                    drop(network.with(BOB, |bob, now| bob.reject(now, call, 486)))
                }
                Deed::CalleeHangsUp => drop(network.with(BOB, |bob, now| bob.hangup(now, call))),
            }
        }
        let quiet = network
            .nodes
            .iter()
            .all(|node| node.endpoint.counts().calls == 0);
        if deeds.is_empty() && quiet && duration > Duration::from_secs(60) {
            break;
        }
    }
}
