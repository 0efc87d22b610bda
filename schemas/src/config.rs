//! A desk's configuration: what the server signs and the agent runs.
//!
//! The same sections serve the admin's layers (fleet < desk): every setting is optional there, [`Media::over`]
//! and its kin lay one layer over another, and the accessors give the value in force.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use crate::accept_from::AcceptFrom;
use crate::accept_from::{NO_KNOWN_PROXY, is_known};
use crate::connection::Connection;
use crate::contact;
pub use crate::contact::{Contact, MAX_CONTACTS};
use crate::directory::{self, Directory};
use crate::features::Features;
use crate::history::History;
pub use crate::hook::{Hook, HookEvent};
use crate::links::Links;
pub use crate::media::{CodecName, Media, Recording, Ringing};
use crate::phonebook::{self, Phonebook};
use crate::secret::SealedSecret;
use crate::sip_address::{is_host, split_port};
use crate::{AccountId, DeskId, Generation, SipAddress, Timestamp};

/// The largest signed configuration an agent reads, in bytes.
pub const MAX_CONFIG_BYTES: usize = 1 << 20;
/// The most accounts on one desk.
pub const MAX_ACCOUNTS: usize = 128;
/// The most hooks in one configuration.
pub const MAX_HOOKS: usize = 64;

/// One generation of one desk's configuration. Signed by the director as `payload` of an envelope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct DeskConfig {
    /// Whose configuration this is: no other desk takes it.
    pub desk: DeskId,
    /// The desk's name, as the admin knows it.
    pub name: String,
    /// Rises with every change; an older one is refused.
    pub generation: Generation,
    /// When it was signed.
    pub issued: Timestamp,
    /// The SIP accounts, in the order shown to the user; the first is the default.
    #[serde(default)]
    pub accounts: Vec<Account<SealedSecret>>,
    /// Sound and codecs.
    #[serde(default)]
    pub media: Media,
    /// Addresses, ports, and the link to the server.
    #[serde(default)]
    pub network: Network,
    /// What a link on a web page may do.
    #[serde(default)]
    pub links: Links,
    /// What runs when something happens.
    #[serde(default)]
    pub hooks: Vec<Hook>,
    /// The people everyone calls.
    #[serde(default)]
    pub contacts: Vec<Contact>,
    /// Phonebooks from elsewhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phonebooks: Vec<Phonebook>,
    /// LDAP directories that are asked for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub directories: Vec<Directory<SealedSecret>>,
    /// How long calls and messages are remembered.
    #[serde(default, skip_serializing_if = "History::is_default")]
    pub history: History,
}

/// A SIP identity on a desk. `S` is how its password is held: sealed on the wire, in the clear in an admin's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(bound(deserialize = "S: Deserialize<'de>"))]
pub struct Account<S> {
    /// Unique on the desk.
    pub id: AccountId,
    /// What the user sees; the address when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The address of record.
    pub address: SipAddress,
    /// The name that others see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The user of the digest; the address's user when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Answer only challenges of this realm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub realm: Option<String>,
    /// The password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<S>,
    /// `host` or `host:port` of the registrar; the address's host when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registrar: Option<String>,
    /// `host` or `host:port` that every request goes through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbound_proxy: Option<String>,
    /// How SIP travels.
    #[serde(default)]
    pub transport: Transport,
    /// Servers, certificates and keep-alives.
    #[serde(default)]
    pub connection: Connection,
    /// Whether the account registers; a peer-to-peer account does not.
    #[serde(default = "yes")]
    pub register: bool,
    /// Who may call the account and write to it. When absent: its registrar and proxy where it registers, anyone where it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept_from: Option<AcceptFrom>,
    /// Seconds of registration asked for, 30 to 86,400.
    #[serde(default = "default_register_expires")]
    pub register_expires: u32,
    /// Be found under the GRUU that the registrar gives (RFC 5627). Only for proxies that find the way to it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gruu: bool,
    /// The most calls at once, 1 to 100.
    #[serde(default = "default_max_calls")]
    pub max_calls: u16,
    /// What the account does with calls beside making and taking them.
    #[serde(default, skip_serializing_if = "Features::is_default")]
    pub features: Features,
    /// Whose transfers and pickups are followed.
    #[serde(default, skip_serializing_if = "Transfers::is_default")]
    pub transfers: Transfers,
    /// A disabled account stays in the file and off the air.
    #[serde(default = "yes")]
    pub enabled: bool,
}

