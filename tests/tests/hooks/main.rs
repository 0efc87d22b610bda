//! Hooks in real call flows: every event of MicroSIP's table, the values its tokens give, and what strangers put in them.

#![expect(
    clippy::unwrap_used,
    reason = "a suite ends where its world is not as it should be"
)]

mod stranger;

use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use carillon_tests::desk::Desk;
use carillon_tests::events::Events;
use carillon_tests::kamailio::Kamailio;
use carillon_tests::pair::SOON;
use carillon_tests::process::Process;
use carillon_tests::section::Section;
use carillon_tests::{binaries, patience, ports};

use stranger::Stranger;

/// The values that a hook hands to its program, in both spellings of the tokens.
const VALUES: [&str; 15] = [
    "{event}",
    "%direction%",
    "{number}",
    "%user%",
    "{domain}",
    "{name}",
    "%callerid%",
    "{server}",
    "%extension%",
    "{account}",
    "{callid}",
    "%duration%",
    "{time}",
    "{cause}",
    "{new}",
];

/// What a hook's program was called with, by the name of the value; `text` is from its environment.
#[derive(Debug, Clone)]
struct Heard(Vec<String>);

impl Heard {
    fn is(&self, value: &str) -> &str {
        let at = VALUES.iter().position(|v| v[1..v.len() - 1] == *value);
        let at = at.unwrap_or(VALUES.len());
        &self.0[at]
    }
}

/// A program that writes down how it was called, a line each.
struct Recorder(PathBuf);

impl Recorder {
    fn in_folder(folder: &Path) -> Self {
        let program = folder.join("record");
        let script =
            "#!/bin/sh\nIFS='|'\nprintf '%s\\n' \"$#|$*|$CARILLON_TEXT\" >>\"${0%/*}/heard\"\n";
        std::fs::write(&program, script).unwrap();
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&program, mode).unwrap();
        Self(program)
    }

    fn lines(&self) -> Vec<Heard> {
        let text = std::fs::read_to_string(self.0.with_file_name("heard")).unwrap_or_default();
        text.lines()
            .map(|line| {
                let mut fields = line.split('|').map(str::to_owned);
                // One argument for each value, whatever the value.
                assert_eq!(fields.next().unwrap(), VALUES.len().to_string(), "{line}");
                Heard(fields.collect())
            })
            .collect()
    }

    fn forget(&self) {
        std::fs::write(self.0.with_file_name("heard"), "").unwrap();
    }

    fn wait(&self, event: &str) -> Heard {
        patience::until(&format!("a hook on {event}"), SOON, || {
            let lines = self.lines();
            let found = lines.iter().find(|heard| heard.is("event") == event);
            found.cloned().ok_or_else(|| format!("{lines:?}"))
        })
        .unwrap()
    }

    /// A hook on each of these events.
    fn hooks(&self, events: &[&str], more: &str) -> String {
        let values: Vec<_> = VALUES.iter().map(|value| format!("'{value}'")).collect();
        let run = format!("[{}, {}]", self.0.display(), values.join(", "));
        events
            .iter()
            .map(|event| format!("  - {{'on': {event}, run: {run}{more}}}\n"))
            .collect()
    }
}

const EVENTS: [&str; 12] = [
    "incoming",
    "ringing",
    "outgoing",
    "answered",
    "media_started",
    "busy",
    "ended",
    "missed",
    "registered",
    "unregistered",
    "message",
    "voicemail",
];

/// A desk at Kamailio that records every event.
struct Recording {
    desk: Desk,
    heard: Recorder,
    yaml: String,
}

impl Recording {
    fn start(name: &str, user: &str, port: u16) -> Self {
        let mut desk = Desk::new(name).unwrap();
        let heard = Recorder::in_folder(desk.folder());
        std::fs::create_dir_all(desk.state()).unwrap();
        let yaml = format!(
            "accounts:\n  - id: main\n    address: sip:{user}@127.0.0.1\n    display_name: User {user}\n    \
             password: secret\n    registrar: 127.0.0.1:{port}\n    outbound_proxy: 127.0.0.1:{port}\n\
             media: {{input: 'null', output: 'null'}}\nhooks:\n{}",
            heard.hooks(&EVENTS, "")
        );
        std::fs::write(desk.state().join("agent.yaml"), &yaml).unwrap();
        desk.run().unwrap();
        Self { desk, heard, yaml }
    }

