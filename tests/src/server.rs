//! `carillon-server` as an admin meets it: its folder, its process, its command line.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::command_line::{self, Ended};
use crate::process::Process;
use crate::{Fault, Outcome, binaries, patience, ports};

/// How long it may take to listen.
const READY_WITHIN: Duration = Duration::from_secs(15);

/// A server with its data folder; it runs until dropped or stopped.
#[derive(Debug)]
pub struct Server {
    process: Option<Process>,
    folder: TempDir,
    program: PathBuf,
    port: u16,
    founded: Value,
}

impl Server {
    /// Makes a fleet in a new folder and serves it on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// [`Fault::Missing`] when it is not built, [`Fault::Refused`] when `init` fails.
    pub fn start() -> Outcome<Self> {
        let folder = TempDir::with_prefix("carillon-server-")
            .map_err(|e| Fault::system("make a folder for the server", e))?;
        let mut server = Self {
            process: None,
            folder,
            program: binaries::server()?,
            port: ports::free()?,
            founded: Value::Null,
        };
        let root_keys = server.folder.path().join("root-keys");
        let init = ["init", "--name", "The lab", "--json", "--root-keys"];
        let init: Vec<&str> = init
            .into_iter()
            .chain([root_keys.to_str().unwrap_or_default()])
            .collect();
        server.founded = server.try_run(&init, "")?.json()?;
        server.serve()?;
        Ok(server)
    }

    /// Serves again after [`Server::stop`], on the same port with the same data.
    ///
    /// # Errors
    /// [`Fault::TooLate`] when it does not listen, with its last words.
    pub fn serve(&mut self) -> Outcome<()> {
        let listen = format!("127.0.0.1:{}", self.port);
        let data = self.data();
        let args = [
            "--data".into(),
            data.into_os_string(),
            "serve".into(),
            "--listen".into(),
            listen.into(),
        ];
        let mut process = Process::start("server", &self.program, args, self.folder.path())?;
        // Its own command line finds it once it says where it is.
        patience::until("the server to answer", READY_WITHIN, || {
            if !process.is_running() {
                return Err(process.last_words());
            }
            self.run(&["desk", "list"])
                .map(drop)
                .map_err(|e| e.to_string())
        })?;
        self.process = Some(process);
        Ok(())
    }

    /// Ends it with SIGTERM.
    ///
    /// # Errors
    /// [`Fault::TooLate`] when it does not leave.
    pub fn stop(&mut self) -> Outcome<()> {
        self.process
            .take()
            .map_or(Ok(()), |mut process| process.end().map(drop))
    }

    /// Its process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    /// What it has said.
    pub fn said(&self) -> String {
        self.process.as_ref().map(Process::said).unwrap_or_default()
    }

    /// `https://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// Its data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A folder beside the data.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The first admin's token, as `init` left it.
    ///
    /// # Errors
    /// [`Fault::System`] when it is not there.
    pub fn admin_token(&self) -> Outcome<String> {
        let path = self.data().join("admin.token");
        std::fs::read_to_string(&path)
            .map(|text| text.trim().to_owned())
            .map_err(|e| Fault::system(format!("read {}", path.display()), e))
    }

    /// Name and password of the first admin at the portal, as `init` said them.
    ///
    /// # Errors
    /// [`Fault::Refused`] when it said none.
    pub fn portal_login(&self) -> Outcome<(String, String)> {
        let text = |key: &str| {
            self.founded[key]
                .as_str()
                .map(str::to_owned)
                .ok_or_else(|| Fault::refused("init", key, "it is not in the answer"))
        };
        Ok((text("admin")?, text("password")?))
    }

    /// Runs its command line to the end.
    ///
    /// # Errors
    /// [`Fault::System`] when it cannot be run; a refusal is in the answer.
    pub fn try_run(&self, args: &[&str], input: &str) -> Outcome<Ended> {
        let data = self.data();
        let data = data.to_string_lossy();
        let all: Vec<&str> = ["--data", &data]
            .into_iter()
            .chain(args.iter().copied())
            .collect();
        command_line::run(&self.program, &all, input)
    }

    /// Runs its command line, which must succeed.
    ///
    /// # Errors
    /// [`Fault::Refused`] when it does not.
    pub fn run(&self, args: &[&str]) -> Outcome<String> {
        self.try_run(args, "")?.success()
    }

    /// A ticket for one desk of that name.
    ///
    /// # Errors
    /// [`Fault::Refused`].
    pub fn ticket(&self, desk: &str) -> Outcome<String> {
        Ok(self
            .run(&["ticket", "new", "--desk", desk])?
            .trim()
            .to_owned())
    }

    /// Adds a desk and gives it one account that registers at `registrar_port` on 127.0.0.1.
    ///
    /// # Errors
    /// [`Fault::Refused`].
    pub fn add_desk(
        &self,
        desk: &str,
        user: &str,
        password: &str,
        registrar_port: u16,
    ) -> Outcome<()> {
        self.run(&["desk", "add", desk])?;
        self.set_account(desk, "main", user, password, registrar_port)
    }

    /// Sets an account of a desk.
    ///
    /// # Errors
    /// [`Fault::Refused`].
    pub fn set_account(
        &self,
        desk: &str,
        account: &str,
        user: &str,
        password: &str,
        registrar_port: u16,
    ) -> Outcome<()> {
        let uri = format!("sip:{user}@127.0.0.1");
        let registrar = format!("127.0.0.1:{registrar_port}");
        let args = [
            "account",
            "set",
            desk,
            account,
            "--uri",
            &uri,
            "--registrar",
            &registrar,
        ];
        let rest = ["--password-file", "-"];
        let all: Vec<&str> = args.into_iter().chain(rest).collect();
        self.try_run(&all, password)?.success().map(drop)
    }

    /// Changes the password of an account.
    ///
    /// # Errors
    /// [`Fault::Refused`].
    pub fn set_password(&self, desk: &str, account: &str, password: &str) -> Outcome<()> {
        let args = ["account", "password", desk, account, "--password-file", "-"];
        self.try_run(&args, password)?.success().map(drop)
    }

    /// What the server knows of a desk.
    ///
    /// # Errors
    /// [`Fault::Refused`].
    pub fn desk(&self, desk: &str) -> Outcome<Value> {
        self.try_run(&["desk", "show", desk, "--json"], "")?.json()
    }

    /// Applies a `fleet.yaml`.
    ///
    /// # Errors
    /// [`Fault::System`] when the command cannot be run; a refusal is in the answer.
    pub fn apply(&self, yaml: &str) -> Outcome<Ended> {
        let file = self.folder.path().join("fleet.yaml");
        std::fs::write(&file, yaml).map_err(|e| Fault::system("write fleet.yaml", e))?;
        self.try_run(&["apply", "-f", &file.to_string_lossy()], "")
    }
}
