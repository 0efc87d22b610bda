//! Every flow of a call over a bad network, by chance: three endpoints call each other, give early media, answer, hold, resume,
//! transfer blindly and attended, pick up and hang up, while packets are lost, doubled and overtaken; some fall silent for good.
//! Whatever happens, every call ends once on every side, and nothing is left.

use crate::network::*;
use carillon_sip::{CallId, Event, TransferOutcome, TransferPolicy};
use std::collections::BTreeMap;
use std::time::Duration;

const NODES: usize = 3;
const BATCHES: u64 = 60;
const DEEDS: usize = 150;

/// What a storm reached; it must reach everything to prove anything.
#[derive(Debug, Default)]
struct Reached {
    established: usize,
    early: usize,
    held: usize,
    resumed: usize,
    transferred: usize,
    untold: usize,
    replaced: usize,
    expired: usize,
}

/// How a batch ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Everybody hangs up what they have.
    HangUp,
    /// One of them is gone, without a word.
    OneIsGone,
    /// Nothing arrives any more.
    Silence,
}

#[test]
fn every_flow_ends_and_leaves_nothing() {
    let mut reached = Reached::default();
    for seed in 0..BATCHES {
        let end = [End::HangUp, End::OneIsGone, End::Silence][(seed % 3) as usize];
        batch(
            0x2545_F491_4F6C_DD1D_u64.wrapping_mul(seed + 1),
            end,
            &mut reached,
        );
    }
    let often = [reached.established, reached.early, reached.held];
    assert!(often.iter().all(|times| *times > 50), "{reached:?}");
    let seldom = [reached.resumed, reached.transferred, reached.untold];
    assert!(seldom.iter().all(|times| *times > 10), "{reached:?}");
    assert!(reached.replaced > 2 && reached.expired > 10, "{reached:?}");
}

fn batch(seed: u64, end: End, reached: &mut Reached) {
    let mut network = Network::new(seed, Conditions::PERFECT);
    network.keep_trace = false;
    network.conditions = Conditions {
        loss: network.random(25) as f64 / 100.0,
        duplication: network.random(20) as f64 / 100.0,
        min_delay: Duration::from_millis(1),
        max_delay: Duration::from_millis(1 + network.random(600)),
    };
    for at in 0..NODES {
        let address = format!("10.0.0.{}:5060", at + 1);
        let mut config = peer(&format!("n{at}"), &address);
        config.max_calls = 12;
        config.transfers = TransferPolicy::Always;
        config.session_expires = Duration::from_secs(90 + network.random(200));
        let node = network.add(&address, config, seed ^ at as u64);
        network.with(node, |endpoint, now| endpoint.register(now));
    }
    let mut calls: [Vec<CallId>; NODES] = Default::default();
    for _ in 0..DEEDS {
        let gap = Duration::from_millis(network.random(1500));
        network.run_for(gap);
        learn(&network, &mut calls);
        let node = network.random(NODES as u64) as usize;
        deed(&mut network, node, &mut calls);
    }
    match end {
        End::HangUp => {
            // Some only by one side: the other must learn of it.
            for (node, list) in calls.iter().enumerate() {
                for call in list {
                    if network.random(3) > 0 {
                        let _ = network.with(node, |endpoint, now| endpoint.hangup(now, *call));
                    }
                }
            }
            network.run_for(Duration::from_secs(30));
            learn(&network, &mut calls);
            for (node, list) in calls.iter().enumerate() {
                for call in list {
                    let _ = network.with(node, |endpoint, now| endpoint.hangup(now, *call));
                }
            }
        }
        End::OneIsGone => {
            let gone = network.random(NODES as u64) as usize;
            network.silent = Some(network.address(gone));
            // What is left of the two others is ended by one of them.
            network.run_for(Duration::from_secs(400));
            learn(&network, &mut calls);
            for (node, list) in calls.iter().enumerate() {
                for call in list {
                    let _ = network.with(node, |endpoint, now| endpoint.hangup(now, *call));
                }
            }
        }
        End::Silence => network.conditions.loss = 1.0,
    }
    assert!(
        network.run_until_quiet(Duration::from_secs(2000)),
        "seed {seed}, {end:?}: still not quiet"
    );
    network.assert_empty();
    learn(&network, &mut calls);
    for (node, list) in calls.iter().enumerate() {
        let events = network.events(node);
        let mut ends: BTreeMap<CallId, usize> = BTreeMap::new();
        for event in &events {
            count(event, reached);
            if let Event::CallEnded { call, .. } = event {
                *ends.entry(*call).or_default() += 1;
            }
        }
        for call in list {
            assert_eq!(
                ends.get(call),
                Some(&1),
                "seed {seed}, {end:?}: {call} at node {node} did not end once"
            );
        }
    }
}

