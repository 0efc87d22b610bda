//! LDAP directories, on a real OpenLDAP: names of callers, people found, TLS, and servers that mean no good.

#![expect(
    clippy::unwrap_used,
    reason = "a suite ends where its world is not as it should be"
)]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use carillon_tests::baresip::{Baresip, Setup};
use carillon_tests::desk::Desk;
use carillon_tests::kamailio::Kamailio;
use carillon_tests::pair::SOON;
use carillon_tests::patience;
use carillon_tests::section::Section;
use carillon_tests::server::Server;
use carillon_tests::sipp::{Load, Sipp};
use carillon_tests::slapd::{Proof, READER, READER_PASSWORD, SUFFIX, Slapd};
use carillon_webdriver::Browser;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::Value;

/// Those whom everybody may read, and one who is for those who sign in.
fn people() -> String {
    let person = |under: &str, name: &str, more: &str| {
        format!(
            "dn: cn={name},ou={under},{SUFFIX}\nobjectClass: inetOrgPerson\ncn: {name}\nsn: {name}\n{more}\n\n"
        )
    };
    [
        person(
            "open",
            "Dora Directory",
            "telephoneNumber: +49 89 555-0100\nmobile: 0170 7777777",
        ),
        person("open", "Edgar Extension", "telephoneNumber: 1002"),
        person("open", "Far Fiona", "telephoneNumber: elsewhere"),
        // Ends as the extension does, and is somebody else.
        person("open", "Aaron Other", "telephoneNumber: +49 30 9991002"),
        person("open", "No Number", "description: cannot be called"),
        person("closed", "Secret Sam", "telephoneNumber: 1777\nuid: sam"),
    ]
    .concat()
}

/// An authority, and what it vouches for: 127.0.0.1.
struct Authority {
    ca: String,
    certificate: String,
    key: String,
}

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &*ca).unwrap().pem();
    Authority {
        ca: ca.pem(),
        certificate,
        key: key.serialize_pem(),
    }
}

fn indented(pem: &str) -> String {
    pem.lines().map(|line| format!("      {line}\n")).collect()
}

/// A desk that calls nobody, with these directories.
fn desk(directories: &str) -> Desk {
    let mut desk = Desk::alone("directories", &format!("directories:\n{directories}")).unwrap();
    desk.run().unwrap();
    desk
}

fn json(desk: &Desk, words: &[&str]) -> Value {
    let all: Vec<&str> = words.iter().copied().chain(["--json"]).collect();
    desk.cli(&all).unwrap().json().unwrap()
}

fn names(found: &Value) -> Vec<&str> {
    let people = found.as_array().map(Vec::as_slice).unwrap_or_default();
    people.iter().filter_map(|p| p["name"].as_str()).collect()
}

