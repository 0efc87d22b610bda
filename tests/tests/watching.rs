//! Two desks at a real Kamailio with a presence server: message waiting, lamps, presence, short messages, digests by SHA-256.

#![expect(
    clippy::unwrap_used,
    reason = "a suite ends where its world is not as it should be"
)]

use std::net::UdpSocket;
use std::time::Duration;

use carillon_tests::desk::Desk;
use carillon_tests::events::Events;
use carillon_tests::kamailio::Kamailio;
use carillon_tests::pair::SOON;
use carillon_tests::section::Section;

fn desk(name: &str, user: &str, port: u16, features: &str) -> Desk {
    let mut desk = Desk::new(name).unwrap();
    std::fs::create_dir_all(desk.state()).unwrap();
    let yaml = format!(
        "accounts:\n  - id: main\n    address: sip:{user}@127.0.0.1\n    password: secret\n    registrar: 127.0.0.1:{port}\n    outbound_proxy: 127.0.0.1:{port}\n    features: {features}\nmedia: {{input: 'null', output: 'null'}}\n"
    );
    std::fs::write(desk.state().join("agent.yaml"), yaml).unwrap();
    desk.run().unwrap();
    desk
}

/// What a PBX does beside the desks: tells the presence server of a mailbox and of another line.
struct Pbx {
    socket: UdpSocket,
    port: u16,
    number: u32,
}

impl Pbx {
    fn new(port: u16) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        socket.connect(("127.0.0.1", port)).unwrap();
        Self {
            socket,
            port,
            number: 0,
        }
    }

    fn publish(&mut self, user: &str, event: &str, kind: &str, body: &str) {
        self.number += 1;
        let (number, port) = (self.number, self.port);
        let own = self.socket.local_addr().unwrap();
        let text = format!(
            "PUBLISH sip:{user}@127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKpbx{number};rport\r\nMax-Forwards: 70\r\nFrom: <sip:voicemail@127.0.0.1>;tag=p{number}\r\nTo: <sip:{user}@127.0.0.1>\r\nCall-ID: pbx{number}\r\nCSeq: 1 PUBLISH\r\nEvent: {event}\r\nExpires: 600\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.socket.send(text.as_bytes()).unwrap();
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).unwrap();
        let answer = String::from_utf8_lossy(&buffer[..length]).into_owned();
        assert!(answer.starts_with("SIP/2.0 200"), "{answer}");
    }
}

#[test]
fn desks_watch_publish_and_write_at_kamailio() {
    let section = Section::begin("message waiting, lamps, presence and short messages at Kamailio");
    let users = [("1001", "secret"), ("1002", "secret")];
    let kamailio = Kamailio::start_as("tests/kamailio/presence.cfg", &users).unwrap();
    let port = kamailio.port();
    let lamps = format!("{{lamps: ['sip:1002@127.0.0.1:{port}'], publish_presence: true}}");
    let first = desk("first", "1001", port, &lamps);
    let second = desk("second", "1002", port, "{publish_presence: true}");
    let mut events = Events::of(&first.state()).unwrap();
    first.wait_account("main", "registered", SOON).unwrap();
    second.wait_account("main", "registered", SOON).unwrap();
    section.note("both registered with SHA-256");

    let mut pbx = Pbx::new(port);
    let waiting = "Messages-Waiting: yes\r\nMessage-Account: sip:1001@127.0.0.1\r\nVoice-Message: 2/1 (0/0)\r\n";
    pbx.publish(
        "1001",
        "message-summary",
        "application/simple-message-summary",
        waiting,
    );
    let told = events
        .wait_data("messages_waiting", SOON, |data| data["new"] == 2)
        .unwrap();
    section.note(format!("told of the mailbox: {told}"));

    let ringing = "<?xml version=\"1.0\"?><dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"1\" state=\"full\" entity=\"sip:1002@127.0.0.1\"><dialog id=\"d1\" call-id=\"c1\" local-tag=\"l\" remote-tag=\"r\" direction=\"recipient\"><state>early</state></dialog></dialog-info>";
    pbx.publish("1002", "dialog", "application/dialog-info+xml", ringing);
    events
        .wait_data("lamp_changed", SOON, |data| data["state"] == "ringing")
        .unwrap();
    let talking = ringing.replace("early", "confirmed");
    pbx.publish("1002", "dialog", "application/dialog-info+xml", &talking);
    events
        .wait_data("lamp_changed", SOON, |data| data["state"] == "busy")
        .unwrap();
    section.note("the lamp rang and was busy");

    for (from, to, text) in [
        (&second, "1001", "from the second"),
        (&first, "1002", "from the first"),
    ] {
        let mut ear = Events::of(
            &(if to == "1001" {
                first.state()
            } else {
                second.state()
            }),
        )
        .unwrap();
        from.cli(&["message", to, text, "--json"])
            .unwrap()
            .success()
            .unwrap();
        ear.wait_data("text_received", SOON, |data| data["text"] == text)
            .unwrap();
    }
    section.note("short messages went both ways");

    second.cli(&["dnd", "on"]).unwrap().success().unwrap();
    first.dial("1002").unwrap();
    events
        .wait_data("call_ended", SOON, |data| data["cause"] == "busy")
        .unwrap();
    second.cli(&["dnd", "off"]).unwrap().success().unwrap();
    section.note("do not disturb kept a call away");
}
