//! The signed MSI under Wine, from a silent installation with a ticket to the last trace gone: the service enrols at a
//! real server, registers at Kamailio over TLS, answers a call, survives upgrades good and bad, and leaves.
//!
//! `tests/windows.sh` builds what stands in `CARILLON_WINDOWS_PARTS`. None of this was seen on a real Windows.

#![expect(
    clippy::unwrap_used,
    reason = "a suite ends where its world is not as it should be"
)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use carillon_tests::desk::Desk;
use carillon_tests::kamailio::Kamailio;
use carillon_tests::pair::SOON;
use carillon_tests::patience;
use carillon_tests::process::Process;
use carillon_tests::recording::Recording;
use carillon_tests::section::Section;
use carillon_tests::server::Server;
use carillon_tests::tone::Verdict;
use carillon_tests::wine::{SERVICE_STATE, Wine};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::Value;

const PROGRAM: &str = "C:\\Program Files\\Carillon Desk\\carillon.exe";
/// The same without a console, for clicks and log-ons.
const QUIET: &str = "C:\\Program Files\\Carillon Desk\\carillonw.exe";
const FOLDER: &str = "Program Files/Carillon Desk";
const STATE: &str = "ProgramData/Carillon";
const TITLE: &str = "Carillon softphone";
const SERVICE: &str = "HKLM\\System\\CurrentControlSet\\Services\\Carillon";
const MEMORY: &str = "HKLM\\Software\\Carillon";
const AT_LOG_ON: &str = "HKLM\\Software\\Microsoft\\Windows\\CurrentVersion\\Run";
/// How long a session that is away from its service may wait before it looks for it again, and more.
const UPGRADE_SEEN: Duration = Duration::from_secs(60);
/// As much sound as a tone is judged by, in seconds.
const STRETCH: f64 = 0.75;
const HEARD: &str = "heard.wav";
const SCHEMES: [&str; 4] = ["sip", "sips", "tel", "callto"];

/// A part that tests/windows.sh has built.
fn part(name: &str) -> PathBuf {
    let folder = std::env::var_os("CARILLON_WINDOWS_PARTS").unwrap_or_else(|| {
        panic!("CARILLON_WINDOWS_PARTS is not set: run tests/windows.sh, which builds the MSIs")
    });
    let path = Path::new(&folder).join(name);
    assert!(path.is_file(), "{} is missing", path.display());
    path
}

/// An authority, and a certificate for `localhost` with its key.
fn certificates() -> (String, String, String) {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = ca.self_signed(&ca_key).unwrap().pem();
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = server.signed_by(&key, &Issuer::new(ca, ca_key)).unwrap();
    (authority, certificate.pem(), key.serialize_pem())
}

/// The lab on Linux that the Windows desk meets.
struct World {
    kamailio: Kamailio,
    server: Server,
    caller: Desk,
}

impl World {
    fn begin() -> Self {
        let (authority, certificate, key) = certificates();
        let beside = [("server.pem", certificate), ("server.key", key)];
        let users = [("1001", "secret"), ("2001", "secret")];
        let kamailio =
            Kamailio::start_with("tests/kamailio/transports.cfg", &users, &beside).unwrap();
        let account = |user: &str, indent: &str| {
            let ca = authority.replace('\n', &format!("\n{indent}        "));
            [
                "- id: main".to_owned(),
                format!("  address: sip:{user}@127.0.0.1"),
                "  password: secret".to_owned(),
                format!("  outbound_proxy: localhost:{}", kamailio.port() + 1),
                "  transport: tls".to_owned(),
                format!("  connection:\n{indent}    ca: |\n{indent}        {ca}"),
            ]
            .map(|line| format!("{indent}{line}\n"))
            .concat()
        };
        let server = Server::start().unwrap();
        let accounts = account("1001", "      ");
        let fleet = format!("desks:\n  - name: reception\n    accounts:\n{accounts}");
        server.apply(&fleet).unwrap().success().unwrap();
        let mut caller = Desk::new("caller").unwrap();
        std::fs::create_dir_all(caller.state()).unwrap();
        let accounts = account("2001", "  ");
        let heard = caller.folder().join(HEARD);
        let media = format!("{{input: 'tone:440', output: 'wav:{}'}}", heard.display());
        let yaml = format!("accounts:\n{accounts}media: {media}\n");
        std::fs::write(caller.state().join("agent.yaml"), yaml).unwrap();
        caller.run().unwrap();
        caller.wait_account("main", "registered", SOON).unwrap();
        Self {
            kamailio,
            server,
            caller,
        }
    }