fn trouble(desk: &Desk, place: usize) -> String {
    let stand = json(desk, &["contacts", "directories"]);
    stand[place]["trouble"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn a_directory_knows_who_calls_and_whom_one_looks_for() {
    let section = Section::begin("a directory knows who calls and whom one looks for");
    let slapd = Slapd::start(&people(), None).unwrap();
    let users = [("1001", "pw1001"), ("1002", "theirs")];
    let kamailio = Kamailio::start(&users).unwrap();
    let registrar = kamailio.port();
    let yaml = format!(
        "accounts:\n  - id: main\n    address: sip:1001@127.0.0.1\n    password: pw1001\n    \
         registrar: 127.0.0.1:{registrar}\n    outbound_proxy: 127.0.0.1:{registrar}\n  \
         - {{id: alone, address: 'sip:alone@127.0.0.1', register: false}}\n\
         contacts: [{{name: Directory Services, number: '1000'}}]\n\
         media: {{input: 'tone:440', output: 'null'}}\n\
         directories:\n  - {{id: open, name: Company, url: '{}', base: 'ou=open,{SUFFIX}'}}\n",
        slapd.url()
    );
    let mut ours = Desk::alone("1001", &yaml).unwrap();
    ours.run().unwrap();
    ours.wait_account("main", "registered", SOON).unwrap();
    let mut theirs = Baresip::start(&Setup::new("1002", "theirs", registrar)).unwrap();
    kamailio.wait_registered("1002", SOON).unwrap();
    let stand = json(&ours, &["contacts", "directories"]);
    assert!(stand[0]["answered"].is_null(), "nobody asked yet: {stand}");

    theirs.dial("sip:1001@127.0.0.1").unwrap();
    ours.wait_call("ringing", SOON).unwrap();
    ours.wait_named("Edgar Extension", SOON).unwrap();
    theirs.hang_up().unwrap();
    ours.wait_no_call(SOON).unwrap();
    patience::until("the missed call by its name", SOON, || {
        let history = json(&ours, &["history"]);
        match history[0]["name"] == "Edgar Extension" {
            true => Ok(()),
            false => Err(history.to_string()),
        }
    })
    .unwrap();
    section.note("a caller is named by the directory while it rings, and in the history");

    // Beside the others, the desk's own first.
    let found = json(&ours, &["contacts", "director"]);
    assert_eq!(
        names(&found),
        ["Directory Services", "Dora Directory", "Dora Directory"],
        "{found}"
    );
    assert_eq!(found[1]["source"], "Company", "{found}");
    let numbers = [&found[1]["number"], &found[2]["number"]];
    assert_eq!(numbers, ["+49 89 555-0100", "0170 7777777"]);
    // Whom a number finds comes with all of theirs.
    assert_eq!(json(&ours, &["contacts", "5550100"])[1], found[2]);
    let quick = ours.ask("GET", "/v1/contacts?search=dora&directories=false", "");
    assert_eq!(names(&quick.unwrap()), [""; 0]);
    assert_eq!(names(&json(&ours, &["contacts", "No Number"])), [""; 0]);
    let refused = ours.cli(&["contacts", "remove", "ldap-0-0"]).unwrap();
    assert!(refused.stderr.contains("directory"), "{}", refused.stderr);

    // A call that is redirected is called by the name of whom it goes to.
    let sipp = Sipp::start("redirect", 9, Load::ONCE, &[]).unwrap();
    let target = format!("sip:sipp@127.0.0.1:{}", sipp.port());
    let dialled = ours.cli(&["dial", "--account", "alone", &target]).unwrap();
    dialled.success().unwrap();
    ours.wait_named("Far Fiona", SOON).unwrap();
    sipp.finish(SOON).unwrap();
    section.note("a redirected call bears the name of whom it goes to");
}

#[test]
fn the_panel_shows_what_is_known_here_first() {
    let slapd = Slapd::start(&people(), None).unwrap();
    let slow = hostile(|mut stream| {
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let directories = format!(
        "  - {{id: open, name: Company, url: '{}', base: 'ou=open,{SUFFIX}'}}\n  \
         - {{id: slow, url: '{slow}', base: '', time_limit: 4}}\n\
         contacts: [{{name: Directory Services, number: '1000'}}, {{name: Zeta Local, number: '1003'}}]\n",
        slapd.url()
    );
    let desk = desk(&directories);
    let browser = Browser::start(true).unwrap();
    browser.open(&desk.panel_url().unwrap()).unwrap();
    browser.run("location.hash = '#contacts'").unwrap();
    browser.wait_text("Zeta Local", SOON).unwrap();
    browser.type_into("#contact-search", "director").unwrap();
    let begun = Instant::now();
    patience::until("the others to go", SOON, || {
        let text = browser.text().map_err(|e| e.to_string())?;
        let there = |name: &str| text.contains(name);
        match there("Directory Services") && !there("Zeta Local") {
            true => Ok(()),
            false => Err(text),
        }
    })
    .unwrap();
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
    browser.wait_text("Dora Directory", SOON).unwrap();
    browser.wait_text("Company", SOON).unwrap();
    let kept = browser.run("return document.querySelectorAll('[aria-label^=Remove]').length");
    assert_eq!(
        kept.unwrap(),
        0,
        "nobody of a directory can be removed here"
    );
    // The box one dials in, too.
    browser.run("location.hash = '#phone'").unwrap();
    browser.wait_for("[name=target]", SOON).unwrap();
    browser.type_into("[name=target]", "edgar").unwrap();
    browser.wait_text("Edgar Extension", SOON).unwrap();
}

#[test]
fn a_password_goes_over_tls_and_nowhere_else() {
    let section = Section::begin("a directory is asked over TLS");
    let authority = authority();
    let proof = Proof {
        certificate: &authority.certificate,
        key: &authority.key,
    };
    let slapd = Slapd::start(&people(), Some(proof)).unwrap();
    let directory = |id: &str, url: &str, ca: &str, password: &str, more: &str| {
        format!(
            "  - id: {id}\n    url: {url}\n    base: ou=closed,{SUFFIX}\n    bind_dn: {READER}\n    \
             password: {password}\n    ca: |\n{}{more}",
            indented(ca)
        )
    };
    let (ldap, ldaps) = (slapd.url(), slapd.tls_url());
    let start_tls = "    start_tls: true\n";
    let stranger = self::authority().ca;
    let yaml = [
        directory("tls", &ldaps, &authority.ca, READER_PASSWORD, ""),
        directory("start", &ldap, &authority.ca, READER_PASSWORD, start_tls),
        directory("wrong", &ldaps, &authority.ca, "not the password", ""),
        directory("stranger", &ldaps, &stranger, READER_PASSWORD, ""),
        // Nobody in particular sees nothing there.
        format!("  - {{id: nobody, url: '{ldap}', base: 'ou=closed,{SUFFIX}'}}\n"),
    ]
    .concat();
    let desk = desk(&yaml);
    let found = json(&desk, &["contacts", "secret"]);
    assert_eq!(names(&found), ["Secret Sam"], "{found}");
    assert_eq!(found[0]["source"], "tls", "{found}");
    let stand = json(&desk, &["contacts", "directories"]);
    for place in [0, 1] {
        assert!(stand[place]["answered"].is_u64(), "{stand}");
        assert!(stand[place]["trouble"].is_null(), "{stand}");
    }
    assert!(
        trouble(&desk, 2).contains("wrong name or password"),
        "{stand}"
    );
    assert!(trouble(&desk, 3).contains("certificate"), "{stand}");
    section.note(
        "LDAPS and StartTLS with an authority of our own; a wrong password and a stranger are told",
    );

    let all = [
        stand.to_string(),
        desk.cli(&["contacts", "directories"]).unwrap().stdout,
        desk.status().unwrap().to_string(),
        desk.cli(&["trace"]).unwrap().stdout,
        desk.said(),
    ];
    for said in &all {
        assert!(!said.contains(READER_PASSWORD), "{said}");
        assert!(!said.contains("not the password"), "{said}");
    }

    // Another password in the file is tried at once, without a restart.
    let path = desk.state().join("agent.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("not the password", READER_PASSWORD)).unwrap();
    patience::until("the third directory", SOON, || {
        json(&desk, &["contacts", "secret"]);
        match trouble(&desk, 2) {
            none if none.is_empty() => Ok(()),
            why => Err(why),
        }
    })
    .unwrap();
    // In the clear the file is refused, and the one before goes on.
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("    start_tls: true\n", "")).unwrap();
    patience::until("the refusal", SOON, || match desk.said() {
        said if said.contains("would be in the clear") => Ok(()),
        said => Err(said),
    })
    .unwrap();
    assert_eq!(names(&json(&desk, &["contacts", "secret"])), ["Secret Sam"]);
}

#[test]
fn attack_b_what_is_typed_cannot_ask_for_more() {
    let slapd = Slapd::start(&people(), None).unwrap();
    let desk = desk(&format!(
        "  - id: open\n    url: {}\n    base: {SUFFIX}\n    search_filter: '(&(objectClass=inetOrgPerson)(cn=*{{text}}*))'\n",
        slapd.url()
    ));
    for typed in [
        "*)(uid=*",
        "*",
        "**",
        "*)(|(cn=*",
        "Dora*",
        "\\2a\\2a",
        "(((((",
        "\u{e9}\u{0}x",
    ] {
        let path = format!("/v1/contacts?search={}", percent(typed));
        let found = desk.ask("GET", &path, "").unwrap();
        assert_eq!(names(&found), [""; 0], "{typed:?}");
    }
    assert_eq!(
        trouble(&desk, 0),
        "",
        "each was a question that it understands"
    );
    let found = json(&desk, &["contacts", "dora"]);
    assert_eq!(
        names(&found),
        ["Dora Directory", "Dora Directory"],
        "{found}"
    );
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// A server that takes every connection and does this with it, on threads of its own.
fn hostile(does: fn(std::net::TcpStream)) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ldap://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || does(stream));
        }
    });
    url
}

/// An entry that answers the first request, with a name and a number.
const ENTRY: &[u8] = b"\x30\x39\x02\x01\x01\x64\x34\x04\x04cn=x\x30\x2c\
    \x30\x0c\x04\x02cn\x31\x06\x04\x04Anna\x30\x1c\x04\x0ftelephoneNumber\x31\x09\x04\x071234567";

#[test]
fn attack_b_a_hostile_directory_holds_nothing_up() {
    let section = Section::begin("hostile directories");
    let hangs = hostile(|mut stream| {
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let drips = hostile(|mut stream| {
        for byte in ENTRY.iter().cycle() {
            if stream.write_all(&[*byte]).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let pours = hostile(|mut stream| {
        let many = ENTRY.repeat(1_000);
        while stream.write_all(&many).is_ok() {}
    });
    let users = [("1001", "pw1001"), ("1002", "theirs")];
    let kamailio = Kamailio::start(&users).unwrap();
    let registrar = kamailio.port();
    let yaml = format!(
        "accounts:\n  - id: main\n    address: sip:1001@127.0.0.1\n    password: pw1001\n    \
         registrar: 127.0.0.1:{registrar}\n    outbound_proxy: 127.0.0.1:{registrar}\n\
         contacts: [{{name: Anna Own, number: '1000'}}]\n\
         media: {{input: 'tone:440', output: 'null'}}\n\
         directories:\n  - {{id: hangs, url: '{hangs}', base: '', time_limit: 3}}\n  \
         - {{id: drips, url: '{drips}', base: '', time_limit: 3}}\n  \
         - {{id: pours, url: '{pours}', base: '', size_limit: 500}}\n"
    );
    let mut ours = Desk::alone("1001", &yaml).unwrap();
    ours.run().unwrap();
    ours.wait_account("main", "registered", SOON).unwrap();
    let mut theirs = Baresip::start(&Setup::new("1002", "theirs", registrar)).unwrap();
    kamailio.wait_registered("1002", SOON).unwrap();

    let begun = Instant::now();
    theirs.dial("sip:1001@127.0.0.1").unwrap();
    ours.wait_call("ringing", SOON).unwrap();
    ours.answer().unwrap();
    theirs.wait_event("CALL_ESTABLISHED", SOON).unwrap();
    let took = begun.elapsed();
    assert!(
        took < Duration::from_secs(2),
        "it rang and stood after {took:?}"
    );
    theirs.hang_up().unwrap();
    section.note("a call rings and stands at once while directories hang");

    let rested = Duration::from_secs(31);
    std::thread::sleep(rested.saturating_sub(begun.elapsed()));
    let begun = Instant::now();
    let found = json(&ours, &["contacts", "anna"]);
    assert!(
        begun.elapsed() < Duration::from_secs(6),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(names(&found), ["Anna Own", "Anna"], "{found}");
    for (place, why) in [(0, "within 3 s"), (1, "within 3 s"), (2, "")] {
        assert_eq!(trouble(&ours, place).is_empty(), why.is_empty());
        assert!(
            trouble(&ours, place).contains(why),
            "{}",
            trouble(&ours, place)
        );
    }
    // They are left alone for a while: the next search waits for none of them.
    let begun = Instant::now();
    json(&ours, &["contacts", "anna"]);
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
    section.note("a search ends in time, with what the others know");
}

#[test]
fn the_fleet_shares_a_directory_and_its_password_stays_sealed() {
    let section = Section::begin("a directory of the whole fleet");
    let authority = authority();
    let proof = Proof {
        certificate: &authority.certificate,
        key: &authority.key,
    };
    let slapd = Slapd::start(&people(), Some(proof)).unwrap();
    let server = Server::start().unwrap();
    let fleet = |url: &str, password: &str| {
        format!(
            "defaults:\n  directories:\n  - id: company\n    url: {url}\n    base: ou=closed,{SUFFIX}\n    \
             bind_dn: {READER}\n{password}    ca: |\n{}desks:\n  - name: front\n",
            indented(&authority.ca)
        )
    };
    let password = format!("    password: {READER_PASSWORD}\n");
    let told = server.apply(&fleet(&slapd.tls_url(), &password)).unwrap();
    let told = told.success().unwrap();
    assert!(told.contains("directories[company].password"), "{told}");
    let mut desk = Desk::new("front").unwrap();
    let ticket = server.ticket("front").unwrap();
    desk.enrol(&ticket).unwrap().success().unwrap();
    desk.run().unwrap();
    patience::until("the directory", SOON, || {
        let found = json(&desk, &["contacts", "secret"]);
        match names(&found) == ["Secret Sam"] {
            true => Ok(()),
            false => Err(json(&desk, &["contacts", "directories"]).to_string()),
        }
    })
    .unwrap();
    section.note("a desk asks the fleet's directory with the password that was sealed to it");

    // Applied without it the password stays, and nothing that leaves the server holds it.
    let again = server.apply(&fleet(&slapd.tls_url(), "")).unwrap();
    let again = again.success().unwrap();
    let export = server.run(&["export"]).unwrap();
    assert!(export.contains("company"), "{export}");
    for said in [&told, &again, &export, &server.said()] {
        assert!(!said.contains(READER_PASSWORD), "{said}");
    }
    for file in std::fs::read_dir(server.data()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap_or_default();
        let needle = READER_PASSWORD.as_bytes();
        assert!(!bytes.windows(needle.len()).any(|part| part == needle));
    }
    assert_eq!(names(&json(&desk, &["contacts", "secret"])), ["Secret Sam"]);

    // Who may change the address does not get the password sent there.
    let moved = server
        .apply(&fleet("ldaps://evil.example.org", ""))
        .unwrap();
    assert_ne!(moved.code, Some(0));
    let why = format!("{}{}", moved.stdout, moved.stderr);
    assert!(why.contains("is needed for this bind_dn"), "{why}");
    section.note("a directory that moves does not take its password along");
}
