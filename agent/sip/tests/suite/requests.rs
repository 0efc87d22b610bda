//! Requests outside a call: what is refused and with which status, what is dropped, what strangers may hold.

use crate::by_hand::*;
use crate::network::*;
use carillon_sip::message::{HeaderName, Message};
use carillon_sip::transaction::{MAX_SERVER_TRANSACTIONS, STRANGERS_SHARE};
use carillon_sip::{EndCause, Event};
use std::net::SocketAddr;
use std::time::Duration;

const MAX_STRANGER_TRANSACTIONS: usize = MAX_SERVER_TRANSACTIONS / STRANGERS_SHARE;

#[test]
fn unknown_and_unwanted_requests_get_their_status() {
    let mut network = bob();
    assert_eq!(
        ask(&mut network, &request("FLY", 1, "a", "", "", "")),
        [501]
    );
    assert_eq!(
        ask(&mut network, &request("SUBSCRIBE", 1, "b", "", "", "")),
        [405]
    );
    assert_eq!(
        ask(
            &mut network,
            &request("REFER", 1, "b2", "", "Refer-To: <sip:x@y>\r\n", "")
        ),
        [405]
    );
    assert_eq!(
        ask(&mut network, &request("BYE", 1, "c", "", "", "")),
        [481]
    );
    assert_eq!(
        ask(&mut network, &request("BYE", 1, "d", "nobody", "", "")),
        [481]
    );
    assert_eq!(
        ask(&mut network, &request("INVITE", 1, "e", "nobody", "", SDP)),
        [481]
    );
    assert_eq!(
        ask(&mut network, &request("CANCEL", 1, "f", "", "", "")),
        [481]
    );
    assert_eq!(
        ask(&mut network, &request("OPTIONS", 1, "g", "", "", "")),
        [200]
    );
    assert_eq!(
        ask(
            &mut network,
            &request("OPTIONS", 2, "h", "", "", "").replace("Max-Forwards: 70", "Max-Forwards: 0")
        ),
        [200],
        "RFC 4475 §3.1.1.2"
    );
    assert_eq!(
        ask(
            &mut network,
            &request("OPTIONS", 3, "i", "", "", "")
                .replace("Max-Forwards: 70", "Max-Forwards: 300")
        ),
        [400]
    );
    assert_eq!(
        ask(
            &mut network,
            &request("OPTIONS", 4, "j", "", "", "")
                .replace("OPTIONS sip:bob@10.0.0.2:5060", "OPTIONS tel:123")
        ),
        [416]
    );
    assert_eq!(
        ask(
            &mut network,
            &request("OPTIONS", 5, "k", "", "", "").replace("CSeq: 5 OPTIONS", "CSeq: 5 INVITE")
        ),
        [400]
    );
    assert_eq!(
        ask(
            &mut network,
            &request("OPTIONS", 6, "l", "", "", "")
                .replace("Content-Length: 0", "Content-Length: 9")
        ),
        [400]
    );
    assert_eq!(
        ask(
            &mut network,
            &request(
                "INVITE",
                7,
                "m",
                "",
                "Content-Type: text/plain\r\n",
                "hello"
            )
        ),
        [415]
    );
    assert_eq!(
        ask(
            &mut network,
            &request("INVITE", 8, "n", "", "Content-Encoding: gzip\r\n", SDP)
        ),
        [415]
    );
    assert_eq!(
        ask(
            &mut network,
            &request(
                "INVITE",
                9,
                "o",
                "",
                "Content-Type: application/sdp\r\n",
                "junk"
            )
        ),
        [400]
    );
    assert_eq!(
        ask(
            &mut network,
            &request(
                "INVITE",
                10,
                "p",
                "",
                "",
                &SDP.replace("RTP/AVP", "RTP/SAVP")
            )
        ),
        [488]
    );
    assert_eq!(
        ask(
            &mut network,
            &request("INVITE", 11, "q", "", "", SDP).replace("Contact: ", "X: ")
        ),
        [400]
    );
    assert_eq!(
        ask(
            &mut network,
            &request("INVITE", 12, "r", "", "", SDP).replace("INVITE sip:bob@", "INVITE sip:100@")
        ),
        [404],
        "a scanner"
    );
    assert!(network.events(0).is_empty());
    assert!(network.run_until_quiet(Duration::from_secs(120)));
    network.assert_empty();
}

#[test]
fn required_extensions_are_named_in_the_refusal() {
    let mut network = bob();
    send(
        &mut network,
        &request(
            "INVITE",
            1,
            "a",
            "",
            "Require: 100rel, tdialog, timer, join\r\n",
            SDP,
        ),
    );
    let said = said(&mut network);
    let [Message::Response(response)] = &said[..] else {
        panic!("{said:?}")
    };
    assert_eq!(
        (
            response.status,
            response.headers.get(HeaderName::Unsupported)
        ),
        (420, Some(&b"tdialog, join"[..]))
    );
}

#[test]
fn junk_is_dropped_and_counted() {
    let mut network = bob();
    for junk in [
        "junk",
        "INVITE sip:bob@x SIP/2.0\r\n\r\n",
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP x;branch=z9hG4bKno\r\n\r\n",
        &request("ACK", 1, "a", "none", "", ""),
    ] {
        assert_eq!(ask(&mut network, junk), []);
    }
    assert_eq!(network.nodes[0].endpoint.counts().dropped, 4);
    for keep_alive in ["\r\n\r\n", "\0", ""] {
        assert_eq!(ask(&mut network, keep_alive), []);
    }
    assert_eq!(network.nodes[0].endpoint.counts().dropped, 4);
}