    /// The caller dials, the Windows desk answers, both hear something, the caller hangs up.
    fn call(&self, wine: &Wine) {
        let dial = ["dial", "sip:1001@127.0.0.1"];
        self.caller.cli(&dial).unwrap().success().unwrap();
        let state = |status: &Value| status["calls"][0]["state"].as_str().map(str::to_owned);
        let ringing = |status: &Value| (state(status)? == "ringing").then_some(());
        wine.wait_status("a call that rings", PROGRAM, ringing)
            .unwrap();
        let at = ["--state", SERVICE_STATE, "answer"];
        let answer = [PROGRAM].into_iter().chain(at);
        wine.run(answer).unwrap().success().unwrap();
        self.caller.wait_call("established", SOON).unwrap();
        let heard = |status: &Value| {
            let packets = status["calls"][0]["media"]["packets_received"].as_u64()?;
            (packets > 20).then_some(packets)
        };
        wine.wait_status("sound from the caller", PROGRAM, heard)
            .unwrap();
        patience::until("sound from the Windows desk", SOON, || {
            let status = self.caller.status().map_err(|e| e.to_string())?;
            heard(&status).ok_or_else(|| status.to_string())
        })
        .unwrap();
        std::thread::sleep(Duration::from_secs(2));
        self.caller.hang_up().unwrap();
        let silent = |status: &Value| (status["calls"] == Value::Array(Vec::new())).then_some(());
        wine.wait_status("the end of the call", PROGRAM, silent)
            .unwrap();
        self.caller.wait_no_call(SOON).unwrap();
        // Wine shares the machine with builds and draws sound late, in pieces: a stretch with our tone is asked for, not its
        // purity. The caller's own is 180 Hz away.
        let newest = std::fs::read_dir(self.caller.folder()).unwrap();
        let newest = newest
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "wav"))
            .max_by_key(|path| path.metadata().unwrap().modified().unwrap())
            .unwrap();
        let recording = Recording::open(&newest).unwrap();
        let tones: Vec<_> = (0..)
            .map(|quarter| f64::from(quarter) / 4.0)
            .take_while(|from| from + STRETCH <= recording.seconds())
            .filter_map(|from| recording.between(from, from + STRETCH).tone().ok())
            .collect();
        let ours = |tone: &&Verdict| (tone.frequency - 620.0).abs() < 20.0;
        let heard = tones.iter().filter(ours).count();
        assert!(heard > 0, "{tones:?}");
        println!(
            "   the caller heard our tone in {heard} of {} stretches",
            tones.len()
        );
        std::fs::remove_file(newest).unwrap();
    }
}

/// The service has no sound of its own: this session lends it some, over the named pipe.
fn session(wine: &Wine) -> Process {
    let sound = ["session", "--input", "tone:620", "--output", "null"];
    wine.spawn("session", [PROGRAM].into_iter().chain(sound))
        .unwrap()
}

/// A click on a link: Windows starts what the registry names for it, without a console, and the service asks.
fn click(wine: &Wine) {
    wine.run(["start", "sip:2001@127.0.0.1"])
        .unwrap()
        .success()
        .unwrap();
    let link = |words: &[&str]| {
        let at = [PROGRAM, "--state", SERVICE_STATE, "--json", "link"];
        wine.run(at.iter().chain(words))?.json()
    };
    let asked = patience::until("the link to ask", SOON, || {
        let asked = link(&["--list"]).map_err(|e| e.to_string())?;
        let id = asked[0]["id"].as_u64();
        id.ok_or_else(|| asked.to_string())
    })
    .unwrap();
    link(&["--deny", &asked.to_string()]).unwrap();
}

fn registered(wine: &Wine) -> Value {
    wine.wait_status("a registered account", PROGRAM, |status| {
        (status["accounts"][0]["state"] == "registered").then(|| status.clone())
    })
    .unwrap()
}

