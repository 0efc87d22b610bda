//! What the torture tests of RFC 4475 and RFC 5118 share: the messages, and an endpoint that meets them.

use crate::by_hand::{BOB_ADDRESS, PEER};
use crate::network::{Conditions, Mailbox, Network, peer};
use carillon_sip::message::{
    Essentials, HeaderName, Message, MessageError, NameAddr, Request, Response,
};
use carillon_sip::{Event, Uri};

/// The bytes of one message as they stand beside the RFC.
pub(crate) fn data(rfc: &str, label: &str) -> Vec<u8> {
    let path = format!(
        "{}/tests/data/{rfc}/{label}.dat",
        env!("CARGO_MANIFEST_DIR")
    );
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub(crate) fn request(bytes: &[u8]) -> (Request, Essentials) {
    match Message::parse(bytes) {
        Ok(Message::Request(request)) => {
            let essentials = request.essentials().unwrap();
            (request, essentials)
        }
        other => panic!("no request: {other:?}"),
    }
}

pub(crate) fn response(bytes: &[u8]) -> Response {
    match Message::parse(bytes) {
        Ok(Message::Response(response)) => response,
        other => panic!("no response: {other:?}"),
    }
}

/// What is wrong with the headers of a message that can be read.
pub(crate) fn complaint(bytes: &[u8]) -> MessageError {
    match Message::parse(bytes).unwrap() {
        Message::Request(request) => request.essentials().unwrap_err(),
        Message::Response(response) => response.essentials().unwrap_err(),
    }
}

pub(crate) fn uri(address: &NameAddr) -> String {
    address.uri.to_string()
}

pub(crate) fn sip(text: &str) -> Uri {
    text.parse().unwrap()
}

pub(crate) fn contacts(request: &Request) -> Vec<NameAddr> {
    let values = request.headers.values(HeaderName::Contact).unwrap();
    values.iter().map(|value| value.parse().unwrap()).collect()
}

/// What an endpoint made of a datagram.
pub(crate) struct Met {
    pub(crate) answers: Vec<Response>,
    pub(crate) rang: bool,
    pub(crate) dropped: u64,
    pub(crate) network: Network,
}

impl Met {
    pub(crate) fn statuses(&self) -> Vec<u16> {
        self.answers.iter().map(|answer| answer.status).collect()
    }

    /// The only answer's header, as text.
    pub(crate) fn says(&self, name: HeaderName) -> String {
        assert_eq!(self.answers.len(), 1, "{:?}", self.answers);
        let text = self.answers[0].headers.text(name);
        text.map(std::borrow::Cow::into_owned).unwrap_or_default()
    }
}

/// Lets an endpoint meet a datagram.
pub(crate) fn meet(bytes: &[u8]) -> Met {
    // The endpoint is whom the message is for.
    let user = match Message::parse(bytes) {
        Ok(Message::Request(request)) => request.uri.sip().and_then(|uri| uri.user.clone()),
        _ => None,
    };
    let mut network = Network::new(21, Conditions::PERFECT);
    network.script(PEER, Mailbox);
    let config = peer(&user.unwrap_or_else(|| "bob".to_owned()), BOB_ADDRESS);
    network.add(BOB_ADDRESS, config, 4);
    network.with(0, |bob, now| bob.register(now));
    network.trace.clear();
    let from = BOB_ADDRESS.parse().unwrap();
    network.inject(PEER.parse().unwrap(), from, bytes);
    let sent = network
        .trace
        .iter()
        .filter(|(_, sender, ..)| *sender == from);
    let answers = sent
        .map(|(_, _, to, bytes)| {
            assert_eq!(
                to.ip(),
                PEER.parse::<std::net::SocketAddr>().unwrap().ip(),
                "answers go to the sender only"
            );
            response(bytes)
        })
        .collect();
    let rang = network
        .events(0)
        .iter()
        .any(|event| matches!(event, Event::IncomingCall { .. }));
    let dropped = network.nodes[0].endpoint.counts().dropped;
    Met {
        answers,
        rang,
        dropped,
        network,
    }
}

/// Meets a message that must be answered with this status and nothing else, and must not ring.
pub(crate) fn answered(bytes: &[u8], status: u16) -> Met {
    let met = meet(bytes);
    assert_eq!(met.statuses(), [status]);
    assert!(!met.rang);
    met
}

/// Meets an INVITE that must ring.
pub(crate) fn rings(bytes: &[u8]) -> Met {
    let met = meet(bytes);
    assert_eq!(met.statuses(), [100]);
    assert!(met.rang);
    met
}

/// Meets a message that must be dropped without a word.
pub(crate) fn dropped(bytes: &[u8]) {
    let met = meet(bytes);
    assert_eq!((met.statuses(), met.rang, met.dropped), (vec![], false, 1));
}