    fn rewrite(&self, yaml: &str) {
        std::fs::write(self.desk.state().join("agent.yaml"), yaml).unwrap();
    }
}

/// A way through a call.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Flow {
    /// A calls B, B answers, A hangs up.
    Talk,
    /// A calls B, B declines.
    Decline,
    /// A calls B and gives up.
    GiveUp,
}

/// Event of MicroSIP; the flow; the desk; our event; what its values are.
type Row = (
    &'static str,
    Flow,
    char,
    &'static str,
    &'static [(&'static str, &'static str)],
);

const TO_B: &[(&str, &str)] = &[
    ("direction", "outgoing"),
    ("number", "1002"),
    ("user", "1002"),
    ("domain", "127.0.0.1"),
    ("name", ""),
    ("callerid", "1002"),
    ("server", "127.0.0.1"),
    ("extension", "1001"),
    ("account", "main"),
];
const FROM_A: &[(&str, &str)] = &[
    ("direction", "incoming"),
    ("number", "1001"),
    ("domain", "127.0.0.1"),
    ("name", "User 1001"),
    ("callerid", "User 1001 <1001>"),
    ("extension", "1002"),
];

const TABLE: [Row; 14] = [
    ("cmdOutgoingCall", Flow::Talk, 'a', "outgoing", TO_B),
    ("cmdIncomingCall", Flow::Talk, 'b', "incoming", FROM_A),
    ("cmdCallRing", Flow::Talk, 'b', "ringing", FROM_A),
    ("cmdCallAnswer", Flow::Talk, 'b', "answered", FROM_A),
    ("cmdCallStart", Flow::Talk, 'a', "answered", TO_B),
    ("cmdCallStart", Flow::Talk, 'b', "answered", FROM_A),
    ("media established", Flow::Talk, 'a', "media_started", TO_B),
    (
        "media established",
        Flow::Talk,
        'b',
        "media_started",
        FROM_A,
    ),
    (
        "cmdCallEnd",
        Flow::Talk,
        'a',
        "ended",
        &[("cause", "hung_up_here"), ("number", "1002")],
    ),
    (
        "cmdCallEnd",
        Flow::Talk,
        'b',
        "ended",
        &[("cause", "hung_up_there"), ("number", "1001")],
    ),
    ("cmdCallBusy", Flow::Decline, 'a', "busy", TO_B),
    (
        "cmdCallEnd",
        Flow::Decline,
        'b',
        "ended",
        &[("cause", "declined"), ("duration", "0")],
    ),
    ("cmdCallEnd", Flow::GiveUp, 'b', "missed", FROM_A),
    (
        "cmdCallEnd",
        Flow::GiveUp,
        'b',
        "ended",
        &[("cause", "missed"), ("number", "1001")],
    ),
];

