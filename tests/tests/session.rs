//! A machine's service and the session parts of its users: who is let in, and whose loudspeaker a call is heard on.

#![expect(
    clippy::unwrap_used,
    reason = "a suite ends where its world is not as it should be"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use carillon_tests::binaries;
use carillon_tests::command_line::{self, Ended};
use carillon_tests::desk::Desk;
use carillon_tests::events::Events;
use carillon_tests::kamailio::Kamailio;
use carillon_tests::pair::SOON;
use carillon_tests::patience;
use carillon_tests::process::Process;
use carillon_tests::recording::Recording;
use carillon_tests::section::Section;

/// Users that every Debian has: the call's own, another who is let in, and one who is not.
const ANN: &str = "daemon";
const BOB: &str = "bin";
const MALLORY: &str = "games";

/// A service on a machine with several users, and a desk to call.
struct Machine {
    service: Desk,
    process: Process,
    other: Desk,
    kamailio: Kamailio,
    /// What its users may reach: the program, the socket, and a folder of each for recordings.
    open: tempfile::TempDir,
}

impl Machine {
    fn start() -> Self {
        let open = tempfile::TempDir::with_prefix("carillon-machine-").unwrap();
        fs::set_permissions(open.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::copy(binaries::agent().unwrap(), open.path().join("carillon")).unwrap();
        for user in [ANN, BOB] {
            let folder = open.path().join(user);
            fs::create_dir(&folder).unwrap();
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        }
        let kamailio = Kamailio::start(&[("1001", "ours"), ("1002", "theirs")]).unwrap();
        let heard = open.path().join("heard-far.wav");
        let mut other = Desk::new("other").unwrap();
        configure(
            &other,
            &kamailio,
            ("1002", "theirs"),
            &format!(
                "media: {{input: 'tone:440', output: 'wav:{}'}}",
                heard.display()
            ),
        );
        other.run().unwrap();
        let service = Desk::new("service").unwrap();
        configure(
            &service,
            &kamailio,
            ("1001", "ours"),
            // Ringing would be one more sound in the file that the call is recorded to.
            &format!(
                "    features: {{session_user: {ANN}}}\ncontrol: {{users: [{ANN}, {BOB}]}}\n\
                 media: {{ringing: {{sound: none}}}}"
            ),
        );
        let process = serve(&service, open.path());
        for desk in [&service, &other] {
            desk.wait_account("main", "registered", SOON).unwrap();
        }
        Self {
            service,
            process,
            other,
            kamailio,
            open,
        }
    }

    fn socket(&self) -> PathBuf {
        self.open.path().join("control.sock")
    }

    /// The command of a user; the system knows no more of them than their number.
    fn command(&self, user: &str) -> Vec<String> {
        let program = self.open.path().join("carillon");
        [
            "--reuid",
            user,
            "--regid",
            user,
            "--clear-groups",
            "--pdeathsig",
            "TERM",
            "--",
        ]
        .into_iter()
        .map(str::to_owned)
        .chain([program.display().to_string()])
        .collect()
    }

    /// The command line as that user types it.
    fn cli(&self, user: &str, words: &[&str]) -> Ended {
        let mut line = vec![format!("CARILLON_SOCKET={}", self.socket().display())];
        line.push("HOME=/nonexistent".to_owned());
        line.push("setpriv".to_owned());
        line.extend(self.command(user));
        line.extend(words.iter().map(|word| (*word).to_owned()));
        command_line::run(Path::new("/usr/bin/env"), &line, "").unwrap()
    }

    /// A session part of that user, which speaks a tone and records what it hears.
    fn session(&self, user: &str, hertz: u32, record: &str) -> Process {
        let mut command = Command::new("setpriv");
        command
            .args(self.command(user))
            .args(["session", "--socket"])
            .arg(self.socket())
            .arg("--input")
            .arg(format!("tone:{hertz}"))
            .arg("--output")
            .arg(format!("wav:{}", self.recording(user, record).display()))
            .env("CARILLON_LOG", "info")
            .current_dir("/");
        let folder = self.open.path();
        let name = format!("session-{user}-{record}");
        let process = Process::adopt(&name, command, folder).unwrap();
        patience::until_true("the session part to attach", SOON, || {
            process.said().contains("attached")
        })
        .unwrap();
        process
    }

    fn recording(&self, user: &str, name: &str) -> PathBuf {
        self.open.path().join(user).join(format!("{name}.wav"))
    }
}

fn configure(desk: &Desk, kamailio: &Kamailio, (user, password): (&str, &str), more: &str) {
    let port = kamailio.port();
    let yaml = format!(
        "accounts:\n  - id: main\n    address: sip:{user}@127.0.0.1\n    password: {password}\n    \
         registrar: 127.0.0.1:{port}\n    outbound_proxy: 127.0.0.1:{port}\n{more}\n"
    );
    fs::create_dir_all(desk.state()).unwrap();
    fs::set_permissions(desk.state(), fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(desk.state().join("agent.yaml"), yaml).unwrap();
}

/// The service as its unit starts it.
fn serve(desk: &Desk, runtime: &Path) -> Process {
    let mut command = Command::new(runtime.join("carillon"));
    command
        .args(["run", "--service"])
        .env("STATE_DIRECTORY", desk.state())
        .env("RUNTIME_DIRECTORY", runtime)
        .env_remove("CARILLON_STATE")
        .current_dir("/");
    let process = Process::adopt("carillon", command, desk.folder()).unwrap();
    patience::until("the service", SOON, || {
        desk.status().map(drop).map_err(|e| e.to_string())
    })
    .unwrap();
    process
}

#[test]
fn a_call_of_the_service_is_heard_by_its_user_alone_and_outlives_their_session() {
    let section = Section::begin("a service, its users' sessions, and a call");
    let machine = Machine::start();
    let mut ann = machine.session(ANN, 600, "first");
    // The newest, and let in; but it is ann's account.
    let bob = machine.session(BOB, 900, "all");
    let mut events = Events::of(&machine.service.state()).unwrap();
    machine.other.dial("1001").unwrap();
    machine.service.wait_call("ringing", SOON).unwrap();
    // Ann's own command line, without token or right to the state folder.
    machine.cli(ANN, &["answer"]).success().unwrap();
    machine.service.wait_call("established", SOON).unwrap();
    section.note("the call stands");
    std::thread::sleep(Duration::from_secs(3));
    ann.kill();
    events.wait("media_trouble", SOON).unwrap();
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(
        machine.service.call_state().unwrap().as_deref(),
        Some("established"),
        "the call went with the session"
    );
    section.note("the session is gone, the call stands");
    let _again = machine.session(ANN, 600, "second");
    std::thread::sleep(Duration::from_secs(3));
    machine.cli(ANN, &["hangup"]).success().unwrap();
    machine.other.wait_no_call(SOON).unwrap();
    machine.service.wait_no_call(SOON).unwrap();

    for part in ["first", "second"] {
        let verdict = patience::until("the recording of ann's session", SOON, || {
            Recording::open(&machine.recording(ANN, part))
                .and_then(|recording| recording.tone())
                .map_err(|e| e.to_string())
        })
        .unwrap();
        section.note(format!("ann's {part} session heard {verdict}"));
        assert!(verdict.is_clean(440.0, 1.5), "{part}: {verdict}");
    }
    let far = Recording::open(&machine.open.path().join("heard-far.wav")).unwrap();
    let (begin, end) = (
        far.between(0.0, 2.8),
        far.between(far.seconds() - 2.0, 99.0),
    );
    for (when, part) in [("at first", begin), ("at last", end)] {
        let verdict = part.tone().unwrap();
        section.note(format!("{when} the far side heard {verdict}"));
        assert!(verdict.is_clean(600.0, 1.2), "{when}: {verdict}");
    }
    // Not a device was opened in bob's session.
    assert!(!machine.recording(BOB, "all").exists(), "{}", bob.said());
}

#[test]
fn guests_make_calls_strangers_do_nothing_and_a_killed_service_comes_back() {
    let _section = Section::begin("who may use a machine's service");
    let mut machine = Machine::start();
    let status = machine.cli(BOB, &["status", "--json"]).json().unwrap();
    assert_eq!(status["accounts"][0]["state"], "registered", "{status}");
    for (user, words, why) in [
        (BOB, &["trace"][..], "not for this"),
        (BOB, &["accounts", "restart", "main"], "not for this"),
        (MALLORY, &["status"], "may not use this agent"),
        (MALLORY, &["dial", "1002"], "may not use this agent"),
        (MALLORY, &["session"], "may not use this agent"),
    ] {
        let ended = machine.cli(user, words);
        assert_eq!(ended.code, Some(4), "{user} {words:?}: {ended:?}");
        assert!(ended.stderr.contains(why), "{user} {words:?}: {ended:?}");
    }
    // Guests cannot take the owner's place at the door: theirs are sixteen, and the rest is kept.
    let hold = "import socket,sys,time\nheld=[]\nfor _ in range(40):\n s=socket.socket(socket.AF_UNIX)\n \
                s.connect(sys.argv[1])\n held.append(s)\nprint('held',flush=True)\ntime.sleep(30)";
    let mut command = Command::new("setpriv");
    command
        .args(&machine.command(BOB)[..8])
        .args(["/usr/bin/python3", "-c", hold])
        .arg(machine.socket());
    let held = Process::adopt("held", command, machine.open.path()).unwrap();
    patience::until_true("forty connections", SOON, || held.said().contains("held")).unwrap();
    machine.cli("root", &["status"]).success().unwrap();
    drop(held);
    // What kill -9 leaves at the door does not keep the next one out, and a session part finds its way back.
    let bob = machine.session(BOB, 900, "kept");
    machine.process.kill();
    assert!(machine.socket().exists());
    machine.process = serve(&machine.service, machine.open.path());
    patience::until_true("the session part to come back", SOON, || {
        bob.said().matches("attached").count() == 2
    })
    .unwrap();
    machine.process.end().unwrap();
    assert!(!machine.socket().exists());
    assert!(machine.kamailio.contacts("1001").unwrap().is_empty());
}
