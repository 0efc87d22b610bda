//! A thousand desks against one server: enrolments, pulls, reports, a publish to all; no error.

use std::path::Path;

use carillon_tests::binaries;
use carillon_tests::command_line;
use carillon_tests::section::Section;
use carillon_tests::server::Server;

const DESKS: usize = 1_000;

#[test]
fn a_thousand_desks_enrol_pull_and_report_without_an_error() {
    let section = Section::begin(format!("{DESKS} desks against one server"));
    let server = Server::start().unwrap();
    let name = |number: usize| format!("desk-{number:06}");
    let yaml = |label: &str| {
        let mut text = "desks:\n".to_owned();
        for number in 0..DESKS {
            text += &format!(
                "  - name: {}\n    accounts:\n      - id: main\n        label: \"{label}\"\n        \
                 address: sip:{number}@pbx.example.org\n        password: \"{number}-secret\"\n",
                name(number)
            );
        }
        text
    };
    let ticket = server
        .run(&["ticket", "new", "--uses", &DESKS.to_string()])
        .unwrap();
    let file = server.folder().join("publish.yaml");
    std::fs::write(&file, yaml("published to all")).unwrap();
    let publish = format!(
        "'{}' --data '{}' apply -f '{}'",
        binaries::server().unwrap().display(),
        server.data().display(),
        file.display()
    );
    let fleet = binaries::fleet().unwrap();
    let desks = DESKS.to_string();
    let args = [
        "--ticket",
        ticket.trim(),
        "--desks",
        &desks,
        "--publish",
        &publish,
    ];
    let ended = command_line::run(Path::new(&fleet), &args, "").unwrap();
    for line in ended.stdout.lines() {
        section.note(line);
    }
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let list = server
        .try_run(&["desk", "list", "--json"], "")
        .unwrap()
        .json()
        .unwrap();
    assert!(
        list.to_string().matches("desk-000").count() >= DESKS,
        "not every desk is listed"
    );
}