#[test]
fn every_event_of_microsip_fires_a_hook_with_the_right_values() {
    let section = Section::begin("every event of MicroSIP's table, by hooks");
    let users = [("1001", "secret"), ("1002", "secret")];
    let kamailio = Kamailio::start_as("tests/kamailio/presence.cfg", &users).unwrap();
    let a = Recording::start("a", "1001", kamailio.port());
    let b = Recording::start("b", "1002", kamailio.port());
    for desk in [&a, &b] {
        assert_eq!(desk.heard.wait("registered").is("account"), "main");
    }
    for flow in [Flow::Talk, Flow::Decline, Flow::GiveUp] {
        a.heard.forget();
        b.heard.forget();
        let placed = a.desk.dial("1002").unwrap();
        b.desk.wait_call("ringing", SOON).unwrap();
        match flow {
            Flow::Talk => {
                b.desk.answer().unwrap();
                a.desk.wait_call("established", SOON).unwrap();
                std::thread::sleep(Duration::from_millis(1_200));
                a.desk.hang_up().unwrap();
            }
            Flow::Decline => b.desk.hang_up().unwrap(),
            Flow::GiveUp => a.desk.hang_up().unwrap(),
        }
        a.desk.wait_no_call(SOON).unwrap();
        b.desk.wait_no_call(SOON).unwrap();
        for (microsip, _, desk, event, values) in TABLE.iter().filter(|row| row.1 == flow) {
            let heard = if *desk == 'a' { &a.heard } else { &b.heard }.wait(event);
            for (value, wanted) in *values {
                assert_eq!(heard.is(value), *wanted, "{microsip}, {value}: {heard:?}");
            }
            assert!(heard.is("time").ends_with('Z'), "{heard:?}");
            section.note(format!("{microsip} ({flow:?}) is {event} at {desk}"));
        }
        if flow == Flow::Talk {
            let talked: u32 = a.heard.wait("ended").is("duration").parse().unwrap();
            assert!((1..10).contains(&talked), "{talked} s");
            let heard = a.heard.wait("outgoing");
            assert_eq!(heard.is("callid"), placed["id"].to_string());
        }
        if flow == Flow::Decline {
            let ended = a
                .heard
                .lines()
                .into_iter()
                .any(|h| h.is("event") == "ended");
            assert!(!ended, "busy comes in place of ended");
        }
    }

    a.desk
        .cli(&["message", "1002", "hello | there"])
        .unwrap()
        .success()
        .unwrap();
    let heard = b.heard.wait("message");
    assert_eq!(
        (heard.is("number"), heard.0[15].as_str()),
        ("1001", "hello ")
    );
    assert_eq!(heard.0[16], " there", "the text comes by the environment");

    tell_of_voicemail(kamailio.port());
    assert_eq!(b.heard.wait("voicemail").is("new"), "2");

    b.rewrite(
        &b.yaml
            .replace("id: main\n", "id: main\n    enabled: false\n"),
    );
    assert_eq!(b.heard.wait("unregistered").is("account"), "main");
    section.note("message, voicemail and unregistered too");
}

/// Tells the presence server that two messages wait for 1002.
fn tell_of_voicemail(port: u16) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(("127.0.0.1", port)).unwrap();
    let own = socket.local_addr().unwrap();
    let body = "Messages-Waiting: yes\r\nMessage-Account: sip:1002@127.0.0.1\r\nVoice-Message: 2/1 (0/0)\r\n";
    let text = format!(
        "PUBLISH sip:1002@127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKmwi;rport\r\nMax-Forwards: 70\r\n\
         From: <sip:voicemail@127.0.0.1>;tag=v\r\nTo: <sip:1002@127.0.0.1>\r\nCall-ID: mwi\r\nCSeq: 1 PUBLISH\r\n\
         Event: message-summary\r\nExpires: 600\r\nContent-Type: application/simple-message-summary\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.send(text.as_bytes()).unwrap();
}

#[test]
fn a_call_that_is_turned_away_reaches_only_hooks_from_before_the_filters() {
    let mut desk = Desk::new("dnd").unwrap();
    let heard = Recorder::in_folder(desk.folder());
    let before = heard.hooks(&["incoming"], ", when: before_filters");
    let after = heard.hooks(&["ringing", "missed", "ended"], "");
    let port = ports::free().unwrap();
    std::fs::create_dir_all(desk.state()).unwrap();
    let yaml = format!(
        "accounts:\n  - {{id: main, address: 'sip:main@127.0.0.1:{port}', register: false, \
         features: {{do_not_disturb: true}}}}\nmedia: {{input: 'null', output: 'null'}}\nhooks:\n{before}{after}"
    );
    std::fs::write(desk.state().join("agent.yaml"), yaml).unwrap();
    desk.run().unwrap();
    let mut events = Events::of(&desk.state()).unwrap();
    assert_eq!(Stranger::new(port).call("Eve", "eve@evil.example"), 486);
    events.wait("call_turned_away", SOON).unwrap();
    assert_eq!(heard.wait("incoming").is("number"), "eve");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(heard.lines().len(), 1, "{:?}", heard.lines());
}

