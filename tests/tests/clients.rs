//! The example clients in Python and JavaScript against a real desk and real calls.

#![expect(
    clippy::unwrap_used,
    reason = "a suite ends where its world is not as it should be"
)]

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use carillon_tests::binaries::workspace;
use carillon_tests::desk::Desk;
use carillon_tests::pair::SOON;
use carillon_tests::process::Process;
use carillon_tests::section::Section;
use carillon_tests::{patience, ports};

/// Two desks that call each other without a registrar, and where they are.
fn peers() -> [(Desk, String); 2] {
    ["a", "b"].map(|name| {
        let port = ports::free().unwrap();
        let mut desk = Desk::new(name).unwrap();
        std::fs::create_dir_all(desk.state()).unwrap();
        let address = format!("sip:{name}@127.0.0.1:{port}");
        let yaml = format!(
            "accounts: [{{id: main, address: '{address}', register: false, display_name: 'Ann & \"Bob\" / #1'}}]\n\
             media: {{input: 'null', output: 'null'}}\n"
        );
        std::fs::write(desk.state().join("agent.yaml"), yaml).unwrap();
        desk.run().unwrap();
        (desk, address)
    })
}

/// A client that runs, and what it has printed.
struct Client {
    process: Process,
    log: std::path::PathBuf,
}

impl Client {
    fn start(name: &str, program: &[&str], desk: &Desk, words: &[&str], folder: &Path) -> Self {
        let script = workspace().join("agent/examples/clients").join(program[1]);
        let state = desk.state();
        let arguments: Vec<OsString> = [script.into_os_string(), "--state".into(), state.into()]
            .into_iter()
            .chain(words.iter().map(|word| OsString::from(*word)))
            .collect();
        let process = Process::start(name, Path::new(program[0]), arguments, folder).unwrap();
        Self {
            process,
            log: folder.join(format!("{name}.log")),
        }
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn wait(&self, wanted: &str) {
        patience::until(&format!("the client's {wanted:?}"), SOON, || {
            let said = self.said();
            if said.contains(wanted) {
                Ok(())
            } else {
                Err(said)
            }
        })
        .unwrap();
    }
}

fn call_watch_and_pop(program: &[&str]) {
    let section = Section::begin(format!("the example client {}", program[1]));
    let [(a, _), (b, address)] = peers();
    let folder = tempfile::tempdir().unwrap();
    let start = |name: &str, desk: &Desk, words: &[&str]| {
        Client::start(name, program, desk, words, folder.path())
    };
    let template = "https://crm.example/?n={number}&who={name}";
    let pop = start("pop", &b, &["pop", template, "--print"]);
    let watch = start("watch", &b, &["watch"]);
    // They listen as soon as the agent has them; a call that comes before would be missed.
    std::thread::sleep(Duration::from_millis(1_500));
    let mut call = start("call", &a, &["call", &address]);
    b.wait_call("ringing", SOON).unwrap();
    pop.wait("https://crm.example/?n=a&who=Ann%20%26%20%22Bob%22%20%2F%20%231\n");
    b.answer().unwrap();
    call.wait("established");
    b.hang_up().unwrap();
    call.wait("ended: the far side hung up");
    assert!(
        call.process.wait(SOON).unwrap().success(),
        "{}",
        call.said()
    );
    watch.wait("call_ended");
    for line in watch.said().lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(
            event["event"].is_string() && event["data"].is_object(),
            "{line}"
        );
    }
    section.note(format!("called: {:?}", call.said()));
    drop((pop, watch));

    // Refusals and absences are told, not thrown.
    let mut refused = start("refused", &a, &["call", "\u{1}"]);
    assert!(!refused.process.wait(SOON).unwrap().success());
    assert!(
        refused.said().contains("control character"),
        "{}",
        refused.said()
    );
    let nobody = Desk::new("nobody").unwrap();
    let mut nobody = start("nobody", &nobody, &["watch"]);
    assert!(!nobody.process.wait(SOON).unwrap().success());
    assert!(
        nobody.said().contains("no agent runs here"),
        "{}",
        nobody.said()
    );
}

#[test]
fn the_python_client_calls_watches_and_pops() {
    call_watch_and_pop(&["python3", "python/carillon_desk.py"]);
}

#[test]
fn the_javascript_client_calls_watches_and_pops() {
    call_watch_and_pop(&["node", "javascript/carillon-desk.mjs"]);
}
