//! Bob alone, and a peer whose messages a test writes by hand.

use crate::network::*;
use carillon_sip::message::Message;
use carillon_sip::{CallId, EndpointConfig};

pub(crate) const BOB_ADDRESS: &str = "10.0.0.2:5060";
pub(crate) const PEER: &str = "10.0.0.50:5070";
pub(crate) const SDP: &str = "v=0\r\no=- 5 1 IN IP4 10.0.0.50\r\ns=-\r\nc=IN IP4 10.0.0.50\r\nt=0 0\r\nm=audio 7000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n";

/// Bob alone, with a peer whose mail nobody answers.
pub(crate) fn bob() -> Network {
    bob_with(peer("bob", BOB_ADDRESS))
}

pub(crate) fn bob_with(config: EndpointConfig) -> Network {
    let mut network = Network::new(21, Conditions::PERFECT);
    network.script(PEER, Mailbox);
    network.add(BOB_ADDRESS, config, 4);
    network.with(0, |bob, now| bob.register(now));
    network
}

/// A request from the peer. `To` gets the tag when there is one.
pub(crate) fn request(
    method: &str,
    cseq: u32,
    branch: &str,
    to_tag: &str,
    extra: &str,
    body: &str,
) -> String {
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

pub(crate) fn send(network: &mut Network, text: &str) {
    network.inject(
        PEER.parse().unwrap(),
        BOB_ADDRESS.parse().unwrap(),
        text.as_bytes(),
    );
}

/// What Bob said since the last time.
pub(crate) fn said(network: &mut Network) -> Vec<Message> {
    let sent = std::mem::take(&mut network.trace)
        .into_iter()
        .filter(|(_, from, ..)| *from == BOB_ADDRESS.parse().unwrap());
    sent.map(|(.., bytes)| Message::parse(&bytes).unwrap())
        .collect()
}

pub(crate) fn statuses(network: &mut Network) -> Vec<u16> {
    said(network).iter().filter_map(status).collect()
}

pub(crate) fn status(message: &Message) -> Option<u16> {
    match message {
        Message::Response(response) => Some(response.status),
        Message::Request(_) => None,
    }
}

/// Sends one request and gives the statuses that came back for it.
pub(crate) fn ask(network: &mut Network, text: &str) -> Vec<u16> {
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
pub(crate) fn answered(network: &mut Network, body: &str) -> (CallId, String) {
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

pub(crate) fn confirmed(network: &mut Network) -> (CallId, String) {
    let (call, tag) = answered(network, SDP);
    send(network, &request("ACK", 1, "ack", &tag, "", ""));
    (call, tag)
}
