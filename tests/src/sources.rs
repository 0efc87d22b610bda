//! The project's own files, as the structure tests read them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Fault, Outcome, binaries};

/// A file of the project: its path from the root, and its text.
#[derive(Debug, Clone)]
pub struct Source {
    /// From the root of the workspace.
    pub path: PathBuf,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// Whether it stands below a folder, given from the root.
    pub fn is_in(&self, folder: &str) -> bool {
        self.path.starts_with(folder)
    }

    /// Its text without line comments, and without the unit tests at its end.
    pub fn code(&self) -> String {
        let code = self
            .text
            .split("\n#[cfg(test)]\nmod ")
            .next()
            .unwrap_or_default();
        code.lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// All tracked files (and new ones that no rule ignores) with one of these endings.
///
/// # Errors
/// [`Fault::System`] when git cannot list them or one cannot be read.
pub fn with_endings(endings: &[&str]) -> Outcome<Vec<Source>> {
    let root = binaries::workspace();
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(&root)
        .output()
        .map_err(|e| Fault::system("run git ls-files", e))?;
    let mut sources = Vec::new();
    for path in String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(Path::new)
    {
        let ending = path.extension().unwrap_or_default().to_string_lossy();
        // A file that is deleted and not yet committed is listed and not there.
        if endings.contains(&ending.as_ref()) && root.join(path).is_file() {
            let text = std::fs::read_to_string(root.join(path))
                .map_err(|e| Fault::system(format!("read {}", path.display()), e))?;
            sources.push(Source {
                path: path.to_path_buf(),
                text,
            });
        }
    }
    if sources.is_empty() {
        return Err(Fault::refused(
            "git ls-files",
            endings.join(", "),
            "no file of that kind",
        ));
    }
    Ok(sources)
}
