//! The house rules of ARCHITECTURE.md, held by reading manifests and sources.

#![expect(
    clippy::unwrap_used,
    reason = "a suite ends where its world is not as it should be"
)]

use std::collections::BTreeSet;

use carillon_tests::binaries::workspace;
use carillon_tests::sources::{self, Source};

/// The names a manifest depends on; `dev` with what only its tests use.
fn dependencies(folder: &str, dev: bool) -> BTreeSet<String> {
    let path = workspace().join(folder).join("Cargo.toml");
    let manifest: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    let mut names = BTreeSet::new();
    let mut add = |table: &toml::Table| {
        for kind in ["dependencies", "build-dependencies", "dev-dependencies"] {
            if kind == "dev-dependencies" && !dev {
                continue;
            }
            if let Some(entries) = table.get(kind).and_then(toml::Value::as_table) {
                for (name, entry) in entries {
                    names.insert(name.clone());
                    if let Some(package) = entry.get("package").and_then(toml::Value::as_str) {
                        names.insert(package.to_owned());
                    }
                }
            }
        }
    };
    add(&manifest);
    for target in manifest
        .get("target")
        .and_then(toml::Value::as_table)
        .into_iter()
        .flat_map(|t| t.values())
    {
        add(target.as_table().unwrap());
    }
    names
}

fn assert_never(folder: &str, dev: bool, never: &[&str]) {
    let names = dependencies(folder, dev);
    assert!(
        !names.is_empty(),
        "{folder}/Cargo.toml names no dependency: is it read right?"
    );
    for word in never {
        let found: Vec<_> = names
            .iter()
            .filter(|name| name.as_str() == *word || name.starts_with(&format!("{word}-")))
            .collect();
        assert!(found.is_empty(), "{folder} must not know {found:?}");
    }
}

#[test]
fn sip_knows_no_media_no_runtime_and_no_schemas() {
    let never = [
        "carillon-media",
        "carillon-schemas",
        "carillon-agent",
        "carillon-server",
        "tokio",
        "actix",
        "mio",
        "async-std",
        "smol",
    ];
    assert_never("agent/sip", true, &never);
}

#[test]
fn media_knows_no_sip_no_actors_and_no_schemas() {
    let never = [
        "carillon-sip",
        "carillon-schemas",
        "carillon-agent",
        "carillon-server",
        "actix",
    ];
    assert_never("agent/media", true, &never);
}

#[test]
fn schemas_know_nobody() {
    let never = [
        "carillon",
        "tokio",
        "actix",
        "reqwest",
        "hyper",
        "ring",
        "rustls",
        "p256",
        "ed25519-dalek",
        "sqlx",
    ];
    assert_never("schemas", false, &never);
}

#[test]
fn pinned_tls_knows_nobody_and_opens_nothing() {
    let never = [
        "carillon", "tokio", "actix", "reqwest", "hyper", "ring", "aws-lc",
    ];
    assert_never("pinned-tls", false, &never);
}

#[test]
fn only_suites_know_the_browser() {
    assert_never(
        "webdriver",
        true,
        &["carillon", "tokio", "actix", "reqwest"],
    );
    for folder in [
        "agent",
        "agent/sip",
        "agent/media",
        "pinned-tls",
        "provisioning-server",
        "schemas",
    ] {
        assert_never(folder, false, &["carillon-webdriver"]);
    }
}

#[test]
fn agent_and_server_do_not_know_each_other() {
    assert_never(
        "agent",
        true,
        &["carillon-server", "carillon-tests", "sqlx", "actix-web"],
    );
    assert_never(
        "provisioning-server",
        true,
        &[
            "carillon-agent",
            "carillon-sip",
            "carillon-media",
            "carillon-tests",
        ],
    );
}

#[test]
fn the_suites_meet_agent_and_server_as_programs() {
    assert_never(
        "tests",
        true,
        &[
            "carillon-agent",
            "carillon-server",
            "carillon-sip",
            "carillon-media",
        ],
    );
}

fn rust() -> Vec<Source> {
    sources::with_endings(&["rs"]).unwrap()
}

/// Files of which `wrong` says something, as `path: what`.
fn offenders(wrong: impl Fn(&Source) -> Option<String>) -> Vec<String> {
    rust()
        .iter()
        .filter_map(|source| wrong(source).map(|what| format!("{}: {what}", source.path.display())))
        .collect()
}

