//! Where our own programs stand: `CARILLON_BIN_DIR`, else the workspace's `target/release`.

use std::path::{Path, PathBuf};

use crate::{Fault, Outcome};

/// The root of the workspace, from which `deploy/` and the manifests are read.
pub fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// The agent, `carillon`.
///
/// # Errors
/// [`Fault::Missing`] with the build command.
pub fn agent() -> Outcome<PathBuf> {
    find("carillon")
}

/// The agent built with `panic-injection`, found by `CARILLON_INJECTION_BIN_DIR`.
///
/// # Errors
/// [`Fault::Missing`] with the build command.
pub fn agent_with_injection() -> Outcome<PathBuf> {
    let folder = std::env::var_os("CARILLON_INJECTION_BIN_DIR")
        .map_or_else(|| workspace().join("target/debug"), PathBuf::from);
    existing(
        folder.join("carillon"),
        "cargo build -p carillon-agent --features panic-injection",
    )
}

/// The provisioning server, `carillon-server`.
///
/// # Errors
/// [`Fault::Missing`] with the build command.
pub fn server() -> Outcome<PathBuf> {
    find("carillon-server")
}

/// The fleet simulator, `carillon-fleet`.
///
/// # Errors
/// [`Fault::Missing`] with the build command.
pub fn fleet() -> Outcome<PathBuf> {
    find("carillon-fleet")
}

/// An example of one of our packages, built for release.
///
/// # Errors
/// [`Fault::Missing`] with the build command.
pub fn example(name: &str, package: &str) -> Outcome<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace().join("target"), PathBuf::from);
    existing(
        target.join("release/examples").join(name),
        &format!("cargo build --release -p {package} --example {name}"),
    )
}

fn find(program: &str) -> Outcome<PathBuf> {
    let folder = std::env::var_os("CARILLON_BIN_DIR")
        .map_or_else(|| workspace().join("target/release"), PathBuf::from);
    existing(
        folder.join(program),
        &format!("deploy/programs.sh {program}"),
    )
}

fn existing(path: PathBuf, build: &str) -> Outcome<PathBuf> {
    if path.is_file() {
        return Ok(path);
    }
    Err(Fault::Missing {
        program: path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        looked: path.display().to_string(),
        remedy: format!(
            "build it with `{build}`, or set CARILLON_BIN_DIR to the folder that holds it"
        ),
    })
}