impl<S> Account<S> {
    /// The user of the digest.
    pub fn digest_user(&self) -> &str {
        self.username
            .as_deref()
            .unwrap_or_else(|| self.address.user())
    }

    /// Who may call the account. One that registers nowhere is called by its peers themselves.
    pub fn accept_from(&self) -> AcceptFrom {
        self.accept_from.unwrap_or(AcceptFrom::usual(self.register))
    }

    /// The same account with its password held another way.
    pub fn map_password<T>(self, with: impl FnOnce(Option<S>) -> Option<T>) -> Account<T> {
        Account {
            password: with(self.password),
            id: self.id,
            label: self.label,
            address: self.address,
            display_name: self.display_name,
            username: self.username,
            realm: self.realm,
            registrar: self.registrar,
            outbound_proxy: self.outbound_proxy,
            transport: self.transport,
            connection: self.connection,
            register: self.register,
            accept_from: self.accept_from,
            register_expires: self.register_expires,
            gruu: self.gruu,
            max_calls: self.max_calls,
            features: self.features,
            transfers: self.transfers,
            enabled: self.enabled,
        }
    }

    /// Checks what the types alone do not.
    ///
    /// # Errors
    /// The first setting out of bounds, with its path below `at`.
    pub fn validate(&self, at: &str) -> Result<(), ConfigError> {
        let fail = |key: &str, why: String| {
            Err(ConfigError {
                path: format!("{at}.{key}"),
                why,
            })
        };
        for (key, value) in [
            ("label", &self.label),
            ("display_name", &self.display_name),
            ("username", &self.username),
            ("realm", &self.realm),
        ] {
            if let Some(text) = value
                && (text.is_empty() || text.len() > 128 || text.chars().any(char::is_control))
            {
                return fail(
                    key,
                    "must be 1 to 128 bytes without control characters".into(),
                );
            }
        }
        for (key, value) in [
            ("registrar", &self.registrar),
            ("outbound_proxy", &self.outbound_proxy),
        ] {
            if let Some(text) = value {
                let good =
                    split_port(text).is_some_and(|(host, port)| is_host(host) && port != Some(0));
                if !good {
                    return fail(key, format!("{text:?} is no host or host:port"));
                }
            }
        }
        let homes = [&self.registrar, &self.outbound_proxy];
        if self.accept_from == Some(AcceptFrom::Proxy)
            && !self.register
            && !homes.into_iter().flatten().any(|home| is_known(home))
        {
            return fail("accept_from", NO_KNOWN_PROXY.into());
        }
        if !(30..=86_400).contains(&self.register_expires) {
            return fail(
                "register_expires",
                format!(
                    "{} is not between 30 and 86400 seconds",
                    self.register_expires
                ),
            );
        }
        if !(1..=100).contains(&self.max_calls) {
            return fail(
                "max_calls",
                format!("{} is not between 1 and 100", self.max_calls),
            );
        }
        self.connection
            .validate(at, self.outbound_proxy.is_some())?;
        self.features.validate(at)
    }
}

/// How SIP travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// UDP (RFC 3261 §18).
    #[default]
    Udp,
    /// TCP.
    Tcp,
    /// TLS over TCP.
    Tls,
    /// WebSocket over TLS (RFC 7118).
    Wss,
    /// What the domain's NAPTR and SRV records prefer among UDP, TCP and TLS (RFC 3263).
    Auto,
}

/// Whose REFER within a call, and whose Replaces, are followed: they make this desk call somebody, or end a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Transfers {
    /// Nobody's.
    Never,
    /// Those that come through the account's registrar or proxy.
    #[default]
    Proxy,
    /// Those of every far side.
    Always,
}