/// Every call that a node placed or was told of.
fn learn(network: &Network, calls: &mut [Vec<CallId>; NODES]) {
    for (node, list) in network.nodes.iter().zip(calls) {
        for event in &node.events {
            if let Event::IncomingCall { call, .. } = event
                && !list.contains(call)
            {
                list.push(*call);
            }
        }
    }
}

/// Something somebody does; in the wrong moment it is refused, which is what is wanted.
fn deed(network: &mut Network, node: usize, calls: &mut [Vec<CallId>; NODES]) {
    let other = (node + 1 + network.random(NODES as u64 - 1) as usize) % NODES;
    let target = format!("sip:n{other}@10.0.0.{}:5060", other + 1);
    let what = network.random(24);
    let count = calls[node].len() as u64;
    if what < 4 || count == 0 {
        let placed = network.with(node, |endpoint, now| {
            endpoint.call(now, &target, media(4000))
        });
        calls[node].extend(placed);
        return;
    }
    // The latest calls are the likeliest to stand.
    let recent = count.min(6);
    let mut pick = || calls[node][(count - 1 - network.random(recent)) as usize];
    let (call, second) = (pick(), pick());
    let asked = network.nodes[node]
        .events
        .iter()
        .rev()
        .find_map(|event| match event {
            Event::TransferRequested { call, .. } => Some(*call),
            _ => None,
        });
    let placed = network.with(node, |endpoint, now| match what {
        4 | 5 => endpoint.ring(now, call).ok().and(None),
        6 => endpoint.early_media(now, call, media(5000)).ok().and(None),
        7..=12 => endpoint.answer(now, call, media(5000)).ok().and(None),
        13 => endpoint.reject(now, call, 486).ok().and(None),
        14 | 15 => endpoint.hold(now, call).ok().and(None),
        16 | 17 => endpoint.resume(now, call).ok().and(None),
        18 => endpoint.transfer(now, call, &target).ok().and(None),
        19 | 20 => endpoint.transfer_to_call(now, call, second).ok().and(None),
        21 | 22 => endpoint
            .accept_transfer(now, asked.unwrap_or(call), media(5200))
            .ok(),
        _ if call.to_string().ends_with('1') => endpoint
            .refuse_transfer(now, asked.unwrap_or(call), 603)
            .ok()
            .and(None),
        _ => endpoint.hangup(now, call).ok().and(None),
    });
    calls[node].extend(placed);
}

fn count(event: &Event, reached: &mut Reached) {
    let place = match event {
        Event::CallEstablished { .. } => &mut reached.established,
        Event::CallProgress { media: Some(_), .. } => &mut reached.early,
        Event::HoldChanged { here: true, .. } => &mut reached.held,
        Event::HoldChanged {
            here: false,
            there: false,
            ..
        } => &mut reached.resumed,
        Event::TransferEnded {
            outcome: TransferOutcome::Completed,
            ..
        } => &mut reached.transferred,
        Event::TransferEnded { .. } => &mut reached.untold,
        Event::CallEnded {
            cause: carillon_sip::EndCause::Replaced { .. },
            ..
        } => &mut reached.replaced,
        Event::CallEnded {
            cause: carillon_sip::EndCause::SessionExpired,
            ..
        } => &mut reached.expired,
        _ => return,
    };
    *place += 1;
}
