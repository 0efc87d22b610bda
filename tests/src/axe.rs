//! axe-core, the accessibility engine, fetched once by npm and held to its hash; never a part of the repository.

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha512};

use crate::{Fault, Outcome, binaries, command_line};

/// What is fetched (MPL-2.0; for tests alone).
const PACKAGE: &str = "axe-core@4.14.1";
const ARCHIVE: &str = "axe-core-4.14.1.tgz";
/// The registry's own word for it: SHA-512, as `npm view axe-core@4.14.1 dist.integrity` shows it.
const INTEGRITY: &str =
    "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==";

/// The script that has the page examined once the engine is in it. What it returns goes to [`violations`].
pub const EXAMINE: &str = "return axe.run(document, {resultTypes: ['violations']})";

/// The engine as one script.
///
/// # Errors
/// [`Fault::Missing`] without npm, [`Fault::Refused`] when what came is not what was expected.
pub fn engine() -> Outcome<String> {
    let folder = binaries::workspace().join("target/axe-core");
    let archive = folder.join(ARCHIVE);
    if !archive.exists() {
        fetch(&folder)?;
    }
    let bytes = std::fs::read(&archive).map_err(|e| Fault::system("read axe-core", e))?;
    if STANDARD.encode(Sha512::digest(&bytes)) != INTEGRITY {
        // The next run fetches it anew.
        let _ = std::fs::remove_file(&archive);
        return Err(Fault::refused("npm", PACKAGE, "it does not have its hash"));
    }
    let archive = archive.to_string_lossy().into_owned();
    let args = ["-xzOf", &archive, "package/axe.min.js"];
    command_line::run(Path::new("tar"), &args, "")?.success()
}

fn fetch(folder: &Path) -> Outcome<()> {
    std::fs::create_dir_all(folder).map_err(|e| Fault::system("make a folder for axe-core", e))?;
    let packed = Command::new("npm")
        .args(["pack", "--silent", PACKAGE])
        .current_dir(folder)
        .output()
        .map_err(|e| Fault::system("run npm to fetch axe-core (Debian: npm)", e))?;
    if packed.status.success() {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&packed.stderr).into_owned();
    Err(Fault::refused("npm", PACKAGE, why))
}

/// What axe-core found, a line for each element.
pub fn violations(found: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for violation in found["violations"].as_array().into_iter().flatten() {
        for node in violation["nodes"].as_array().into_iter().flatten() {
            lines.push(format!(
                "{}: {} in {}",
                violation["id"], node["failureSummary"], node["html"]
            ));
        }
    }
    lines
}
