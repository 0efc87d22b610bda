//! Before the answer: reliable provisional responses and PRACK on both sides, UPDATE in an early dialog, early media, several forks.

use crate::by_hand::*;
use crate::network::*;
use carillon_sip::message::{HeaderName, Message, Method, Request, Response};
use carillon_sip::{EndCause, Event};
use std::net::SocketAddr;
use std::time::Duration;

/// Status, tag, headers, body.
type Given = (
    u16,
    &'static str,
    &'static [(HeaderName, &'static str)],
    &'static str,
);

/// A caller of ours against a peer that gives these responses to the INVITE: status, tag, headers, body.
fn calling(responses: &'static [Given]) -> Network {
    let mut network = bob();
    network.script(PEER, move |from: SocketAddr, bytes: &[u8]| {
        let Ok(Message::Request(request)) = Message::parse(bytes) else {
            return Vec::new();
        };
        let respond = |status, tag: &str, headers: &[(HeaderName, &str)], body: &str| {
            let mut response = Response::to(&request, status, Some(tag));
            response
                .headers
                .push(HeaderName::Contact, format!("<sip:{tag}@{PEER}>"));
            for (name, value) in headers {
                response.headers.push(*name, value);
            }
            response.body = body.as_bytes().to_vec();
            (from, response.to_bytes())
        };
        match request.method {
            Method::Invite => responses
                .iter()
                .map(|(status, tag, headers, body)| respond(*status, tag, headers, body))
                .collect(),
            Method::Ack => Vec::new(),
            _ => vec![respond(200, "x", &[], "")],
        }
    });
    network.with(0, |bob, now| {
        bob.call(now, &format!("sip:p@{PEER}"), media(5000))
            .unwrap()
    });
    network.run_for(Duration::from_secs(1));
    network
}

const RELIABLE: HeaderName = HeaderName::Require;

fn requests(network: &mut Network) -> Vec<Request> {
    said(network)
        .into_iter()
        .filter_map(|message| match message {
            Message::Request(request) => Some(request),
            Message::Response(_) => None,
        })
        .collect()
}

#[test]
fn reliable_responses_are_confirmed_once_each_and_in_order() {
    let mut network = calling(&[
        (
            183,
            "a",
            &[(RELIABLE, "100rel"), (HeaderName::RSeq, "40")],
            SDP,
        ),
        (
            183,
            "a",
            &[(RELIABLE, "100rel"), (HeaderName::RSeq, "40")],
            SDP,
        ),
        (
            180,
            "a",
            &[(RELIABLE, "100rel"), (HeaderName::RSeq, "42")],
            "",
        ),
        (
            180,
            "a",
            &[(RELIABLE, "100rel"), (HeaderName::RSeq, "41")],
            "",
        ),
        (
            180,
            "b",
            &[(RELIABLE, "100rel"), (HeaderName::RSeq, "7")],
            "",
        ),
        (180, "c", &[(HeaderName::RSeq, "7")], ""),
        (200, "a", &[], ""),
    ]);
    let pracks: Vec<(String, String, u32)> = requests(&mut network)
        .iter()
        .filter(|request| request.method == Method::Prack)
        .map(|request| {
            let rack = request.headers.text(HeaderName::RAck).unwrap().into_owned();
            let number = request.essentials().unwrap().cseq.number;
            (request.uri.to_string(), rack, number)
        })
        .collect();
    let expected = [
        (format!("sip:a@{PEER}"), "40 1 INVITE".to_owned(), 2),
        (format!("sip:a@{PEER}"), "41 1 INVITE".to_owned(), 3),
        (format!("sip:b@{PEER}"), "7 1 INVITE".to_owned(), 2),
    ];
    assert_eq!(pracks, expected);
    let events = network.events(0);
    // The answer came reliably: the 2xx need not repeat it (RFC 6337 §3.1.1).
    assert!(
        matches!(events.last(), Some(Event::CallEstablished { media, .. }) if media.remote_rtp.port() == 7000),
        "{events:?}"
    );
    let told = |event: &&Event| matches!(event, Event::CallProgress { .. });
    assert_eq!(events.iter().filter(told).count(), 4, "{events:?}");
}

#[test]
fn reliable_responses_that_are_confirmed_are_bounded() {
    let mut network = calling(&[(
        180,
        "a",
        &[(RELIABLE, "100rel"), (HeaderName::RSeq, "1")],
        "",
    )]);
    let invite = network
        .trace
        .iter()
        .find(|(.., bytes)| bytes.starts_with(b"INVITE"))
        .map(|(.., bytes)| bytes.clone())
        .unwrap();
    let Ok(Message::Request(invite)) = Message::parse(&invite) else {
        panic!()
    };
    for rseq in 2..200 {
        let mut response = Response::to(&invite, 180, Some("a"));
        response.headers.push(RELIABLE, "100rel");
        response.headers.push(HeaderName::RSeq, rseq.to_string());
        let (from, to) = (PEER.parse().unwrap(), BOB_ADDRESS.parse().unwrap());
        network.inject(from, to, &response.to_bytes());
    }
    let pracks = requests(&mut network)
        .iter()
        .filter(|request| request.method == Method::Prack)
        .count();
    assert_eq!(pracks, usize::from(carillon_sip::call::MAX_RELIABLE));
}