#[test]
fn attack_b_hostile_caller_ids_over_real_sip_run_nothing_and_stay_one_value() {
    let section = Section::begin("hostile caller ids reach hooks over real SIP");
    let folder = tempfile::tempdir().unwrap();
    // The real xdg-open, with a browser that writes down what it is given.
    let (browser, opened) = (folder.path().join("browser"), folder.path().join("opened"));
    let script = format!(
        "#!/bin/sh\nprintf '%s|%s\\n' \"$#\" \"$*\" >>{}\n",
        opened.display()
    );
    let wrapper = folder.path().join("carillon");
    let start = format!(
        "#!/bin/sh\nexport BROWSER={} XDG_CURRENT_DESKTOP=none\nunset DISPLAY WAYLAND_DISPLAY\nexec {} \"$@\"\n",
        browser.display(),
        binaries::agent().unwrap().display()
    );
    for (path, text) in [(&browser, &script), (&wrapper, &start)] {
        std::fs::write(path, text).unwrap();
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(path, mode).unwrap();
    }
    let mut desk = Desk::with_program("hostile", wrapper).unwrap();
    let heard = Recorder::in_folder(desk.folder());
    let port = ports::free().unwrap();
    std::fs::create_dir_all(desk.state()).unwrap();
    let yaml = format!(
        "accounts:\n  - {{id: main, address: 'sip:main@127.0.0.1:{port}', register: false, max_calls: 100}}\n\
         media: {{input: 'null', output: 'null'}}\nhooks:\n{}  \
         - {{'on': incoming, open: 'https://crm.example/of/{{number}}/x?name={{name}}&who=%number%'}}\n",
        heard.hooks(&["incoming"], "")
    );
    std::fs::write(desk.state().join("agent.yaml"), yaml).unwrap();
    desk.run().unwrap();

    let mark = folder.path().join("pwned");
    let touch = format!("touch {}", mark.display());
    let hostile = [
        (
            format!("\\\"; {touch}; \\\""),
            "1001@evil.example".to_owned(),
        ),
        (format!("$({touch})"), "1001;x=y@evil.example".to_owned()),
        (format!("`{touch}`"), "1001:pw@evil.example".to_owned()),
        (format!("& {touch} &calc"), "..@evil.example".to_owned()),
        (
            format!("'; {touch}; '"),
            "%2e%2e%2fetc%2fpasswd@evil.example".to_owned(),
        ),
        ("-rf".to_owned(), "--exec=calc@evil.example".to_owned()),
        (
            "%00%COMSPEC% {password}".to_owned(),
            "10%0001%0a@evil.example".to_owned(),
        ),
        (
            "\u{202e}exe.cod\u{2066}".to_owned(),
            "%e2%80%ae1001@evil.example".to_owned(),
        ),
        ("x".repeat(10_240), "1001@evil.example".to_owned()),
        (
            "x".to_owned(),
            format!("{}@evil.example", "9".repeat(10_240)),
        ),
        (
            "y".repeat(1_000),
            format!("{}@evil.example", "8".repeat(1_000)),
        ),
        (
            "?a=b&c=d#e".to_owned(),
            "1001%3fa%3db%26c@evil.example".to_owned(),
        ),
        ("%s%n%d".to_owned(), "%25s%25n@evil.example".to_owned()),
    ];
    let mut stranger = Stranger::new(port);
    let mut rang = 0;
    for (name, address) in &hostile {
        match stranger.call(name, address) {
            180 => rang += 1,
            // What no message may hold is refused at the door.
            status => section.note(format!("{status} for {name:.20}… from {address:.20}…")),
        }
    }
    assert!(rang >= 9, "{rang} rang");
    let read = || std::fs::read_to_string(&opened).unwrap_or_default();
    patience::until("all hooks", SOON, || {
        let (ran, open) = (heard.lines().len(), read().lines().count());
        if (ran, open) == (rang, rang) {
            Ok(())
        } else {
            Err(format!("{ran} ran, {open} opened; {}", desk.said()))
        }
    })
    .unwrap();
    for heard in heard.lines() {
        // The recorder cuts at bars, of which no name here has one.
        assert_eq!(heard.0.len(), VALUES.len() + 1, "{heard:?}");
        for value in ["number", "name", "callerid", "domain"] {
            let text = heard.is(value);
            assert!(
                !text.starts_with('-') && text.chars().count() <= 260,
                "{text}"
            );
            assert!(!text.contains(['\0', '\u{202e}', '\u{2066}']), "{text}");
        }
        assert!(!heard.is("number").contains(";x=y") && !heard.is("number").contains("pw"));
        section.note(format!(
            "{:.60} from {:.40}",
            heard.is("name"),
            heard.is("number")
        ));
    }
    for line in read().lines() {
        let url = line
            .strip_prefix("1|https://crm.example/of/")
            .unwrap_or_else(|| panic!("{line}"));
        let (path, query) = url.split_once('?').unwrap();
        assert_eq!(path.matches('/').count(), 1, "{line}");
        let number = path.strip_suffix("/x").unwrap();
        assert!(
            !["", ".", ".."].contains(&number) && !number.contains("%2F"),
            "{line}"
        );
        assert_eq!(query.matches(['&', '#', '?']).count(), 1, "{line}");
        let unreserved = |c: char| c.is_ascii_alphanumeric() || "-._~%=&".contains(c);
        assert!(query.chars().all(unreserved), "{line}");
    }
    assert!(!mark.exists(), "something that a caller wrote was run");
    assert!(desk.is_running());
    let log = desk.said();
    assert!(!log.contains("panicked"), "{log}");
}

