//! A desk: `carillon` with a state folder of its own, driven by its own command line.

use std::ffi::OsStr;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::command_line::{self, Ended};
use crate::process::Process;
use crate::server::Server;
use crate::{Fault, Outcome, binaries, patience};

/// An agent's state folder and, while it runs, its process.
#[derive(Debug)]
pub struct Desk {
    process: Option<Process>,
    folder: TempDir,
    program: PathBuf,
    name: String,
}

impl Desk {
    /// A desk that is not enrolled and does not run.
    ///
    /// # Errors
    /// [`Fault::Missing`] when the agent is not built.
    pub fn new(name: &str) -> Outcome<Self> {
        Self::with_program(name, binaries::agent()?)
    }

    /// The same with another build of the agent.
    ///
    /// # Errors
    /// [`Fault::System`] when no folder can be made.
    pub fn with_program(name: &str, program: PathBuf) -> Outcome<Self> {
        let folder = TempDir::with_prefix("carillon-desk-")
            .map_err(|e| Fault::system("make a folder for a desk", e))?;
        Ok(Self {
            process: None,
            folder,
            program,
            name: name.to_owned(),
        })
    }

    /// A desk that knows no server, with this `agent.yaml`. It does not run.
    ///
    /// # Errors
    /// [`Fault::System`] when the file cannot be written.
    pub fn alone(name: &str, yaml: &str) -> Outcome<Self> {
        let desk = Self::new(name)?;
        let fault = |e| Fault::system("write agent.yaml", e);
        std::fs::create_dir_all(desk.state()).map_err(fault)?;
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(desk.state(), private).map_err(fault)?;
        std::fs::write(desk.state().join("agent.yaml"), yaml).map_err(fault)?;
        Ok(desk)
    }

    /// A desk that is added at the server with one account, enrolled, and runs.
    ///
    /// # Errors
    /// What the server or the agent refuses.
    pub fn enrolled(
        server: &Server,
        name: &str,
        user: &str,
        password: &str,
        registrar_port: u16,
    ) -> Outcome<Self> {
        let mut desk = Self::new(name)?;
        server.add_desk(name, user, password, registrar_port)?;
        desk.enrol(&server.ticket(name)?)?.success()?;
        desk.run()?;
        Ok(desk)
    }

    /// Its name at the server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its state folder.
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// A folder beside the state, for recordings and scripts.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Enrols with a ticket.
    ///
    /// # Errors
    /// [`Fault::System`] when the command cannot be run; a refusal is in the answer.
    pub fn enrol(&self, ticket: &str) -> Outcome<Ended> {
        self.cli(&["enrol", ticket])
    }

    /// Starts the agent; it runs until dropped, stopped or killed.
    ///
    /// # Errors
    /// [`Fault::TooLate`] when its control does not answer, with its last words.
    pub fn run(&mut self) -> Outcome<()> {
        self.run_in(&[])
    }

    /// The same with variables (`NAME=value`) in its environment.
    ///
    /// # Errors
    /// As [`Desk::run`].
    pub fn run_in(&mut self, variables: &[&str]) -> Outcome<()> {
        let state = self.state();
        let args = variables.iter().map(OsStr::new).chain([
            self.program.as_os_str(),
            OsStr::new("--state"),
            state.as_os_str(),
            OsStr::new("run"),
        ]);
        let process = Process::start("carillon", Path::new("env"), args, self.folder.path())?;
        self.process = Some(process);
        self.wait_control()
    }

    /// Starts the agent without any wrapper and waits for nothing: for measurements from the start.
    ///
    /// # Errors
    /// [`Fault::System`] when it cannot be started.
    pub fn run_bare(&mut self) -> Outcome<Instant> {
        let mut command = Command::new(&self.program);
        command
            .arg("--state")
            .arg(self.state())
            .arg("run")
            .current_dir(self.folder.path());
        let at = Instant::now();
        self.process = Some(Process::adopt("carillon", command, self.folder.path())?);
        Ok(at)
    }

    /// Waits until the command line reaches the running agent.
    ///
    /// # Errors
    /// [`Fault::TooLate`] with its last words.
    pub fn wait_control(&mut self) -> Outcome<()> {
        patience::until("the agent's control", Duration::from_secs(15), || {
            if !self.is_running() {
                return Err(self.last_words());
            }
            self.status().map(drop).map_err(|e| e.to_string())
        })
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(Process::is_running)
    }

    /// Its process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    /// Ends it with SIGTERM: it hangs up, unregisters and leaves.
    ///
    /// # Errors
    /// [`Fault::TooLate`] when it does not leave.
    pub fn stop(&mut self) -> Outcome<()> {
        self.process
            .take()
            .map_or(Ok(()), |mut process| process.end().map(drop))
    }

