//! What a registration brings beside its lifetime: public address, Service-Route, GRUU, outbound, and a network that changes.

use crate::network::*;
use crate::registering::{ALICE_ADDRESS, REGISTRAR, account, registering, registering_as, state};
use crate::registrar::{Registrar, contact};
use carillon_sip::message::{HeaderName, Method, Request};
use carillon_sip::{Event, RegistrationState};
use std::net::SocketAddr;
use std::time::Duration;

const EDGE: &str = "10.0.0.120:5060";

fn last(registrar: &Registrar, method: &Method) -> Request {
    registrar
        .0
        .borrow()
        .seen
        .iter()
        .rfind(|request| request.method == *method)
        .unwrap()
        .clone()
}

fn contacts(request: &Request) -> Vec<String> {
    request.headers.values(HeaderName::Contact).unwrap()
}

#[test]
fn offers_path_and_outbound() {
    let registrar = Registrar::new("secret");
    let network = registering(&registrar, "secret");
    let request = last(&registrar, &Method::Register);
    for option in ["path", "outbound"] {
        assert!(request.headers.lists(HeaderName::Supported, option));
    }
    assert!(!request.headers.lists(HeaderName::Supported, "gruu"));
    assert_eq!(contact(&request).params.get("reg-id"), Some("1"));
    assert!(matches!(
        state(&network),
        RegistrationState::Registered { .. }
    ));
}

#[test]
fn edge_without_outbound_is_asked_without_it() {
    let registrar = Registrar::new("secret");
    registrar.0.borrow_mut().script = [(439, "X: y")].into();
    let network = registering(&registrar, "secret");
    assert!(matches!(
        state(&network),
        RegistrationState::Registered { .. }
    ));
    let request = last(&registrar, &Method::Register);
    assert!(!request.headers.lists(HeaderName::Supported, "outbound"));
    assert!(!contact(&request).params.has("reg-id"));
    assert!(contact(&request).params.has("+sip.instance"));
}

#[test]
fn behind_a_nat_the_public_address_is_registered() {
    let registrar = Registrar::new("secret");
    registrar.0.borrow_mut().seen_as = Some("192.0.2.7:40001".parse().unwrap());
    let mut network = registering(&registrar, "secret");
    // The challenge told already: no third REGISTER is spent on it.
    assert_eq!(registrar.count(&Method::Register), 2);
    assert_eq!(
        contact(&last(&registrar, &Method::Register))
            .uri
            .to_string(),
        "sip:alice@192.0.2.7:40001"
    );
    let RegistrationState::Registered { contact: held, .. } = state(&network) else {
        panic!("{:?}", state(&network))
    };
    assert_eq!(held.to_string(), "sip:alice@192.0.2.7:40001");

    // The NAT forgets and gives another port: told with the refresh, registered at once, the old one taken back.
    registrar.0.borrow_mut().seen_as = Some("192.0.2.7:40002".parse().unwrap());
    registrar.0.borrow_mut().challenged.clear();
    network.run_for(Duration::from_secs(280));
    let request = last(&registrar, &Method::Register);
    assert_eq!(
        contacts(&request),
        [
            "<sip:alice@192.0.2.7:40001>;expires=0",
            "<sip:alice@192.0.2.7:40002>;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>\";reg-id=1"
        ]
    );
    assert_eq!(
        network.nodes[ALICE].endpoint.public_address(),
        Some("192.0.2.7:40002".parse().unwrap())
    );
}

/// A NAT that gives another port for every packet must not make us register without end.
#[test]
fn nat_with_ever_new_ports_costs_three_requests_a_refresh() {
    let registrar = Registrar::new("secret");
    registrar.0.borrow_mut().challenged.clear();
    let mut network = Network::new(7, Conditions::PERFECT);
    network
        .names
        .insert("example.org".to_owned(), vec![REGISTRAR.parse().unwrap()]);
    let mut port = 40_000;
    let inner = registrar.clone();
    network.script(REGISTRAR, move |from: SocketAddr, bytes: &[u8]| {
        port += 1;
        inner.0.borrow_mut().seen_as = Some(SocketAddr::from(([192, 0, 2, 7], port)));
        Script::receive(&mut inner.clone(), from, bytes)
    });
    network.add(ALICE_ADDRESS, account("alice", "secret"), 3);
    network.with(ALICE, |alice, now| alice.register(now));
    network.run_for(Duration::from_secs(100));
    assert_eq!(registrar.count(&Method::Register), 3);
    assert!(matches!(
        state(&network),
        RegistrationState::Registered { .. }
    ));
    network.run_for(Duration::from_secs(200));
    assert_eq!(registrar.count(&Method::Register), 6);
}

