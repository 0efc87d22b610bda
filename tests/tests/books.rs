//! What a desk remembers and whom it knows: history, contacts and phonebooks, on real calls through Kamailio.

#![expect(
    clippy::unwrap_used,
    reason = "a suite ends where its world is not as it should be"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use carillon_tests::baresip::{Baresip, Setup};
use carillon_tests::desk::Desk;
use carillon_tests::events::Events;
use carillon_tests::kamailio::Kamailio;
use carillon_tests::pair::SOON;
use carillon_tests::process::Process;
use carillon_tests::section::Section;
use carillon_tests::{patience, ports};
use serde_json::Value;

/// A phonebook that is right and can be asked for changes, one of 50 MB, one that never ends, one that drips.
const SERVER: &str = r#"
import http.server, sys, time

GOOD = b"<contacts refresh='0'>" \
       b"<contact name='Berta &amp; Co' number='1002'/>" \
       b"<contact name='Carl' number='+49 89 5550100'/></contacts>"

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/good.xml":
            if self.headers.get("If-None-Match") == '"1"':
                self.send_response(304)
                self.end_headers()
                return
            self.send_response(200)
            self.send_header("ETag", '"1"')
            self.send_header("Content-Length", str(len(GOOD)))
            self.end_headers()
            self.wfile.write(GOOD)
        elif self.path == "/huge.xml":
            self.send_response(200)
            self.send_header("Content-Length", str(50 << 20))
            self.end_headers()
            self.pour(50)
        elif self.path == "/drip.xml":
            self.send_response(200)
            self.send_header("Content-Length", str(1 << 20))
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b" ")
                    time.sleep(0.05)
            except OSError:
                pass
            self.close_connection = True
        else:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.pour(1 << 40)

    def pour(self, megabytes):
        try:
            piece = b"x" * (1 << 20)
            for _ in range(megabytes):
                if self.path == "/huge.xml":
                    self.wfile.write(piece)
                else:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        except OSError:
            pass
        self.close_connection = True

http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"#;

fn serve(folder: &Path) -> (Process, u16) {
    let port = ports::free().unwrap();
    let script = folder.join("phonebooks.py");
    std::fs::write(&script, SERVER).unwrap();
    let args = [script.display().to_string(), port.to_string()];
    let server = Process::start("phonebooks", Path::new("python3"), args, folder).unwrap();
    patience::until_true("the server of phonebooks", SOON, || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    })
    .unwrap();
    (server, port)
}

fn desk(user: &str, registrar: u16, more: &str) -> Desk {
    let mut desk = Desk::new(user).unwrap();
    let state = desk.state();
    std::fs::create_dir_all(&state).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o700)).unwrap();
    }
    let yaml = format!(
        "accounts:\n  - id: main\n    address: sip:{user}@127.0.0.1\n    password: pw{user}\n    \
         registrar: 127.0.0.1:{registrar}\n    outbound_proxy: 127.0.0.1:{registrar}\n\
         media: {{input: 'tone:440', output: 'null'}}\n{more}"
    );
    std::fs::write(state.join("agent.yaml"), yaml).unwrap();
    desk.run().unwrap();
    desk.wait_account("main", "registered", SOON).unwrap();
    desk
}

fn json(desk: &Desk, words: &[&str]) -> Value {
    let all: Vec<&str> = words.iter().copied().chain(["--json"]).collect();
    desk.cli(&all).unwrap().json().unwrap()
}

/// The newest entry once there are so many.
fn newest(desk: &Desk, count: usize) -> Value {
    patience::until(&format!("{count} entries"), SOON, || {
        let found = json(desk, &["history"]);
        match found.as_array().map(Vec::len) {
            Some(there) if there == count => Ok(found[0].clone()),
            _ => Err(found.to_string()),
        }
    })
    .unwrap()
}

fn name_shown(desk: &Desk, name: &str) {
    desk.wait_named(name, SOON).unwrap();
    let plain = desk.cli(&["status"]).unwrap().success().unwrap();
    assert!(plain.contains(name), "{plain}");
}

