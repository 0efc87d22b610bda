//! What an endpoint holds at most, beyond what single requests show: requests under way, addresses tried, routes followed,
//! transactions of our own proxy.

use crate::by_hand::*;
use crate::network::*;
use carillon_sip::endpoint::MAX_REQUESTS;
use carillon_sip::locate::MAX_TARGETS;
use carillon_sip::transaction::MAX_SERVER_TRANSACTIONS;
use carillon_sip::{ConfigError, Endpoint, EndpointConfig, Event};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

#[test]
fn requests_under_way_are_bounded() {
    let mut network = bob();
    for _ in 0..MAX_REQUESTS + 10 {
        network.with(0, |bob, now| {
            bob.options(now, "sip:nobody@10.0.0.200").unwrap()
        });
    }
    assert_eq!(network.nodes[0].endpoint.counts().requests, MAX_REQUESTS);
    let refused = network.events(0).into_iter().filter(|event| matches!(event, Event::PingEnded { result: Err(why), .. } if why.contains("under way already")));
    assert_eq!(refused.count(), 10);
    assert!(network.run_until_quiet(Duration::from_secs(60)));
    network.assert_empty();
}

#[test]
fn no_more_than_a_few_addresses_of_one_name_are_tried() {
    let mut network = bob();
    let many: Vec<SocketAddr> = (1..=200)
        .map(|last| SocketAddr::from(([10, 9, 9, last], 5060)))
        .collect();
    network.names.insert("many.example".to_owned(), many);
    network.with(0, |bob, now| {
        bob.options(now, "sip:x@many.example").unwrap()
    });
    assert!(network.run_until_quiet(Duration::from_secs(3600)));
    let tried: BTreeSet<SocketAddr> = network.trace.iter().map(|(_, _, to, _)| *to).collect();
    assert_eq!(tried.len(), MAX_TARGETS);
    assert!(matches!(
        network.events(0)[..],
        [Event::PingEnded { result: Err(_), .. }]
    ));
}

#[test]
fn long_route_sets_are_refused() {
    let mut network = bob();
    let routes = |count: usize| "Record-Route: <sip:10.0.0.9;lr>\r\n".repeat(count);
    assert_eq!(
        ask(
            &mut network,
            &request("INVITE", 1, "a", "", &routes(21), "")
        ),
        [400]
    );
    assert_eq!(
        ask(
            &mut network,
            &request("INVITE", 2, "b", "", &routes(20), "")
        ),
        [100]
    );
}

#[test]
fn transactions_are_bounded_even_for_our_own_proxy() {
    let mut network = Network::new(21, Conditions::PERFECT);
    network.script(PEER, Mailbox);
    let mut config = peer("bob", BOB_ADDRESS);
    config.route_set = vec![format!("sip:{PEER}").parse().unwrap()];
    network.add(BOB_ADDRESS, config, 4);
    network.with(0, |bob, now| bob.register(now));
    for at in 0..MAX_SERVER_TRANSACTIONS as u32 {
        send(
            &mut network,
            &request("OPTIONS", at + 1, &format!("o{at}"), "", "", ""),
        );
    }
    assert_eq!(
        network.nodes[0].endpoint.counts().server_transactions,
        MAX_SERVER_TRANSACTIONS
    );
    assert_eq!(
        ask(&mut network, &request("OPTIONS", 999, "more", "", "", "")),
        [503]
    );
}

#[test]
fn configurations_that_cannot_work_say_so() {
    let good = || EndpointConfig::new("sip:1001@example.org".parse().unwrap());
    let error = |change: fn(&mut EndpointConfig)| {
        let mut config = good();
        change(&mut config);
        Endpoint::new(config, 1).map(|_| ()).unwrap_err()
    };
    assert!(Endpoint::new(good(), 1).is_ok());
    assert!(matches!(
        error(|config| config.aor.user = None),
        ConfigError::NoUser { .. }
    ));
    assert!(matches!(
        error(|config| config.aor.user = Some("a b\r\nX: y".to_owned())),
        ConfigError::Uri { .. }
    ));
    assert!(matches!(
        error(|config| config.aor.secure = true),
        ConfigError::Secure { .. }
    ));
    assert!(matches!(
        error(|config| config.user_agent = "x\r\nVia: y".to_owned()),
        ConfigError::Text {
            field: "user_agent"
        }
    ));
    assert!(matches!(
        error(|config| config.instance_id = "a>b".to_owned()),
        ConfigError::Text {
            field: "instance_id"
        }
    ));
    assert!(matches!(
        error(|config| config.max_calls = 0),
        ConfigError::MaxCalls { given: 0 }
    ));
    assert!(matches!(
        error(|config| config.register_expires = Duration::from_secs(1)),
        ConfigError::Expires { .. }
    ));
    assert!(matches!(
        error(|config| config.ring_limit = Duration::MAX),
        ConfigError::RingLimit
    ));
}

#[test]
fn an_answer_goes_out_over_the_flow_that_replaced_the_one_it_came_on() {
    let mut network = bob();
    send(&mut network, &request("INVITE", 1, "inv", "", "", SDP));
    let call = network.incoming(0).unwrap();
    let flow = network.nodes[0].flow.unwrap();
    network.with(0, |bob, now| bob.flow_failed(now, flow, "gone"));
    network.run_for(Duration::from_secs(3));
    assert_ne!(network.nodes[0].flow, Some(flow));
    statuses(&mut network);
    network.with(0, |bob, now| bob.answer(now, call, media(5000)).unwrap());
    assert_eq!(statuses(&mut network), [200]);
}
