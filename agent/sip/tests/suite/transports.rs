//! Flows on virtual time: TCP, TLS and WebSocket beside UDP, what is reused, what is bounded, what happens when one is lost.

use crate::network::media;
use crate::wires::{Opened, Wires};
use carillon_sip::Transport::{Tcp, Tls, Udp, Wss};
use carillon_sip::endpoint::{
    FIRST_MESSAGE, IDLE, MAX_ACCEPTED, MAX_ACCEPTED_PER_SOURCE, MAX_CONNECTIONS, MAX_UDP_REQUEST,
};
use carillon_sip::{Codec, EndpointConfig, Event, RegistrationState, Transport};
use std::net::SocketAddr;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// Registered at 10.0.0.1.
fn registered(transport: Transport) -> Wires {
    let mut wires = Wires::registering(transport);
    let register = wires.only_sent();
    wires.grant(&register);
    assert!(matches!(
        wires.endpoint.registration(),
        RegistrationState::Registered { .. }
    ));
    wires
}

/// Listens at 10.0.0.9 and registers nowhere.
fn listening() -> Wires {
    let mut config = EndpointConfig::new("sip:bob@10.0.0.9".parse().unwrap());
    config.register_expires = Duration::ZERO;
    let mut wires = Wires::new(config);
    wires.with(|bob, now| bob.register(now));
    wires
}

fn large_media() -> carillon_sip::LocalMedia {
    let mut media = media(4000);
    for payload_type in 102..127 {
        media.codecs.push(Codec {
            name: format!("carillon-{payload_type}"),
            payload_type,
            fmtp: Some("profile=1;level=2;mode=3;bitrate=64000".to_owned()),
            ..Codec::pcma()
        });
    }
    media
}

#[test]
fn via_contact_and_port_fit_the_transport() {
    for (transport, port, via, contact) in [
        (
            Udp,
            5060,
            "SIP/2.0/UDP 10.0.0.9:40001",
            "<sip:1001@10.0.0.9:40001>",
        ),
        (
            Tcp,
            5060,
            "SIP/2.0/TCP 10.0.0.9:40001",
            "<sip:1001@10.0.0.9:40001;transport=tcp>",
        ),
        (
            Tls,
            5061,
            "SIP/2.0/TLS 10.0.0.9:40001",
            "<sip:1001@10.0.0.9:40001;transport=tls>",
        ),
    ] {
        let mut wires = Wires::registering(transport);
        let register = wires.only_sent();
        assert_eq!(register.to, SocketAddr::from(([10, 0, 0, 1], port)));
        assert!(
            register.header("Via").starts_with(via),
            "{}",
            register.text()
        );
        assert!(
            register.header("Contact").starts_with(contact),
            "{}",
            register.text()
        );
        assert_eq!(
            register.header("Via").contains(";alias"),
            matches!(transport, Tcp | Tls),
            "{}",
            register.text()
        );
        let identity = (transport == Tls).then(|| "10.0.0.1".to_owned());
        assert_eq!(wires.opened[0].identity, identity);
    }
    let mut wires = Wires::registering(Wss);
    let register = wires.only_sent();
    assert_eq!(register.to, address("10.0.0.1:443"));
    let via = register.header("Via");
    let host = via
        .strip_prefix("SIP/2.0/WSS ")
        .unwrap()
        .split(';')
        .next()
        .unwrap();
    assert!(host.ends_with(".invalid"), "{via}");
    assert!(
        register
            .header("Contact")
            .starts_with(&format!("<sip:1001@{host};transport=ws>")),
        "{}",
        register.text()
    );
}

#[test]
fn a_sips_account_says_sips_in_its_contact_and_nothing_but_tls_opens() {
    let mut config = EndpointConfig::new("sips:1001@10.0.0.1".parse().unwrap());
    config.transport = Some(Tls);
    let mut wires = Wires::new(config);
    wires.with(|endpoint, now| endpoint.register(now));
    let register = wires.only_sent();
    assert!(
        register
            .header("Contact")
            .starts_with("<sips:1001@10.0.0.9:40001>")
    );
    assert!(register.text().starts_with("REGISTER sips:10.0.0.1 "));
    wires.grant(&register);
    let refused = wires.with(|endpoint, now| {
        endpoint
            .options(now, "sip:x@192.0.2.7;transport=udp")
            .unwrap()
    });
    assert!(wires.events.iter().any(
        |event| matches!(event, Event::PingEnded { ping, result: Err(why) } if *ping == refused && why.contains("does not use"))
    ));
    assert!(wires.opened.iter().all(|opened| opened.transport == Tls));
}

