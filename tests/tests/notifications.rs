//! Calls and messages on the user's desktop: a session bus, a real notification daemon, and who is on the line.

#![expect(
    clippy::unwrap_used,
    reason = "a suite ends where its world is not as it should be"
)]

use carillon_tests::baresip::{Baresip, Setup};
use carillon_tests::desk::Desk;
use carillon_tests::desktop::Desktop;
use carillon_tests::footprint::Footprint;
use carillon_tests::kamailio::Kamailio;
use carillon_tests::pair::SOON;
use carillon_tests::patience;
use carillon_tests::section::Section;

const OURS: &str = "sip:1001@127.0.0.1";

fn desk(name: &str, user: &str, port: u16, more: &str, variables: &[&str]) -> Desk {
    let mut desk = Desk::new(name).unwrap();
    std::fs::create_dir_all(desk.state()).unwrap();
    let yaml = format!(
        "accounts:\n  - id: main\n    address: sip:{user}@127.0.0.1\n    password: secret\n    \
         registrar: 127.0.0.1:{port}\n    outbound_proxy: 127.0.0.1:{port}\n\
         media: {{input: 'null', output: 'null'}}\n{more}"
    );
    std::fs::write(desk.state().join("agent.yaml"), yaml).unwrap();
    desk.run_in(variables).unwrap();
    desk.wait_account("main", "registered", SOON).unwrap();
    desk
}

fn sockets(desk: &Desk) -> usize {
    let folder = format!("/proc/{}/fd", desk.pid().unwrap());
    std::fs::read_dir(folder)
        .unwrap()
        .flatten()
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .filter(|to| to.to_string_lossy().starts_with("socket:"))
        .count()
}

#[test]
fn a_call_shows_on_the_desktop_and_is_answered_there() {
    let section = Section::begin("notifications");
    let users = [("1001", "secret"), ("1002", "secret"), ("1003", "secret")];
    let kamailio = Kamailio::start(&users).unwrap();
    let desktop = Desktop::start("Answer").unwrap();
    let ours = desk("ours", "1001", kamailio.port(), "", &desktop.variables());
    assert_eq!(ours.status().unwrap()["notifications"]["on"], true);
    let mut setup = Setup::new("1002", "secret", kamailio.port());
    setup.record = false;
    setup.display_name = Some("Zoë <b>&amp;</b>");
    let mut zoe = Baresip::start(&setup).unwrap();
    kamailio.wait_registered("1002", SOON).unwrap();
    let threads = || Footprint::of(ours.pid().unwrap()).unwrap().threads;
    // `agent.yaml` is watched from a moment after the start on.
    patience::until_true("the watch of agent.yaml", SOON, || threads() == 2).unwrap();
    let at_rest = (sockets(&ours), threads());

    zoe.dial(OURS).unwrap();
    let line = "CRITICAL: Zoë <b>&amp;</b>: 1002@127.0.0.1 is calling";
    desktop.wait_shown(line).unwrap();
    desktop.wait_displayed(1).unwrap();
    section.note("shown");
    desktop.choose().unwrap();
    ours.wait_call("established", SOON).unwrap();
    desktop.wait_displayed(0).unwrap();
    section.note("answered there, and gone");
    ours.hang_up().unwrap();
    zoe.wait_event("CALL_CLOSED", SOON).unwrap();

    zoe.dial(OURS).unwrap();
    desktop.wait_displayed(1).unwrap();
    zoe.hang_up().unwrap();
    let line = "NORMAL: Zoë <b>&amp;</b>: Missed call from 1002@127.0.0.1";
    desktop.wait_shown(line).unwrap();
    section.note("missed");

    let friend = desk("friend", "1003", kamailio.port(), "", &[]);
    let said = ["message", OURS, "Back at <i>two</i>?"];
    friend.cli(&said).unwrap().success().unwrap();
    let line = "NORMAL: 1003@127.0.0.1: Back at <i>two</i>?";
    desktop.wait_shown(line).unwrap();
    section.note("message");

    patience::until("nothing kept open", SOON, || {
        let now = (sockets(&ours), threads());
        if now == at_rest {
            Ok(())
        } else {
            Err(format!("sockets and threads: {now:?}, before {at_rest:?}"))
        }
    })
    .unwrap();
}

#[test]
fn without_a_session_or_a_wish_it_is_silent_and_says_so() {
    let users = [("1001", "secret")];
    let kamailio = Kamailio::start(&users).unwrap();
    let nowhere = ["DBUS_SESSION_BUS_ADDRESS=", "XDG_RUNTIME_DIR=/nonexistent"];
    let mut ours = desk("ours", "1001", kamailio.port(), "", &nowhere);
    let view = ours.status().unwrap()["notifications"].clone();
    assert_eq!(view["on"], false);
    assert!(
        view["why"].as_str().unwrap().contains("no session bus"),
        "{view}"
    );
    ours.stop().unwrap();
    let desktop = Desktop::start("Answer").unwrap();
    let off = "notifications: off\n";
    let ours = desk("off", "1001", kamailio.port(), off, &desktop.variables());
    let view = ours.status().unwrap()["notifications"].clone();
    assert_eq!(view["why"], "off in agent.yaml", "{view}");
}
