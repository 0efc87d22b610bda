//! A network of its own: a Linux network namespace with its addresses, its routes, its firewall and its `resolv.conf`.
//!
//! Owns the namespace until dropped. Needs root, as Linux wants it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use crate::{Fault, Outcome};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A network namespace.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    scripts: TempDir,
}

impl Namespace {
    /// A network in which nothing but loopback is up.
    ///
    /// # Errors
    /// [`Fault::Refused`] when this user may make none.
    pub fn new() -> Outcome<Self> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("car{}-{number}", std::process::id());
        let scripts = TempDir::with_prefix("carillon-network-")
            .map_err(|e| Fault::system("make a folder for a network", e))?;
        run(Command::new("ip").args(["netns", "add", &name]))?;
        let namespace = Self { name, scripts };
        namespace.run("ip", &["link", "set", "lo", "up"])?;
        Ok(namespace)
    }

    /// Joins it with another by a cable; both ends get an address with its prefix length.
    ///
    /// # Errors
    /// [`Fault::Refused`] with what `ip` says.
    pub fn join(&self, own: &str, other: &Self, theirs: &str) -> Outcome<()> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let ends = [format!("a{number}"), format!("b{number}")];
        run(Command::new("ip").args([
            "link",
            "add",
            &ends[0],
            "netns",
            &self.name,
            "type",
            "veth",
            "peer",
            &ends[1],
            "netns",
            &other.name,
        ]))?;
        for (namespace, end, address) in [(self, &ends[0], own), (other, &ends[1], theirs)] {
            namespace.run("ip", &["addr", "add", address, "dev", end, "nodad"])?;
            namespace.run("ip", &["link", "set", end, "up"])?;
        }
        Ok(())
    }

    /// Runs a command in it to its end; its output.
    ///
    /// # Errors
    /// [`Fault::Refused`] with what it says.
    pub fn run(&self, program: &str, args: &[&str]) -> Outcome<String> {
        run(Command::new("ip")
            .args(["netns", "exec", &self.name, program])
            .args(args))
    }

    /// A program that runs in it: a script with the same arguments and the same process id.
    ///
    /// # Errors
    /// [`Fault::System`] when it cannot be written.
    pub fn program(&self, program: &Path) -> Outcome<PathBuf> {
        use std::io::Write as _;
        let fault = |e| Fault::system(format!("wrap {}", program.display()), e);
        let file = program.file_name().unwrap_or_default();
        let script = self.scripts.path().join(file);
        let text = format!(
            "#!/bin/sh\nexec ip netns exec {} {} \"$@\"\n",
            self.name,
            program.display()
        );
        // By another process: a child that this one starts meanwhile must not hold the file open, or it would not run.
        let mut writer = Command::new("install")
            .args(["-m", "755", "/dev/stdin"])
            .arg(&script)
            .stdin(Stdio::piped())
            .spawn()
            .map_err(fault)?;
        // Dropped when it is written, which ends the text.
        if let Some(mut into) = writer.stdin.take() {
            into.write_all(text.as_bytes()).map_err(fault)?;
        }
        let written = writer.wait().map_err(fault)?;
        if !written.success() {
            let failed = std::io::Error::other(format!("install: {written}"));
            return Err(fault(failed));
        }
        Ok(script)
    }

    /// What `/etc/resolv.conf` says to programs in it.
    ///
    /// # Errors
    /// [`Fault::System`] when it cannot be written.
    pub fn resolve_by(&self, name_server: &str) -> Outcome<()> {
        let folder = self.settings();
        std::fs::create_dir_all(&folder)
            .and_then(|()| {
                let text = format!("nameserver {name_server}\n");
                std::fs::write(folder.join("resolv.conf"), text)
            })
            .map_err(|e| Fault::system("write resolv.conf", e))
    }

    fn settings(&self) -> PathBuf {
        Path::new("/etc/netns").join(&self.name)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip")
            .args(["netns", "del", &self.name])
            .output();
        let _ = std::fs::remove_dir_all(self.settings());
    }
}

fn run(command: &mut Command) -> Outcome<String> {
    let output = command
        .output()
        .map_err(|e| Fault::system(format!("run {command:?}"), e))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(Fault::refused(
        "the network",
        format!("{command:?}"),
        String::from_utf8_lossy(&output.stderr).trim(),
    ))
}
