//! Three desks in a conference through Kamailio: each hears both others; mute, recording and the bell.

#![expect(
    clippy::unwrap_used,
    reason = "a suite ends where its world is not as it should be"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use carillon_tests::desk::Desk;
use carillon_tests::kamailio::Kamailio;
use carillon_tests::pair::SOON;
use carillon_tests::patience;
use carillon_tests::recording::Recording;
use carillon_tests::section::Section;
use carillon_tests::tone;

/// A desk of its own `agent.yaml` whose microphone is a tone.
fn desk(kamailio: &Kamailio, user: &str, hertz: u32) -> Desk {
    let mut desk = Desk::new(user).unwrap();
    std::fs::create_dir_all(desk.state()).unwrap();
    let file = |name: &str| desk.folder().join(name).display().to_string();
    let yaml = format!(
        "accounts:\n  - id: main\n    address: sip:{user}@127.0.0.1\n    password: secret-{user}\n    \
         registrar: 127.0.0.1:{port}\n    outbound_proxy: 127.0.0.1:{port}\n\
         media:\n  input: tone:{hertz}\n  output: {output}\n  ringing:\n    device: \"wav:{bell}\"\n",
        port = kamailio.port(),
        // The host has two calls at once, and one file cannot take both.
        output = if user == "1001" {
            "\"null\"".to_owned()
        } else {
            format!("\"wav:{}\"", file("heard.wav"))
        },
        bell = file("bell.wav"),
    );
    std::fs::write(desk.state().join("agent.yaml"), yaml).unwrap();
    desk.run().unwrap();
    desk.wait_account("main", "registered", SOON).unwrap();
    desk
}

/// The host calls a desk, which answers; gives the number of the call at the host and when it stood.
fn call(host: &Desk, to: &Desk) -> (u64, Instant) {
    let placed = host.dial(&format!("sip:{}@127.0.0.1", to.name())).unwrap();
    to.wait_call("ringing", SOON).unwrap();
    // Long enough for the bell to be heard.
    std::thread::sleep(Duration::from_millis(400));
    to.answer().unwrap();
    to.wait_call("established", SOON).unwrap();
    (placed["id"].as_u64().unwrap(), Instant::now())
}

/// How much of a stretch of sound each tone is.
fn shares(sound: &Recording, from: Duration, to: Duration) -> [f64; 3] {
    let part = sound.between(from.as_secs_f64(), to.as_secs_f64());
    [440.0, 600.0, 800.0].map(|hertz| tone::share(&part.samples, part.rate, hertz))
}

fn assert_shares(shares: [f64; 3], expected: [f64; 3]) {
    for (share, expected) in shares.iter().zip(expected) {
        assert!(
            (share - expected).abs() < 0.1,
            "{shares:?}, not {expected:?}"
        );
    }
}

#[test]
fn three_desks_hear_each_other_and_the_recording_holds_it() {
    let section = Section::begin("a conference of three desks through Kamailio");
    let users = [
        ("1001", "secret-1001"),
        ("1002", "secret-1002"),
        ("1003", "secret-1003"),
    ];
    let kamailio = Kamailio::start(&users).unwrap();
    let host = desk(&kamailio, "1001", 440);
    let (b, c) = (desk(&kamailio, "1002", 600), desk(&kamailio, "1003", 800));
    let (to_b, b_begun) = call(&host, &b);
    let (to_c, c_begun) = call(&host, &c);
    patience::until("both calls at the host", SOON, || {
        let status = host.status().map_err(|e| e.to_string())?;
        let calls = status["calls"].as_array().cloned().unwrap_or_default();
        let standing = calls.iter().filter(|call| call["state"] == "established");
        if standing.count() == 2 {
            Ok(())
        } else {
            Err(status.to_string())
        }
    })
    .unwrap();

    let members = host
        .ask("POST", "/v1/conference", r#"{"calls":[]}"#)
        .unwrap();
    assert_eq!(members.as_array().map(Vec::len), Some(2), "{members}");
    let joined = Instant::now();
    let record = format!("/v1/calls/{to_b}/record");
    let view = host.ask("POST", &record, r#"{"on":true}"#).unwrap();
    let recorded = view["recording"].as_str().unwrap().to_owned();
    section.note(format!("recording to {recorded}"));
    std::thread::sleep(Duration::from_millis(2_500));
    host.ask("POST", &record, r#"{"on":false}"#).unwrap();
    let mute = format!("/v1/calls/{to_b}/mute");
    host.ask("POST", &mute, r#"{"muted":true}"#).unwrap();
    let muted = Instant::now();
    std::thread::sleep(Duration::from_millis(2_000));
    let over = Instant::now();
    c.hang_up().unwrap();
    patience::until("the end of the conference", SOON, || {
        let status = host.status().map_err(|e| e.to_string())?;
        let left = &status["calls"][0];
        let alone = status["calls"].as_array().map(Vec::len) == Some(1);
        if alone && left["id"] == to_b && left["conference"] == false && left["muted"] == true {
            Ok(())
        } else {
            Err(status.to_string())
        }
    })
    .unwrap();
    assert_ne!(to_b, to_c);
    host.hang_up().unwrap();
    b.wait_no_call(SOON).unwrap();
    c.wait_no_call(SOON).unwrap();

    let heard = |desk: &Desk| Recording::open(&desk.folder().join("heard.wav")).unwrap();
    let (at_b, at_c) = (heard(&b), heard(&c));
    let settled = Duration::from_millis(700);
    let short = Duration::from_millis(300);
    let talk = |begun: Instant| (joined - begun + settled, muted - begun - short);
    let (from, to) = talk(b_begun);
    let shares_b = shares(&at_b, from, to);
    let (from, to) = talk(c_begun);
    let shares_c = shares(&at_c, from, to);
    section.note(format!(
        "1002 heard {shares_b:.2?}, 1003 heard {shares_c:.2?} of 440, 600, 800 Hz"
    ));
    assert_shares(shares_b, [0.5, 0.0, 0.5]);
    assert_shares(shares_c, [0.5, 0.5, 0.0]);
    let silenced = shares(&at_b, muted - b_begun + settled, over - b_begun - short);
    section.note(format!("muted, 1002 heard {silenced:.2?}"));
    assert_shares(silenced, [0.0, 0.0, 1.0]);
    let said = Recording::open(Path::new(&recorded)).unwrap();
    assert!(said.seconds() > 2.0, "{} s", said.seconds());
    assert!(
        recorded.contains("1002") && recorded.contains("recordings"),
        "{recorded}"
    );
    assert_shares(
        shares(&said, short, Duration::from_secs(2)),
        [0.5, 0.0, 0.5],
    );

    // Who was called heard the bell, until the answer.
    for desk in [&b, &c] {
        let bell = Recording::open(&desk.folder().join("bell.wav")).unwrap();
        let peak = bell
            .samples
            .iter()
            .fold(0.0_f32, |most, s| most.max(s.abs()));
        assert!(peak > 0.1, "{} rang at {peak}", desk.name());
    }
    assert!(
        !host.folder().join("bell.wav").exists(),
        "nobody called the host"
    );
}
