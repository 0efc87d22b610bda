//! `fleet.yaml`: the fleet as an admin writes it down, for `carillon-server apply`.
//!
//! Passwords stand here in the clear once, on their way in; the server never gives them back. An account without
//! a password keeps the one the server has.

use serde::{Deserialize, Serialize};

use crate::config::{Account, ConfigError, Contact, Hook, Media, Network, validate_sections};
use crate::directory::{self, Directory, MAX_DIRECTORIES};
use crate::history::History;
use crate::links::Links;
use crate::phonebook::{self, Phonebook};
use crate::secret::Secret;
use crate::strict::{self, ReadError};

/// The largest `fleet.yaml`, in bytes.
pub const MAX_FLEET_BYTES: usize = 16 << 20;
/// The most desks in one file.
pub const MAX_DESKS: usize = 100_000;

/// The whole fleet.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct FleetFile {
    /// What every desk starts from.
    #[serde(default)]
    pub defaults: Layer<Secret>,
    /// The desks, by name.
    #[serde(default)]
    pub desks: Vec<DeskEntry<Secret>>,
}

/// Settings that lie under those of the desks. `S` is how passwords of directories are held, as in [`DeskEntry`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(bound(deserialize = "S: Deserialize<'de>"))]
pub struct Layer<S = ()> {
    /// Sound and codecs.
    #[serde(default)]
    pub media: Media,
    /// Addresses, ports, and the link to the server.
    #[serde(default)]
    pub network: Network,
    /// What a link on a web page may do.
    #[serde(default)]
    pub links: Links,
    /// What runs when something happens; a desk's own are added.
    #[serde(default)]
    pub hooks: Vec<Hook>,
    /// The people everyone calls; a desk's own are added.
    #[serde(default)]
    pub contacts: Vec<Contact>,
    /// Phonebooks from elsewhere; a desk's own are added.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phonebooks: Vec<Phonebook>,
    /// LDAP directories that are asked for people; a desk's own are added.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub directories: Vec<Directory<S>>,
    /// How long calls and messages are remembered.
    #[serde(default, skip_serializing_if = "History::is_default")]
    pub history: History,
}

/// One desk, as the admin wants it. `S` is how passwords are held; `()` for an export, which has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(bound(deserialize = "S: Deserialize<'de>"))]
pub struct DeskEntry<S> {
    /// Unique in the fleet.
    pub name: String,
    /// Its accounts, in the order shown to the user.
    #[serde(default)]
    pub accounts: Vec<Account<S>>,
    /// Sound and codecs, over the defaults.
    #[serde(default)]
    pub media: Media,
    /// Addresses, ports, and the link, over the defaults.
    #[serde(default)]
    pub network: Network,
    /// What a link on a web page may do, over the defaults.
    #[serde(default)]
    pub links: Links,
    /// Hooks of this desk.
    #[serde(default)]
    pub hooks: Vec<Hook>,
    /// Contacts of this desk.
    #[serde(default)]
    pub contacts: Vec<Contact>,
    /// Phonebooks from elsewhere of this desk.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phonebooks: Vec<Phonebook>,
    /// LDAP directories that this desk asks for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub directories: Vec<Directory<S>>,
    /// How long calls and messages are remembered, over the defaults.
    #[serde(default, skip_serializing_if = "History::is_default")]
    pub history: History,
}

impl<S> Default for Layer<S> {
    fn default() -> Self {
        Self {
            media: Media::default(),
            network: Network::default(),
            links: Links::default(),
            hooks: Vec::new(),
            contacts: Vec::new(),
            phonebooks: Vec::new(),
            directories: Vec::new(),
            history: History::default(),
        }
    }
}

impl<S> Layer<S> {
    /// The same layer with the passwords held another way.
    ///
    /// # Errors
    /// The first that cannot be.
    pub fn map_passwords<T, E>(
        self,
        mut with: impl FnMut(&Directory<S>, Option<S>) -> Result<Option<T>, E>,
    ) -> Result<Layer<T>, E> {
        let mut directories = Vec::new();
        for mut directory in self.directories {
            let password = directory.password.take();
            let password = with(&directory, password)?;
            directories.push(directory.map_password(|_: Option<S>| password));
        }
        Ok(Layer {
            directories,
            media: self.media,
            network: self.network,
            links: self.links,
            hooks: self.hooks,
            contacts: self.contacts,
            phonebooks: self.phonebooks,
            history: self.history,
        })
    }

