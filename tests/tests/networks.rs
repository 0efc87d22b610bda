//! Desks in networks of their own: behind NATs that forget, and under addresses that change.

#![expect(
    clippy::unwrap_used,
    reason = "a suite ends where its world is not as it should be"
)]

use std::time::{Duration, Instant};

use carillon_tests::binaries;
use carillon_tests::desk::Desk;
use carillon_tests::kamailio::{Kamailio, World};
use carillon_tests::namespace::Namespace;
use carillon_tests::pair::SOON;
use carillon_tests::section::Section;

const USERS: [(&str, &str); 3] = [("1001", "secret"), ("1002", "secret"), ("1003", "secret")];
/// Kamailio and the far side.
const OUTSIDE: &str = "203.0.113.2";

fn registrar(network: &Namespace) -> Kamailio {
    Kamailio::start_world(&World {
        users: &USERS,
        replace: &[("127.0.0.1", OUTSIDE)],
        port: Some(5060),
        namespace: Some(network),
        ..World::default()
    })
    .unwrap()
}

/// A desk with an account for each user, with those settings of `connection`.
fn desk(network: &Namespace, name: &str, accounts: &[(&str, &str)]) -> Desk {
    let program = network.program(&binaries::agent().unwrap()).unwrap();
    let mut desk = Desk::with_program(name, program).unwrap();
    std::fs::create_dir_all(desk.state()).unwrap();
    let mut yaml = "accounts:\n".to_owned();
    for (user, connection) in accounts {
        yaml += &format!(
            "  - id: a{user}\n    address: sip:{user}@{OUTSIDE}\n    password: secret\n    connection: {connection}\n"
        );
    }
    yaml += "media: {input: 'tone:440', output: 'null'}\n";
    std::fs::write(desk.state().join("agent.yaml"), yaml).unwrap();
    desk.run().unwrap();
    desk
}

/// Seconds after which the NAT forgets a binding that is silent; the desk keeps its own open at half of that. In the field the
/// NAT's time is 30 s and more, and the silence below is this many times as long as five minutes are there.
const BINDING: u32 = 3;
const SILENCE: Duration = Duration::from_secs(30);

/// What a NAT does with ports: kept where possible and good for any answer of the peer alone, or another for each peer.
fn called_after_silence(kind: &str, masquerade: &str) {
    let section = Section::begin(format!("a {kind} NAT, and a call after silence"));
    let inside = Namespace::new().unwrap();
    let router = Namespace::new().unwrap();
    let outside = Namespace::new().unwrap();
    router
        .join("10.77.0.1/24", &inside, "10.77.0.2/24")
        .unwrap();
    router
        .join("203.0.113.1/24", &outside, &format!("{OUTSIDE}/24"))
        .unwrap();
    inside
        .run("ip", &["route", "add", "default", "via", "10.77.0.1"])
        .unwrap();
    router
        .run("sysctl", &["-qw", "net.ipv4.ip_forward=1"])
        .unwrap();
    router
        .run(
            "nft",
            &[
                "add table ip nat; add chain ip nat out { type nat hook postrouting priority 100; }; ",
                &format!("add rule ip nat out ip saddr 10.77.0.0/24 {masquerade};"),
                "add table ip guard; add chain ip guard through { type filter hook forward priority 0; policy drop; };",
                "add rule ip guard through ct state established,related accept;",
                "add rule ip guard through ip saddr 10.77.0.0/24 accept;",
            ],
        )
        .unwrap();
    for timer in ["udp_timeout", "udp_timeout_stream"] {
        let setting = format!("net.netfilter.nf_conntrack_{timer}={BINDING}");
        router.run("sysctl", &["-qw", &setting]).unwrap();
    }
    let kamailio = registrar(&outside);
    let kept = format!("{{keep_alive_interval: {}}}", BINDING / 2);
    let desk_inside = desk(
        &inside,
        "inside",
        &[("1001", &kept), ("1003", "{keep_alive: off}")],
    );
    let far = desk(&outside, "far", &[("1002", "{}")]);
    for user in ["1001", "1003"] {
        let contact = kamailio.wait_registered(user, SOON).unwrap();
        section.note(format!("{user} is registered: {}", contact.uri));
    }
    far.wait_account("a1002", "registered", SOON).unwrap();
    std::thread::sleep(SILENCE);

    // Without keep-alives the NAT has forgotten: the call reaches nobody. That is what the others are worth.
    far.dial(&format!("sip:1003@{OUTSIDE}")).unwrap();
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(desk_inside.call_state().unwrap(), None);
    far.hang_up().unwrap();
    far.wait_no_call(Duration::from_secs(40)).unwrap();

    far.dial(&format!("sip:1001@{OUTSIDE}")).unwrap();
    desk_inside.wait_call("ringing", SOON).unwrap();
    desk_inside.answer().unwrap();
    far.wait_call("established", SOON).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    for desk in [&desk_inside, &far] {
        let status = desk.status().unwrap();
        let heard = status["calls"][0]["media"]["packets_received"].as_u64();
        assert!(heard > Some(20), "{} hears nothing: {status}", desk.name());
    }
    far.hang_up().unwrap();
    desk_inside.wait_no_call(SOON).unwrap();
    section.note("called after the silence, heard on both sides, ended by the far side");
}

#[test]
fn a_desk_behind_a_nat_is_called_after_long_silence() {
    std::thread::scope(|scope| {
        let port_restricted = scope.spawn(|| called_after_silence("port-restricted", "masquerade"));
        let symmetric =
            scope.spawn(|| called_after_silence("symmetric", "masquerade fully-random"));
        assert!(port_restricted.join().is_ok() & symmetric.join().is_ok());
    });
}

#[test]
fn a_desk_whose_address_changes_registers_at_once() {
    let section = Section::begin("an address that changes");
    let inside = Namespace::new().unwrap();
    let outside = Namespace::new().unwrap();
    outside
        .join(&format!("{OUTSIDE}/24"), &inside, "203.0.113.70/24")
        .unwrap();
    let kamailio = registrar(&outside);
    let desk = desk(&inside, "moving", &[("1001", "{}")]);
    let contact = kamailio.wait_registered("1001", SOON).unwrap();
    assert!(contact.uri.contains("203.0.113.70:"), "{}", contact.uri);
    let links = inside.run("ip", &["-o", "link"]).unwrap();
    let link = links
        .lines()
        .filter_map(|line| line.split_whitespace().nth(1))
        .find_map(|name| name.split_once('@'))
        .unwrap()
        .0
        .to_owned();
    inside
        .run("ip", &["addr", "add", "203.0.113.71/24", "dev", &link])
        .unwrap();
    inside
        .run("ip", &["addr", "del", "203.0.113.70/24", "dev", &link])
        .unwrap();
    inside
        .run("ip", &["addr", "replace", "203.0.113.71/24", "dev", &link])
        .unwrap();
    let changed = Instant::now();
    carillon_tests::patience::until_true("a contact at the new address", SOON, || {
        kamailio
            .contacts("1001")
            .is_ok_and(|all| all.iter().any(|c| c.uri.contains("203.0.113.71:")))
    })
    .unwrap();
    section.note(format!(
        "registered {:.1} s after the address changed",
        changed.elapsed().as_secs_f64()
    ));
    desk.wait_account("a1001", "registered", SOON).unwrap();
}
