//! Within a call: hold and resume, late offers, new addresses, and what does not belong to it.

use crate::by_hand::*;
use crate::network::*;
use carillon_sip::message::{Message, Method};
use carillon_sip::{Direction, EndCause, Event};
use std::time::Duration;

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
    assert!(network.run_until_quiet(Duration::from_secs(90)));
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
