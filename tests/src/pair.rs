//! Two desks at one Kamailio, provisioned by one server: the house as it is meant to run.

use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use crate::desk::Desk;
use crate::kamailio::Kamailio;
use crate::recording::Recording;
use crate::server::Server;
use crate::{Fault, Outcome};

/// How long anything on loopback may take before it counts as hung.
pub const SOON: Duration = Duration::from_secs(15);

/// Two desks that run and are registered. Desk A speaks 440 Hz; desk B says nothing and records.
#[derive(Debug)]
pub struct Pair {
    /// Speaks.
    pub a: Desk,
    /// Records.
    pub b: Desk,
    /// Provisions both.
    pub server: Server,
    /// Users 1001 and 1002.
    pub kamailio: Kamailio,
    folder: TempDir,
}

/// One desk in a `fleet.yaml`.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// The desk's name.
    pub desk: &'a str,
    /// User and password of each account; ids are `main`, `second`, `third`.
    pub accounts: &'a [(&'a str, &'a str)],
    /// Port of registrar and outbound proxy on 127.0.0.1.
    pub registrar_port: u16,
    /// `media.input`.
    pub input: &'a str,
    /// `media.output`.
    pub output: &'a str,
}

impl Entry<'_> {
    /// The YAML of the desk, below `desks:`.
    pub fn yaml(&self) -> String {
        let mut text = format!("  - name: {}\n    accounts:\n", self.desk);
        for ((user, password), id) in self.accounts.iter().zip(["main", "second", "third"]) {
            text += &format!(
                "      - id: {id}\n        address: sip:{user}@127.0.0.1\n        password: \"{password}\"\n        \
                 registrar: 127.0.0.1:{port}\n        outbound_proxy: 127.0.0.1:{port}\n",
                port = self.registrar_port
            );
        }
        text + &format!(
            "    media:\n      input: \"{}\"\n      output: \"{}\"\n",
            self.input, self.output
        )
    }
}

/// A whole `fleet.yaml`.
pub fn fleet_yaml(entries: &[Entry<'_>]) -> String {
    format!(
        "desks:\n{}",
        entries.iter().map(Entry::yaml).collect::<String>()
    )
}

impl Pair {
    /// Starts everything and waits until both desks are registered.
    ///
    /// # Errors
    /// What any part refuses.
    pub fn start() -> Outcome<Self> {
        let folder = TempDir::with_prefix("carillon-pair-")
            .map_err(|e| Fault::system("make a folder for recordings", e))?;
        let kamailio = Kamailio::start(&[("1001", "first-a"), ("1002", "first-b")])?;
        let server = Server::start()?;
        let output = format!("wav:{}", folder.path().join("heard-at-b.wav").display());
        let yaml = fleet_yaml(&[
            Entry {
                desk: "desk-a",
                accounts: &[("1001", "first-a")],
                registrar_port: kamailio.port(),
                input: "tone:440",
                output: "null",
            },
            Entry {
                desk: "desk-b",
                accounts: &[("1002", "first-b")],
                registrar_port: kamailio.port(),
                input: "null",
                output: &output,
            },
        ]);
        server.apply(&yaml)?.success()?;
        let (a, b) = (
            Self::desk(&server, "desk-a")?,
            Self::desk(&server, "desk-b")?,
        );
        for desk in [&a, &b] {
            desk.wait_account("main", "registered", SOON)?;
        }
        Ok(Self {
            a,
            b,
            server,
            kamailio,
            folder,
        })
    }

    fn desk(server: &Server, name: &str) -> Outcome<Desk> {
        let mut desk = Desk::new(name)?;
        desk.enrol(&server.ticket(name)?)?.success()?;
        desk.run()?;
        Ok(desk)
    }

    /// A calls B, B answers; both are established.
    ///
    /// # Errors
    /// What any part refuses.
    pub fn call(&self) -> Outcome<()> {
        self.a.dial("sip:1002@127.0.0.1")?;
        self.b.wait_call("ringing", SOON)?;
        self.b.answer()?;
        self.a.wait_call("established", SOON)?;
        self.b.wait_call("established", SOON)
    }

    /// What B has recorded, once the call is over.
    ///
    /// # Errors
    /// [`Fault::TooLate`] when there is no recording.
    pub fn heard_at_b(&self) -> Outcome<Recording> {
        crate::patience::until("the recording at desk B", SOON, || {
            let mut files: Vec<PathBuf> = std::fs::read_dir(self.folder.path())
                .map_err(|e| e.to_string())?
                .flatten()
                .map(|entry| entry.path())
                .collect();
            files.sort_by_key(|path| path.metadata().and_then(|m| m.modified()).ok());
            let newest = files.pop().ok_or("no file in the folder")?;
            Recording::open(&newest).map_err(|e| e.to_string())
        })
    }
}