    /// Ends it at once, the way a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// What it has said.
    pub fn said(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("carillon.log")).unwrap_or_default()
    }

    /// The end of what it has said.
    pub fn last_words(&self) -> String {
        self.process
            .as_ref()
            .map(Process::last_words)
            .unwrap_or_default()
    }

    /// Runs its command line to the end.
    ///
    /// # Errors
    /// [`Fault::System`] when it cannot be run; a refusal is in the answer.
    pub fn cli(&self, args: &[&str]) -> Outcome<Ended> {
        let state = self.state();
        let state = state.to_string_lossy();
        let all: Vec<&str> = ["--state", &state]
            .into_iter()
            .chain(args.iter().copied())
            .collect();
        command_line::run(&self.program, &all, "")
    }

    /// `carillon status --json`.
    ///
    /// # Errors
    /// [`Fault::Refused`] when the agent does not answer.
    pub fn status(&self) -> Outcome<Value> {
        self.cli(&["status", "--json"])?.json()
    }

    /// Dials.
    ///
    /// # Errors
    /// [`Fault::Refused`].
    pub fn dial(&self, target: &str) -> Outcome<Value> {
        self.cli(&["dial", target, "--json"])?.json()
    }

    /// Answers what rings.
    ///
    /// # Errors
    /// [`Fault::Refused`].
    pub fn answer(&self) -> Outcome<Value> {
        self.cli(&["answer", "--json"])?.json()
    }

    /// Hangs up.
    ///
    /// # Errors
    /// [`Fault::Refused`].
    pub fn hang_up(&self) -> Outcome<()> {
        self.cli(&["hangup"])?.success().map(drop)
    }

    /// Sends DTMF digits.
    ///
    /// # Errors
    /// [`Fault::Refused`].
    pub fn send_digits(&self, digits: &str) -> Outcome<()> {
        self.cli(&["dtmf", digits])?.success().map(drop)
    }

    /// The state of its first call, if there is one.
    ///
    /// # Errors
    /// [`Fault::Refused`] when the agent does not answer.
    pub fn call_state(&self) -> Outcome<Option<String>> {
        let status = self.status()?;
        Ok(status["calls"][0]["state"].as_str().map(str::to_owned))
    }

    /// Asks its local API, with the token of the state folder: for what no verb does.
    ///
    /// # Errors
    /// [`Fault::Refused`] with the answer when it is none of success.
    pub fn post(&self, path: &str) -> Outcome<()> {
        self.ask("POST", path, "").map(drop)
    }

    /// The address that lets one browser into its panel, once.
    ///
    /// # Errors
    /// [`Fault::Refused`] when the agent gives none.
    pub fn panel_url(&self) -> Outcome<String> {
        let answer = self.ask("POST", "/v1/panel/sessions", "")?;
        let url = answer["url"].as_str().map(str::to_owned);
        url.ok_or_else(|| Fault::refused("the agent", "/v1/panel/sessions", answer.to_string()))
    }

    /// The same with any method and a body; gives the body of the answer.
    ///
    /// # Errors
    /// [`Fault::Refused`] with the answer when it is none of success.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> Outcome<Value> {
        let fault = |e| Fault::system(format!("ask the agent: {method} {path}"), e);
        let file = std::fs::read_to_string(self.state().join("control.json")).map_err(fault)?;
        let control: Value = serde_json::from_str(&file).unwrap_or_default();
        let text = |key: &str| control[key].as_str().unwrap_or_default().to_owned();
        let mut stream = TcpStream::connect(text("address")).map_err(fault)?;
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .map_err(fault)?;
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n{body}",
            text("address"),
            text("token"),
            body.len()
        );
        stream.write_all(request.as_bytes()).map_err(fault)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map_err(fault)?;
        match answer.split_whitespace().nth(1) {
            Some(code) if code.starts_with('2') => {
                let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
                Ok(serde_json::from_str(body).unwrap_or_default())
            }
            _ => Err(Fault::refused("the agent", path, answer)),
        }
    }

    /// Waits until its first call is in this state.
    ///
    /// # Errors
    /// [`Fault::TooLate`] with the status seen last.
    pub fn wait_call(&self, state: &str, limit: Duration) -> Outcome<()> {
        patience::until(&format!("a call {state} at {}", self.name), limit, || {
            let status = self.status().map_err(|e| e.to_string())?;
            if status["calls"][0]["state"] == state {
                Ok(())
            } else {
                Err(status.to_string())
            }
        })
    }

    /// Waits until its first call bears a contact's name.
    ///
    /// # Errors
    /// [`Fault::TooLate`] with the calls seen last.
    pub fn wait_named(&self, name: &str, limit: Duration) -> Outcome<()> {
        patience::until(
            &format!("a call named {name} at {}", self.name),
            limit,
            || {
                let status = self.status().map_err(|e| e.to_string())?;
                if status["calls"][0]["contact"] == name {
                    Ok(())
                } else {
                    Err(status["calls"].to_string())
                }
            },
        )
    }

    /// Waits until no call is left.
    ///
    /// # Errors
    /// [`Fault::TooLate`] with the status seen last.
    pub fn wait_no_call(&self, limit: Duration) -> Outcome<()> {
        patience::until(
            &format!("the end of the call at {}", self.name),
            limit,
            || {
                let status = self.status().map_err(|e| e.to_string())?;
                match status["calls"].as_array() {
                    Some(calls) if calls.is_empty() => Ok(()),
                    _ => Err(status.to_string()),
                }
            },
        )
    }

    /// Waits until an account is in this state (`registered`, `failed`, …).
    ///
    /// # Errors
    /// [`Fault::TooLate`] with the status seen last.
    pub fn wait_account(&self, account: &str, state: &str, limit: Duration) -> Outcome<Value> {
        patience::until(
            &format!("account {account} {state} at {}", self.name),
            limit,
            || {
                let status = self.status().map_err(|e| e.to_string())?;
                let found = status["accounts"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .find(|entry| entry["id"] == account && entry["state"] == state)
                    .cloned();
                found.ok_or_else(|| format!("{status}; {}", self.last_words()))
            },
        )
    }
}
