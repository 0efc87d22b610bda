//! The agent against baresip and SIPp, both ways, with DTMF.

#![expect(
    clippy::unwrap_used,
    reason = "a suite ends where its world is not as it should be"
)]

use std::time::Duration;

use carillon_tests::baresip::{Baresip, Setup};
use carillon_tests::desk::Desk;
use carillon_tests::kamailio::Kamailio;
use carillon_tests::pair::{Entry, SOON, fleet_yaml};
use carillon_tests::patience;
use carillon_tests::recording::Recording;
use carillon_tests::section::Section;
use carillon_tests::server::Server;
use carillon_tests::sipp::{Load, Sipp};

/// Our desk (1001, speaks 440 Hz, records) and a baresip (1002, speaks 620 Hz, records).
struct Both {
    ours: Desk,
    theirs: Baresip,
    _server: Server,
    kamailio: Kamailio,
}

impl Both {
    fn start() -> Self {
        let kamailio = Kamailio::start(&[("1001", "ours"), ("1002", "theirs")]).unwrap();
        let server = Server::start().unwrap();
        let mut ours = Desk::new("ours").unwrap();
        let output = format!("wav:{}", ours.folder().join("heard.wav").display());
        let yaml = fleet_yaml(&[Entry {
            desk: "ours",
            accounts: &[("1001", "ours")],
            registrar_port: kamailio.port(),
            input: "tone:440",
            output: &output,
        }]);
        server.apply(&yaml).unwrap().success().unwrap();
        ours.enrol(&server.ticket("ours").unwrap())
            .unwrap()
            .success()
            .unwrap();
        ours.run().unwrap();
        let mut setup = Setup::new("1002", "theirs", kamailio.port());
        setup.tone = 620;
        let theirs = Baresip::start(&setup).unwrap();
        ours.wait_account("main", "registered", SOON).unwrap();
        kamailio.wait_registered("1002", SOON).unwrap();
        Self {
            ours,
            theirs,
            _server: server,
            kamailio,
        }
    }

    /// Both must have heard the other's tone, cleanly. What DTMF covered is left out.
    fn assert_heard(&self, section: &Section, seconds: f64) {
        let theirs = self.theirs.heard().unwrap();
        let verdict = theirs.between(0.2, 0.2 + seconds).tone().unwrap();
        section.note(format!("baresip heard {verdict}"));
        assert!(verdict.is_clean(440.0, seconds * 0.8), "{verdict}");
        let ours = Recording::open(&self.ours.folder().join("heard.wav")).unwrap();
        let verdict = ours.between(0.2, 0.2 + seconds).tone().unwrap();
        section.note(format!("our desk heard {verdict}"));
        assert!(verdict.is_clean(620.0, seconds * 0.8), "{verdict}");
    }
}

#[test]
fn our_desk_calls_baresip() {
    let section = Section::begin("our desk calls baresip");
    let mut both = Both::start();
    both.ours.dial("sip:1002@127.0.0.1").unwrap();
    both.theirs.wait_event("CALL_INCOMING", SOON).unwrap();
    both.ours.wait_call("ringing", SOON).unwrap();
    both.theirs.answer().unwrap();
    both.theirs.wait_event("CALL_ESTABLISHED", SOON).unwrap();
    both.ours.wait_call("established", SOON).unwrap();
    std::thread::sleep(Duration::from_secs(3));
    both.ours.send_digits("159#").unwrap();
    patience::until("the digits at baresip", SOON, || {
        match both.theirs.heard_digits() {
            digits if digits == "159#" => Ok(()),
            digits => Err(digits),
        }
    })
    .unwrap();
    both.ours.hang_up().unwrap();
    both.theirs.wait_event("CALL_CLOSED", SOON).unwrap();
    both.ours.wait_no_call(SOON).unwrap();
    both.assert_heard(&section, 2.5);
}

#[test]
fn baresip_calls_our_desk() {
    let section = Section::begin("baresip calls our desk");
    let mut both = Both::start();
    both.theirs.dial("sip:1001@127.0.0.1").unwrap();
    both.ours.wait_call("ringing", SOON).unwrap();
    both.ours.answer().unwrap();
    both.theirs.wait_event("CALL_ESTABLISHED", SOON).unwrap();
    both.ours.wait_call("established", SOON).unwrap();
    std::thread::sleep(Duration::from_secs(3));
    both.theirs.send_digits("73*").unwrap();
    patience::until("the digits at our desk", SOON, || {
        let status = both.ours.status().map_err(|e| e.to_string())?;
        if status["calls"][0]["media"]["digits_received"] == 3 {
            Ok(())
        } else {
            Err(status.to_string())
        }
    })
    .unwrap();
    both.theirs.hang_up().unwrap();
    both.ours.wait_no_call(SOON).unwrap();
    both.assert_heard(&section, 2.5);
}

