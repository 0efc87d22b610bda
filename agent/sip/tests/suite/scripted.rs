//! One endpoint against a peer by hand: what no well-behaved peer sends, and what a peer may send that our own endpoint does not.

use crate::network::*;
use carillon_sip::message::{HeaderName, Message, Method, Request, Response};
use carillon_sip::transaction::MAX_STRANGER_TRANSACTIONS;
use carillon_sip::{CallId, Direction, EndCause, Event};
use std::net::SocketAddr;
use std::time::Duration;

const BOB_ADDRESS: &str = "10.0.0.2:5060";
const PEER: &str = "10.0.0.50:5070";
const SDP: &str = "v=0\r\no=- 5 1 IN IP4 10.0.0.50\r\ns=-\r\nc=IN IP4 10.0.0.50\r\nt=0 0\r\nm=audio 7000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n";

/// Bob alone, with a peer whose mail nobody answers.
fn bob() -> Network {
    let mut network = Network::new(21, Conditions::PERFECT);
    network.script(PEER, Mailbox);
    network.add(BOB_ADDRESS, peer("bob", BOB_ADDRESS), 4);
    network.with(0, |bob, now| bob.register(now));
    network
}

/// A request from the peer. `To` gets the tag when there is one.
fn request(method: &str, cseq: u32, branch: &str, to_tag: &str, extra: &str, body: &str) -> String {
    let to_tag = if to_tag.is_empty() {
        String::new()
    } else {
        format!(";tag={to_tag}")
    };
    format!(
        "{method} sip:bob@{BOB_ADDRESS} SIP/2.0\r\nVia: SIP/2.0/UDP {PEER};branch=z9hG4bK{branch};rport\r\nMax-Forwards: 70\r\nFrom: <sip:p@{PEER}>;tag=peer\r\nTo: <sip:bob@{BOB_ADDRESS}>{to_tag}\r\nCall-ID: call\r\nCSeq: {cseq} {method}\r\nContact: <sip:p@{PEER}>\r\n{extra}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn send(network: &mut Network, text: &str) {
    network.inject(
        PEER.parse().unwrap(),
        BOB_ADDRESS.parse().unwrap(),
        text.as_bytes(),
    );
}

/// What Bob said since the last time.
fn said(network: &mut Network) -> Vec<Message> {
    let sent = std::mem::take(&mut network.trace)
        .into_iter()
        .filter(|(_, from, ..)| *from == BOB_ADDRESS.parse().unwrap());
    sent.map(|(.., bytes)| Message::parse(&bytes).unwrap())
        .collect()
}

fn statuses(network: &mut Network) -> Vec<u16> {
    said(network).iter().filter_map(status).collect()
}

fn status(message: &Message) -> Option<u16> {
    match message {
        Message::Response(response) => Some(response.status),
        Message::Request(_) => None,
    }
}

/// Sends one request and gives the statuses that came back for it.
fn ask(network: &mut Network, text: &str) -> Vec<u16> {
    send(network, text);
    let branch = text
        .split("branch=")
        .nth(1)
        .and_then(|rest| rest.split([';', '\r']).next())
        .unwrap_or("none")
        .to_owned();
    let ours = |message: &Message| matches!(message, Message::Response(response) if response.essentials().unwrap().via.branch() == Some(&branch));
    said(network)
        .iter()
        .filter(|message| ours(message))
        .filter_map(status)
        .collect()
}

/// A call from the peer that Bob answered; the tag of Bob.
fn answered(network: &mut Network, body: &str) -> (CallId, String) {
    send(network, &request("INVITE", 1, "inv", "", "", body));
    let call = network.incoming(0).unwrap();
    network.with(0, |bob, now| bob.answer(now, call, media(5000)).unwrap());
    let answer = said(network).into_iter().find_map(|message| match message {
        Message::Response(response) if response.status == 200 => Some(response),
        _ => None,
    });
    let tag = answer
        .unwrap()
        .essentials()
        .unwrap()
        .to
        .tag()
        .unwrap()
        .to_owned();
    (call, tag)
}

fn confirmed(network: &mut Network) -> (CallId, String) {
    let (call, tag) = answered(network, SDP);
    send(network, &request("ACK", 1, "ack", &tag, "", ""));
    (call, tag)
}

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
        &request("INVITE", 1, "a", "", "Require: 100rel, timer\r\n", SDP),
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
        (420, Some(&b"100rel, timer"[..]))
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

#[test]
fn bye_with_wrong_tags_ends_nothing() {
    let mut network = bob();
    let (_, tag) = confirmed(&mut network);
    statuses(&mut network);
    assert_eq!(
        ask(
            &mut network,
            &request("BYE", 2, "b1", &tag, "", "").replace("tag=peer", "tag=guess")
        ),
        [481]
    );
    assert_eq!(
        ask(&mut network, &request("BYE", 2, "b2", "guess", "", "")),
        [481]
    );
    assert_eq!(
        ask(&mut network, &request("BYE", 1, "b3", &tag, "", "")),
        [500],
        "an old number (§12.2.2)"
    );
    assert_eq!(network.nodes[0].endpoint.counts().calls, 1);
    assert_eq!(
        ask(&mut network, &request("BYE", 2, "b4", &tag, "", "")),
        [200]
    );
    assert!(network.run_until_quiet(Duration::from_secs(60)));
    network.assert_empty();
}

#[test]
fn reinvite_holds_resumes_and_moves_the_media() {
    let mut network = bob();
    let (_, tag) = confirmed(&mut network);
    network.events(0);
    let change = |network: &mut Network, cseq: u32, sdp: &str| {
        let statuses = ask(
            network,
            &request("INVITE", cseq, &format!("re{cseq}"), &tag, "", sdp),
        );
        send(
            network,
            &request("ACK", cseq, &format!("ack{cseq}"), &tag, "", ""),
        );
        said(network);
        (
            statuses,
            network.events(0).into_iter().find_map(|event| match event {
                Event::MediaChanged { media, .. } => Some(media),
                _ => None,
            }),
        )
    };
    let (statuses, media) = change(&mut network, 2, &format!("{SDP}a=sendonly\r\n"));
    assert_eq!(
        (statuses, media.unwrap().direction),
        (vec![200], Direction::RecvOnly)
    );
    let (_, media) = change(
        &mut network,
        3,
        &SDP.replace("IP4 10.0.0.50\r\nt", "IP4 0.0.0.0\r\nt"),
    );
    assert_eq!(media.unwrap().direction, Direction::RecvOnly);
    let (_, media) = change(&mut network, 4, &SDP.replace("audio 7000", "audio 7100"));
    let media = media.unwrap();
    assert_eq!(
        (media.direction, media.remote_rtp.to_string().as_str()),
        (Direction::SendRecv, "10.0.0.50:7100")
    );
    assert_eq!(
        change(&mut network, 5, &SDP.replace("audio 7000", "audio 7100")),
        (vec![200], None),
        "nothing changed"
    );
    assert_eq!(
        change(&mut network, 6, &SDP.replace("8 101", "18")),
        (vec![488], None),
        "what does not fit leaves the session as it is"
    );
    assert_eq!(change(&mut network, 7, "junk").0, [400]);
    assert_eq!(network.nodes[0].endpoint.counts().calls, 1);
}

#[test]
fn reinvite_without_offer_gets_ours_and_its_ack_the_answer() {
    let mut network = bob();
    let (call, tag) = confirmed(&mut network);
    network.events(0);
    send(
        &mut network,
        &request("INVITE", 2, "re", &tag, "", "").replace(
            &format!("Contact: <sip:p@{PEER}>"),
            "Contact: <sip:p@10.0.0.51:5071>",
        ),
    );
    let answer = said(&mut network).remove(0);
    assert!(String::from_utf8_lossy(answer.body()).contains("m=audio 5000 RTP/AVP 8 0 101\r\n"));
    assert_eq!(
        ask(&mut network, &request("INVITE", 3, "re3", &tag, "", "")),
        [491],
        "our offer is still open"
    );
    send(
        &mut network,
        &request("ACK", 2, "ack2", &tag, "", &SDP.replace("7000", "7200")),
    );
    assert!(
        matches!(&network.events(0)[..], [Event::MediaChanged { media, .. }] if media.remote_rtp.port() == 7200)
    );
    // The new Contact is where the BYE goes.
    network.with(0, |bob, now| bob.hangup(now, call).unwrap());
    let (_, _, to, bytes) = network.trace.last().unwrap();
    assert_eq!(to.to_string(), "10.0.0.51:5071");
    assert!(bytes.starts_with(b"BYE sip:p@10.0.0.51:5071 SIP/2.0"));
}

#[test]
fn invite_without_offer_is_answered_with_one() {
    let mut network = bob();
    let (_, tag) = answered(&mut network, "");
    assert!(
        !network.nodes[0]
            .events
            .iter()
            .any(|event| matches!(event, Event::CallEstablished { .. })),
        "nothing is agreed yet"
    );
    send(&mut network, &request("ACK", 1, "ack", &tag, "", SDP));
    assert!(
        matches!(network.events(0).last(), Some(Event::CallEstablished { media, .. }) if media.remote_rtp.port() == 7000)
    );
}

#[test]
fn ack_without_the_answer_we_wait_for_ends_the_call() {
    let mut network = bob();
    let (_, tag) = answered(&mut network, "");
    send(&mut network, &request("ACK", 1, "ack", &tag, "", ""));
    assert!(matches!(
        network.events(0).last(),
        Some(Event::CallEnded {
            cause: EndCause::MediaRefused { .. },
            ..
        })
    ));
    assert!(said(&mut network).iter().any(
        |message| matches!(message, Message::Request(request) if request.method == Method::Bye)
    ));
}

#[test]
fn answer_that_fits_nothing_lets_the_call_wait() {
    let mut network = bob();
    send(
        &mut network,
        &request("INVITE", 1, "inv", "", "", &SDP.replace("8 101", "18")),
    );
    let call = network.incoming(0).unwrap();
    let error = network
        .with(0, |bob, now| bob.answer(now, call, media(5000)))
        .unwrap_err();
    assert!(error.to_string().contains("no codec in common"), "{error}");
    statuses(&mut network);
    network.with(0, |bob, now| bob.reject(now, call, 488).unwrap());
    assert_eq!(statuses(&mut network), [488]);
}

#[test]
fn strangers_cannot_fill_the_transactions() {
    let mut network = bob();
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
    assert!(network.run_until_quiet(Duration::from_secs(60)));
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

/// A peer that answers an INVITE with the given responses (status, tag, body) and everything else with 200.
fn answering(
    responses: &'static [(u16, &'static str, &'static str)],
) -> impl FnMut(SocketAddr, &[u8]) -> Vec<(SocketAddr, Vec<u8>)> {
    move |from, bytes| {
        let Ok(Message::Request(request)) = Message::parse(bytes) else {
            return Vec::new();
        };
        let respond = |request: &Request, status, tag, body: &str| {
            let mut response = Response::to(request, status, Some(tag));
            response
                .headers
                .push(HeaderName::Contact, format!("<sip:{tag}@{PEER}>"));
            response.body = body.as_bytes().to_vec();
            (from, response.to_bytes())
        };
        match request.method {
            Method::Invite => responses
                .iter()
                .map(|(status, tag, body)| respond(&request, *status, tag, body))
                .collect(),
            Method::Ack => Vec::new(),
            _ => vec![respond(&request, 200, "x", "")],
        }
    }
}

fn call_to(responses: &'static [(u16, &'static str, &'static str)]) -> Network {
    let mut network = bob();
    network.script(PEER, answering(responses));
    network.with(0, |bob, now| {
        bob.call(now, &format!("sip:p@{PEER}"), media(5000))
            .unwrap()
    });
    network.run_for(Duration::from_secs(1));
    network
}

#[test]
fn answers_of_other_forks_are_confirmed_and_hung_up() {
    let mut network = call_to(&[
        (180, "a", ""),
        (180, "b", ""),
        (200, "b", SDP),
        (200, "a", SDP),
        (200, "a", SDP),
    ]);
    let said: Vec<String> = network.lines(BOB_ADDRESS.parse().unwrap(), PEER.parse().unwrap());
    let expected = [
        format!("INVITE sip:p@{PEER} SIP/2.0"),
        format!("ACK sip:b@{PEER} SIP/2.0"),
        format!("ACK sip:a@{PEER} SIP/2.0"),
        format!("BYE sip:a@{PEER} SIP/2.0"),
        format!("ACK sip:a@{PEER} SIP/2.0"),
    ];
    assert_eq!(said, expected);
    assert_eq!(network.nodes[0].endpoint.counts().calls, 1);
    let events = network.events(0);
    assert_eq!(
        events
            .iter()
            .filter(|event| matches!(event, Event::CallEstablished { .. }))
            .count(),
        1
    );
}

#[test]
fn early_media_is_told_and_stands_for_a_missing_answer() {
    let mut network = call_to(&[(183, "a", SDP), (200, "a", "")]);
    let events = network.events(0);
    let Event::CallProgress {
        status: 183,
        media: Some(media),
        ..
    } = &events[0]
    else {
        panic!("{events:?}")
    };
    assert_eq!(media.remote_rtp.port(), 7000);
    assert!(
        matches!(&events[1], Event::CallEstablished { media, .. } if media.remote_rtp.port() == 7000),
        "{events:?}"
    );
}

#[test]
fn answer_without_or_with_unfit_media_is_confirmed_and_hung_up() {
    for responses in [
        &[(200, "a", "")],
        &[(200, "a", "v=0\r\njunk")],
        &[(
            200,
            "a",
            "v=0\r\no=- 1 1 IN IP4 x\r\nc=IN IP4 10.0.0.5\r\nm=audio 0 RTP/AVP 8\r\n",
        )],
    ] as [&'static [_]; 3]
    {
        let mut network = call_to(responses);
        let events = network.events(0);
        assert!(
            matches!(
                &events[..],
                [Event::CallEnded {
                    cause: EndCause::MediaRefused { .. },
                    ..
                }]
            ),
            "{events:?}"
        );
        let said = network.lines(BOB_ADDRESS.parse().unwrap(), PEER.parse().unwrap());
        assert!(
            said[1].starts_with("ACK") && said[2].starts_with("BYE"),
            "{said:?}"
        );
        assert!(network.run_until_quiet(Duration::from_secs(60)));
        network.assert_empty();
    }
}

#[test]
fn bye_before_our_answer_arrived_ends_the_call() {
    let mut network = call_to(&[(180, "a", "")]);
    let invite = network
        .trace
        .iter()
        .find(|(.., bytes)| bytes.starts_with(b"INVITE"))
        .map(|(.., bytes)| bytes.clone())
        .unwrap();
    let Ok(Message::Request(invite)) = Message::parse(&invite) else {
        panic!()
    };
    let essentials = invite.essentials().unwrap();
    let bye = format!(
        "BYE sip:bob@{BOB_ADDRESS} SIP/2.0\r\nVia: SIP/2.0/UDP {PEER};branch=z9hG4bKbye\r\nFrom: <sip:p@{PEER}>;tag=a\r\nTo: <sip:bob@{BOB_ADDRESS}>;tag={}\r\nCall-ID: {}\r\nCSeq: 1 BYE\r\n\r\n",
        essentials.from.tag().unwrap(),
        essentials.call_id
    );
    network.events(0);
    assert!(ask(&mut network, &bye).contains(&200));
    assert!(matches!(
        network.events(0).last(),
        Some(Event::CallEnded {
            cause: EndCause::RemoteHangup,
            ..
        })
    ));
    assert!(network.run_until_quiet(Duration::from_secs(120)));
    network.assert_empty();
}

#[test]
fn forks_that_are_kept_apart_are_bounded() {
    const MANY: [(u16, &str, &str); 20] = {
        const TAGS: [&str; 20] = [
            "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q",
            "r", "s", "t",
        ];
        let mut list = [(180, "", ""); 20];
        let mut at = 0;
        while at < 20 {
            list[at].1 = TAGS[at];
            at += 1;
        }
        list
    };
    let network = call_to(&MANY);
    assert_eq!(
        network.nodes[0].endpoint.counts().dialogs,
        carillon_sip::call::MAX_FORKS
    );
}