#[test]
fn repeats_are_absorbed_and_merged_requests_refused() {
    let mut network = bob();
    let invite = request("INVITE", 1, "one", "", "", SDP);
    assert_eq!(ask(&mut network, &invite), [100]);
    assert_eq!(ask(&mut network, &invite), [100], "the last response again");
    assert_eq!(
        ask(&mut network, &invite.replace("z9hG4bKone", "z9hG4bKtwo")),
        [482],
        "the same request over another way (§8.2.2.2)"
    );
    assert_eq!(network.events(0).len(), 1);
}

#[test]
fn rport_and_received_lead_the_answer_home() {
    let mut network = bob();
    let elsewhere: SocketAddr = "10.0.0.77:40000".parse().unwrap();
    network.script("10.0.0.77:40000", Mailbox);
    network.inject(
        elsewhere,
        BOB_ADDRESS.parse().unwrap(),
        request("OPTIONS", 1, "a", "", "", "").as_bytes(),
    );
    let (_, _, to, bytes) = network.trace.last().unwrap().clone();
    assert_eq!(to, elsewhere);
    assert!(String::from_utf8(bytes).unwrap().contains(&format!(
        "Via: SIP/2.0/UDP {PEER};branch=z9hG4bKa;rport=40000;received=10.0.0.77\r\n"
    )));
    network.inject(
        elsewhere,
        BOB_ADDRESS.parse().unwrap(),
        request("OPTIONS", 2, "b", "", "", "")
            .replace(";rport", "")
            .as_bytes(),
    );
    assert_eq!(
        network.trace.last().unwrap().2,
        "10.0.0.77:5070".parse().unwrap(),
        "without rport: its address, the port it names"
    );
}

#[test]
fn cancel_must_fit_in_more_than_its_branch() {
    let mut network = bob();
    send(&mut network, &request("INVITE", 1, "inv", "", "", SDP));
    statuses(&mut network);
    let cancel = request("CANCEL", 1, "inv", "", "", "");
    assert_eq!(
        ask(
            &mut network,
            &cancel.replace("Call-ID: call", "Call-ID: guess")
        ),
        [481]
    );
    network.run_for(Duration::from_secs(40));
    assert_eq!(
        ask(&mut network, &cancel.replace("tag=peer", "tag=guess")),
        [481]
    );
    network.run_for(Duration::from_secs(40));
    assert_eq!(network.nodes[0].endpoint.counts().calls, 1);
    assert_eq!(ask(&mut network, &cancel), [200, 487]);
    assert!(network.events(0).iter().any(|event| matches!(
        event,
        Event::CallEnded {
            cause: EndCause::Cancelled,
            ..
        }
    )));
    send(&mut network, &request("ACK", 1, "inv", "x", "", ""));
    assert!(network.run_until_quiet(Duration::from_secs(60)));
    network.assert_empty();
}

/// Bob without a limit on how much a stranger may ask, so that the limit behind it is seen.
fn patient_bob() -> Network {
    let mut config = peer("bob", BOB_ADDRESS);
    config.stranger_rate.per_second = 0;
    bob_with(config)
}

#[test]
fn strangers_cannot_fill_the_transactions() {
    let mut network = patient_bob();
    for at in 0..MAX_STRANGER_TRANSACTIONS as u32 {
        send(
            &mut network,
            &request("OPTIONS", at + 1, &format!("o{at}"), "", "", ""),
        );
    }
    // The first have not run out yet: 128 × 50 ms is far below timer J.
    assert_eq!(
        network.nodes[0].endpoint.counts().server_transactions,
        MAX_STRANGER_TRANSACTIONS
    );
    statuses(&mut network);
    assert_eq!(
        ask(&mut network, &request("OPTIONS", 999, "more", "", "", "")),
        [503]
    );
    assert_eq!(
        network.nodes[0].endpoint.counts().server_transactions,
        MAX_STRANGER_TRANSACTIONS
    );
    assert_eq!(network.nodes[0].endpoint.counts().refused, 1);
    assert!(network.run_until_quiet(Duration::from_secs(90)));
    assert_eq!(
        ask(&mut network, &request("OPTIONS", 1000, "later", "", "", "")),
        [200]
    );
}

#[test]
fn half_open_calls_of_strangers_are_bounded_and_run_out() {
    let mut network = bob();
    let mut told = Vec::new();
    for at in 0..10 {
        told.extend(ask(
            &mut network,
            &request("INVITE", 1, &format!("i{at}"), "", "", SDP)
                .replace("Call-ID: call", &format!("Call-ID: call{at}")),
        ));
    }
    assert_eq!(told.iter().filter(|status| **status == 100).count(), 4);
    assert_eq!(network.nodes[0].endpoint.counts().calls, 4);
    assert!(network.run_until_quiet(Duration::from_secs(400)));
    network.assert_empty();
}

#[test]
fn only_from_proxy_refuses_everyone_else() {
    let mut network = Network::new(21, Conditions::PERFECT);
    network.script(PEER, Mailbox);
    let mut config = peer("bob", BOB_ADDRESS);
    config.only_from_proxy = true;
    network.add(BOB_ADDRESS, config.clone(), 4);
    network.with(0, |bob, now| bob.register(now));
    assert_eq!(
        ask(&mut network, &request("INVITE", 1, "a", "", "", SDP)),
        [403]
    );

    let mut network = Network::new(21, Conditions::PERFECT);
    network.script(PEER, Mailbox);
    config.route_set = vec![format!("sip:{PEER}").parse().unwrap()];
    network.add(BOB_ADDRESS, config, 4);
    network.with(0, |bob, now| bob.register(now));
    assert_eq!(
        ask(&mut network, &request("INVITE", 1, "a", "", "", SDP)),
        [100]
    );
}
