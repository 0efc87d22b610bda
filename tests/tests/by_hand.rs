//! The README's commands do what the README says, in its order and its words.

#![expect(
    clippy::unwrap_used,
    reason = "a suite ends where its world is not as it should be"
)]

use std::path::Path;

use carillon_tests::binaries::{self, workspace};
use carillon_tests::command_line;
use carillon_tests::kamailio::Kamailio;
use carillon_tests::pair::{Entry, fleet_yaml};
use carillon_tests::ports;

/// Fails when something that goes on in the background is not there in time.
const WAIT: &str = r#"
wait_for() { for _ in $(seq 300); do "$@" >/dev/null 2>&1 && return; sleep 0.1; done; echo "in vain: $*" >&2; exit 1; }
registered() { carillon status | tee status | grep -q "registered"; }
trap 'kill $(jobs -p); wait' EXIT
set -e
"#;

/// The commands of the section 'By hand'.
fn commands() -> Vec<String> {
    let readme = std::fs::read_to_string(workspace().join("README.md")).unwrap();
    let section = readme.split("\n## By hand\n").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    section
        .lines()
        .filter_map(|line| line.strip_prefix("    ").map(str::to_owned))
        .collect()
}

#[test]
fn the_readmes_commands_work_as_written() {
    let kamailio = Kamailio::start(&[("1001", "ours"), ("1002", "theirs")]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let clone = folder.path().join("clone");
    std::fs::create_dir(&clone).unwrap();
    std::os::unix::fs::symlink(workspace().join("schemas"), clone.join("schemas")).unwrap();
    let fleet = fleet_yaml(&[Entry {
        desk: "reception",
        accounts: &[("1001", "ours")],
        registrar_port: kamailio.port(),
        input: "tone:440",
        output: "null",
    }]);
    let edited = folder.path().join("edited.yaml");
    std::fs::write(&edited, fleet).unwrap();
    let built = binaries::server().unwrap();
    let built = built.parent().unwrap().display().to_string();
    let listen = format!("127.0.0.1:{}", ports::free().unwrap());

    let mut script = format!(
        "cd '{}'\nexport CARILLON_STATE='{}'\nexport CARILLON_VAULT=file\n{WAIT}",
        clone.display(),
        folder.path().join("desk").display()
    );
    let mut done = Vec::new();
    for command in commands() {
        if command == "deploy/programs.sh" {
            continue;
        }
        // The one place where the programs stand, and the one port, may be others here.
        let command = command
            .replace("$PWD/target/release", &built)
            .replace(" serve &", &format!(" serve --listen {listen} &"));
        script += &format!("{command}\n");
        if command.contains(" serve ") {
            script += &format!(
                "cp '{}' fleet.yaml\nwait_for carillon-server --data fleet desk list\n",
                edited.display()
            );
        } else if command.starts_with("carillon run") {
            script += "wait_for registered\n";
        } else if command.starts_with("carillon --state alone run") {
            script += "wait_for carillon --state alone status\n";
        }
        done.push(command);
    }
    for word in [
        " init ",
        " apply ",
        "carillon enrol",
        "carillon dial",
        "alone run",
    ] {
        assert!(done.iter().any(|c| c.contains(word)), "{word}: {done:#?}");
    }
    let ended = command_line::run(Path::new("bash"), &["-c", &script], "").unwrap();
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("is served on"), "{}", ended.stdout);
    assert!(
        ended.stdout.contains("registered  sip:1001@"),
        "{}",
        ended.stdout
    );
}