#[test]
fn a_connection_sends_each_request_once_and_is_used_again() {
    let mut wires = registered(Tcp);
    wires.with(|alice, now| alice.call(now, "1002", media(4000)).unwrap());
    wires.pass(SECOND * 31);
    let invite = wires.only_sent();
    assert!(invite.text().starts_with("INVITE "));
    assert_eq!(wires.opened.len(), 1, "{:?}", wires.opened);
    wires.pass(SECOND * 2);
    assert!(
        wires
            .events
            .iter()
            .any(|event| matches!(event, Event::CallEnded { .. })),
        "timer B runs over TCP too"
    );
}

#[test]
fn responses_go_back_over_the_connection_the_request_came_on_in_any_pieces() {
    let mut wires = listening();
    let from = address("10.0.0.7:33333");
    let local = address("10.0.0.9:40001");
    let flow = wires
        .with(|bob, now| bob.flow_accepted(now, Tcp, local, from))
        .unwrap();
    let request = "OPTIONS sip:bob@10.0.0.9 SIP/2.0\r\nVia: SIP/2.0/TCP 192.168.0.4:5060;branch=z9hG4bKa1\r\nMax-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:bob@10.0.0.9>\r\nCall-ID: c1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
    for piece in request.as_bytes().chunks(7) {
        wires.receive(flow, from, piece);
    }
    let answer = wires.only_sent();
    assert_eq!((answer.flow, answer.to), (flow, from));
    assert!(answer.text().starts_with("SIP/2.0 200 "));
    assert!(answer.header("Contact").contains("10.0.0.9:40001"));
    wires.receive(flow, from, b"\r\n\r\n");
    assert_eq!(wires.only_sent().bytes, b"\r\n", "a ping gets its pong");
    // Over a reliable transport nothing lingers (timer J is zero).
    wires.pass(Duration::from_millis(1));
    assert_eq!(wires.endpoint.counts().server_transactions, 0);
}

#[test]
fn a_large_request_goes_over_tcp_and_back_to_udp_where_tcp_is_refused() {
    let mut wires = registered(Udp);
    wires.with(|alice, now| alice.call(now, "1002", large_media()).unwrap());
    let invite = wires.only_sent();
    assert!(invite.bytes.len() > MAX_UDP_REQUEST);
    assert!(invite.header("Via").starts_with("SIP/2.0/TCP "));
    assert!(
        invite
            .header("Contact")
            .starts_with("<sip:1001@10.0.0.9:40001>"),
        "found at the socket that listens: {}",
        invite.text()
    );

    let mut wires = registered(Udp);
    wires.refusing.push((Tcp, address("10.0.0.1:5060")));
    wires.with(|alice, now| alice.call(now, "1002", large_media()).unwrap());
    let invite = wires.only_sent();
    assert!(
        invite.header("Via").starts_with("SIP/2.0/UDP "),
        "{}",
        invite.text()
    );
    // The refusal is remembered.
    let connections = wires.opened.len();
    wires.with(|alice, now| alice.call(now, "1003", large_media()).unwrap());
    assert_eq!(wires.opened.len(), connections);
    // Then tried again.
    wires.pass(SECOND * 601);
    wires.take_sent();
    wires.with(|alice, now| alice.call(now, "1004", large_media()).unwrap());
    assert_eq!(wires.opened.len(), connections + 1);
}

#[test]
fn a_lost_connection_comes_back_with_a_new_registration_and_calls_stand() {
    let mut wires = registered(Tls);
    wires.with(|alice, now| alice.call(now, "1002", media(4000)).unwrap());
    let invite = wires.only_sent();
    let flow = invite.flow;
    wires.answer(
        &invite,
        "180 Ringing",
        "Contact: <sip:1002@10.0.0.1;transport=tls>\r\n",
    );
    wires.with(|alice, now| alice.flow_failed(now, flow, "the peer closed it"));
    assert!(
        wires
            .events
            .iter()
            .any(|event| matches!(event, Event::CallEnded { .. })),
        "a call that was not answered ends with its flow"
    );
    wires.take_sent();
    wires.pass(SECOND * 3);
    let register = wires.only_sent();
    assert!(register.text().starts_with("REGISTER "));
    assert_ne!(register.flow, flow);
    assert!(
        register.header("Contact").contains(":40002"),
        "the new flow's address"
    );
    wires.grant(&register);
    assert!(matches!(
        wires.endpoint.registration(),
        RegistrationState::Registered { .. }
    ));
}