#[test]
fn sql_stands_in_the_store_alone() {
    let found = offenders(|source| {
        let outside = source.is_in("provisioning-server/src")
            && !source.is_in("provisioning-server/src/store");
        (outside && source.code().contains("sqlx")).then(|| "sqlx outside the store".to_owned())
    });
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_fleet_domain_knows_no_http() {
    let found = offenders(|source| {
        let code = source
            .is_in("provisioning-server/src/fleet")
            .then(|| source.code())?;
        ["actix_web", "reqwest", "hyper", "StatusCode", "HttpRe"]
            .into_iter()
            .find(|word| code.contains(word))
            .map(str::to_owned)
    });
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn sip_opens_no_socket_reads_no_clock_and_starts_no_thread() {
    let found = offenders(|source| {
        let name = source
            .path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy();
        // Tests may read a clock for the first moment of their virtual time.
        let inside = source.is_in("agent/sip/src") && !name.ends_with("tests");
        let code = inside.then(|| source.code())?;
        [
            "std::thread",
            "UdpSocket",
            "TcpStream",
            "Instant::now",
            "SystemTime::now",
            "async fn",
            "std::fs",
        ]
        .into_iter()
        .find(|word| code.contains(word))
        .map(str::to_owned)
    });
    assert!(found.is_empty(), "{found:#?}");
}

/// Struct bodies whose derives print them.
fn printable_structs(code: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find("#[derive(") {
        rest = &rest[at..];
        let Some(close) = rest.find(")]") else { break };
        let derives = &rest[..close];
        let after = &rest[close..];
        // The derive belongs to the next item; a body in braces that begins before the next `;` or item.
        let body = after.find("struct ").and_then(|begin| {
            let item = &after[begin..];
            let open = item.find('{')?;
            let end = item[open..]
                .find("\n}")
                .or_else(|| item[open..].find('}'))?;
            let plain = !after[..begin].contains("enum ") && !item[..open].contains(';');
            plain.then(|| &item[..open + end])
        });
        if let Some(body) = body.filter(|_| derives.contains("Debug")) {
            found.push(body);
        }
        rest = &rest[close..];
    }
    found
}

#[test]
fn no_secret_stands_in_a_type_that_can_be_printed() {
    let secret = [
        "password",
        "passphrase",
        "secret",
        "private_key",
        "admin_token",
    ];
    let plain = [
        "String",
        "Option<String>",
        "Vec<u8>",
        "&'a str",
        "Box<str>",
        "Zeroizing<String>",
        "Zeroizing<Vec<u8>>",
    ];
    let found = offenders(|source| {
        // The lab plays the admin: it hands passwords around.
        let code = (!source.is_in("tests")).then(|| source.code())?;
        printable_structs(&code).into_iter().find_map(|body| {
            body.lines().find_map(|line| {
                let field = line
                    .trim()
                    .trim_start_matches("pub ")
                    .trim_start_matches("pub(crate) ");
                let (name, kind) = field.split_once(": ")?;
                let kind = kind.trim_end_matches(',');
                (secret.contains(&name) && plain.contains(&kind)).then(|| format!("{name}: {kind}"))
            })
        })
    });
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_search_for_printed_secrets_finds_one() {
    let code = "#[derive(Clone, Debug)]\npub struct Login {\n    pub user: String,\n    pub password: String,\n}\n\
                #[derive(Clone)]\npub struct Other {\n    password: String,\n}\n";
    let bodies = printable_structs(code);
    assert_eq!(bodies.len(), 1);
    assert!(bodies[0].contains("password: String"));
}

#[test]
fn every_module_opens_with_what_it_is() {
    let found = offenders(|source| {
        let first = source
            .text
            .lines()
            .find(|line| !line.trim().is_empty())
            .unwrap_or_default();
        (!first.starts_with("//!")).then(|| format!("begins with {first:?}"))
    });
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn no_file_is_longer_than_600_lines() {
    let long: Vec<String> =
        sources::with_endings(&["rs", "sh", "sql", "html", "css", "js", "cfg", "xml"])
            .unwrap()
            .iter()
            .filter(|source| source.text.lines().count() > 600)
            .map(|source| {
                format!(
                    "{}: {} lines",
                    source.path.display(),
                    source.text.lines().count()
                )
            })
            .collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn no_file_is_named_after_nothing() {
    let found = offenders(|source| {
        let names: Vec<_> = source
            .path
            .iter()
            .map(|part| part.to_string_lossy().into_owned())
            .collect();
        names
            .iter()
            .map(|name| name.trim_end_matches(".rs"))
            .find(|name| {
                [
                    "utils", "util", "common", "helpers", "helper", "manager", "misc",
                ]
                .contains(name)
            })
            .map(str::to_owned)
    });
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn unsafe_stands_where_it_may() {
    let found = offenders(|source| {
        let may = source.is_in("agent/media")
            || source
                .path
                .iter()
                .any(|part| part == "windows.rs" || part == "windows");
        let code = source.code();
        let uses =
            code.contains("unsafe {") || code.contains("unsafe fn") || code.contains("unsafe impl");
        (!may && uses && !source.is_in("tests/tests")).then(|| "unsafe".to_owned())
    });
    assert!(found.is_empty(), "{found:#?}");
}