#[test]
fn each_fork_answers_for_itself() {
    const OTHER: &str = "v=0\r\no=- 6 1 IN IP4 10.0.0.60\r\ns=-\r\nc=IN IP4 10.0.0.60\r\nt=0 0\r\nm=audio 7600 RTP/AVP 0\r\n";
    let mut network = calling(&[
        (
            183,
            "a",
            &[(RELIABLE, "100rel"), (HeaderName::RSeq, "1")],
            SDP,
        ),
        (
            183,
            "b",
            &[(RELIABLE, "100rel"), (HeaderName::RSeq, "1")],
            OTHER,
        ),
        (200, "b", &[], ""),
        (200, "a", &[], ""),
    ]);
    let ports: Vec<(bool, u16)> = network
        .events(0)
        .iter()
        .filter_map(|event| match event {
            Event::CallProgress { media, .. } => {
                media.as_ref().map(|media| (false, media.remote_rtp.port()))
            }
            Event::CallEstablished { media, .. } => Some((true, media.remote_rtp.port())),
            _ => None,
        })
        .collect();
    assert_eq!(ports, [(false, 7000), (false, 7600), (true, 7600)]);
    let said = requests(&mut network);
    let byes: Vec<String> = said
        .iter()
        .filter(|request| request.method == Method::Bye)
        .map(|request| request.uri.to_string())
        .collect();
    assert_eq!(byes, [format!("sip:a@{PEER}")]);
    assert_eq!(network.nodes[0].endpoint.counts().calls, 1);
}

/// The tag and RSeq of Bob's last reliable response.
fn reliable(said: &[Message]) -> (String, u32, Response) {
    let response = said
        .iter()
        .rev()
        .find_map(|message| match message {
            Message::Response(response) if response.headers.has(HeaderName::RSeq) => Some(response),
            _ => None,
        })
        .unwrap();
    let rseq = response.headers.text(HeaderName::RSeq).unwrap();
    let tag = response.essentials().unwrap().to.tag().unwrap().to_owned();
    assert!(response.headers.lists(HeaderName::Require, "100rel"));
    (tag, rseq.parse().unwrap(), response.clone())
}

#[test]
fn ringing_is_reliable_when_the_caller_demands_it() {
    let mut network = bob();
    send(
        &mut network,
        &request("INVITE", 1, "inv", "", "Require: 100rel\r\n", SDP),
    );
    let call = network.incoming(0).unwrap();
    network.with(0, |bob, now| bob.ring(now, call).unwrap());
    network.run_for(Duration::from_secs(2));
    let said = said(&mut network);
    let rings = said.iter().filter(|message| status(message) == Some(180));
    assert_eq!(rings.count(), 3, "at 0, 0.5 and 1.5 s");
    let (tag, rseq, _) = reliable(&said);
    let rack = |rseq, method| format!("RAck: {rseq} 1 {method}\r\n");
    for (cseq, wrong) in [
        (2, rack(rseq + 1, "INVITE")),
        (3, rack(rseq, "BYE")),
        (4, String::new()),
    ] {
        assert_eq!(
            ask(
                &mut network,
                &request("PRACK", cseq, &format!("p{cseq}"), &tag, &wrong, "")
            ),
            [481]
        );
    }
    let right = rack(rseq, "INVITE");
    assert_eq!(
        ask(&mut network, &request("PRACK", 5, "p5", &tag, &right, "")),
        [200]
    );
    network.run_for(Duration::from_secs(10));
    assert!(
        statuses(&mut network).is_empty(),
        "repeated after the PRACK"
    );
    network.with(0, |bob, now| bob.answer(now, call, media(5000)).unwrap());
    assert_eq!(statuses(&mut network), [200]);
    assert_eq!(
        ask(&mut network, &request("PRACK", 6, "p6", &tag, &right, "")),
        [481],
        "confirmed already"
    );
}

#[test]
fn ringing_that_is_never_confirmed_ends_the_call() {
    let mut network = bob();
    send(
        &mut network,
        &request("INVITE", 1, "inv", "", "Require: 100rel\r\n", SDP),
    );
    let call = network.incoming(0).unwrap();
    network.with(0, |bob, now| bob.ring(now, call).unwrap());
    assert!(network.run_until_quiet(Duration::from_secs(200)));
    let statuses = statuses(&mut network);
    let rings = statuses.iter().filter(|status| **status == 180).count();
    assert_eq!(rings, 7, "0, 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 s");
    assert_eq!(statuses.get(8), Some(&504));
    assert!(matches!(
        network.events(0).last(),
        Some(Event::CallEnded {
            cause: EndCause::Failed { .. },
            ..
        })
    ));
    network.assert_empty();
}

