//! A link clicked in a real browser: Chromium asks the desktop, the desktop runs what the package installs, and the
//! agent asks or dials.

#![expect(
    clippy::unwrap_used,
    reason = "a suite ends where its world is not as it should be"
)]

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use carillon_tests::binaries::{agent, workspace};
use carillon_tests::desk::Desk;
use carillon_tests::kamailio::Kamailio;
use carillon_tests::pair::{Entry, SOON, fleet_yaml};
use carillon_tests::patience;
use carillon_tests::server::Server;
use carillon_webdriver::{Browser, Desktop};

const PAGE: &str = "<!doctype html><title>Customers</title>\
    <a id=sip href='sip:1002@127.0.0.1'>Ann</a> <a id=tel href='tel:1002'>Ann's number</a>";
/// A browser and its handlers take their time on a busy machine.
const CLICK: Duration = Duration::from_secs(20);

#[test]
fn a_link_clicked_in_a_browser_asks_and_where_the_configuration_says_so_dials_at_once() {
    let kamailio = Kamailio::start(&[("1001", "one"), ("1002", "two")]).unwrap();
    let server = Server::start().unwrap();
    let entry = |desk, accounts| Entry {
        desk,
        accounts,
        registrar_port: kamailio.port(),
        input: "null",
        output: "null",
    };
    let entries = [
        entry("desk-b", &[("1002", "two")]),
        entry("desk-a", &[("1001", "one")]),
    ];
    server
        .apply(&fleet_yaml(&entries))
        .unwrap()
        .success()
        .unwrap();
    let run = |name| {
        let mut desk = Desk::new(name).unwrap();
        desk.enrol(&server.ticket(name).unwrap())
            .unwrap()
            .success()
            .unwrap();
        desk.run().unwrap();
        desk.wait_account("main", "registered", SOON).unwrap();
        desk
    };
    let (a, b) = (run("desk-a"), run("desk-b"));

    let home = tempfile::tempdir().unwrap();
    let desktop = install(home.path(), &a);
    let origin = serve_page();
    let browser = Browser::start_on(&desktop, &origin, &["sip", "tel"]).unwrap();
    browser.open(&origin).unwrap();

    // What nobody configured otherwise: a page gets a question asked, and no call.
    browser.click("#sip").unwrap();
    let asks = patience::until("the question at desk A", CLICK, || {
        let asks = a
            .cli(&["link", "--list", "--json"])
            .and_then(|ended| ended.json());
        let asks = asks.map_err(|e| e.to_string())?;
        asks[0]["id"].as_u64().ok_or_else(|| asks.to_string())
    });
    let ask = asks.unwrap().to_string();
    assert_eq!(b.call_state().unwrap(), None, "nobody allowed it yet");
    a.cli(&["link", "--allow", &ask])
        .unwrap()
        .success()
        .unwrap();
    b.wait_call("ringing", SOON).unwrap();
    a.hang_up().unwrap();
    b.wait_no_call(SOON).unwrap();

    // The admin trusts what is clicked.
    let trusting = fleet_yaml(&entries) + "    links:\n      dial: now\n";
    let before = a.status().unwrap()["generation"].clone();
    server.apply(&trusting).unwrap().success().unwrap();
    patience::until("the new configuration at desk A", SOON, || {
        let now = a.status().map_err(|e| e.to_string())?["generation"].clone();
        if now == before {
            Err(now.to_string())
        } else {
            Ok(())
        }
    })
    .unwrap();
    browser.click("#tel").unwrap();
    b.wait_call("ringing", CLICK).unwrap();
    b.answer().unwrap();
    a.wait_call("established", SOON).unwrap();
    a.hang_up().unwrap();
}

/// What the package puts into the system, put into the home of one user: the file that names the schemes, read by
/// the tools that dpkg runs, and the program, for the agent of one desk.
fn install(home: &Path, desk: &Desk) -> Desktop {
    let (applications, programs) = (home.join(".local/share/applications"), home.join("bin"));
    std::fs::create_dir_all(&applications).unwrap();
    std::fs::create_dir_all(&programs).unwrap();
    let entry = workspace().join("deploy/linux/desktop/carillon-link.desktop");
    std::fs::copy(entry, applications.join("carillon-link.desktop")).unwrap();
    let updated = Command::new("update-desktop-database")
        .arg(&applications)
        .status();
    assert!(updated.unwrap().success());
    for scheme in ["sip", "sips", "tel", "callto"] {
        let asked = Command::new("xdg-mime")
            .args(["query", "default", &format!("x-scheme-handler/{scheme}")])
            .env("HOME", home)
            .env_remove("XDG_DATA_HOME")
            .env_remove("XDG_CURRENT_DESKTOP")
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8_lossy(&asked.stdout).trim(),
            "carillon-link.desktop",
            "{scheme}"
        );
    }
    let program = programs.join("carillon");
    let text = format!(
        "#!/bin/sh\nCARILLON_STATE='{}' exec '{}' \"$@\"\n",
        desk.state().display(),
        agent().unwrap().display()
    );
    std::fs::write(&program, text).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut path = programs.into_os_string();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let none = OsString::new();
    Desktop::open(
        home,
        [
            ("PATH".into(), path),
            ("XDG_DATA_HOME".into(), none.clone()),
            ("XDG_CONFIG_HOME".into(), none.clone()),
            ("XDG_CURRENT_DESKTOP".into(), none),
        ],
    )
    .unwrap()
}

/// Serves the page to whoever asks, until the suite ends; its origin.
fn serve_page() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{PAGE}",
                PAGE.len()
            );
        }
    });
    origin
}
