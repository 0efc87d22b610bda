//! The shape of `agent.yaml`, and reading it.

use std::io::Read as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use carillon_schemas::config::{ConfigError, Contact, Hook, Media, Network, validate_sections};
use carillon_schemas::directory::{self, Directory};
use carillon_schemas::history::History;
use carillon_schemas::links::Links;
use carillon_schemas::phonebook::{self, Phonebook};
use carillon_schemas::strict::{self, ReadError};
use carillon_schemas::{Account, Secret};
use serde::Deserialize;

use super::hooks::{self, HooksAllow, WebhookKey};

/// The largest `agent.yaml`, in bytes.
pub const MAX_AGENT_FILE_BYTES: usize = 1 << 20;

/// The word for 'not at all'.
const OFF: &str = "off";

/// What `agent.yaml` says.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct AgentFile {
    /// How the server is known, beyond what the ticket says.
    #[serde(default)]
    pub server: Server,
    /// The desk's own accounts.
    #[serde(default)]
    pub accounts: Vec<Account<Secret>>,
    /// Sound and codecs; the server's settings lie over these.
    #[serde(default)]
    pub media: Media,
    /// Addresses and ports; the server's settings lie over these.
    #[serde(default)]
    pub network: Network,
    /// What a link on a web page may do; the server's settings lie over these.
    #[serde(default)]
    pub links: Links,
    /// The desk's own contacts.
    #[serde(default)]
    pub contacts: Vec<Contact>,
    /// The desk's own phonebooks.
    #[serde(default)]
    pub phonebooks: Vec<Phonebook>,
    /// The desk's own LDAP directories.
    #[serde(default)]
    pub directories: Vec<Directory<Secret>>,
    /// How long calls and messages are remembered; the server's settings lie over these.
    #[serde(default)]
    pub history: History,
    /// The desk's own hooks.
    #[serde(default)]
    pub hooks: Vec<Hook>,
    /// What the server's hooks may do on this desk.
    #[serde(default)]
    pub hooks_allow: HooksAllow,
    /// Keys that sign what hooks post.
    #[serde(default)]
    pub webhook_keys: Vec<WebhookKey>,
    /// The local API.
    #[serde(default)]
    pub control: Control,
    /// Whether calls and messages show on the user's desktop. Taken at the next start.
    #[serde(default)]
    pub notifications: Switch,
}

/// On unless it is off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Switch {
    /// On.
    #[default]
    On,
    /// Off.
    Off,
}

/// How the server is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Server {
    /// PEM certificates of the authorities that may vouch for it, in place of the platform's; relative to the
    /// file's folder. A ticket with a pin needs none.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

/// The local API. Taken at the next start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Control {
    /// Address and port on loopback; any free port of 127.0.0.1 when absent; `off` for none.
    #[serde(default)]
    pub listen: Option<String>,
    /// The path of the Unix socket; `control.sock` in the state folder when absent; `off` for none.
    #[serde(default)]
    pub socket: Option<PathBuf>,
    /// The group whose members may make calls by the socket.
    #[serde(default)]
    pub group: Option<String>,
    /// Users who may, besides.
    #[serde(default)]
    pub users: Vec<String>,
}

/// Why `agent.yaml` was not taken.
#[derive(Debug, thiserror::Error)]
pub enum AgentFileError {
    /// It is there and cannot be read.
    #[error("cannot read {}: {source} (make it readable for the agent)", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Its content is not right.
    #[error("{}: {source}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What is not right.
        source: ReadError,
    },
}

/// Reads the file; `None` when there is none.
///
/// # Errors
/// When it cannot be read, is not YAML, has a key unknown or twice, or a setting out of bounds.
pub fn read(path: &Path) -> Result<Option<AgentFile>, AgentFileError> {
    let unreadable = |source| AgentFileError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(unreadable(e)),
    };
    let mut text = zeroize::Zeroizing::new(String::new());
    file.take(MAX_AGENT_FILE_BYTES as u64 + 1)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    let mut file = AgentFile::from_yaml(&text).map_err(|source| AgentFileError::Content {
        path: path.to_owned(),
        source,
    })?;
    if let Some(folder) = path.parent() {
        let keys = file.webhook_keys.iter_mut().map(|key| &mut key.ca_file);
        for ca in keys.chain([&mut file.server.ca_file]).flatten() {
            *ca = folder.join(&*ca);
        }
    }
    Ok(Some(file))
}

