//! Two desks at a real Kamailio over every transport: registered, calling and called over UDP, TCP, TLS, WebSocket and IPv6.

#![expect(
    clippy::unwrap_used,
    reason = "a suite ends where its world is not as it should be"
)]

use std::time::Duration;

use carillon_tests::desk::Desk;
use carillon_tests::kamailio::Kamailio;
use carillon_tests::pair::SOON;
use carillon_tests::section::Section;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// Account, user at the first and the second desk, `transport`, and the proxy: `%` is the SIP port, `^` that of TLS.
const WAYS: [(&str, &str, &str, &str, &str); 5] = [
    ("udp", "1001", "2001", "udp", "127.0.0.1:%"),
    ("tcp", "1002", "2002", "tcp", "127.0.0.1:%"),
    ("tls", "1003", "2003", "tls", "localhost:^"),
    ("wss", "1004", "2004", "wss", "localhost:^"),
    ("six", "1005", "2005", "udp", "[::1]:%"),
];

/// An authority, and a certificate for `localhost` with its key.
fn certificates() -> (String, String, String) {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = ca.self_signed(&ca_key).unwrap().pem();
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = server.signed_by(&key, &Issuer::new(ca, ca_key)).unwrap();
    (authority, certificate.pem(), key.serialize_pem())
}

fn desk(name: &str, second: bool, port: u16, authority: &str, media: &str) -> Desk {
    let mut desk = Desk::new(name).unwrap();
    std::fs::create_dir_all(desk.state()).unwrap();
    let mut yaml = "accounts:\n".to_owned();
    for (id, first_user, second_user, transport, proxy) in WAYS {
        let user = if second { second_user } else { first_user };
        let proxy = proxy
            .replace('%', &port.to_string())
            .replace('^', &(port + 1).to_string());
        let ca = authority.replace('\n', "\n        ");
        yaml += &format!(
            "  - id: {id}\n    address: sip:{user}@127.0.0.1\n    password: secret\n    outbound_proxy: \"{proxy}\"\n    transport: {transport}\n    connection:\n      websocket_path: /sip\n      ca: |\n        {ca}\n"
        );
    }
    yaml += media;
    std::fs::write(desk.state().join("agent.yaml"), yaml).unwrap();
    desk.run().unwrap();
    desk
}

#[test]
fn desks_register_and_call_over_every_transport() {
    let section = Section::begin("every transport at Kamailio");
    let users: Vec<(&str, &str)> = WAYS
        .iter()
        .flat_map(|(_, first, second, ..)| [(*first, "secret"), (*second, "secret")])
        .collect();
    let (authority, certificate, key) = certificates();
    let beside = [("server.pem", certificate), ("server.key", key)];
    let kamailio = Kamailio::start_with("tests/kamailio/transports.cfg", &users, &beside).unwrap();
    let port = kamailio.port();
    let a = desk(
        "first",
        false,
        port,
        &authority,
        "media: {input: 'tone:440', output: 'null'}\n",
    );
    let b = desk(
        "second",
        true,
        port,
        &authority,
        "media: {input: 'tone:620', output: 'null'}\n",
    );
    for (id, first, second, ..) in WAYS {
        for (desk, user) in [(&a, first), (&b, second)] {
            desk.wait_account(id, "registered", SOON).unwrap();
            let contact = kamailio.wait_registered(user, SOON).unwrap();
            section.note(format!("{user} is registered: {}", contact.uri));
        }
    }
    for (id, first, second, ..) in WAYS {
        for (caller, called, user) in [(&a, &b, second), (&b, &a, first)] {
            let target = format!("sip:{user}@127.0.0.1");
            caller
                .cli(&["dial", &target, "--account", id])
                .unwrap()
                .success()
                .unwrap();
            called.wait_call("ringing", SOON).unwrap();
            called.answer().unwrap();
            caller.wait_call("established", SOON).unwrap();
            std::thread::sleep(Duration::from_millis(400));
            for desk in [caller, called] {
                let status = desk.status().unwrap();
                let heard = status["calls"][0]["media"]["packets_received"].as_u64();
                assert!(heard > Some(5), "{id}: {status}");
            }
            // The one that was called hangs up, over the connection that the caller opened to the proxy.
            called.hang_up().unwrap();
            for desk in [caller, called] {
                desk.wait_no_call(SOON).unwrap();
            }
            section.note(format!("{id}: a call to {user} stood and ended"));
        }
    }
}

#[test]
fn a_server_that_proves_another_name_is_not_registered_at() {
    let (authority, certificate, key) = certificates();
    let beside = [("server.pem", certificate), ("server.key", key)];
    let kamailio = Kamailio::start_with(
        "tests/kamailio/transports.cfg",
        &[("1001", "secret")],
        &beside,
    )
    .unwrap();
    let mut desk = Desk::new("doubter").unwrap();
    std::fs::create_dir_all(desk.state()).unwrap();
    let ca = authority.replace('\n', "\n        ");
    let tls_port = kamailio.port() + 1;
    let yaml = format!(
        "accounts:\n  - id: main\n    address: sip:1001@127.0.0.1\n    password: secret\n    outbound_proxy: 127.0.0.1:{tls_port}\n    transport: tls\n    connection:\n      ca: |\n        {ca}\nmedia: {{input: 'null', output: 'null'}}\n"
    );
    std::fs::write(desk.state().join("agent.yaml"), yaml).unwrap();
    desk.run().unwrap();
    let account = desk.wait_account("main", "failed", SOON).unwrap();
    let reason = account["reason"].as_str().unwrap();
    assert!(
        reason.contains("does not prove to be 127.0.0.1"),
        "{reason}"
    );
    assert_eq!(kamailio.challenged("1001"), 0, "nothing was said to it");
}