#[test]
fn service_route_leads_later_requests() {
    let registrar = Registrar::new("secret");
    registrar.0.borrow_mut().extra = vec![(
        HeaderName::ServiceRoute,
        format!("<sip:{EDGE};lr>, <sip:core.example.org;lr>"),
    )];
    let mut network = registering(&registrar, "secret");
    let edge = Registrar::new("secret");
    edge.0.borrow_mut().challenged = vec![Method::Invite];
    network.script(EDGE, edge.clone());
    network.with(ALICE, |alice, now| {
        alice.call(now, "bob", media(4000)).unwrap()
    });
    network.run_for(Duration::from_secs(1));
    let invite = last(&edge, &Method::Invite);
    assert_eq!(
        invite.headers.values(HeaderName::Route).unwrap(),
        [
            format!("<sip:{EDGE};lr>"),
            "<sip:core.example.org;lr>".to_owned()
        ]
    );
    assert!(
        invite.headers.has(HeaderName::ProxyAuthorization),
        "a proxy our registrar named is ours"
    );
    // REGISTER itself does not follow it (RFC 3608 §5).
    assert!(
        !last(&registrar, &Method::Register)
            .headers
            .has(HeaderName::Route)
    );
    network.with(ALICE, |alice, now| alice.unregister(now));
    network.run_for(Duration::from_secs(1));
    assert!(
        network.nodes[ALICE]
            .endpoint
            .binding()
            .service_route
            .is_empty()
    );
}

#[test]
fn gruu_nobody_wanted_is_no_contact() {
    let registrar = Registrar::new("secret");
    registrar.0.borrow_mut().contact_params =
        ";pub-gruu=\"sip:alice@example.org;gr=urn:uuid:1\"".to_owned();
    let mut network = registering(&registrar, "secret");
    network.with(ALICE, |alice, now| {
        alice.call(now, "bob", media(4000)).unwrap()
    });
    network.run_for(Duration::from_secs(1));
    let contacts = contacts(&last(&registrar, &Method::Invite));
    assert!(
        contacts.iter().all(|contact| !contact.contains(";gr=")),
        "{contacts:?}"
    );
}

#[test]
fn gruu_is_the_contact_of_calls_and_not_of_registrations() {
    let registrar = Registrar::new("secret");
    let gruu = "sip:alice@example.org;gr=urn:uuid:00000000-0000-1000-8000-000A95A0E128";
    registrar.0.borrow_mut().contact_params = format!(";pub-gruu=\"{gruu}\"");
    registrar.0.borrow_mut().extra = vec![(
        HeaderName::PAssociatedUri,
        "<sip:alice@example.org>, <tel:+4312345>".to_owned(),
    )];
    let mut wanting = account("alice", "secret");
    wanting.gruu = true;
    let mut network = registering_as(&registrar, wanting);
    let request = last(&registrar, &Method::Register);
    assert!(request.headers.lists(HeaderName::Supported, "gruu"));
    let binding = network.nodes[ALICE].endpoint.binding().clone();
    assert_eq!(binding.public_gruu.unwrap().to_string(), gruu);
    assert_eq!(binding.associated.len(), 2);
    network.with(ALICE, |alice, now| {
        alice.call(now, "bob", media(4000)).unwrap()
    });
    network.run_for(Duration::from_secs(1));
    assert_eq!(
        contacts(&last(&registrar, &Method::Invite)),
        [format!("<{gruu}>")]
    );
    network.run_for(Duration::from_secs(300));
    assert_eq!(
        contact(&last(&registrar, &Method::Register))
            .uri
            .to_string(),
        "sip:alice@10.0.0.1:5060"
    );
}

#[test]
fn outbound_marks_the_contact_of_calls() {
    let registrar = Registrar::new("secret");
    registrar.0.borrow_mut().extra = vec![
        (HeaderName::Require, "outbound".to_owned()),
        (HeaderName::FlowTimer, "30".to_owned()),
    ];
    let mut network = registering(&registrar, "secret");
    assert_eq!(
        network.nodes[ALICE].endpoint.binding().flow_timer,
        Some(Duration::from_secs(30))
    );
    network.with(ALICE, |alice, now| {
        alice.call(now, "bob", media(4000)).unwrap()
    });
    network.run_for(Duration::from_secs(1));
    assert_eq!(
        contacts(&last(&registrar, &Method::Invite)),
        ["<sip:alice@10.0.0.1:5060;ob>"]
    );
}