#[test]
fn a_webhook_arrives_with_a_signature_that_another_program_verifies() {
    let section = Section::begin("a signed webhook at a real HTTPS listener");
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (folder.path().join("tls.pem"), folder.path().join("tls.key"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let port = ports::free().unwrap();
    let receiver = binaries::workspace().join("agent/examples/clients/python/webhook_receiver.py");
    let mut command = std::process::Command::new("setpriv");
    command
        .args(["--pdeathsig", "TERM", "--", "python3"])
        .arg(&receiver)
        .args([&certificate, &key])
        .arg(port.to_string())
        .env("WEBHOOK_SECRET", "a key of thirty-two characters..")
        .current_dir(folder.path());
    let _receiver = Process::adopt("receiver", command, folder.path()).unwrap();
    let received =
        || std::fs::read_to_string(folder.path().join("receiver.log")).unwrap_or_default();

    let mut desk = Desk::new("post").unwrap();
    let sip = ports::free().unwrap();
    std::fs::create_dir_all(desk.state()).unwrap();
    std::fs::copy(&certificate, desk.state().join("crm.pem")).unwrap();
    let hook = |on: &str, key: &str| {
        format!("  - {{'on': {on}, post: {{url: 'https://127.0.0.1:{port}/{on}', key: {key}}}}}\n")
    };
    let yaml = format!(
        "accounts:\n  - {{id: main, address: 'sip:main@127.0.0.1:{sip}', register: false}}\n\
         media: {{input: 'null', output: 'null'}}\nwebhook_keys:\n  \
         - {{name: crm, host: '127.0.0.1:{port}', ca_file: crm.pem, secret: 'a key of thirty-two characters..'}}\n  \
         - {{name: wrong, host: '127.0.0.1:{port}', ca_file: crm.pem, secret: 'another key of 32 characters....'}}\n\
         hooks:\n{}{}",
        hook("incoming", "crm"),
        hook("ringing", "wrong"),
    );
    std::fs::write(desk.state().join("agent.yaml"), yaml).unwrap();
    desk.run().unwrap();
    patience::until_true("the receiver", SOON, || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    })
    .unwrap();
    let mut events = Events::of(&desk.state()).unwrap();
    Stranger::new(sip).call("Eve \\\" O'Neill\\n", "+4312345@crm.example");
    let refused = events.wait_data("hook_failed", SOON, |_| true).unwrap();
    assert!(
        refused["hook"].as_str().unwrap().contains("on ringing"),
        "{refused}"
    );
    assert!(
        refused["why"].as_str().unwrap().contains("answered 403"),
        "{refused}"
    );
    let facts = patience::until("what was posted", SOON, || {
        let text = received();
        let line = text.lines().find(|line| line.contains("\"incoming\""));
        let line = line.ok_or_else(|| text.clone())?;
        serde_json::from_str::<serde_json::Value>(line).map_err(|e| format!("{e}: {text}"))
    })
    .unwrap();
    for (fact, wanted) in [
        ("event", "incoming"),
        ("number", "+4312345"),
        ("domain", "crm.example"),
        ("account", "main"),
        ("direction", "incoming"),
    ] {
        assert_eq!(facts[fact], wanted, "{facts}");
    }
    assert!(
        facts["name"]
            .as_str()
            .unwrap()
            .starts_with("Eve \" O'Neill"),
        "{facts}"
    );
    assert_eq!(facts["id"].as_str().unwrap().len(), 32);
    assert!(
        !received().contains("ringing"),
        "a post with another key was taken"
    );
    let log = desk.said();
    assert!(
        !log.contains("thirty-two") && !log.contains("another key"),
        "{log}"
    );
    section.note(format!("posted and verified: {facts}"));
}
