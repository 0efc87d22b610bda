//! What the documents say of the tree is true.

use std::collections::BTreeSet;

use carillon_tests::binaries::workspace;

/// Paths in backticks that begin with a folder or file of the project's root.
fn paths(text: &str) -> BTreeSet<String> {
    let roots = [
        "agent/",
        "provisioning-server/",
        "schemas/",
        "tests/",
        "pinned-tls/",
        "webdriver/",
        "deploy/",
        ".ci/",
    ];
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|quoted| quoted.split_whitespace().next())
        .map(|path| {
            path.split("::")
                .next()
                .unwrap_or(path)
                .trim_end_matches([',', '.', ':'])
                .to_owned()
        })
        .filter(|path| roots.iter().any(|root| path.starts_with(root)))
        // `a/{b,c}.rs` and `a/*.rs` name several.
        .filter(|path| !path.contains(['*', '{', '<']))
        .collect()
}

fn read(name: &str) -> String {
    std::fs::read_to_string(workspace().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

#[test]
fn every_path_that_the_architecture_names_exists() {
    let found = paths(&read("ARCHITECTURE.md"));
    assert!(
        found.len() >= 20,
        "only {} paths: does it follow a config file by file?",
        found.len()
    );
    let missing: Vec<_> = found
        .iter()
        .filter(|path| !workspace().join(path).exists())
        .collect();
    assert!(
        missing.is_empty(),
        "ARCHITECTURE.md names what is not there: {missing:#?}"
    );
}

#[test]
fn every_path_that_the_readme_names_exists() {
    let missing: Vec<_> = paths(&read("README.md"))
        .into_iter()
        .filter(|path| !workspace().join(path).exists())
        .collect();
    assert!(
        missing.is_empty(),
        "README.md names what is not there: {missing:#?}"
    );
}

#[test]
fn the_documents_that_a_stranger_looks_for_are_there() {
    for name in [
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
    ] {
        assert!(!read(name).trim().is_empty(), "{name} is empty");
    }
}

#[test]
fn the_readme_shows_the_table_of_the_benchmark() {
    let readme = read("README.md");
    for row in [
        "idle RSS",
        "idle PSS",
        "idle wake-ups",
        "start to REGISTER's 200",
        "publish to applied",
    ] {
        assert!(
            readme.contains(row),
            "the README's table has no row {row:?}"
        );
    }
}

#[test]
fn paths_are_found_in_backticks_alone() {
    let found = paths(
        "`agent/src/main.rs` and agent/none and `tests/run.sh --once`, `agent/sip/*.rs` `x/y`",
    );
    assert_eq!(
        found.into_iter().collect::<Vec<_>>(),
        ["agent/src/main.rs", "tests/run.sh"]
    );
}
