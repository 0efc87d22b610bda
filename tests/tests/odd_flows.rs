//! What few peers do and every agent must take: offers that come late, reliable provisional responses, session timers, glare,
//! forks, redirects. SIPp plays the peer, from `tests/sipp`.

#![expect(
    clippy::unwrap_used,
    reason = "a suite ends where its world is not as it should be"
)]

use carillon_tests::desk::Desk;
use carillon_tests::pair::SOON;
use carillon_tests::server::Server;
use carillon_tests::sipp::{Load, Sipp};
use carillon_tests::{patience, ports};
use std::time::Duration;

/// Session timers take their time: the shortest interval that is followed is ten seconds.
const REFRESHED: Duration = Duration::from_secs(30);

/// A desk without a registrar, and its port.
struct Alone {
    desk: Desk,
    port: u16,
    _server: Server,
}

impl Alone {
    fn start() -> Self {
        let server = Server::start().unwrap();
        let port = ports::free().unwrap();
        let yaml = format!(
            "defaults:\n  contacts:\n    - {{name: Sip Person, number: 'sip:sipp@127.0.0.1'}}\n    \
             - {{name: Else Where, number: 'sip:elsewhere@127.0.0.1'}}\n\
             desks:\n  - name: alone\n    accounts:\n      - id: main\n        \
             address: sip:alone@127.0.0.1:{port}\n        register: false\n    \
             media:\n      input: \"tone:440\"\n      output: \"null\"\n"
        );
        server.apply(&yaml).unwrap().success().unwrap();
        let mut desk = Desk::new("alone").unwrap();
        let ticket = server.ticket("alone").unwrap();
        desk.enrol(&ticket).unwrap().success().unwrap();
        desk.run().unwrap();
        desk.wait_account("main", "local", SOON).unwrap();
        Self {
            desk,
            port,
            _server: server,
        }
    }

    /// SIPp calls, and somebody answers here.
    fn is_called(&self, scenario: &str, ringing: Duration) {
        let sipp = Sipp::start(scenario, self.port, Load::ONCE, &[("user", "alone")]).unwrap();
        self.desk.wait_call("ringing", SOON).unwrap();
        std::thread::sleep(ringing);
        self.desk.answer().unwrap();
        sipp.finish(SOON).unwrap();
        self.desk.wait_no_call(SOON).unwrap();
    }

    /// The desk calls SIPp and waits until the call stands.
    fn calls(&self, scenario: &str) -> Sipp {
        let sipp = Sipp::start(scenario, 9, Load::ONCE, &[]).unwrap();
        self.desk
            .dial(&format!("sip:sipp@127.0.0.1:{}", sipp.port()))
            .unwrap();
        self.desk.wait_call("established", SOON).unwrap();
        sipp
    }

    fn is_over(&self, sipp: Sipp, limit: Duration) {
        sipp.finish(limit).unwrap();
        self.desk.wait_no_call(SOON).unwrap();
    }
}

#[test]
fn an_offer_may_come_late() {
    Alone::start().is_called("late-offer", Duration::ZERO);
}

#[test]
fn ringing_is_confirmed_when_the_caller_demands_it() {
    // Rings for two repetitions of the 180.
    Alone::start().is_called("prack", Duration::from_secs(2));
}

#[test]
fn a_session_is_refreshed_in_time() {
    let alone = Alone::start();
    let sipp = alone.calls("timers");
    alone.is_over(sipp, REFRESHED);
}

#[test]
fn a_glare_is_tried_again() {
    let alone = Alone::start();
    let sipp = alone.calls("glare");
    // Waits for the far side to agree, the second time.
    alone.desk.cli(&["hold"]).unwrap().success().unwrap();
    let status = alone.desk.status().unwrap();
    assert_eq!(status["calls"][0]["on_hold"], true, "{status}");
    alone.is_over(sipp, SOON);
}

#[test]
fn of_two_forks_that_answer_one_is_talked_to() {
    let alone = Alone::start();
    let sipp = alone.calls("forking");
    patience::until("one call", SOON, || {
        let status = alone.desk.status().map_err(|e| e.to_string())?;
        match status["calls"].as_array().map(Vec::len) {
            Some(1) | Some(0) => Ok(()),
            _ => Err(status.to_string()),
        }
    })
    .unwrap();
    alone.is_over(sipp, SOON);
}

#[test]
fn a_redirect_is_followed() {
    let alone = Alone::start();
    let sipp = alone.calls("redirect");
    let status = alone.desk.status().unwrap();
    let peer = status["calls"][0]["peer"].as_str().unwrap_or_default();
    assert!(peer.starts_with("sip:elsewhere@"), "{status}");
    assert_eq!(status["calls"][0]["contact"], "Else Where", "{status}");
    alone.is_over(sipp, SOON);
}