fn program(wine: &Wine) -> Vec<u8> {
    std::fs::read(wine.drive(FOLDER).join("carillon.exe")).unwrap()
}

/// In everybody's start menu, as Windows has it, or, as Wine has it, in that of whoever installed.
fn in_start_menu(wine: &Wine) -> bool {
    let menu = "Microsoft/Windows/Start Menu/Programs/Carillon.lnk";
    let users = std::fs::read_dir(wine.drive("users")).unwrap();
    let own = users.map(|user| user.unwrap().path().join("AppData/Roaming"));
    own.chain([wine.drive("ProgramData")])
        .any(|folder| folder.join(menu).is_file())
}

/// What an installation left in registry, folders and services, as version and choices have it.
fn assert_installed(wine: &Wine, version: &str) {
    let memory = wine.registry(MEMORY).unwrap();
    for (name, value) in [
        ("Version", version),
        ("InstallDir", "C:\\Program Files\\Carillon Desk\\"),
        ("UrlHandlers", "1"),
        ("AutoStart", "0"),
    ] {
        let found = memory
            .lines()
            .any(|line| line.split("REG_SZ").map(str::trim).eq([name, value]));
        assert!(found, "{name} is not {value}: {memory}");
    }
    for scheme in SCHEMES {
        let key = format!("HKLM\\Software\\Classes\\{scheme}\\shell\\open\\command");
        let command = wine.registry(&key).unwrap();
        assert!(
            command.contains(&format!("\"{QUIET}\" link \"%1\"")),
            "{command}"
        );
        assert!(memory.contains(scheme), "{scheme}: {memory}");
    }
    let applications = wine
        .registry("HKLM\\Software\\RegisteredApplications")
        .unwrap();
    assert!(applications.contains("Software\\Carillon\\Capabilities"));
    // It was not wanted.
    assert!(!wine.registry(AT_LOG_ON).unwrap().contains("Carillon"));
    let service = wine.registry(SERVICE).unwrap();
    assert!(service.contains("carillon.exe service run"), "{service}");
    assert!(service.contains("LocalService"), "{service}");
    assert!(wine.runs(TITLE).unwrap());
    assert!(in_start_menu(wine));
    assert!(
        wine.drive(FOLDER).join("carillon.exe").is_file(),
        "the program is where it was wanted"
    );
    assert!(!wine.drive("Program Files/Carillon").exists());
}

fn assert_gone(wine: &Wine) {
    for key in [MEMORY, SERVICE, "HKLM\\Software\\Classes\\Carillon.Link"] {
        assert_eq!(wine.registry(key).unwrap(), "", "{key}");
    }
    for scheme in SCHEMES {
        let key = format!("HKLM\\Software\\Classes\\{scheme}\\shell\\open\\command");
        assert_eq!(wine.registry(&key).unwrap(), "", "{key}");
    }
    let applications = wine
        .registry("HKLM\\Software\\RegisteredApplications")
        .unwrap();
    assert!(!applications.contains("Carillon"), "{applications}");
    assert!(!wine.runs(TITLE).unwrap());
    assert!(!wine.drive(FOLDER).exists());
    assert!(!in_start_menu(wine));
}