#[test]
fn connections_are_bounded_and_the_idle_make_room() {
    let mut wires = registered(Tcp);
    for last in 1..=250 {
        let target = format!("sip:x@192.0.2.{last};transport=tcp");
        wires.with(|alice, now| alice.options(now, &target).unwrap());
    }
    let open = wires.endpoint.counts().flows;
    assert!(open <= MAX_CONNECTIONS, "{open}");
    assert!(
        !wires.closed.contains(&wires.opened[0].flow),
        "its own flow stays"
    );
    wires.pass(SECOND * 40);
    wires.pass(IDLE);
    assert_eq!(wires.endpoint.counts().flows, 1);
}

#[test]
fn accepted_connections_are_bounded_in_all_and_by_source() {
    let mut wires = listening();
    let local = address("10.0.0.9:5060");
    let accept = |wires: &mut Wires, from: SocketAddr| {
        wires.with(|bob, now| bob.flow_accepted(now, Tcp, local, from))
    };
    let one: usize = (1..=100)
        .filter(|port| accept(&mut wires, SocketAddr::from(([192, 0, 2, 1], *port))).is_some())
        .count();
    assert_eq!(one, MAX_ACCEPTED_PER_SOURCE);
    let all: usize = (2..=200)
        .filter(|last| accept(&mut wires, SocketAddr::from(([192, 0, 2, *last], 9))).is_some())
        .count();
    assert_eq!(one + all, MAX_ACCEPTED);
    // Those that say nothing are closed soon, and there is room again.
    wires.pass(FIRST_MESSAGE);
    assert_eq!(wires.closed.len(), MAX_ACCEPTED);
    assert!(accept(&mut wires, address("192.0.2.201:9")).is_some());
}

