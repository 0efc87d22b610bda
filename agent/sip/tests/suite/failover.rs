//! Servers that die, refuse or say when to come back (RFC 3263 §4.3), on virtual time.

use crate::network::media;
use crate::wires::Wires;
use carillon_sip::endpoint::FAILOVER_AFTER;
use carillon_sip::{EndpointConfig, RegistrationState, Transport};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn two_servers(transport: Transport) -> Wires {
    let mut config = EndpointConfig::new("sip:1001@example.org".parse().unwrap());
    config.transport = Some(transport);
    let mut wires = Wires::new(config);
    let service = match transport {
        Transport::Udp => "_sip._udp.example.org",
        Transport::Tcp => "_sip._tcp.example.org",
        _ => "_sips._tcp.example.org",
    };
    wires.srv(service, 10, 5060, "a.example.org");
    wires.srv(service, 20, 5060, "b.example.org");
    wires.host("a.example.org", "10.0.0.1");
    wires.host("b.example.org", "10.0.0.2");
    wires
}

fn hosts(wires: &mut Wires) -> Vec<u8> {
    let mut hosts: Vec<u8> = Vec::new();
    for sent in wires.take_sent() {
        let std::net::IpAddr::V4(ip) = sent.to.ip() else {
            panic!("no IPv4")
        };
        if hosts.last() != Some(&ip.octets()[3]) {
            hosts.push(ip.octets()[3]);
        }
    }
    hosts
}

#[test]
fn a_silent_server_is_left_after_seconds_and_remembered() {
    let mut wires = two_servers(Transport::Udp);
    wires.with(|alice, now| alice.register(now));
    wires.pass(FAILOVER_AFTER);
    assert_eq!(wires.sent.last().unwrap().at, FAILOVER_AFTER);
    let register = wires.sent.last().unwrap().clone();
    assert_eq!(hosts(&mut wires), [1, 2]);
    wires.grant(&register);
    assert!(matches!(
        wires.endpoint.registration(),
        RegistrationState::Registered { .. }
    ));
    // A call goes to the one that answers, at once.
    wires.with(|alice, now| alice.call(now, "1002", media(4000)).unwrap());
    let invite = wires.sent.last().unwrap().clone();
    assert_eq!(hosts(&mut wires), [2]);
    wires.answer(&invite, "486 Busy Here", "");
    // Later the first is tried again.
    wires.pass(SECOND * 150);
    hosts(&mut wires);
    wires.with(|alice, now| alice.options(now, "1003").unwrap());
    assert_eq!(hosts(&mut wires), [1]);
}

#[test]
fn a_refused_connection_leads_to_the_next_server_at_once() {
    for transport in [Transport::Tcp, Transport::Tls] {
        let mut wires = two_servers(transport);
        wires
            .refusing
            .push((transport, "10.0.0.1:5060".parse().unwrap()));
        wires.with(|alice, now| alice.register(now));
        let register = wires.only_sent();
        assert_eq!(register.at, Duration::ZERO);
        assert_eq!(register.to, "10.0.0.2:5060".parse().unwrap());
        let identity = (transport == Transport::Tls).then(|| "example.org".to_owned());
        assert_eq!(
            wires.opened[1].identity, identity,
            "the domain, not the host that SRV names"
        );
    }
}

#[test]
fn a_503_leads_to_the_next_server_and_its_retry_after_is_obeyed() {
    let mut wires = two_servers(Transport::Udp);
    wires.with(|alice, now| alice.register(now));
    let register = wires.only_sent();
    wires.answer(
        &register,
        "503 Service Unavailable",
        "Retry-After: 600 (maintenance)\r\n",
    );
    let second = wires.only_sent();
    assert_eq!(second.to, "10.0.0.2:5060".parse().unwrap());
    assert_ne!(
        second.header("Via"),
        register.header("Via"),
        "another transaction"
    );
    assert_eq!(second.header("CSeq"), register.header("CSeq"));
    wires.grant(&second);
    for (wait, expected) in [(300, 2), (301, 1)] {
        wires.pass(SECOND * wait);
        hosts(&mut wires);
        wires.with(|alice, now| alice.options(now, "1003").unwrap());
        let sent = wires.take_sent().pop().unwrap();
        assert_eq!(sent.to.to_string(), format!("10.0.0.{expected}:5060"));
        wires.answer(&sent, "200 OK", "");
    }
}

#[test]
fn when_all_are_down_all_are_tried_again() {
    let mut wires = two_servers(Transport::Udp);
    wires.with(|alice, now| alice.register(now));
    wires.pass(SECOND * 45);
    assert_eq!(hosts(&mut wires), [1, 2]);
    assert!(matches!(
        wires.endpoint.registration(),
        RegistrationState::Failed { .. }
    ));
    wires.with(|alice, now| alice.options(now, "1003").unwrap());
    wires.pass(SECOND * 9);
    let tried = hosts(&mut wires);
    assert!(tried.contains(&1) && tried.contains(&2), "{tried:?}");
}

fn two_proxies() -> Wires {
    let mut config = EndpointConfig::new("sip:1001@example.org".parse().unwrap());
    config.route_set = vec!["sip:10.0.0.1;lr".parse().unwrap()];
    config.backup_proxies = vec![
        "sip:10.0.0.2".parse().unwrap(),
        "sip:10.0.0.3:5070".parse().unwrap(),
    ];
    Wires::new(config)
}

#[test]
fn another_outbound_proxy_takes_over_and_stands_in_the_route() {
    let mut wires = two_proxies();
    wires.with(|alice, now| alice.register(now));
    let first = wires.only_sent();
    assert_eq!(first.header("Route"), "<sip:10.0.0.1;lr>");
    wires.answer(&first, "503 Service Unavailable", "");
    let second = wires.only_sent();
    assert_eq!(second.to, "10.0.0.2:5060".parse().unwrap());
    assert_eq!(second.header("Route"), "<sip:10.0.0.2;lr>");
    wires.pass(FAILOVER_AFTER);
    let third = wires.take_sent().pop().unwrap();
    assert_eq!(third.to, "10.0.0.3:5070".parse().unwrap());
    assert_eq!(third.header("Route"), "<sip:10.0.0.3:5070;lr>");
    wires.grant(&third);
    wires.with(|alice, now| alice.call(now, "1002", media(4000)).unwrap());
    let invite = wires.only_sent();
    assert_eq!(invite.to, "10.0.0.3:5070".parse().unwrap());
    assert_eq!(invite.header("Route"), "<sip:10.0.0.3:5070;lr>");
}

#[test]
fn when_every_proxy_is_down_the_first_is_tried_first() {
    let mut wires = two_proxies();
    wires.with(|alice, now| alice.register(now));
    wires.pass(SECOND * 60);
    assert_eq!(hosts(&mut wires)[..3], [1, 2, 3]);
    wires.with(|alice, now| alice.options(now, "1003").unwrap());
    let sent = wires.take_sent();
    let options = sent
        .iter()
        .find(|sent| sent.text().starts_with("OPTIONS"))
        .unwrap();
    assert_eq!(options.to, "10.0.0.1:5060".parse().unwrap());
    assert_eq!(options.header("Route"), "<sip:10.0.0.1;lr>");
}
