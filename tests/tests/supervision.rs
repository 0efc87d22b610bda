//! An account actor that panics: restarted with back-off, the other account's call untouched, told
//! to the server; given up beyond the intensity.

#![expect(
    clippy::unwrap_used,
    reason = "a suite ends where its world is not as it should be"
)]

use std::time::Duration;

use carillon_tests::baresip::{Baresip, Setup};
use carillon_tests::binaries;
use carillon_tests::capture::Capture;
use carillon_tests::desk::Desk;
use carillon_tests::kamailio::Kamailio;
use carillon_tests::pair::{Entry, SOON, fleet_yaml};
use carillon_tests::patience;
use carillon_tests::section::Section;
use carillon_tests::server::Server;

struct House {
    desk: Desk,
    peer: Baresip,
    server: Server,
    kamailio: Kamailio,
}

impl House {
    /// A desk with accounts `main` (1001) and `second` (1003) and a call of `second` to baresip.
    fn start() -> Self {
        let kamailio =
            Kamailio::start(&[("1001", "one"), ("1003", "three"), ("1002", "peer")]).unwrap();
        let server = Server::start().unwrap();
        let yaml = fleet_yaml(&[Entry {
            desk: "frail",
            accounts: &[("1001", "one"), ("1003", "three")],
            registrar_port: kamailio.port(),
            input: "tone:440",
            output: "null",
        }]);
        server.apply(&yaml).unwrap().success().unwrap();
        let mut desk =
            Desk::with_program("frail", binaries::agent_with_injection().unwrap()).unwrap();
        desk.enrol(&server.ticket("frail").unwrap())
            .unwrap()
            .success()
            .unwrap();
        desk.run().unwrap();
        let mut peer = Baresip::start(&Setup::new("1002", "peer", kamailio.port())).unwrap();
        for account in ["main", "second"] {
            desk.wait_account(account, "registered", SOON).unwrap();
        }
        kamailio.wait_registered("1002", SOON).unwrap();
        desk.cli(&["dial", "sip:1002@127.0.0.1", "--account", "second"])
            .unwrap()
            .success()
            .unwrap();
        peer.wait_event("CALL_INCOMING", SOON).unwrap();
        peer.answer().unwrap();
        desk.wait_call("established", SOON).unwrap();
        Self {
            desk,
            peer,
            server,
            kamailio,
        }
    }

    fn panic(&self, account: &str) {
        self.desk
            .post(&format!("/v1/accounts/{account}/panic"))
            .unwrap();
    }

    fn wait_server(&self, what: &str, words: &[&str]) {
        patience::until(what, SOON, || {
            let shown = self
                .server
                .desk("frail")
                .map_err(|e| e.to_string())?
                .to_string();
            if words.iter().all(|word| shown.contains(word)) {
                Ok(())
            } else {
                Err(shown)
            }
        })
        .unwrap();
    }
}

#[test]
fn a_panic_in_one_account_costs_the_other_no_packet() {
    let section = Section::begin("a panic in an account actor");
    let mut house = House::start();
    let capture = Capture::start().unwrap();
    std::thread::sleep(Duration::from_secs(1));
    let saved = house.kamailio.saved("1001");
    house.panic("main");
    section.note("the actor of account main has panicked");
    patience::until_true("a new registration of main", SOON, || {
        house.kamailio.saved("1001") > saved
    })
    .unwrap();
    house.desk.wait_account("main", "registered", SOON).unwrap();
    section.note("main is registered again");
    std::thread::sleep(Duration::from_secs(1));
    house.wait_server("the restart at the server", &["actor_restarted"]);
    let status = house.desk.status().unwrap();
    assert_eq!(status["restarts"], 1, "{status}");
    assert_eq!(status["calls"][0]["state"], "established", "{status}");
    assert_eq!(status["calls"][0]["media"]["packets_lost"], 0, "{status}");
    let streams = capture.streams(&house.peer.rtp_ports()).unwrap();
    assert_eq!(streams.len(), 2, "{streams:#?}");
    for stream in &streams {
        section.note(format!("{stream:?}"));
        assert!(stream.packets >= 80, "{stream:?}");
        assert_eq!(stream.lost, 0, "{stream:?}");
    }
    house.desk.hang_up().unwrap();
    house.peer.wait_event("CALL_CLOSED", SOON).unwrap();
    let verdict = house.peer.heard().unwrap().tone().unwrap();
    section.note(format!("baresip heard, all through: {verdict}"));
    assert!(verdict.is_clean(440.0, 2.0), "{verdict}");
}

#[test]
fn beyond_the_intensity_an_account_is_given_up_and_the_desk_says_so() {
    let section = Section::begin("an account that panics again and again");
    let mut house = House::start();
    patience::until("the end of patience", 6 * SOON, || {
        // Between two restarts there is nobody to panic.
        let _ = house.desk.post("/v1/accounts/main/panic");
        let status = house.desk.status().map_err(|e| e.to_string())?;
        let given_up = status["accounts"][0]["state"] == "given_up";
        if given_up {
            Ok(())
        } else {
            Err(status["accounts"][0].to_string())
        }
    })
    .unwrap();
    let status = house.desk.status().unwrap();
    section.note(format!("given up after {} restarts", status["restarts"]));
    assert!(
        status["given_up"]
            .as_array()
            .is_some_and(|list| !list.is_empty()),
        "{status}"
    );
    assert_eq!(status["accounts"][1]["state"], "registered", "{status}");
    assert_eq!(status["calls"][0]["state"], "established", "{status}");
    house.wait_server("the giving up at the server", &["given_up"]);
    house.desk.hang_up().unwrap();
    house.peer.wait_event("CALL_CLOSED", SOON).unwrap();
}
