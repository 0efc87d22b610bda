//! Kamailio on loopback: registrar, digest users in SQLite, record-routing proxy.
//!
//! Starts from the very files that the demo uses (`deploy/demo/`). Passwords change live: Kamailio
//! reads them for every challenge.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::namespace::Namespace;
use crate::process::Process;
use crate::{Fault, Outcome, binaries, patience, ports};

/// The domain of every user.
pub const DOMAIN: &str = "127.0.0.1";

/// How long Kamailio may take to answer its control socket.
const READY_WITHIN: Duration = Duration::from_secs(10);

/// A running Kamailio.
#[derive(Debug)]
pub struct Kamailio {
    // The process goes before the folder its sockets live in.
    process: Process,
    folder: TempDir,
    port: u16,
}

/// A contact that the registrar holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// The user part of the address of record.
    pub user: String,
    /// The contact's URI.
    pub uri: String,
    /// Seconds it still lives.
    pub expires: i64,
}

/// Where and with what a Kamailio runs.
#[derive(Debug, Clone, Copy)]
pub struct World<'a> {
    /// Its configuration, a file of the repository.
    pub file: &'a str,
    /// Users and passwords.
    pub users: &'a [(&'a str, &'a str)],
    /// Files put into its folder first.
    pub beside: &'a [(&'a str, String)],
    /// What stands in the configuration, and what takes its place.
    pub replace: &'a [(&'a str, &'a str)],
    /// Its port; a free one of 127.0.0.1 when absent.
    pub port: Option<u16>,
    /// The network it lives in; this host's when absent.
    pub namespace: Option<&'a Namespace>,
}

impl Default for World<'_> {
    fn default() -> Self {
        Self {
            file: "deploy/demo/kamailio.cfg",
            users: &[],
            beside: &[],
            replace: &[],
            port: None,
            namespace: None,
        }
    }
}

impl Kamailio {
    /// Starts it on a free port, with these users and passwords.
    ///
    /// # Errors
    /// [`Fault::Missing`] without the Debian packages, [`Fault::TooLate`] when it does not come up.
    pub fn start(users: &[(&str, &str)]) -> Outcome<Self> {
        Self::start_as("deploy/demo/kamailio.cfg", users)
    }

    /// The same from another file of the repository, as `tests/kamailio/presence.cfg`.
    ///
    /// # Errors
    /// As [`Kamailio::start`].
    pub fn start_as(file: &str, users: &[(&str, &str)]) -> Outcome<Self> {
        Self::start_with(file, users, &[])
    }

    /// The same with files put into its folder first, `server.pem` and the like. `@TLS_PORT@` is the port above the other.
    ///
    /// # Errors
    /// As [`Kamailio::start`].
    pub fn start_with(
        file: &str,
        users: &[(&str, &str)],
        beside: &[(&str, String)],
    ) -> Outcome<Self> {
        Self::start_world(&World {
            file,
            users,
            beside,
            ..World::default()
        })
    }

    /// Starts it in a world of its own.
    ///
    /// # Errors
    /// As [`Kamailio::start`].
    pub fn start_world(world: &World<'_>) -> Outcome<Self> {
        let folder = TempDir::with_prefix("carillon-kamailio-")
            .map_err(|e| Fault::system("make a folder for Kamailio", e))?;
        let port = match world.port {
            Some(port) => port,
            None => ports::free()?,
        };
        let demo = binaries::workspace().join("deploy/demo");
        let mut config = read(&binaries::workspace().join(world.file))?;
        for (old, new) in world.replace {
            config = config.replace(old, new);
        }
        let config = config
            .replace("@SIP_PORT@", &port.to_string())
            .replace("@TLS_PORT@", &(port + 1).to_string())
            .replace("@MODULES@", &modules()?.to_string_lossy())
            .replace("@RUN_DIR@", &folder.path().to_string_lossy());
        for (name, text) in world.beside {
            std::fs::write(folder.path().join(name), text)
                .map_err(|e| Fault::system(format!("write {name}"), e))?;
        }
        let file = folder.path().join("kamailio.cfg");
        std::fs::write(&file, config).map_err(|e| Fault::system("write kamailio.cfg", e))?;
        sqlite(
            &folder.path().join("users.db"),
            &read(&demo.join("users.sql"))?,
        )?;
        let args = ["-DD", "-E", "-m", "32", "-M", "4", "-f"].map(std::ffi::OsString::from);
        let rest = [
            file.into_os_string(),
            "-Y".into(),
            folder.path().as_os_str().to_owned(),
        ];
        let program = match world.namespace {
            Some(namespace) => namespace.program(Path::new("kamailio"))?,
            None => PathBuf::from("kamailio"),
        };
        let process = Process::start(
            "kamailio",
            &program,
            args.into_iter().chain(rest),
            folder.path(),
        )?;
        let mut kamailio = Self {
            process,
            folder,
            port,
        };
        for (user, password) in world.users {
            kamailio.set_password(user, password)?;
        }
        patience::until("Kamailio's control socket", READY_WITHIN, || {
            if !kamailio.process.is_running() {
                return Err(kamailio.process.last_words());
            }
            kamailio
                .control(&["core.uptime"])
                .map(drop)
                .map_err(|e| e.to_string())
        })?;
        Ok(kamailio)
    }