#[test]
fn baresip_holds_and_takes_back() {
    let mut both = Both::start();
    both.ours.dial("sip:1002@127.0.0.1").unwrap();
    both.theirs.wait_event("CALL_INCOMING", SOON).unwrap();
    both.theirs.answer().unwrap();
    both.ours.wait_call("established", SOON).unwrap();
    for held in [true, false] {
        both.theirs.hold(held).unwrap();
        patience::until(&format!("held: {held}"), SOON, || {
            let status = both.ours.status().map_err(|e| e.to_string())?;
            if status["calls"][0]["held"] == held {
                Ok(())
            } else {
                Err(status.to_string())
            }
        })
        .unwrap();
    }
    both.ours.hang_up().unwrap();
    both.theirs.wait_event("CALL_CLOSED", SOON).unwrap();
}

#[test]
fn a_call_is_taken_back_before_it_is_answered() {
    let mut both = Both::start();
    both.ours.dial("sip:1002@127.0.0.1").unwrap();
    both.theirs.wait_event("CALL_INCOMING", SOON).unwrap();
    both.ours.hang_up().unwrap();
    both.theirs.wait_event("CALL_CLOSED", SOON).unwrap();
    both.ours.wait_no_call(SOON).unwrap();

    both.theirs.dial("sip:1001@127.0.0.1").unwrap();
    both.ours.wait_call("ringing", SOON).unwrap();
    both.theirs.hang_up().unwrap();
    both.ours.wait_no_call(SOON).unwrap();
}

#[test]
fn a_call_that_rings_is_refused() {
    let mut both = Both::start();
    both.theirs.dial("sip:1001@127.0.0.1").unwrap();
    both.ours.wait_call("ringing", SOON).unwrap();
    both.ours.hang_up().unwrap();
    both.theirs.wait_event("CALL_CLOSED", SOON).unwrap();
    both.ours.wait_no_call(SOON).unwrap();
}

#[test]
fn a_number_that_is_not_there_ends_the_call() {
    let both = Both::start();
    let ended = both
        .ours
        .cli(&["dial", "sip:nobody@127.0.0.1", "--json"])
        .unwrap();
    assert_eq!(
        ended.code,
        Some(0),
        "placing a call is no error yet: {ended:?}"
    );
    both.ours.wait_no_call(SOON).unwrap();
}

#[test]
fn sipp_calls_our_desk() {
    let both = Both::start();
    let contact = both.kamailio.wait_registered("1001", SOON).unwrap();
    let port: u16 = contact
        .uri
        .split(';')
        .next()
        .and_then(|uri| uri.rsplit(':').next())
        .and_then(|port| port.parse().ok())
        .unwrap_or_else(|| panic!("no port in {}", contact.uri));
    let sipp = Sipp::start("call", port, Load::ONCE, &[("user", "1001")]).unwrap();
    both.ours.wait_call("ringing", SOON).unwrap();
    both.ours.answer().unwrap();
    sipp.finish(SOON).unwrap();
    both.ours.wait_no_call(SOON).unwrap();
    Sipp::start(
        "options-desk",
        port,
        Load {
            calls: 20,
            rate: 50,
        },
        &[("user", "1001")],
    )
    .unwrap()
    .finish(SOON)
    .unwrap();
}

#[test]
fn our_desk_calls_sipp_and_is_hung_up() {
    let section = Section::begin("our desk calls SIPp, account without a registrar");
    let server = Server::start().unwrap();
    let yaml = "desks:\n  - name: alone\n    accounts:\n      - id: main\n        \
                address: sip:alone@127.0.0.1\n        register: false\n    \
                media:\n      input: \"tone:440\"\n      output: \"null\"\n";
    server.apply(yaml).unwrap().success().unwrap();
    let mut desk = Desk::new("alone").unwrap();
    desk.enrol(&server.ticket("alone").unwrap())
        .unwrap()
        .success()
        .unwrap();
    desk.run().unwrap();
    desk.wait_account("main", "local", SOON).unwrap();
    // SIPp answers, waits half a second, and hangs up itself.
    let sipp = Sipp::start("answer", 9, Load::ONCE, &[]).unwrap();
    desk.dial(&format!("sip:sipp@127.0.0.1:{}", sipp.port()))
        .unwrap();
    desk.wait_call("established", SOON).unwrap();
    section.note("established");
    sipp.finish(SOON).unwrap();
    desk.wait_no_call(SOON).unwrap();
}
