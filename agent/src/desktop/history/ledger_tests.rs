//! The history's file: what is found again, what goes, and what a broken one comes to.

use proptest::prelude::*;

use super::*;

fn ledger() -> (tempfile::TempDir, Ledger) {
    let temporary = tempfile::tempdir().unwrap();
    let folder = StateFolder::open(&temporary.path().join("state")).unwrap();
    let ledger = Ledger::of(&folder);
    (temporary, ledger)
}

fn now() -> u64 {
    Timestamp::of(SystemTime::now()).0
}

fn happened(peer: &str, name: Option<&str>, outcome: Outcome) -> Happened {
    Happened {
        kind: Kind::Call,
        at: Timestamp(now()),
        account: "main".into(),
        direction: Direction::Incoming,
        peer: peer.into(),
        name: name.map(Into::into),
        outcome,
        seconds: 7,
        text: None,
    }
}

fn message(text: &str) -> Happened {
    Happened {
        kind: Kind::Message,
        text: Some(text.into()),
        ..happened("sip:1001@pbx", None, Outcome::Received)
    }
}

fn search(ledger: &Ledger, text: &str) -> Vec<String> {
    let query = Query {
        search: Some(text.into()),
        limit: 100,
        ..Query::default()
    };
    let found = ledger.page(&query).unwrap();
    found.into_iter().map(|entry| entry.what.peer).collect()
}

fn all(ledger: &Ledger) -> Vec<Entry> {
    let limit = MAX_PAGE;
    ledger
        .page(&Query {
            limit,
            ..Query::default()
        })
        .unwrap()
}

#[test]
fn what_is_written_is_found_newest_first_and_page_by_page() {
    let (_temporary, ledger) = ledger();
    assert!(all(&ledger).is_empty());
    for number in 0..25 {
        let peer = format!("sip:{number}@pbx");
        ledger
            .append(&[happened(&peer, None, Outcome::Answered)])
            .unwrap();
    }
    let mut query = Query {
        limit: 10,
        ..Query::default()
    };
    let mut peers = Vec::new();
    loop {
        let page = ledger.page(&query).unwrap();
        let Some(last) = page.last() else { break };
        query.before = Some(last.id);
        peers.extend(page.into_iter().map(|entry| entry.what.peer));
    }
    let wanted: Vec<_> = (0..25).rev().map(|n| format!("sip:{n}@pbx")).collect();
    assert_eq!(peers, wanted);
}

#[test]
fn a_search_finds_names_texts_and_numbers_as_people_write_them() {
    let (_temporary, ledger) = ledger();
    ledger
        .append(&[
            happened("sip:+498912345@pbx", Some("Jürgen Groß"), Outcome::Missed),
            happened("sip:1002@pbx", None, Outcome::Answered),
            message("Kaffee? 100%"),
        ])
        .unwrap();
    assert_eq!(search(&ledger, "JÜRGEN"), ["sip:+498912345@pbx"]);
    assert_eq!(search(&ledger, "+49 (89) 123-45"), ["sip:+498912345@pbx"]);
    assert_eq!(search(&ledger, "kaffee"), ["sip:1001@pbx"]);
    assert_eq!(search(&ledger, "0%"), ["sip:1001@pbx"]);
    assert!(
        search(&ledger, "%").len() == 1,
        "a percent sign is no wildcard"
    );
    assert!(search(&ledger, "' OR 1=1 --").is_empty());
    let missed = Query {
        outcome: Some(Outcome::Missed),
        kind: Some(Kind::Call),
        limit: 5,
        ..Query::default()
    };
    assert_eq!(ledger.page(&missed).unwrap().len(), 1);
}

