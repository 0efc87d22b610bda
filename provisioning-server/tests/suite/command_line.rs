//! The program itself: init, serve, and verbs that ask the running server.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use carillon_schemas::Ticket;
use serde_json::Value;

fn program(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_carillon-server"));
    command.arg("--data").arg(data);
    command
}

fn run(data: &Path, args: &[&str], input: &str) -> Output {
    let mut child = program(data)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A verb that does not read its input may close it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn done(data: &Path, args: &[&str], input: &str) -> String {
    let output = run(data, args, input);
    assert!(
        output.status.success(),
        "{args:?}: {}",
        text(&output.stderr)
    );
    text(&output.stdout)
}

fn refused(data: &Path, args: &[&str], input: &str, code: i32) -> String {
    let output = run(data, args, input);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
    said
}

struct Served(Child);

impl Served {
    fn start(data: &Path) -> Self {
        let mut child = program(data)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert!(line.contains("https://127.0.0.1:"), "{line}");
        Self(child)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn from_an_empty_folder_to_a_fleet_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let said = refused(&data, &["desk", "list"], "", 3);
    assert!(said.contains("init"), "{said}");
    let said = done(
        &data,
        &[
            "init",
            "--name",
            "The lab",
            "--roots",
            "3",
            "--threshold",
            "2",
        ],
        "",
    );
    assert!(
        said.contains("offline") && said.contains("password"),
        "{said}"
    );
    assert!(folder.path().join("data-root-keys/root-3.pem").exists());
    let said = refused(&data, &["init", "--name", "Again"], "", 1);
    assert!(
        said.contains("carillon.db") && said.contains("to do:"),
        "{said}"
    );
    let said = refused(&data, &["desk", "list"], "", 3);
    assert!(
        said.contains("not running") && said.contains("serve"),
        "{said}"
    );

    let served = Served::start(&data);
    let said = refused(&data, &["serve", "--listen", "127.0.0.1:0"], "", 1);
    assert!(said.contains("another server"), "{said}");
    done(&data, &["desk", "add", "one"], "");
    let ticket = done(
        &data,
        &["ticket", "new", "--desk", "one", "--expires", "10m"],
        "",
    );
    let ticket: Ticket = ticket.parse().unwrap();
    assert!(ticket.tls_pin.is_some());
    let json = done(&data, &["ticket", "new", "--uses", "5", "--json"], "");
    let json: Value = serde_json::from_str(&json).unwrap();
    json["ticket"].as_str().unwrap().parse::<Ticket>().unwrap();
    let set = ["account", "set", "one", "main"];
    let said = refused(&data, &set, "", 5);
    assert!(said.contains("--address"), "{said}");
    let address = ["--address", "sip:1@pbx", "--password-file", "-"];
    done(&data, &[&set[..], &address].concat(), "s3cret\n");
    done(
        &data,
        &[
            &set[..],
            &["--registrar", "pbx:5070", "--accept-from", "anyone"],
        ]
        .concat(),
        "",
    );
    let page = done(&data, &["desk", "show", "one", "--json"], "");
    let page: Value = serde_json::from_str(&page).unwrap();
    assert_eq!(page["spec"]["accounts"][0]["address"], "sip:1@pbx");
    assert_eq!(page["spec"]["accounts"][0]["registrar"], "pbx:5070");
    assert_eq!(page["spec"]["accounts"][0]["accept_from"], "anyone");
    assert_eq!(page["row"]["accounts"][0]["has_password"], true);
    let password = ["account", "password", "one", "main", "--password-file", "-"];
    let said = refused(&data, &password, "two\nlines", 5);
    assert!(
        said.contains("control character") && !said.contains("two"),
        "{said}"
    );
    refused(&data, &["desk", "show", "none"], "", 4);
    let said = refused(&data, &["desk", "show", "none", "--json"], "", 4);
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["error"]["type"], "urn:carillon:problem:desk-not-found");

    let exported = done(&data, &["export"], "");
    assert!(!exported.contains("s3cret"));
    let file = folder.path().join("fleet.yaml");
    std::fs::write(&file, &exported).unwrap();
    let apply = ["apply", "-f", file.to_str().unwrap()];
    assert_eq!(done(&data, &apply, "").trim(), "nothing changes");
    std::fs::write(&file, exported.replace("registrar:", "registrarr:")).unwrap();
    let said = refused(&data, &apply, "", 5);
    assert!(said.contains("did you mean \"registrar\""), "{said}");

    let pid = served.0.id().to_string();
    let killed = Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    assert!(killed.success());
    let mut served = served;
    assert!(served.0.wait().unwrap().success());
    assert!(!data.join("running.json").exists());
    refused(&data, &["desk", "list"], "", 3);
}

#[test]
fn a_folder_of_secrets_is_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    done(&data, &["init", "--name", "The lab"], "");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for folder in [data.clone(), folder.path().join("data-root-keys")] {
        assert_eq!(mode(&folder), 0o700);
        for file in std::fs::read_dir(&folder).unwrap() {
            let file = file.unwrap().path();
            assert_eq!(mode(&file), 0o600, "{}", file.display());
        }
    }
}