#[test]
fn changed_network_registers_at_once_whatever_was_waited_for() {
    let registrar = Registrar::new("secret");
    registrar.0.borrow_mut().silent = true;
    let mut network = registering(&registrar, "secret");
    network.run_for(Duration::from_secs(34));
    assert!(matches!(state(&network), RegistrationState::Failed { .. }));
    registrar.0.borrow_mut().silent = false;
    network.with(ALICE, |alice, now| alice.network_changed(now));
    network.run_for(Duration::from_millis(100));
    assert!(matches!(
        state(&network),
        RegistrationState::Registered { .. }
    ));

    // A REGISTER that the old network swallowed is not waited for.
    registrar.0.borrow_mut().silent = true;
    network.run_for(Duration::from_secs(271));
    registrar.0.borrow_mut().silent = false;
    let seen = registrar.count(&Method::Register);
    network.with(ALICE, |alice, now| alice.network_changed(now));
    network.run_for(Duration::from_millis(100));
    assert!(registrar.count(&Method::Register) > seen);
    assert_eq!(network.nodes[ALICE].endpoint.counts().requests, 0);
    assert!(matches!(
        network.events(ALICE).last(),
        Some(Event::Registration(RegistrationState::Registered { .. }))
    ));
}

/// A flow that broke: the same instance and reg-id over the next one (RFC 5626 §4.4), without the address the old one had.
#[test]
fn broken_flow_is_recovered() {
    let registrar = Registrar::new("secret");
    registrar.0.borrow_mut().seen_as = Some("192.0.2.7:40001".parse().unwrap());
    let mut network = registering(&registrar, "secret");
    registrar.0.borrow_mut().seen_as = None;
    let before = contact(&last(&registrar, &Method::Register));
    let flow = network.nodes[ALICE].flow.unwrap();
    network.with(ALICE, |alice, now| {
        alice.flow_failed(now, flow, "the cable was pulled")
    });
    network.run_for(Duration::from_secs(10));
    let after = contact(&last(&registrar, &Method::Register));
    assert_eq!(after.uri.to_string(), "sip:alice@10.0.0.1:5060");
    for name in ["+sip.instance", "reg-id"] {
        assert_eq!(before.params.get(name), after.params.get(name));
    }
    assert!(matches!(
        state(&network),
        RegistrationState::Registered { .. }
    ));
}

#[test]
fn hidden_call_shows_nobody_but_the_proxy_who_calls() {
    let registrar = Registrar::new("secret");
    registrar.0.borrow_mut().challenged.push(Method::Invite);
    let mut network = registering(&registrar, "secret");
    let hide = carillon_sip::CallOptions {
        hide_caller: true,
        ..carillon_sip::CallOptions::default()
    };
    network.with(ALICE, |alice, now| {
        alice.call_with(now, "bob", media(4000), hide).unwrap();
        alice.call(now, "bob", media(4002)).unwrap();
    });
    network.run_for(Duration::from_secs(1));
    let seen = registrar.0.borrow().seen.clone();
    let invites: Vec<&Request> = seen
        .iter()
        .filter(|request| request.method == Method::Invite)
        .collect();
    let text = |request: &Request, name| request.headers.text(name).map(|text| text.into_owned());
    let hidden: Vec<_> = invites
        .iter()
        .filter(|request| request.headers.has(HeaderName::Privacy))
        .collect();
    assert_eq!(
        (invites.len(), hidden.len()),
        (4, 2),
        "also the one that answers the challenge"
    );
    for request in hidden {
        assert!(
            text(request, HeaderName::From)
                .unwrap()
                .contains("anonymous@anonymous.invalid")
        );
        assert_eq!(contacts(request), ["<sip:10.0.0.1:5060>"]);
        assert_eq!(
            text(request, HeaderName::PPreferredIdentity).unwrap(),
            "<sip:alice@example.org>"
        );
    }
}

#[test]
fn call_sent_on_names_the_other_target() {
    use crate::by_hand::{SDP, bob, request, said, send};
    let mut network = bob();
    send(&mut network, &request("INVITE", 1, "i", "", "", SDP));
    let call = network.incoming(0).unwrap();
    network.with(0, |bob, now| bob.forward(now, call, "1009").unwrap());
    let moved = said(&mut network)
        .into_iter()
        .find_map(|message| match message {
            carillon_sip::message::Message::Response(response) if response.status == 302 => {
                Some(response)
            }
            _ => None,
        });
    assert_eq!(
        moved.unwrap().headers.text(HeaderName::Contact).unwrap(),
        "<sip:1009@10.0.0.2:5060>"
    );
}
