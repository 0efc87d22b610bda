//! A caller whose peer answers oddly: forks, early media, answers without media, a BYE before the answer.

use crate::by_hand::*;
use crate::network::*;
use carillon_sip::message::{HeaderName, Message, Method, Request, Response};
use carillon_sip::{EndCause, Event};
use std::net::SocketAddr;
use std::time::Duration;

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
