//! Manners towards strangers: scanners, floods, half-open calls and forged requests are answered cheaply or dropped, and never ring
//! an account that takes calls only from its proxy.

use crate::wires::Wires;
use carillon_sip::{EndpointConfig, Event, FlowId};
use std::net::SocketAddr;
use std::time::Duration;

const REGISTRAR: ([u8; 4], u16) = ([10, 0, 0, 1], 5060);

fn desk(only_from_proxy: bool) -> (Wires, FlowId) {
    let mut config = EndpointConfig::new("sip:1001@10.0.0.1".parse().unwrap());
    config.only_from_proxy = only_from_proxy;
    let mut wires = Wires::new(config);
    wires.with(|endpoint, now| endpoint.register(now));
    let register = wires.only_sent();
    wires.grant(&register);
    let flow = register.flow;
    (wires, flow)
}

fn request(method: &str, to: &str, n: usize) -> String {
    format!(
        "{method} sip:{to}@10.0.0.9 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.66:5060;branch=z9hG4bK{n};rport\r\nMax-Forwards: 70\r\nFrom: <sip:x@y>;tag={n}\r\nTo: <sip:{to}@10.0.0.9>\r\nCall-ID: {n}@scan\r\nCSeq: 1 {method}\r\nContact: <sip:x@192.0.2.66>\r\nContent-Length: 0\r\n\r\n"
    )
}

fn scanner(n: usize) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 66], 5060 + u16::try_from(n % 1000).unwrap()))
}

fn rings(wires: &Wires) -> usize {
    let incoming = |event: &&Event| matches!(event, Event::IncomingCall { .. });
    wires.events.iter().filter(incoming).count()
}

#[test]
fn a_scanner_gets_little_and_rings_nothing() {
    let (mut wires, flow) = desk(true);
    for n in 0..10_000 {
        let method = ["OPTIONS", "REGISTER", "INVITE", "PUBLISH"][n % 4];
        let extension = format!("{}", 100 + n % 2000);
        wires.receive(flow, scanner(n), request(method, &extension, n).as_bytes());
        wires.pass(Duration::from_millis(1));
    }
    let answers = wires.take_sent();
    assert_eq!(rings(&wires), 0);
    let barred = |event: &&Event| matches!(event, Event::CallBarred { .. });
    let told = wires.events.iter().filter(barred).count();
    assert!((1..=141).contains(&told), "{told}");
    // 40 at once and 10 a second for ten seconds; what is repeated for want of an ACK comes on top.
    let first: std::collections::BTreeSet<String> =
        answers.iter().map(|sent| sent.header("Call-ID")).collect();
    assert!((100..=141).contains(&first.len()), "{}", first.len());
    assert!(wires.endpoint.counts().dropped >= 9_800);
    wires.pass(Duration::from_secs(40));
    let left = wires.endpoint.counts().server_transactions;
    assert!(left <= 16, "a few linger: {left}");
    wires.pass(Duration::from_secs(30));
    assert_eq!(
        wires.endpoint.counts().server_transactions,
        0,
        "nothing is left of it"
    );
}

#[test]
fn a_flood_of_strangers_does_not_keep_the_registrars_call_out() {
    let (mut wires, flow) = desk(false);
    for n in 0..5_000 {
        wires.receive(flow, scanner(n), request("INVITE", "1001", n).as_bytes());
    }
    let strangers = rings(&wires);
    assert!(strangers <= 4, "half of the calls at most: {strangers}");
    let invite = request("INVITE", "1001", 99_999);
    wires.receive(flow, SocketAddr::from(REGISTRAR), invite.as_bytes());
    assert_eq!(rings(&wires), strangers + 1);
}

#[test]
fn only_the_proxy_rings_an_account_that_says_so() {
    let (mut wires, flow) = desk(true);
    wires.receive(flow, scanner(1), request("INVITE", "1001", 1).as_bytes());
    assert!(wires.only_sent().text().starts_with("SIP/2.0 403 "));
    assert_eq!(rings(&wires), 0);
    let invite = request("INVITE", "1001", 2);
    wires.receive(flow, SocketAddr::from(REGISTRAR), invite.as_bytes());
    assert_eq!(rings(&wires), 1);
}

#[test]
fn half_open_calls_of_strangers_end_by_themselves() {
    let (mut wires, flow) = desk(false);
    for n in 0..100 {
        wires.receive(flow, scanner(n), request("INVITE", "1001", n).as_bytes());
    }
    assert!(rings(&wires) > 0);
    wires.pass(Duration::from_secs(180 + 40));
    let counts = wires.endpoint.counts();
    assert_eq!(
        (
            counts.calls,
            counts.ending,
            counts.dialogs,
            counts.server_transactions
        ),
        (0, 0, 0, 0)
    );
}

#[test]
fn a_forged_bye_or_cancel_ends_nothing() {
    let (mut wires, flow) = desk(false);
    let registrar = SocketAddr::from(REGISTRAR);
    wires.receive(flow, registrar, request("INVITE", "1001", 7).as_bytes());
    let call = wires
        .events
        .iter()
        .find_map(|event| match event {
            Event::IncomingCall { call, .. } => Some(*call),
            _ => None,
        })
        .unwrap();
    let media = crate::network::media(4000);
    wires.with(|bob, now| bob.ring(now, call).unwrap());
    // The right branch and Call-ID, but another From tag; then a BYE that guesses the tags.
    let cancel = request("CANCEL", "1001", 7).replace(";tag=7", ";tag=8");
    wires.receive(flow, scanner(1), cancel.as_bytes());
    for guess in 0..30 {
        let bye = request("BYE", "1001", 500 + guess)
            .replace(&format!("Call-ID: {}@scan", 500 + guess), "Call-ID: 7@scan")
            .replace(
                "To: <sip:1001@10.0.0.9>",
                &format!("To: <sip:1001@10.0.0.9>;tag={guess:016x}"),
            )
            .replace(&format!("tag={}\r\n", 500 + guess), "tag=7\r\n");
        wires.receive(flow, scanner(guess), bye.as_bytes());
    }
    assert!(
        !wires
            .events
            .iter()
            .any(|event| matches!(event, Event::CallEnded { .. }))
    );
    wires.with(|bob, now| bob.answer(now, call, media).unwrap());
}
