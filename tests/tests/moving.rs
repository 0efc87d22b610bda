//! Calls that are moved, with baresip through Kamailio: held by our desk, transferred by either side, blindly and attended.

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
use carillon_tests::server::Server;
use serde_json::Value;

const BOB: &str = "sip:1002@127.0.0.1";
const CAROL: &str = "sip:1003@127.0.0.1";

/// Our desk (1001) and two baresips (1002 and 1003).
struct Three {
    ours: Desk,
    bob: Baresip,
    carol: Baresip,
    _server: Server,
    _kamailio: Kamailio,
}

impl Three {
    fn start() -> Self {
        let users = [("1001", "ours"), ("1002", "bob"), ("1003", "carol")];
        let kamailio = Kamailio::start(&users).unwrap();
        let server = Server::start().unwrap();
        let mut ours = Desk::new("ours").unwrap();
        let yaml = fleet_yaml(&[Entry {
            desk: "ours",
            accounts: &users[..1],
            registrar_port: kamailio.port(),
            input: "tone:440",
            output: "null",
        }]);
        server.apply(&yaml).unwrap().success().unwrap();
        let ticket = server.ticket("ours").unwrap();
        ours.enrol(&ticket).unwrap().success().unwrap();
        ours.run().unwrap();
        let phone = |user, password| {
            let mut setup = Setup::new(user, password, kamailio.port());
            setup.record = false;
            let phone = Baresip::start(&setup).unwrap();
            kamailio.wait_registered(user, SOON).unwrap();
            phone
        };
        let (bob, carol) = (phone("1002", "bob"), phone("1003", "carol"));
        ours.wait_account("main", "registered", SOON).unwrap();
        Self {
            ours,
            bob,
            carol,
            _server: server,
            _kamailio: kamailio,
        }
    }

    /// A call from our desk to Bob that stands.
    fn call_bob(&mut self) {
        self.ours.dial(BOB).unwrap();
        self.bob.wait_event("CALL_INCOMING", SOON).unwrap();
        self.bob.answer().unwrap();
        self.bob.wait_event("CALL_ESTABLISHED", SOON).unwrap();
        self.ours.wait_call("established", SOON).unwrap();
    }

    fn verb(&self, args: &[&str]) {
        self.ours.cli(args).unwrap().success().unwrap();
    }

    /// Waits until the calls of our desk satisfy `done`.
    fn wait_calls(&self, what: &str, done: impl Fn(&[Value]) -> bool) {
        patience::until(what, SOON, || {
            let status = self.ours.status().map_err(|e| e.to_string())?;
            match status["calls"].as_array() {
                Some(calls) if done(calls) => Ok(()),
                _ => Err(status.to_string()),
            }
        })
        .unwrap();
    }
}

fn received(calls: &[Value]) -> u64 {
    calls[0]["media"]["packets_received"].as_u64().unwrap_or(0)
}

#[test]
fn our_desk_holds_baresip_and_takes_it_back() {
    let mut three = Three::start();
    three.call_bob();
    three.wait_calls("sound", |calls| received(calls) > 20);
    three.verb(&["hold"]);
    let calls = three.ours.status().unwrap()["calls"].clone();
    assert_eq!(calls[0]["on_hold"], true, "{calls}");
    // What was under way may still arrive.
    std::thread::sleep(Duration::from_millis(300));
    let still = received(three.ours.status().unwrap()["calls"].as_array().unwrap());
    std::thread::sleep(Duration::from_secs(1));
    let later = received(three.ours.status().unwrap()["calls"].as_array().unwrap());
    assert_eq!(still, later, "baresip spoke to one who holds");
    three.verb(&["resume", "--json"]);
    three.wait_calls("sound again", |calls| {
        calls[0]["on_hold"] == false && received(calls) > later + 20
    });
    three.ours.hang_up().unwrap();
    three.bob.wait_event("CALL_CLOSED", SOON).unwrap();
}

