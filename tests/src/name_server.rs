//! A name server of our own: dnsmasq with a few records, in a network of its own.

use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::namespace::Namespace;
use crate::process::Process;
use crate::{Fault, Outcome, patience};

/// A running dnsmasq on 127.0.0.1:53 of a network.
#[derive(Debug)]
pub struct NameServer {
    _process: Process,
    _folder: TempDir,
}

impl NameServer {
    /// Starts it with records as dnsmasq's own options, `host-record=a.example,192.0.2.1` and the like, and makes the network's
    /// programs ask it.
    ///
    /// # Errors
    /// [`Fault::Missing`] without the Debian package, [`Fault::TooLate`] when it does not come up.
    pub fn start(namespace: &Namespace, records: &[&str]) -> Outcome<Self> {
        let folder = TempDir::with_prefix("carillon-names-")
            .map_err(|e| Fault::system("make a folder for dnsmasq", e))?;
        let own = [
            "keep-in-foreground",
            "log-facility=-",
            "no-resolv",
            "no-hosts",
            "user=root",
            "pid-file=",
            "listen-address=127.0.0.1",
            "bind-interfaces",
            "local=/test/",
        ];
        let config: String = own
            .iter()
            .chain(records)
            .map(|line| format!("{line}\n"))
            .collect();
        let file = folder.path().join("dnsmasq.conf");
        std::fs::write(&file, config).map_err(|e| Fault::system("write dnsmasq.conf", e))?;
        namespace.resolve_by("127.0.0.1")?;
        let program = namespace.program(Path::new("dnsmasq"))?;
        let mut process = Process::start(
            "dnsmasq",
            &program,
            [format!("--conf-file={}", file.display())],
            folder.path(),
        )?;
        patience::until("dnsmasq", Duration::from_secs(5), || {
            if !process.is_running() {
                return Err(process.last_words());
            }
            let listening = namespace.run("ss", &["-Hlun"]).map_err(|e| e.to_string())?;
            match listening.contains("127.0.0.1:53 ") {
                true => Ok(()),
                false => Err(listening),
            }
        })?;
        Ok(Self {
            _process: process,
            _folder: folder,
        })
    }
}