    /// Its SIP port on 127.0.0.1, UDP.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process id, the parent of its workers.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Adds a user or changes the password; the next challenge asks for the new one.
    ///
    /// # Errors
    /// [`Fault::Refused`] when SQLite does.
    pub fn set_password(&self, user: &str, password: &str) -> Outcome<()> {
        let quote = |text: &str| text.replace('\'', "''");
        sqlite(
            &self.folder.path().join("users.db"),
            &format!(
                "INSERT OR REPLACE INTO subscriber VALUES ('{}', '{DOMAIN}', '{}');",
                quote(user),
                quote(password)
            ),
        )
    }

    /// The contacts it holds for a user.
    ///
    /// # Errors
    /// [`Fault::Refused`] when the control socket does not answer.
    pub fn contacts(&self, user: &str) -> Outcome<Vec<Contact>> {
        let mut all = parse_contacts(&self.control(&["ul.dump"])?);
        all.retain(|contact| contact.user == user);
        Ok(all)
    }

    /// Waits until a user has a contact.
    ///
    /// # Errors
    /// [`Fault::TooLate`] with what Kamailio said last.
    pub fn wait_registered(&self, user: &str, limit: Duration) -> Outcome<Contact> {
        patience::until(&format!("a contact of {user}"), limit, || {
            let contacts = self.contacts(user).map_err(|e| e.to_string())?;
            contacts
                .into_iter()
                .next()
                .ok_or_else(|| self.process.last_words())
        })
    }

    /// Ends it at once, the way a power cut would.
    pub fn kill(&mut self) {
        // Its workers would live on without it.
        let parent = self.process.pid().to_string();
        let _ = Command::new("pkill")
            .args(["-KILL", "-P", &parent])
            .status();
        self.process.kill();
    }

    /// How many REGISTERs of a user it has saved so far, refreshes included.
    pub fn saved(&self, user: &str) -> usize {
        self.count(&format!("lab: REGISTER saved user={user} "))
    }

    /// How many REGISTERs of a user it has answered with a challenge so far.
    pub fn challenged(&self, user: &str) -> usize {
        self.count(&format!("lab: REGISTER refused user={user} "))
    }

    /// Sends a command to its control socket.
    ///
    /// # Errors
    /// [`Fault::Refused`] with kamcmd's words.
    pub fn control(&self, words: &[&str]) -> Outcome<String> {
        let socket = format!("unix:{}/ctl", self.folder.path().display());
        let output = Command::new("kamcmd")
            .args(["-s", &socket])
            .args(words)
            .output()
            .map_err(|e| Fault::system("run kamcmd", e))?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(Fault::refused(
                "Kamailio",
                words.join(" "),
                String::from_utf8_lossy(&output.stderr).trim(),
            ))
        }
    }

    fn count(&self, what: &str) -> usize {
        self.process
            .said()
            .lines()
            .filter(|line| line.contains(what))
            .count()
    }
}

fn read(path: &Path) -> Outcome<String> {
    std::fs::read_to_string(path).map_err(|e| Fault::system(format!("read {}", path.display()), e))
}

/// Debian's module folder of this architecture.
fn modules() -> Outcome<PathBuf> {
    let arch = format!("{}-linux-gnu", std::env::consts::ARCH);
    let folder = Path::new("/usr/lib").join(arch).join("kamailio/modules");
    if folder.join("db_sqlite.so").is_file() {
        return Ok(folder);
    }
    Err(Fault::Missing {
        program: "Kamailio's db_sqlite module".to_owned(),
        looked: folder.display().to_string(),
        remedy: "apt-get install kamailio kamailio-sqlite-modules".to_owned(),
    })
}

fn sqlite(file: &Path, sql: &str) -> Outcome<()> {
    let mut child = Command::new("sqlite3")
        .args(["-bail", "-cmd", ".timeout 5000"])
        .arg(file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| Fault::system("run sqlite3", e))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin
            .write_all(sql.as_bytes())
            .map_err(|e| Fault::system("write to sqlite3", e))?;
    }
    let output = child
        .wait_with_output()
        .map_err(|e| Fault::system("wait for sqlite3", e))?;
    if output.status.success() {
        return Ok(());
    }
    let answer = String::from_utf8_lossy(&output.stderr);
    Err(Fault::refused(
        "sqlite3",
        file.display().to_string(),
        answer,
    ))
}

/// Reads the lines of `ul.dump` that matter: `AoR:`, `Address:`, `Expires:` in this order.
fn parse_contacts(dump: &str) -> Vec<Contact> {
    let mut contacts: Vec<Contact> = Vec::new();
    let mut user = String::new();
    for line in dump.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("AoR: ") {
            name.clone_into(&mut user);
        } else if let Some(uri) = line.strip_prefix("Address: ") {
            contacts.push(Contact {
                user: user.clone(),
                uri: uri.to_owned(),
                expires: 0,
            });
        } else if let (Some(seconds), Some(last)) =
            (line.strip_prefix("Expires: "), contacts.last_mut())
        {
            last.expires = seconds.parse().unwrap_or(0);
        }
    }
    contacts.retain(|contact| contact.expires > 0);
    contacts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contacts_are_read_from_a_dump() {
        let dump = "AoRs: {\n AoR: bob\n Contacts: {\n Contact: {\n Address: sip:bob@127.0.0.1:27005\n\
                    Expires: 57\n Q: -1.0\n}\n Contact: {\n Address: sip:bob@127.0.0.1:1\n Expires: -3\n}\n";
        assert_eq!(
            parse_contacts(dump),
            [Contact {
                user: "bob".into(),
                uri: "sip:bob@127.0.0.1:27005".into(),
                expires: 57
            }]
        );
    }
}
