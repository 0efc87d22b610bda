//! One run of a program to its end: what it said, and how it ended.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::{Fault, Outcome};

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// What was run, without secrets: they go by standard input.
    pub line: String,
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Ended {
    /// Its standard output, if it succeeded.
    ///
    /// # Errors
    /// [`Fault::Refused`] with both outputs when it did not.
    pub fn success(self) -> Outcome<String> {
        if self.code == Some(0) {
            return Ok(self.stdout);
        }
        let answer = format!(
            "exit {:?}: {} {}",
            self.code,
            self.stderr.trim(),
            self.stdout.trim()
        );
        Err(Fault::refused("it", self.line, answer))
    }

    /// Its standard output as JSON, if it succeeded.
    ///
    /// # Errors
    /// [`Fault::Refused`] when it failed or printed no JSON.
    pub fn json(self) -> Outcome<Value> {
        let line = self.line.clone();
        let text = self.success()?;
        serde_json::from_str(&text)
            .map_err(|e| Fault::refused("it", line, format!("no JSON ({e}): {text}")))
    }
}

/// Runs a program to its end, with `input` as its standard input.
///
/// # Errors
/// [`Fault::System`] when it cannot be started.
pub fn run<A: AsRef<std::ffi::OsStr>>(program: &Path, args: &[A], input: &str) -> Outcome<Ended> {
    let words: Vec<_> = args
        .iter()
        .map(|arg| arg.as_ref().to_string_lossy().into_owned())
        .collect();
    let line = format!("{} {}", program.display(), words.join(" "));
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| Fault::system(format!("start {}", program.display()), e))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read its input may have closed it.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child
        .wait_with_output()
        .map_err(|e| Fault::system(format!("wait for {line}"), e))?;
    Ok(Ended {
        line,
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_goes_in_and_both_outputs_come_out() {
        let ended = run(Path::new("sh"), &["-c", "cat; echo no >&2; exit 4"], "yes").unwrap();
        assert_eq!(
            (ended.code, ended.stdout.as_str(), ended.stderr.as_str()),
            (Some(4), "yes", "no\n")
        );
        assert!(ended.success().is_err());
    }

    #[test]
    fn json_is_read_or_refused() {
        assert_eq!(
            run(Path::new("echo"), &["{\"a\":1}"], "")
                .unwrap()
                .json()
                .unwrap()["a"],
            1
        );
        assert!(
            run(Path::new("echo"), &["<html>"], "")
                .unwrap()
                .json()
                .is_err()
        );
    }
}