impl Transfers {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Addresses, ports, and the link to the server.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Network {
    /// The lowest UDP port for RTP, even.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtp_port_min: Option<u16>,
    /// The highest UDP port for RTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtp_port_max: Option<u16>,
    /// Seconds a long poll may wait at the server, 5 to 3,600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll_wait: Option<u32>,
    /// Seconds between status reports when nothing changes, 60 to 86,400.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<u32>,
}

impl Network {
    /// These settings where given, else those of the layer below.
    pub fn over(self, below: &Self) -> Self {
        Self {
            rtp_port_min: self.rtp_port_min.or(below.rtp_port_min),
            rtp_port_max: self.rtp_port_max.or(below.rtp_port_max),
            poll_wait: self.poll_wait.or(below.poll_wait),
            heartbeat: self.heartbeat.or(below.heartbeat),
        }
    }

    /// The range of UDP ports for RTP and RTCP.
    pub fn rtp_ports(&self) -> std::ops::RangeInclusive<u16> {
        self.rtp_port_min.unwrap_or(16_384)..=self.rtp_port_max.unwrap_or(32_767)
    }

    /// Seconds a long poll may wait at the server.
    pub fn poll_wait(&self) -> u32 {
        self.poll_wait.unwrap_or(240)
    }

    /// Seconds between status reports when nothing changes.
    pub fn heartbeat(&self) -> u32 {
        self.heartbeat.unwrap_or(900)
    }

    /// Checks what the types alone do not.
    ///
    /// # Errors
    /// The first setting out of bounds.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let fail = |key: &str, why: &str| {
            Err(ConfigError {
                path: format!("network.{key}"),
                why: why.to_owned(),
            })
        };
        let ports = self.rtp_ports();
        if *ports.start() < 1_024 || ports.start().saturating_add(3) > *ports.end() {
            return fail(
                "rtp_port_min",
                "must be at least 1024 and leave 4 ports up to rtp_port_max",
            );
        }
        if !(5..=3_600).contains(&self.poll_wait()) {
            return fail("poll_wait", "must be between 5 and 3600 seconds");
        }
        if !(60..=86_400).contains(&self.heartbeat()) {
            return fail("heartbeat", "must be between 60 and 86400 seconds");
        }
        Ok(())
    }
}

/// A setting that is well formed and still not right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {why}")]
pub struct ConfigError {
    /// Where: `accounts[1].registrar`.
    pub path: String,
    /// What is wrong with it.
    pub why: String,
}

impl DeskConfig {
    /// Checks what the types alone do not.
    ///
    /// # Errors
    /// The first setting out of bounds.
    pub fn validate(&self) -> Result<(), ConfigError> {
        validate_sections(
            &self.accounts,
            &self.media,
            &self.network,
            &self.hooks,
            &self.contacts,
        )?;
        phonebook::validate_all(&self.phonebooks)?;
        let accounts = self.accounts.iter().map(|account| &account.id);
        directory::validate_all(&self.directories, accounts)?;
        self.history.validate()
    }
}

/// Checks the sections of a configuration together, wherever they stand: in a signed document, in
/// `fleet.yaml`, in `agent.yaml`.
///
/// # Errors
/// The first setting out of bounds.
pub fn validate_sections<S>(
    accounts: &[Account<S>],
    media: &Media,
    network: &Network,
    hooks: &[Hook],
    contacts: &[Contact],
) -> Result<(), ConfigError> {
    let fail = |path: String, why: String| Err(ConfigError { path, why });
    if accounts.len() > MAX_ACCOUNTS {
        return fail(
            "accounts".into(),
            format!(
                "{} accounts; a desk has at most {MAX_ACCOUNTS}",
                accounts.len()
            ),
        );
    }
    let mut seen = BTreeMap::new();
    for (index, account) in accounts.iter().enumerate() {
        let at = format!("accounts[{index}]");
        account.validate(&at)?;
        if let Some(first) = seen.insert(&account.id, index) {
            return fail(
                format!("{at}.id"),
                format!(
                    "{:?} is already the id of accounts[{first}]",
                    account.id.as_str()
                ),
            );
        }
    }
    media.validate()?;
    network.validate()?;
    if hooks.len() > MAX_HOOKS {
        return fail(
            "hooks".into(),
            format!("{} hooks; a desk has at most {MAX_HOOKS}", hooks.len()),
        );
    }
    for (index, hook) in hooks.iter().enumerate() {
        hook.validate(&format!("hooks[{index}]"))?;
    }
    contact::validate_all(contacts)
}

fn yes() -> bool {
    true
}

fn default_register_expires() -> u32 {
    300
}

fn default_max_calls() -> u16 {
    10
}