    /// The same layer without its passwords.
    pub fn without_passwords(self) -> Layer<()> {
        let directories = self.directories.into_iter();
        Layer {
            directories: directories.map(|d| d.map_password(|_| None)).collect(),
            media: self.media,
            network: self.network,
            links: self.links,
            hooks: self.hooks,
            contacts: self.contacts,
            phonebooks: self.phonebooks,
            history: self.history,
        }
    }
}

impl<S> DeskEntry<S> {
    /// An empty desk of that name.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            accounts: Vec::new(),
            media: Media::default(),
            network: Network::default(),
            links: Links::default(),
            hooks: Vec::new(),
            contacts: Vec::new(),
            phonebooks: Vec::new(),
            directories: Vec::new(),
            history: History::default(),
        }
    }

    /// Checks the desk on top of the fleet's defaults.
    ///
    /// # Errors
    /// The first setting out of bounds, with its path within the desk.
    pub fn validate<T>(&self, defaults: &Layer<T>) -> Result<(), ConfigError> {
        validate_desk_name(&self.name)?;
        let media = self.media.clone().over(&defaults.media);
        let network = self.network.clone().over(&defaults.network);
        let hooks: Vec<_> = defaults.hooks.iter().chain(&self.hooks).cloned().collect();
        let contacts: Vec<_> = defaults
            .contacts
            .iter()
            .chain(&self.contacts)
            .cloned()
            .collect();
        validate_sections(&self.accounts, &media, &network, &hooks, &contacts)?;
        let phonebooks = defaults.phonebooks.iter().chain(&self.phonebooks);
        phonebook::validate_all(&phonebooks.cloned().collect::<Vec<_>>())?;
        let taken: Vec<_> = self.accounts.iter().map(|account| &account.id).collect();
        directory::validate_all(&defaults.directories, taken.iter().copied())?;
        let of_all = defaults.directories.iter().map(|directory| &directory.id);
        directory::validate_all(&self.directories, taken.iter().copied().chain(of_all))?;
        let count = defaults.directories.len() + self.directories.len();
        if count > MAX_DIRECTORIES {
            return Err(ConfigError {
                path: "directories".into(),
                why: format!("{count} with the fleet's; a desk has at most {MAX_DIRECTORIES}"),
            });
        }
        self.history.over(&defaults.history).validate()
    }
}

/// Checks a desk's name: 1 to 64 printable bytes, no space at the ends.
///
/// # Errors
/// When it is not.
pub fn validate_desk_name(name: &str) -> Result<(), ConfigError> {
    if name.is_empty()
        || name.len() > 64
        || name.trim() != name
        || name.chars().any(char::is_control)
    {
        return Err(ConfigError {
            path: "name".into(),
            why: "a desk's name must be 1 to 64 bytes without control characters or space at its ends".into(),
        });
    }
    Ok(())
}

impl FleetFile {
    /// Reads and checks a `fleet.yaml`.
    ///
    /// # Errors
    /// Where it is not YAML, has a key unknown or twice, or a setting out of bounds.
    pub fn from_yaml(text: &str) -> Result<Self, ReadError> {
        let file: Self = strict::from_yaml(text, MAX_FLEET_BYTES)?;
        let fail = |path: String, why: String| Err(ReadError::Invalid(ConfigError { path, why }));
        if file.desks.len() > MAX_DESKS {
            return fail(
                "desks".into(),
                format!(
                    "{} desks; one file holds at most {MAX_DESKS}",
                    file.desks.len()
                ),
            );
        }
        let mut names = std::collections::BTreeMap::new();
        for (index, desk) in file.desks.iter().enumerate() {
            if let Some(first) = names.insert(&desk.name, index) {
                return fail(
                    format!("desks[{index}].name"),
                    format!("{:?} is already the name of desks[{first}]", desk.name),
                );
            }
            desk.validate(&file.defaults)
                .map_err(|e| ConfigError {
                    path: format!("desks[{index}].{}", e.path),
                    ..e
                })
                .map_err(ReadError::Invalid)?;
        }
        Ok(file)
    }
}