#[test]
fn what_is_too_many_or_too_old_goes() {
    let (_temporary, ledger) = ledger();
    let keep = |days, entries| Retention {
        keep_days: Some(days),
        keep_entries: Some(entries),
    };
    ledger.keep(keep(10, 5));
    let many: Vec<_> = (0..20).map(|n| message(&n.to_string())).collect();
    ledger.append(&many).unwrap();
    let texts: Vec<_> = all(&ledger)
        .into_iter()
        .map(|e| e.what.text.unwrap())
        .collect();
    assert_eq!(texts, ["19", "18", "17", "16", "15"]);
    let mut old = message("old");
    old.at = Timestamp(now() - 11 * 86_400);
    ledger.append(&[old]).unwrap();
    assert!(
        all(&ledger)
            .iter()
            .all(|e| e.what.text.as_deref() != Some("old"))
    );
    // A shorter time counts at once, and is carried out on the file.
    ledger.keep(keep(10, 2));
    assert_eq!(all(&ledger).len(), 2);
    ledger.trim().unwrap();
    ledger.keep(keep(10, 100));
    assert_eq!(all(&ledger).len(), 2);
    ledger.keep(keep(10, 0));
    assert!(!ledger.keeps());
    ledger.append(&[message("never")]).unwrap();
    ledger.keep(keep(10, 100));
    assert_eq!(all(&ledger).len(), 2);
}

#[test]
fn one_or_all_are_forgotten_and_leave_no_trace_in_the_file() {
    let (temporary, ledger) = ledger();
    ledger
        .append(&[message("the secret of the desk"), message("other")])
        .unwrap();
    let entries = all(&ledger);
    assert_eq!(ledger.forget(Some(entries[1].id)).unwrap(), 1);
    assert_eq!(ledger.forget(Some(entries[1].id)).unwrap(), 0);
    let file = std::fs::read(temporary.path().join("state").join(FILE)).unwrap();
    let left = file.windows(6).any(|bytes| bytes == b"secret");
    assert!(!left, "deleted, and still in the file");
    assert_eq!(ledger.forget(None).unwrap(), 1);
    assert!(all(&ledger).is_empty());
}

#[test]
fn a_broken_file_is_moved_aside_and_begun_anew() {
    let (temporary, ledger) = ledger();
    let path = temporary.path().join("state").join(FILE);
    std::fs::write(
        &path,
        b"this is no database at all, but long enough to look",
    )
    .unwrap();
    ledger.append(&[message("one")]).unwrap();
    assert_eq!(all(&ledger).len(), 1);
    assert!(ledger.take_trouble().unwrap().contains("moved to"));
    assert!(ledger.take_trouble().is_none(), "said once");
    assert!(path.with_file_name(BROKEN).exists());
    // A page in the middle is damaged.
    for _ in 0..200 {
        ledger.append(&[message(&"x".repeat(200))]).unwrap();
    }
    let mut bytes = std::fs::read(&path).unwrap();
    for byte in &mut bytes[4_096..12_288] {
        *byte = 0xff;
    }
    std::fs::write(&path, bytes).unwrap();
    ledger.append(&[message("two")]).unwrap();
    assert_eq!(all(&ledger).len(), 1);
    // Written by a newer agent, or by another program.
    for sql in ["PRAGMA user_version = 9", "DROP TABLE entries"] {
        let other = Connection::open(&path).unwrap();
        other.execute_batch(sql).unwrap();
        drop(other);
        ledger.append(&[message("three")]).unwrap();
        assert_eq!(all(&ledger).len(), 1, "{sql}");
    }
}

#[cfg(unix)]
#[test]
fn the_file_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let (temporary, ledger) = ledger();
    ledger.append(&[message("one")]).unwrap();
    let path = temporary.path().join("state").join(FILE);
    let mode = std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_file_that_cannot_be_made_is_an_error_and_no_panic() {
    let (temporary, ledger) = ledger();
    std::fs::create_dir(temporary.path().join("state").join(FILE)).unwrap();
    let error = ledger.append(&[message("one")]).unwrap_err().to_string();
    assert!(error.contains("cannot be begun"), "{error}");
    assert!(
        !Ledger::default().keeps(),
        "without a folder nothing is kept"
    );
    Ledger::default().append(&[message("one")]).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_a_stranger_sends_is_kept_as_it_is(peer in "\\PC{1,40}", text in ".{0,60}") {
        let (_temporary, ledger) = ledger();
        let mut entry = message(&text);
        entry.peer = peer;
        ledger.append(std::slice::from_ref(&entry)).unwrap();
        let kept = all(&ledger);
        prop_assert_eq!(&kept[0].what, &entry);
        let query = Query { search: Some(text), limit: 9, ..Query::default() };
        // Any search text is only a text.
        ledger.page(&query).unwrap();
    }
}