#[test]
fn the_msi_installs_serves_upgrades_and_leaves() {
    let section = Section::begin("the MSI under Wine");
    let world = World::begin();
    let wine = Wine::start(&part("bcryptprimitives.dll")).unwrap();
    section.note("Kamailio, server and a Linux desk run; Wine is up");

    // A first installation, silent, with a ticket.
    let config = wine.drive("given.yaml");
    std::fs::write(&config, "# given\ncontacts: []\n").unwrap();
    let ticket = world.server.ticket("reception").unwrap();
    let log = wine.drive("install.log");
    let given = [
        format!("TICKET={ticket}"),
        "AGENTCONFIG=C:\\given.yaml".to_owned(),
        "INSTALLDIR=C:\\Program Files\\Carillon Desk\\".to_owned(),
        "AUTOSTART=0".to_owned(),
        "/l*v".to_owned(),
        "C:\\install.log".to_owned(),
    ];
    let given: Vec<&str> = given.iter().map(String::as_str).collect();
    wine.installer("/i", &part("one.msi"), &given)
        .unwrap()
        .success()
        .unwrap_or_else(|e| panic!("{e}: {}", std::fs::read_to_string(&log).unwrap_or_default()));
    section.note("installed");
    assert_installed(&wine, "1.0.0");
    let before = registered(&wine);
    let contact = world.kamailio.wait_registered("1001", SOON).unwrap();
    assert!(contact.uri.contains("transport=tls"), "{}", contact.uri);
    section.note(format!("enrolled and registered: {}", contact.uri));
    let state = wine.drive(STATE);
    patience::until_true("the ticket to be gone", SOON, || {
        !state.join("ticket").exists()
    })
    .unwrap();
    for key in [MEMORY, SERVICE] {
        assert!(!wine.registry(key).unwrap().contains(&ticket));
    }
    assert!(before["link"]["desk"].is_string(), "{before}");
    // It runs through all that follows, as it does on a desk whose user stays logged on.
    let mut lent = session(&wine);
    world.call(&wine);
    section.note("a call from Linux was answered, with sound both ways by the session's devices");

    click(&wine);
    section.note("a clicked link asks");

    // Upgrades that fail: the new program refuses this desk; what it is given is broken.
    let old = program(&wine);
    let bad = wine.installer("/i", &part("bad.msi"), &[]).unwrap();
    assert_ne!(bad.code, Some(0), "{bad:?}");
    std::fs::write(wine.drive("broken.yaml"), "accounts: 7\n").unwrap();
    let broken = ["AGENTCONFIG=C:\\broken.yaml"];
    let bad = wine.installer("/i", &part("two.msi"), &broken).unwrap();
    assert_ne!(bad.code, Some(0), "{bad:?}");
    assert_installed(&wine, "1.0.0");
    assert_eq!(program(&wine), old);
    let status = registered(&wine);
    assert_eq!(status["link"]["desk"], before["link"]["desk"]);
    section.note("two upgrades failed, and the old version goes on");

    // One that does not, without any property; success means that no restart of the machine is wanted.
    assert!(lent.is_running());
    wine.installer("/i", &part("two.msi"), &[])
        .unwrap()
        .success()
        .unwrap();
    assert_installed(&wine, "1.1.0");
    let status = registered(&wine);
    assert_eq!(
        status["link"]["desk"], before["link"]["desk"],
        "it is the same desk"
    );
    let kept = std::fs::read_to_string(state.join("agent.yaml")).unwrap();
    assert!(kept.contains("# given"), "{kept}");
    // The session's part ends when the new version of it has been started in its place.
    lent.wait(UPGRADE_SEEN).unwrap();
    world.call(&wine);
    section.note("upgraded: the same desk, the same choices, and it answers, with sound of the session's new part");

    let downgrade = wine.installer("/i", &part("one.msi"), &[]).unwrap();
    assert_ne!(downgrade.code, Some(0), "{downgrade:?}");
    assert_installed(&wine, "1.1.0");
    section.note("a downgrade was refused");

    // Gone but for who the desk is; then back without a ticket; then gone altogether.
    let keep = ["KEEPIDENTITY=1"];
    wine.installer("/x", &part("two.msi"), &keep)
        .unwrap()
        .success()
        .unwrap();
    assert_gone(&wine);
    assert!(state.join("identity.json").is_file());
    assert!(!state.join("agent.yaml").exists() && !state.join("config").exists());
    let again = [
        "INSTALLDIR=C:\\Program Files\\Carillon Desk\\",
        "AUTOSTART=0",
    ];
    wine.installer("/i", &part("two.msi"), &again)
        .unwrap()
        .success()
        .unwrap();
    assert_eq!(registered(&wine)["link"]["desk"], before["link"]["desk"]);
    section.note("uninstalled with the identity kept, and back as the same desk");
    wine.installer("/x", &part("two.msi"), &[])
        .unwrap()
        .success()
        .unwrap();
    assert_gone(&wine);
    assert!(!state.exists(), "nothing is left");
    section.note("uninstalled: nothing is left");
}