#[test]
fn early_media_holds_the_answer_back_until_the_prack() {
    let mut network = bob();
    send(
        &mut network,
        &request("INVITE", 1, "inv", "", "Supported: 100rel\r\n", SDP),
    );
    let call = network.incoming(0).unwrap();
    network.with(0, |bob, now| {
        bob.early_media(now, call, media(5000)).unwrap()
    });
    let (tag, rseq, response) = reliable(&said(&mut network));
    assert_eq!(response.status, 183);
    assert!(String::from_utf8_lossy(&response.body).contains("m=audio 5000 RTP/AVP 8 101\r\n"));
    network.with(0, |bob, now| bob.answer(now, call, media(5000)).unwrap());
    assert!(
        statuses(&mut network).is_empty(),
        "the PRACK must come first"
    );
    // The PRACK brings another offer, answered in its own 200 (RFC 3262 §5).
    let rack = format!("RAck: {rseq} 1 INVITE\r\n");
    let offer = SDP.replace("7000", "7300");
    send(
        &mut network,
        &request("PRACK", 2, "p2", &tag, &rack, &offer),
    );
    let said = said(&mut network);
    assert_eq!(said.len(), 2);
    assert!(String::from_utf8_lossy(said[0].body()).contains("m=audio 5000"));
    assert!(status(&said[1]) == Some(200) && said[1].body().is_empty());
    let events = network.events(0);
    assert!(
        matches!(events.last(), Some(Event::CallEstablished { media, .. }) if media.remote_rtp.port() == 7300),
        "{events:?}"
    );
    send(&mut network, &request("ACK", 1, "ack", &tag, "", ""));
    send(&mut network, &request("BYE", 3, "b", &tag, "", ""));
    assert!(network.run_until_quiet(Duration::from_secs(90)));
    network.assert_empty();
}

#[test]
fn early_media_without_100rel_is_answered_again_in_the_2xx() {
    let mut network = bob();
    send(&mut network, &request("INVITE", 1, "inv", "", "", SDP));
    let call = network.incoming(0).unwrap();
    network.with(0, |bob, now| {
        bob.early_media(now, call, media(5000)).unwrap()
    });
    network.with(0, |bob, now| bob.answer(now, call, media(5000)).unwrap());
    let said = said(&mut network);
    let bodies: Vec<(Option<u16>, &[u8])> = said
        .iter()
        .map(|message| (status(message), message.body()))
        .collect();
    let [_, (Some(183), early), (Some(200), answer)] = &bodies[..] else {
        panic!("{bodies:?}")
    };
    assert!(!early.is_empty() && early == answer);
}

#[test]
fn an_offer_in_a_reliable_response_is_answered_in_the_prack() {
    let mut network = bob();
    send(
        &mut network,
        &request("INVITE", 1, "inv", "", "Require: 100rel\r\n", ""),
    );
    let call = network.incoming(0).unwrap();
    network.with(0, |bob, now| bob.ring(now, call).unwrap());
    assert_eq!(
        statuses(&mut network),
        [100],
        "a 180 would have to carry an offer"
    );
    network.with(0, |bob, now| {
        bob.early_media(now, call, media(5000)).unwrap()
    });
    let (tag, rseq, response) = reliable(&said(&mut network));
    assert!(String::from_utf8_lossy(&response.body).contains("m=audio 5000 RTP/AVP 8 0 101\r\n"));
    let update = request("UPDATE", 2, "u2", &tag, "", SDP);
    assert_eq!(ask(&mut network, &update), [491], "our offer is open");
    let rack = format!("RAck: {rseq} 1 INVITE\r\n");
    assert_eq!(
        ask(&mut network, &request("PRACK", 3, "p3", &tag, &rack, SDP)),
        [200]
    );
    let events = network.events(0);
    assert!(matches!(
        events.last(),
        Some(Event::MediaChanged { media, .. }) if media.remote_rtp.port() == 7000
    ));
    network.with(0, |bob, now| bob.answer(now, call, media(5000)).unwrap());
    let answer = said(&mut network).remove(0);
    assert!(status(&answer) == Some(200) && answer.body().is_empty());
    assert!(matches!(
        network.events(0).last(),
        Some(Event::CallEstablished { .. })
    ));
}

#[test]
fn an_update_before_the_answer_changes_early_media() {
    let mut network = bob();
    send(&mut network, &request("INVITE", 1, "inv", "", "", SDP));
    let call = network.incoming(0).unwrap();
    network.with(0, |bob, now| bob.ring(now, call).unwrap());
    let said = said(&mut network);
    let Some(Message::Response(ringing)) = said.last() else {
        panic!()
    };
    let tag = ringing.essentials().unwrap().to.tag().unwrap().to_owned();
    send(&mut network, &request("UPDATE", 2, "u2", &tag, "", SDP));
    let Message::Response(later) = crate::by_hand::said(&mut network).remove(0) else {
        panic!()
    };
    assert_eq!(later.status, 500, "the INVITE's offer is not answered yet");
    assert!(later.retry_after().unwrap() <= 10);
    assert_eq!(
        ask(&mut network, &request("INVITE", 3, "re", &tag, "", SDP)),
        [500],
        "a re-INVITE before the answer"
    );
}
