//! A Windows that is none: Wine with a drive of its own, for what can be shown of the Windows programs without Windows.
//!
//! Owns the prefix and ends everything that runs in it. What holds here need not hold on Windows, and is said so.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::command_line::Ended;
use crate::process::Process;
use crate::{Fault, Outcome, patience};

/// Where the service keeps its state.
pub const SERVICE_STATE: &str = "C:\\ProgramData\\Carillon";
/// How long the service's command line may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// A prefix and what runs in it.
#[derive(Debug)]
pub struct Wine {
    prefix: TempDir,
}

impl Wine {
    /// A new machine of Windows 10, with a library in its system folder that this Wine lacks.
    ///
    /// # Errors
    /// [`Fault::System`] without Wine, [`Fault::Refused`] when it does not come up.
    pub fn start(missing_library: &Path) -> Outcome<Self> {
        let prefix = TempDir::with_prefix("carillon-wine-")
            .map_err(|e| Fault::system("make a folder for Wine", e))?;
        let wine = Self { prefix };
        wine.run(["wineboot", "-i"])?.success()?;
        wine.run(["winecfg", "-v", "win10"])?.success()?;
        let name = missing_library.file_name().unwrap_or_default();
        let place = wine.drive("windows/system32").join(name);
        std::fs::copy(missing_library, place)
            .map_err(|e| Fault::system("put a library into Wine's system folder", e))?;
        // As after a start of the machine: what set it up is gone.
        wine.shut_down();
        Ok(wine)
    }

    /// A place on its drive C.
    pub fn drive(&self, place: &str) -> PathBuf {
        self.prefix.path().join("drive_c").join(place)
    }

    /// Runs a program to its end. Of an exit code the lowest eight bits are seen.
    ///
    /// # Errors
    /// [`Fault::System`] when Wine cannot be started.
    pub fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Outcome<Ended> {
        let mut command = self.command(args);
        let line = format!("{command:?}");
        // Files, since a service that Wine starts on the way would hold a pipe open.
        let out = tempfile::NamedTempFile::new().map_err(|e| Fault::system("make a file", e))?;
        let err = tempfile::NamedTempFile::new().map_err(|e| Fault::system("make a file", e))?;
        let handle = |file: &tempfile::NamedTempFile| {
            file.reopen()
                .map(Stdio::from)
                .map_err(|e| Fault::system("open a file again", e))
        };
        let status = command
            .stdin(Stdio::null())
            .stdout(handle(&out)?)
            .stderr(handle(&err)?)
            .status()
            .map_err(|e| Fault::system("start wine", e))?;
        let text = |file: &tempfile::NamedTempFile| {
            String::from_utf8_lossy(&std::fs::read(file.path()).unwrap_or_default()).into_owned()
        };
        Ok(Ended {
            line,
            code: status.code(),
            stdout: text(&out),
            stderr: text(&err),
        })
    }

    /// Starts a program that runs until it is dropped.
    ///
    /// # Errors
    /// [`Fault::System`] when Wine cannot be started.
    pub fn spawn<A: AsRef<OsStr>>(
        &self,
        name: &str,
        args: impl IntoIterator<Item = A>,
    ) -> Outcome<Process> {
        Process::adopt(name, self.command(args), self.prefix.path())
    }

    /// Hands an MSI to the installer, silently: `/i` and properties, or `/x`.
    ///
    /// # Errors
    /// [`Fault::System`] when Wine cannot be started.
    pub fn installer(&self, verb: &str, msi: &Path, properties: &[&str]) -> Outcome<Ended> {
        let file = format!("Z:{}", msi.display()).replace('/', "\\");
        let begin = ["msiexec", "/qn", verb, &file];
        self.run(begin.iter().chain(properties))
    }

    /// What a key of the registry holds, subkeys too; empty when it is not there.
    ///
    /// # Errors
    /// [`Fault::System`] when Wine cannot be started.
    pub fn registry(&self, key: &str) -> Outcome<String> {
        let ended = self.run(["reg", "query", key, "/s"])?;
        Ok(if ended.code == Some(0) {
            ended.stdout
        } else {
            String::new()
        })
    }

    /// Whether a service of this title runs.
    ///
    /// # Errors
    /// [`Fault::System`] when Wine cannot be started.
    pub fn runs(&self, title: &str) -> Outcome<bool> {
        Ok(self.run(["net", "start"])?.stdout.contains(title))
    }

    /// The status of the service's agent, asked by the installed command line.
    ///
    /// # Errors
    /// [`Fault::Refused`] when it does not answer.
    pub fn status(&self, program: &str) -> Outcome<Value> {
        self.run([program, "--state", SERVICE_STATE, "status", "--json"])?
            .json()
    }

    /// Waits until the service's agent is in a state of which `is` has something.
    ///
    /// # Errors
    /// [`Fault::TooLate`] with the status seen last.
    pub fn wait_status<T>(
        &self,
        what: &str,
        program: &str,
        is: impl Fn(&Value) -> Option<T>,
    ) -> Outcome<T> {
        patience::until(what, ANSWER_WITHIN, || {
            let status = self.status(program).map_err(|e| e.to_string())?;
            is(&status).ok_or_else(|| status.to_string())
        })
    }

    /// Ends the server of this prefix, and with it all that runs there.
    fn shut_down(&self) {
        let mut end = Command::new("wineserver");
        self.dress(end.args(["-k", "-w"]));
        let _ = end.status();
    }

    fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new("wine");
        command.args(args);
        self.dress(&mut command);
        command
    }

    fn dress(&self, command: &mut Command) {
        command
            .current_dir(self.prefix.path())
            .env("WINEPREFIX", self.prefix.path())
            .env("WINEARCH", "win64")
            .env("WINEDEBUG", "-all")
            // Neither .NET nor a browser is asked for.
            .env("WINEDLLOVERRIDES", "mscoree,mshtml=")
            .env_remove("DISPLAY")
            .env_remove("CARILLON_STATE")
            .env_remove("CARILLON_VAULT");
    }
}

impl Drop for Wine {
    fn drop(&mut self) {
        self.shut_down();
    }
}