#[test]
fn a_slow_drip_and_a_stream_of_nonsense_are_closed() {
    let mut wires = listening();
    let local = address("10.0.0.9:5060");
    let from = address("192.0.2.1:9");
    let flow = wires
        .with(|bob, now| bob.flow_accepted(now, Tcp, local, from))
        .unwrap();
    for byte in b"OPTIONS sip:bob@10.0.0.9 SIP/2.0\r\nVia: SIP/2.0/TCP".chunks(1) {
        wires.receive(flow, from, byte);
        wires.pass(SECOND);
        if wires.closed.contains(&flow) {
            break;
        }
    }
    assert!(
        wires.closed.contains(&flow),
        "one byte a second does not hold a connection"
    );
    let flow = wires
        .with(|bob, now| bob.flow_accepted(now, Tcp, local, from))
        .unwrap();
    wires.receive(flow, from, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(wires.closed.contains(&flow));
    assert!(wires.take_sent().is_empty());
}

#[test]
fn line_ends_keep_a_connection_and_a_missing_pong_ends_it() {
    let mut wires = registered(Tcp);
    let flow = wires.opened[0].flow;
    let registrar = address("10.0.0.1:5060");
    wires.pass(SECOND * 121);
    let ping = wires.only_sent();
    assert_eq!(ping.bytes, b"\r\n\r\n");
    assert!((96..=120).contains(&ping.at.as_secs()), "{:?}", ping.at);
    // A far side that never answered line ends is not held to it.
    wires.pass(SECOND * 240);
    assert!(wires.closed.is_empty());
    wires.receive(flow, registrar, b"\r\n");
    wires.take_sent();
    wires.pass(SECOND * 131);
    assert_eq!(wires.closed, [flow], "one that did answer is");
    let sent = wires.take_sent();
    assert!(
        sent.last().unwrap().text().starts_with("REGISTER "),
        "and comes back"
    );
}

#[test]
fn udp_is_kept_open_only_behind_a_nat() {
    let mut wires = registered(Udp);
    wires.pass(SECOND * 400);
    assert!(wires.take_sent().is_empty(), "no traffic where no NAT is");

    let mut wires = Wires::registering(Udp);
    let register = wires.only_sent();
    wires.grant(&register.seen_from("198.51.100.1", 61_000));
    let register = wires.only_sent();
    assert!(
        register.header("Contact").contains("10.0.0.9"),
        "the old one is taken back"
    );
    wires.grant(&register.seen_from("198.51.100.1", 61_000));
    wires.pass(SECOND * 60);
    let pings = wires.take_sent();
    assert!((2..=3).contains(&pings.len()), "{pings:?}");
    assert!(pings.iter().all(|ping| ping.bytes == b"\r\n\r\n"));
}

#[test]
fn stun_learns_the_public_address_and_registers_anew_when_it_changes() {
    let mut config = EndpointConfig::new("sip:1001@10.0.0.1".parse().unwrap());
    config.keep_alive = carillon_sip::KeepAlive::Stun;
    let mut wires = Wires::new(config);
    wires.with(|endpoint, now| endpoint.register(now));
    let register = wires.only_sent();
    wires.grant(&register);
    let answer = |question: &[u8], port: u16| {
        let mut bytes = question.to_vec();
        bytes[0] = 1;
        bytes[3] = 12;
        bytes.extend_from_slice(&[0, 1, 0, 8, 0, 1]);
        bytes.extend_from_slice(&port.to_be_bytes());
        bytes.extend_from_slice(&[198, 51, 100, 1]);
        bytes
    };
    wires.pass(Duration::from_millis(1));
    let question = wires.only_sent();
    assert_eq!(question.bytes.len(), 20);
    wires.receive(
        question.flow,
        address("203.0.113.5:5060"),
        &answer(&question.bytes, 1),
    );
    assert!(
        wires.take_sent().is_empty(),
        "a stranger's answer counts for nothing"
    );
    wires.receive(question.flow, question.to, &answer(&question.bytes, 61_000));
    let register = wires.only_sent();
    assert!(
        register.text().starts_with("REGISTER "),
        "it is behind a NAT"
    );
    wires.grant(&register);
    wires.pass(SECOND * 30);
    let question = wires.take_sent().pop().unwrap();
    wires.receive(question.flow, question.to, &answer(&question.bytes, 61_000));
    assert!(wires.take_sent().is_empty(), "nothing changed");
    wires.pass(SECOND * 30);
    let question = wires.take_sent().pop().unwrap();
    wires.receive(question.flow, question.to, &answer(&question.bytes, 61_001));
    let register = wires.only_sent();
    assert!(
        register.text().starts_with("REGISTER "),
        "the NAT gave another port"
    );
    wires.grant(&register);
    // A server that falls silent is noticed: seven questions in about a minute, then a new flow.
    wires.pass(SECOND * 150);
    let asked = wires
        .take_sent()
        .iter()
        .filter(|sent| sent.bytes.len() == 20)
        .count();
    assert_eq!(asked, 7);
    assert_eq!(wires.closed, [question.flow]);
    assert_eq!(wires.opened.len(), 2);
}

#[test]
fn a_network_that_changes_is_registered_in_at_once() {
    let mut wires = registered(Udp);
    let flow = wires.opened[0].flow;
    wires.with(|endpoint, now| {
        endpoint.flow_failed(now, flow, "the address is gone");
        endpoint.network_changed(now);
    });
    let register = wires.only_sent();
    assert!(register.text().starts_with("REGISTER "));
    assert_eq!(register.at, Duration::ZERO);
    assert!(register.header("Contact").contains(":40002"));
}

#[test]
fn ipv6_and_ipv4_have_a_flow_each() {
    let mut wires = Wires::new({
        let mut config = EndpointConfig::new("sip:1001@both.example".parse().unwrap());
        config.register_expires = Duration::from_secs(600);
        config
    });
    wires.host("both.example", "2001:db8::1");
    wires.host("both.example", "10.0.0.1");
    wires.with(|endpoint, now| endpoint.register(now));
    let register = wires.only_sent();
    assert_eq!(register.to, address("[2001:db8::1]:5060"));
    assert!(
        register
            .header("Via")
            .starts_with("SIP/2.0/UDP [2001:db8::9]:40001;")
    );
    assert!(
        register
            .header("Contact")
            .starts_with("<sip:1001@[2001:db8::9]:40001>")
    );
    wires.pass(SECOND * 9);
    let second = wires.take_sent().pop().unwrap();
    assert_eq!(second.to, address("10.0.0.1:5060"), "IPv6 leads nowhere");
    assert!(
        second
            .header("Contact")
            .starts_with("<sip:1001@10.0.0.9:40002>")
    );
    let families: Vec<_> = wires
        .opened
        .iter()
        .map(|Opened { transport, .. }| *transport)
        .collect();
    assert_eq!(families, [Udp, Udp]);
}

#[test]
fn a_route_that_names_the_address_uses_the_connection_that_a_name_proved() {
    let mut config = EndpointConfig::new("sip:1001@example.org".parse().unwrap());
    config.transport = Some(Tls);
    let mut wires = Wires::new(config);
    wires.host("example.org", "10.0.0.1");
    wires.host("other.example", "10.0.0.1");
    wires.with(|endpoint, now| endpoint.register(now));
    let register = wires.only_sent();
    wires.grant(&register);
    let ping = |wires: &mut Wires, target: &str| {
        wires.with(|endpoint, now| endpoint.options(now, target).unwrap());
        wires.only_sent().flow
    };
    let home = register.flow;
    assert_eq!(ping(&mut wires, "sip:10.0.0.1:5061;transport=tls"), home);
    assert_ne!(
        ping(&mut wires, "sip:other.example"),
        home,
        "another name must be proven"
    );
    assert_eq!(wires.opened[1].identity.as_deref(), Some("other.example"));
}