impl AgentFile {
    /// Reads and checks the text of an `agent.yaml`; an empty one says nothing.
    ///
    /// # Errors
    /// What is not right, with its line or path.
    pub fn from_yaml(text: &str) -> Result<Self, ReadError> {
        let blank = text
            .lines()
            .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
        if blank && text.len() <= MAX_AGENT_FILE_BYTES {
            return Ok(Self::default());
        }
        let file: Self = strict::from_yaml(text, MAX_AGENT_FILE_BYTES)?;
        validate_sections(
            &file.accounts,
            &file.media,
            &file.network,
            &file.hooks,
            &file.contacts,
        )?;
        file.hooks_allow.validate()?;
        hooks::validate_keys(&file.webhook_keys)?;
        phonebook::validate_all(&file.phonebooks)?;
        let accounts = file.accounts.iter().map(|account| &account.id);
        directory::validate_all(&file.directories, accounts)?;
        file.history.validate()?;
        file.control.listen()?;
        Ok(file)
    }
}

impl Control {
    /// Where the local API listens on loopback; `None` when it shall not.
    ///
    /// # Errors
    /// When it is no address, or one that others can reach.
    pub fn listen(&self) -> Result<Option<SocketAddr>, ConfigError> {
        let Some(text) = &self.listen else {
            return Ok(Some(SocketAddr::from(([127, 0, 0, 1], 0))));
        };
        if text == OFF {
            return Ok(None);
        }
        text.parse()
            .ok()
            .filter(|address: &SocketAddr| address.ip().is_loopback())
            .map(Some)
            .ok_or_else(|| ConfigError {
                path: "control.listen".into(),
                why: format!(
                    "{text:?} is no loopback address with a port, like 127.0.0.1:4711, and not 'off'"
                ),
            })
    }

    /// Where its Unix socket is, when the file does not say otherwise at `usual`; `None` when there shall be none.
    pub fn socket(&self, usual: PathBuf) -> Option<PathBuf> {
        match &self.socket {
            Some(path) if path.as_os_str() == OFF => None,
            Some(path) => Some(path.clone()),
            None => Some(usual),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "
server:
  ca_file: ca.pem
accounts:
  - id: home
    address: sip:1001@pbx.example.org
    password: correct horse
media:
  input: tone:440
control:
  listen: 127.0.0.1:4711
notifications: off
";

    #[test]
    fn a_file_is_read_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.yaml");
        assert!(read(&path).unwrap().is_none());
        std::fs::write(&path, GOOD).unwrap();
        let file = read(&path).unwrap().unwrap();
        assert_eq!(file.accounts[0].id.as_str(), "home");
        assert_eq!(file.server.ca_file, Some(folder.path().join("ca.pem")));
        assert_eq!(file.control.listen().unwrap().unwrap().port(), 4711);
        let usual = || PathBuf::from("/x/control.sock");
        assert_eq!(file.control.socket(usual()), Some(usual()));
        let text = "control: {listen: off, socket: /run/c.sock, group: phone, users: [ann]}";
        let control = AgentFile::from_yaml(text).unwrap().control;
        assert_eq!(control.listen().unwrap(), None);
        assert_eq!(control.socket(usual()), Some("/run/c.sock".into()));
        let off = AgentFile::from_yaml("control: {socket: 'off'}").unwrap();
        assert_eq!(off.control.socket(usual()), None);
        assert_eq!(file.notifications, Switch::Off);
        let on = AgentFile::from_yaml("notifications: on").unwrap();
        assert_eq!(on.notifications, Switch::On);
        assert_eq!(
            AgentFile::from_yaml("# nothing yet\n").unwrap(),
            AgentFile::default()
        );
    }

    #[test]
    fn what_is_wrong_is_named_and_no_password_quoted() {
        for (bad, why) in [
            (
                GOOD.replace("password", "pasword"),
                "did you mean \"password\"",
            ),
            (format!("{GOOD}media:\n  output: null\n"), "duplicate"),
            (
                format!("{GOOD}links: {{dail: now}}\n"),
                "did you mean \"dial\"",
            ),
            (GOOD.replace("127.0.0.1:4711", "0.0.0.0:4711"), "loopback"),
            (GOOD.replace("sip:1001@", "1001@"), "must begin with 'sip:'"),
            (
                GOOD.replace("correct horse", "\"correct\\nhorse\""),
                "control character",
            ),
            (GOOD.replace("accounts:", "accounts: ["), ""),
            ("x".repeat(MAX_AGENT_FILE_BYTES + 1), "bytes"),
        ] {
            let error = AgentFile::from_yaml(&bad).unwrap_err().to_string();
            assert!(error.to_lowercase().contains(why), "{why}: {error}");
            assert!(!error.contains("horse"), "{error}");
        }
    }
}
