//! A desk that finds its servers by NAPTR and SRV at a real name server, and goes on to the next one when a registrar dies.

#![expect(
    clippy::unwrap_used,
    reason = "a suite ends where its world is not as it should be"
)]

use std::time::{Duration, Instant};

use carillon_tests::binaries;
use carillon_tests::desk::Desk;
use carillon_tests::kamailio::{Kamailio, World};
use carillon_tests::name_server::NameServer;
use carillon_tests::namespace::Namespace;
use carillon_tests::pair::SOON;
use carillon_tests::section::Section;

const USERS: [(&str, &str); 2] = [("1001", "secret"), ("1002", "secret")];
/// TCP before UDP; of two servers, the first is at .11.
const ZONE: [&str; 8] = [
    "naptr-record=example.test,10,10,s,SIP+D2T,,_sip._tcp.example.test",
    "naptr-record=example.test,20,10,s,SIP+D2U,,_sip._udp.example.test",
    "srv-host=_sip._tcp.example.test,a.example.test,5060,10,0",
    "srv-host=_sip._tcp.example.test,b.example.test,5060,20,0",
    "srv-host=_sip._udp.example.test,a.example.test,5060,10,0",
    "srv-host=_sip._udp.example.test,b.example.test,5060,20,0",
    "host-record=a.example.test,127.0.0.11",
    "host-record=b.example.test,127.0.0.12",
];

fn registrar(network: &Namespace, address: &str) -> Kamailio {
    Kamailio::start_world(&World {
        file: "tests/kamailio/two_servers.cfg",
        users: &USERS,
        replace: &[("@ADDRESS@", address)],
        port: Some(5060),
        namespace: Some(network),
        ..World::default()
    })
    .unwrap()
}

fn desk(network: &Namespace, user: &str, transport: &str) -> Desk {
    let program = network.program(&binaries::agent().unwrap()).unwrap();
    let mut desk = Desk::with_program(user, program).unwrap();
    std::fs::create_dir_all(desk.state()).unwrap();
    let yaml = format!(
        "accounts:\n  - id: main\n    address: sip:{user}@example.test\n    password: secret\n    transport: {transport}\nmedia: {{input: 'null', output: 'null'}}\n"
    );
    std::fs::write(desk.state().join("agent.yaml"), yaml).unwrap();
    desk.run().unwrap();
    desk
}

#[test]
fn a_registrar_that_dies_is_replaced_by_the_next_of_its_srv_records() {
    let section = Section::begin("NAPTR, SRV and a registrar that dies");
    let network = Namespace::new().unwrap();
    let _names = NameServer::start(&network, &ZONE).unwrap();
    let mut a = registrar(&network, "127.0.0.11");
    let b = registrar(&network, "127.0.0.12");
    let first = desk(&network, "1001", "auto");
    let second = desk(&network, "1002", "auto");
    for user in ["1001", "1002"] {
        let contact = a.wait_registered(user, SOON).unwrap();
        assert!(contact.uri.contains(";transport=tcp"), "{}", contact.uri);
    }
    assert!(b.contacts("1001").unwrap().is_empty());
    section.note("registered at the first server over TCP, as NAPTR and SRV have it");

    a.kill();
    let died = Instant::now();
    for user in ["1001", "1002"] {
        b.wait_registered(user, Duration::from_secs(20)).unwrap();
    }
    section.note(format!(
        "registered at the second server {:.1} s after the first died",
        died.elapsed().as_secs_f64()
    ));
    first.dial("1002").unwrap();
    second.wait_call("ringing", SOON).unwrap();
    second.answer().unwrap();
    first.wait_call("established", SOON).unwrap();
    section.note("called through the second server");

    // The first comes back and the second dies, with the call standing.
    let a = registrar(&network, "127.0.0.11");
    drop(b);
    a.wait_registered("1001", Duration::from_secs(20)).unwrap();
    a.wait_registered("1002", Duration::from_secs(20)).unwrap();
    first.wait_call("established", SOON).unwrap();
    section.note("back at the first, the call stands");
}

#[test]
fn a_registrar_that_says_nothing_over_udp_is_left_for_the_next() {
    let section = Section::begin("a silent registrar over UDP");
    let network = Namespace::new().unwrap();
    let _names = NameServer::start(&network, &ZONE).unwrap();
    // Nobody is at the first address, and nothing says so over UDP.
    let b = registrar(&network, "127.0.0.12");
    let began = Instant::now();
    let _desk = desk(&network, "1001", "udp");
    let contact = b.wait_registered("1001", Duration::from_secs(20)).unwrap();
    assert!(!contact.uri.contains("transport"), "{}", contact.uri);
    let after = began.elapsed();
    assert!(after >= Duration::from_secs(7), "{after:?}");
    section.note(format!(
        "registered at the next after {:.1} s",
        after.as_secs_f64()
    ));
}