#[test]
fn our_desk_transfers_baresip_blindly() {
    let mut three = Three::start();
    three.call_bob();
    three.verb(&["transfer", CAROL]);
    three.carol.wait_event("CALL_INCOMING", SOON).unwrap();
    three.carol.answer().unwrap();
    three.carol.wait_event("CALL_ESTABLISHED", SOON).unwrap();
    three.wait_calls("the end of our call", <[Value]>::is_empty);
    three.carol.hang_up().unwrap();
    three.bob.wait_event("CALL_CLOSED", SOON).unwrap();
}

#[test]
fn baresip_transfers_our_desk_blindly() {
    let mut three = Three::start();
    three.verb(&["contacts", "add", "Carol Contact", "1003"]);
    three.call_bob();
    three.bob.transfer(CAROL).unwrap();
    three.carol.wait_event("CALL_INCOMING", SOON).unwrap();
    three.carol.answer().unwrap();
    three.wait_calls("one call, with Carol", |calls| {
        calls.len() == 1
            && calls[0]["state"] == "established"
            && calls[0]["peer"]
                .as_str()
                .is_some_and(|peer| peer.contains("1003"))
            && calls[0]["contact"] == "Carol Contact"
    });
    three.bob.wait_event("CALL_CLOSED", SOON).unwrap();
    three.ours.hang_up().unwrap();
    three.carol.wait_event("CALL_CLOSED", SOON).unwrap();
}

/// baresip knows no Replaces: the two others are desks of ours, which follow what comes through their proxy.
#[test]
fn two_calls_are_put_together_through_the_proxy() {
    let names = ["alice", "bob", "carol"];
    let users = [("1001", "a"), ("1002", "b"), ("1003", "c")];
    let kamailio = Kamailio::start(&users).unwrap();
    let server = Server::start().unwrap();
    let entries: Vec<Entry<'_>> = names
        .iter()
        .enumerate()
        .map(|(at, name)| Entry {
            desk: name,
            accounts: &users[at..=at],
            registrar_port: kamailio.port(),
            input: "tone:440",
            output: "null",
        })
        .collect();
    server
        .apply(&fleet_yaml(&entries))
        .unwrap()
        .success()
        .unwrap();
    let desks = names.map(|name| {
        let mut desk = Desk::new(name).unwrap();
        let ticket = server.ticket(name).unwrap();
        desk.enrol(&ticket).unwrap().success().unwrap();
        desk.run().unwrap();
        desk.wait_account("main", "registered", SOON).unwrap();
        desk
    });
    let [alice, bob, carol] = &desks;
    let calls = |desk: &Desk| desk.status().unwrap()["calls"].as_array().cloned().unwrap();
    let wait_calls = |desk: &Desk, count: usize| {
        patience::until(&format!("{count} calls established"), SOON, || {
            let calls = calls(desk);
            let standing = calls.iter().all(|call| call["state"] == "established");
            if calls.len() == count && standing {
                Ok(())
            } else {
                Err(format!("{calls:?}"))
            }
        })
        .unwrap();
    };
    for (count, (callee, target)) in [(bob, BOB), (carol, CAROL)].into_iter().enumerate() {
        if count > 0 {
            alice.cli(&["hold"]).unwrap().success().unwrap();
        }
        alice.dial(target).unwrap();
        callee.wait_call("ringing", SOON).unwrap();
        callee.answer().unwrap();
        wait_calls(alice, count + 1);
    }
    assert_eq!(calls(bob)[0]["held"], true);
    let second = calls(alice)[1]["id"].to_string();
    let asked = ["transfer", "--attended", &second, "--wait"];
    alice.cli(&asked).unwrap().success().unwrap();
    alice.wait_no_call(SOON).unwrap();
    for (desk, peer) in [(bob, "1003"), (carol, "1002")] {
        wait_calls(desk, 1);
        let call = &calls(desk)[0];
        assert!(call["peer"].as_str().unwrap().contains(peer), "{call}");
        patience::until("sound", SOON, || {
            let calls = calls(desk);
            match calls[0]["media"]["packets_received"].as_u64() {
                Some(21..) => Ok(()),
                _ => Err(format!("{calls:?}")),
            }
        })
        .unwrap();
    }
    bob.hang_up().unwrap();
    carol.wait_no_call(SOON).unwrap();
}
