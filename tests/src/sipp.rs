//! SIPp: scripted SIP from `tests/sipp/*.xml`.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::process::Process;
use crate::{Fault, Outcome, binaries, ports};

/// A SIPp that runs or has run one scenario.
#[derive(Debug)]
pub struct Sipp {
    process: Process,
    folder: TempDir,
    port: u16,
    scenario: String,
}

/// How often and how fast a scenario runs.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Calls in all.
    pub calls: u32,
    /// Calls begun per second.
    pub rate: u32,
}

impl Load {
    /// One call.
    pub const ONCE: Self = Self { calls: 1, rate: 1 };
}

impl Sipp {
    /// Starts the scenario `NAME.xml` towards `remote_port` on 127.0.0.1 with `-key` values.
    /// SIPp takes a free port for SIP and one for RTP.
    ///
    /// # Errors
    /// [`Fault::Missing`] when SIPp or the scenario is not there.
    pub fn start(
        scenario: &str,
        remote_port: u16,
        load: Load,
        keys: &[(&str, &str)],
    ) -> Outcome<Self> {
        let file = scenario_file(scenario)?;
        let folder = TempDir::with_prefix("carillon-sipp-")
            .map_err(|e| Fault::system("make a folder for SIPp", e))?;
        let port = ports::free()?;
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "TERM", "--", "sipp"])
            .arg(format!("127.0.0.1:{remote_port}"))
            .arg("-sf")
            .arg(file)
            .args(["-i", "127.0.0.1", "-p", &port.to_string()])
            .args(["-mp", &ports::free_run(4)?.to_string()])
            .args(["-m", &load.calls.to_string(), "-r", &load.rate.to_string()])
            .args([
                "-nostdin",
                "-trace_err",
                "-trace_msg",
                "-timeout",
                "60s",
                "-timeout_error",
            ])
            .current_dir(folder.path());
        for (key, value) in keys {
            // SIPp has its own switches for what digest needs.
            match *key {
                "user" => command.args(["-s", value]).args(["-au", value]),
                "password" => command.args(["-ap", value]),
                _ => command.args(["-key", key, value]),
            };
        }
        let process = Process::adopt("sipp", command, folder.path())?;
        Ok(Self {
            process,
            folder,
            port,
            scenario: scenario.to_owned(),
        })
    }

    /// Its SIP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits for the end; every call must have succeeded.
    ///
    /// # Errors
    /// [`Fault::Refused`] with SIPp's error log when a call failed.
    pub fn finish(mut self, limit: Duration) -> Outcome<()> {
        let status = self.process.wait(limit)?;
        if status.success() {
            return Ok(());
        }
        Err(Fault::refused(
            format!("SIPp ({}, {status})", self.scenario),
            "success of every call",
            format!("{}\n{}", self.errors(), self.process.last_words()),
        ))
    }

    fn errors(&self) -> String {
        let Ok(entries) = std::fs::read_dir(self.folder.path()) else {
            return String::new();
        };
        entries
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().ends_with("_errors.log"))
            .filter_map(|entry| std::fs::read_to_string(entry.path()).ok())
            .collect::<String>()
            .lines()
            .take(40)
            .collect::<Vec<_>>()
            .join("\n")
    }
}

fn scenario_file(name: &str) -> Outcome<PathBuf> {
    let file = binaries::workspace()
        .join("tests/sipp")
        .join(format!("{name}.xml"));
    if file.is_file() {
        return Ok(file);
    }
    Err(Fault::Missing {
        program: format!("the scenario {name}"),
        looked: file.display().to_string(),
        remedy: "scenarios stand in tests/sipp".to_owned(),
    })
}
