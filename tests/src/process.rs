//! A child process that never outlives its owner, with its output kept in a file.
//!
//! Owns the child: it is asked to leave (SIGTERM) when the guard is dropped and killed when it does
//! not. Should the lab itself be killed, the kernel tells the child (`setpriv --pdeathsig`).

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::{Fault, Outcome};

/// How long a child may take to leave after SIGTERM.
const LEAVE_WITHIN: Duration = Duration::from_secs(5);

/// A running child and the file that holds its output.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `program` with `args` in `folder`; standard output and error go to `NAME.log` there.
    ///
    /// # Errors
    /// [`Fault::Missing`] when there is no such program, [`Fault::System`] for the rest.
    pub fn start<A: AsRef<std::ffi::OsStr>>(
        name: &str,
        program: &Path,
        args: impl IntoIterator<Item = A>,
        folder: &Path,
    ) -> Outcome<Self> {
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "TERM", "--"])
            .arg(program)
            .args(args)
            .current_dir(folder);
        Self::adopt(name, command, folder)
    }

    /// Starts a command as it is, without a wrapper: for measurements from the very start.
    ///
    /// # Errors
    /// [`Fault::Missing`] when there is no such program, [`Fault::System`] for the rest.
    pub fn adopt(name: &str, mut command: Command, folder: &Path) -> Outcome<Self> {
        let log = folder.join(format!("{name}.log"));
        let out = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .map_err(|e| Fault::system(format!("open {}", log.display()), e))?;
        let err = out
            .try_clone()
            .map_err(|e| Fault::system("duplicate the log file", e))?;
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        let child = command.spawn().map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => Fault::Missing {
                program: command.get_program().to_string_lossy().into_owned(),
                looked: "the search path".to_owned(),
                remedy: "run tests/run.sh, which installs what the lab needs".to_owned(),
            },
            _ => Fault::system(format!("start {name}"), e),
        })?;
        Ok(Self {
            name: name.to_owned(),
            child,
            log,
        })
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Everything it has said so far.
    pub fn said(&self) -> String {
        std::fs::read(&self.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// The last lines it said, for an error message.
    pub fn last_words(&self) -> String {
        let said = self.said();
        let lines: Vec<&str> = said.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }

    /// Sends a signal by name (`TERM`, `KILL`, `STOP`, `CONT`, `INT`).
    ///
    /// # Errors
    /// [`Fault::Refused`] when the process is gone.
    pub fn signal(&self, signal: &str) -> Outcome<()> {
        let done = Command::new("kill")
            .args(["-s", signal, &self.pid().to_string()])
            .stderr(Stdio::null())
            .status()
            .map_err(|e| Fault::system("run kill", e))?;
        if done.success() {
            Ok(())
        } else {
            Err(Fault::refused(
                &self.name,
                format!("signal {signal}"),
                "it has ended already",
            ))
        }
    }

    /// Waits for the end, at most for `limit`.
    ///
    /// # Errors
    /// [`Fault::TooLate`] when it still runs.
    pub fn wait(&mut self, limit: Duration) -> Outcome<ExitStatus> {
        let end = Instant::now() + limit;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) if Instant::now() < end => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Ok(None) => {
                    return Err(Fault::TooLate {
                        what: format!("the end of {}", self.name),
                        after: limit,
                        seen: self.last_words(),
                    });
                }
                Err(e) => return Err(Fault::system(format!("wait for {}", self.name), e)),
            }
        }
    }

    /// Asks it to leave with SIGTERM and waits.
    ///
    /// # Errors
    /// [`Fault::TooLate`] when it does not leave in five seconds; it is killed then.
    pub fn end(&mut self) -> Outcome<ExitStatus> {
        // A process that has ended already has its status collected by `wait`.
        let _ = self.signal("TERM");
        let left = self.wait(LEAVE_WITHIN);
        if left.is_err() {
            self.kill();
        }
        left
    }

    /// Ends it at once, the way a power cut would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.is_running() {
            let _ = self.end();
        }
        if std::thread::panicking() {
            eprintln!("--- {} said at last:\n{}", self.name, self.last_words());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_guard_leaves_nothing_running() {
        let folder = tempfile::tempdir().unwrap();
        let sleeper = Process::start("sleeper", Path::new("sleep"), ["60"], folder.path()).unwrap();
        let proc_entry = PathBuf::from(format!("/proc/{}", sleeper.pid()));
        assert!(proc_entry.exists());
        drop(sleeper);
        assert!(!proc_entry.exists());
    }

    #[test]
    fn what_a_child_says_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Process::start(
            "child",
            Path::new("sh"),
            ["-c", "echo out; echo err >&2; exit 3"],
            folder.path(),
        )
        .unwrap();
        assert_eq!(child.wait(Duration::from_secs(5)).unwrap().code(), Some(3));
        assert_eq!(child.said(), "out\nerr\n");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let fault = Process::adopt(
            "ghost",
            Command::new("carillon-no-such-program"),
            folder.path(),
        );
        assert!(
            matches!(fault, Err(Fault::Missing { program, .. }) if program.contains("no-such"))
        );
    }
}
