//! The real parts of the lab and their versions, as each part states it.

use std::process::Command;

/// A part and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What it is called.
    pub name: &'static str,
    /// What it is here for.
    pub role: &'static str,
    /// Its own words, or that it is missing.
    pub version: String,
}

/// Every part, with how to ask for its version.
const ASK: [(&str, &str, &[&str]); 8] = [
    ("kamailio", "registrar and proxy", &["kamailio", "-v"]),
    (
        "baresip",
        "another phone",
        &[
            "dpkg-query",
            "-W",
            "-f",
            "baresip ${Version}",
            "baresip-core",
        ],
    ),
    ("sipp", "scripted SIP", &["sipp", "-v"]),
    (
        "sqlite3",
        "the registrar's users",
        &["sqlite3", "--version"],
    ),
    ("tshark", "sniffing", &["tshark", "--version"]),
    ("pulseaudio", "sound card", &["pulseaudio", "--version"]),
    (
        "chromium",
        "the portal's browser",
        &["chromium", "--version"],
    ),
    ("rustc", "compiler", &["rustc", "--version"]),
];

/// Asks every part for its version; one that is missing is listed as such.
pub fn list() -> Vec<Part> {
    ASK.iter()
        .map(|(name, role, ask)| Part {
            name,
            role,
            version: first_line(ask),
        })
        .collect()
}

fn first_line(ask: &[&str]) -> String {
    let Some((program, args)) = ask.split_first() else {
        return String::new();
    };
    let Ok(output) = Command::new(program).args(args).output() else {
        return "not installed".to_owned();
    };
    let text = if output.stdout.is_empty() {
        output.stderr
    } else {
        output.stdout
    };
    let text = String::from_utf8_lossy(&text).into_owned();
    text.lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("silent")
        .trim()
        .to_owned()
}
