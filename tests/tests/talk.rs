//! Two desks talk through Kamailio; a credential changes while the call stands.

use std::time::Duration;

use carillon_tests::footprint::Footprint;
use carillon_tests::pair::{Pair, SOON};
use carillon_tests::patience;
use carillon_tests::section::Section;

#[test]
fn desk_b_hears_the_tone_of_desk_a() {
    let section = Section::begin("two desks talk through Kamailio");
    let pair = Pair::start().unwrap();
    pair.call().unwrap();
    section.note("the call stands");
    std::thread::sleep(Duration::from_secs(4));
    let status = pair.b.status().unwrap();
    let media = &status["calls"][0]["media"];
    assert!(
        media["packets_received"].as_u64().unwrap() > 100,
        "{status}"
    );
    assert_eq!(media["packets_lost"], 0, "{status}");
    pair.a.hang_up().unwrap();
    pair.b.wait_no_call(SOON).unwrap();
    pair.a.wait_no_call(SOON).unwrap();
    let verdict = pair.heard_at_b().unwrap().tone().unwrap();
    section.note(format!("desk-b heard {verdict}"));
    assert!(verdict.is_clean(440.0, 3.0), "{verdict}");
}

#[test]
fn a_credential_changes_while_the_call_stands() {
    let section = Section::begin("a credential changes in a call");
    let pair = Pair::start().unwrap();
    pair.call().unwrap();
    let before = pair.b.status().unwrap();
    let (saved, challenged) = (
        pair.kamailio.saved("1002"),
        pair.kamailio.challenged("1002"),
    );
    pair.kamailio.set_password("1002", "second-b").unwrap();
    pair.server
        .set_password("desk-b", "main", "second-b")
        .unwrap();
    patience::until_true("a registration with the new password", SOON, || {
        pair.kamailio.saved("1002") > saved
    })
    .unwrap();
    assert!(
        pair.kamailio.challenged("1002") > challenged,
        "the change was registered unchallenged"
    );
    pair.b.wait_account("main", "registered", SOON).unwrap();
    section.note("desk-b is registered with the new password");
    std::thread::sleep(Duration::from_secs(3));
    let after = pair.b.status().unwrap();
    assert!(
        after["generation"].as_u64() > before["generation"].as_u64(),
        "{after}"
    );
    assert_eq!(after["calls"][0]["id"], before["calls"][0]["id"]);
    assert_eq!(after["calls"][0]["state"], "established");
    assert_eq!(after["calls"][0]["media"]["packets_lost"], 0, "{after}");
    pair.b.hang_up().unwrap();
    pair.a.wait_no_call(SOON).unwrap();
    pair.b.wait_no_call(SOON).unwrap();
    let verdict = pair.heard_at_b().unwrap().tone().unwrap();
    section.note(format!("desk-b heard, all through: {verdict}"));
    assert!(verdict.is_clean(440.0, 2.0), "{verdict}");
    // The next call needs the new password at the proxy too.
    pair.b.dial("sip:1001@127.0.0.1").unwrap();
    pair.a.wait_call("ringing", SOON).unwrap();
    pair.b.hang_up().unwrap();
    pair.a.wait_no_call(SOON).unwrap();
}

#[test]
fn a_desk_at_rest_gives_memory_back_and_talks_all_the_same() {
    let section = Section::begin("a desk rests, and is called");
    let pair = Pair::start().unwrap();
    let pid = pair.b.pid().unwrap();
    let awake = Footprint::of(pid).unwrap();
    let rested = patience::until_true("desk-b at rest", SOON, || {
        Footprint::of(pid).is_ok_and(|now| now.rss_kib < awake.peak_rss_kib / 2)
    });
    let resting = Footprint::of(pid).unwrap();
    rested.unwrap_or_else(|fault| panic!("{fault}: {resting:?}"));
    section.note(format!(
        "{} KiB resident after {} KiB at the most",
        resting.rss_kib, awake.peak_rss_kib
    ));
    pair.call().unwrap();
    std::thread::sleep(Duration::from_secs(4));
    let status = pair.b.status().unwrap();
    assert_eq!(status["calls"][0]["media"]["packets_lost"], 0, "{status}");
    pair.a.hang_up().unwrap();
    pair.b.wait_no_call(SOON).unwrap();
    let verdict = pair.heard_at_b().unwrap().tone().unwrap();
    assert!(verdict.is_clean(440.0, 3.0), "{verdict}");
}

#[test]
fn a_wrong_password_shows_at_the_desk_and_at_the_server() {
    let pair = Pair::start().unwrap();
    pair.server
        .set_password("desk-b", "main", "not-the-one")
        .unwrap();
    let account = pair.b.wait_account("main", "failed", SOON).unwrap();
    assert!(
        account["reason"]
            .as_str()
            .is_some_and(|reason| !reason.is_empty()),
        "{account}"
    );
    patience::until("the failure at the server", SOON, || {
        let desk = pair.server.desk("desk-b").map_err(|e| e.to_string())?;
        if desk.to_string().contains("\"failed\"") {
            Ok(())
        } else {
            Err(desk.to_string())
        }
    })
    .unwrap();
    pair.server
        .set_password("desk-b", "main", "first-b")
        .unwrap();
    pair.b.wait_account("main", "registered", SOON).unwrap();
}

#[test]
fn on_sigterm_a_desk_hangs_up_unregisters_and_leaves() {
    let mut pair = Pair::start().unwrap();
    pair.call().unwrap();
    pair.a.stop().unwrap();
    pair.b.wait_no_call(SOON).unwrap();
    assert!(pair.kamailio.contacts("1001").unwrap().is_empty());
    assert_eq!(pair.kamailio.contacts("1002").unwrap().len(), 1);
}
