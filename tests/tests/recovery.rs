//! A power cut at the desk while the server is away: the last good configuration is enough.

use std::time::{Duration, Instant};

use carillon_tests::pair::{Pair, SOON};
use carillon_tests::patience;
use carillon_tests::section::Section;

/// What the house promises: registered this long after a start, server or no server.
const REGISTERED_WITHIN: Duration = Duration::from_secs(2);

#[test]
fn killed_in_a_call_without_a_server_it_comes_back_from_the_last_good_config() {
    let section = Section::begin("kill -9 in a call with the server stopped");
    let mut pair = Pair::start().unwrap();
    pair.call().unwrap();
    let generation = pair.b.status().unwrap()["generation"].clone();
    pair.server.stop().unwrap();
    section.note("the server is stopped");
    pair.b.kill();
    section.note("desk-b is killed in the call");
    let saved = pair.kamailio.saved("1002");
    let start = Instant::now();
    pair.b.run().unwrap();
    patience::until_true("a REGISTER of desk-b", REGISTERED_WITHIN, || {
        pair.kamailio.saved("1002") > saved
    })
    .unwrap();
    section.note(format!(
        "registered {:.0} ms after the start",
        start.elapsed().as_secs_f64() * 1_000.0
    ));
    pair.b.wait_account("main", "registered", SOON).unwrap();
    assert_eq!(pair.b.status().unwrap()["generation"], generation);
    pair.a.hang_up().unwrap();
    pair.a.wait_no_call(SOON).unwrap();
    // It works, server or not.
    pair.call().unwrap();
    pair.a.hang_up().unwrap();
    pair.b.wait_no_call(SOON).unwrap();

    pair.server.serve().unwrap();
    section.note("the server is back");
    pair.kamailio.set_password("1002", "after-the-cut").unwrap();
    pair.server
        .set_password("desk-b", "main", "after-the-cut")
        .unwrap();
    patience::until("desk-b to catch up", 4 * SOON, || {
        let status = pair.b.status().map_err(|e| e.to_string())?;
        if status["generation"].as_u64() > generation.as_u64() {
            Ok(())
        } else {
            Err(status.to_string())
        }
    })
    .unwrap();
    pair.b.wait_account("main", "registered", SOON).unwrap();
    section.note("desk-b has caught up");
}

#[test]
fn what_was_published_while_the_desk_was_off_is_there_after_its_start() {
    let mut pair = Pair::start().unwrap();
    let generation = pair.b.status().unwrap()["generation"].as_u64();
    pair.b.stop().unwrap();
    pair.kamailio
        .set_password("1002", "changed-meanwhile")
        .unwrap();
    pair.server
        .set_password("desk-b", "main", "changed-meanwhile")
        .unwrap();
    pair.b.run().unwrap();
    patience::until("the newer generation", SOON, || {
        let status = pair.b.status().map_err(|e| e.to_string())?;
        if status["generation"].as_u64() > generation {
            Ok(())
        } else {
            Err(status.to_string())
        }
    })
    .unwrap();
    pair.b.wait_account("main", "registered", SOON).unwrap();
}

#[test]
fn a_state_folder_with_a_damaged_newest_config_runs_from_the_one_before() {
    let mut pair = Pair::start().unwrap();
    pair.server
        .set_password("desk-b", "main", "first-b")
        .unwrap();
    pair.b.wait_account("main", "registered", SOON).unwrap();
    pair.server.stop().unwrap();
    pair.b.kill();
    let folder = pair.b.state().join("config");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    files.sort_by_key(|path| path.metadata().unwrap().modified().unwrap());
    let newest = files.pop().unwrap();
    let whole = std::fs::read(&newest).unwrap();
    std::fs::write(&newest, &whole[..whole.len() / 2]).unwrap();
    pair.b.run().unwrap();
    if files.is_empty() {
        // Only one was kept: it must say so, and still run.
        assert!(pair.b.status().is_ok());
    } else {
        pair.b.wait_account("main", "registered", SOON).unwrap();
    }
}

#[test]
fn a_desk_that_is_told_to_leave_in_a_call_says_so_at_the_server() {
    let mut pair = Pair::start().unwrap();
    pair.call().unwrap();
    patience::until("the call at the server", SOON, || {
        let shown = pair.server.desk("desk-b").map_err(|e| e.to_string())?;
        let calls = shown["row"]["calls"].as_array().map_or(0, Vec::len);
        (calls == 1).then_some(()).ok_or(shown.to_string())
    })
    .unwrap();
    pair.b.stop().unwrap();
    // Its last report was taken before it was gone.
    let shown = pair.server.desk("desk-b").unwrap();
    assert_eq!(shown["row"]["calls"], serde_json::json!([]), "{shown}");
    let state = &shown["row"]["accounts"][0]["status"]["state"];
    assert_eq!(state, "stopped", "{shown}");
    let events = shown["events"].as_array().unwrap();
    for kind in ["call_ended", "shutting_down"] {
        assert!(
            events.iter().any(|event| event["kind"] == kind),
            "{kind}: {shown}"
        );
    }
    // And its peer and its registrar know.
    pair.a.wait_no_call(SOON).unwrap();
}