#[test]
fn a_desk_knows_who_calls_and_remembers_it() {
    let section = Section::begin("a desk knows who calls and remembers it");
    let users = [("1001", "pw1001"), ("1002", "theirs"), ("1003", "pw1003")];
    let kamailio = Kamailio::start(&users).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (_server, port) = serve(folder.path());
    let books: String = ["good", "huge", "endless"]
        .iter()
        .map(|name| format!("  - {{name: {name}, url: 'http://127.0.0.1:{port}/{name}.xml'}}\n"))
        .collect();
    let books = format!("contacts: [{{name: Reception, number: '1000'}}]\nphonebooks:\n{books}");
    let ours = desk("1001", kamailio.port(), &books);
    let mut theirs = Baresip::start(&Setup::new("1002", "theirs", kamailio.port())).unwrap();
    kamailio.wait_registered("1002", SOON).unwrap();

    // The phonebook is fetched while it rings; nobody answers.
    let mut events = Events::of(&ours.state()).unwrap();
    theirs.dial("sip:1001@127.0.0.1").unwrap();
    ours.wait_call("ringing", SOON).unwrap();
    name_shown(&ours, "Berta & Co");
    theirs.hang_up().unwrap();
    let missed = newest(&ours, 1);
    events.wait("history_changed", SOON).unwrap();
    assert_eq!(missed["outcome"], "missed", "{missed}");
    assert_eq!(missed["name"], "Berta & Co");
    section.note("a missed call bears the name of the phonebook");

    // What cannot be a phonebook says why; the good one serves.
    let stand = patience::until("how the phonebooks stand", SOON, || {
        let books = json(&ours, &["contacts", "phonebooks"]);
        let troubled = |place: usize| books[place]["trouble"].is_string();
        if troubled(1) && troubled(2) {
            Ok(books.clone())
        } else {
            Err(books.to_string())
        }
    })
    .unwrap();
    assert_eq!(stand[0]["people"], 2, "{stand}");
    for place in [1, 2] {
        let why = stand[place]["trouble"].as_str().unwrap_or_default();
        assert!(why.contains("more than 5 MB"), "{stand}");
    }
    let found = json(&ours, &["contacts", "089 5550100"]);
    assert_eq!(
        found.as_array().map(Vec::len),
        Some(0),
        "a search is for what is written: {found}"
    );
    let found = json(&ours, &["contacts", "5550100"]);
    assert_eq!(found[0]["name"], "Carl", "{found}");
    assert_eq!(json(&ours, &["contacts", "recep"])[0]["source"], "config");
    section.note("50 MB and a body without end are refused, with the reason");

    // The user's own name wins, from the first ring.
    let added = json(&ours, &["contacts", "add", "Anna", "1002"]);
    events.wait("contacts_changed", SOON).unwrap();
    theirs.dial("sip:1001@127.0.0.1").unwrap();
    ours.wait_call("ringing", SOON).unwrap();
    name_shown(&ours, "Anna");
    ours.answer().unwrap();
    theirs.wait_event("CALL_ESTABLISHED", SOON).unwrap();
    std::thread::sleep(Duration::from_millis(2_100));
    theirs.hang_up().unwrap();
    let answered = newest(&ours, 2);
    assert_eq!(answered["outcome"], "answered", "{answered}");
    assert!(answered["seconds"].as_u64() >= Some(2), "{answered}");
    let id = added["id"].as_str().unwrap_or_default();
    ours.cli(&["contacts", "remove", id])
        .unwrap()
        .success()
        .unwrap();
    let again = ours.cli(&["contacts", "remove", id]).unwrap();
    assert_eq!(again.code, Some(4), "{}", again.stderr);

    // Messages, both ways.
    let other = desk("1003", kamailio.port(), "");
    let sent = other.cli(&["message", "1001", "=see you at noon"]).unwrap();
    sent.success().unwrap();
    let received = newest(&ours, 3);
    assert_eq!(received["kind"], "message", "{received}");
    assert_eq!(received["outcome"], "received");
    assert_eq!(newest(&other, 1)["outcome"], "delivered");
    let found = json(&ours, &["history", "NOON", "--kind", "message"]);
    assert_eq!(found[0]["text"], "=see you at noon", "{found}");

    // A spreadsheet takes none of it for a formula.
    let csv = ours.cli(&["history", "export"]).unwrap().success().unwrap();
    assert_eq!(csv.lines().count(), 4, "{csv}");
    assert!(csv.contains("\"'=see you at noon\""), "{csv}");
    ours.cli(&["history", "export", "--format", "json"])
        .unwrap()
        .json()
        .unwrap();

    // A history that is broken hurts no call, and begins anew.
    std::fs::write(
        ours.state().join("history.sqlite"),
        "garbage ".repeat(2_000),
    )
    .unwrap();
    theirs.dial("sip:1001@127.0.0.1").unwrap();
    ours.wait_call("ringing", SOON).unwrap();
    ours.answer().unwrap();
    theirs.wait_event("CALL_ESTABLISHED", SOON).unwrap();
    theirs.hang_up().unwrap();
    events.wait("history_trouble", SOON).unwrap();
    assert_eq!(newest(&ours, 1)["outcome"], "answered");
    assert!(ours.state().join("history.sqlite.broken").exists());
    let forgotten = ours.cli(&["history", "forget", "--all"]).unwrap();
    forgotten.success().unwrap();
    assert_eq!(json(&ours, &["history"]).as_array().map(Vec::len), Some(0));
    section.note("a broken history was moved aside while a call stood");
}

/// The longest that a fetch may take, and some.
const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn attack_b_a_phonebook_that_drips_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, port) = serve(folder.path());
    let yaml = format!(
        "contacts: [{{name: Reception, number: '1000'}}]\n\
         phonebooks: [{{name: drip, url: 'http://127.0.0.1:{port}/drip.xml'}}]\n"
    );
    let mut ours = Desk::alone("drip", &yaml).unwrap();
    ours.run().unwrap();
    // Somebody who looks is not kept waiting for it.
    let begun = Instant::now();
    let found = json(&ours, &["contacts", "recep"]);
    assert_eq!(found[0]["name"], "Reception", "{found}");
    assert!(begun.elapsed() < LIMIT / 3, "{:?}", begun.elapsed());
    let trouble = || {
        let books = json(&ours, &["contacts", "phonebooks"]);
        books[0]["trouble"].as_str().map(str::to_owned)
    };
    assert_eq!(trouble(), None, "a byte comes again and again");
    let why = patience::until("the end of it", LIMIT + SOON, || {
        trouble().ok_or("none yet")
    });
    assert!(why.unwrap().contains("did not end within 30 s"));
    assert!(begun.elapsed() >= LIMIT, "{:?}", begun.elapsed());
}
