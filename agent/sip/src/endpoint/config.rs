//! What an endpoint must know before it starts, and the checks on it.

use super::keep_alive::KeepAlive;
use super::manners::StrangerRate;
use super::transport::Transport;
use crate::digest::Credential;
use crate::message::Uri;
use crate::transaction::MAX_SERVER_TRANSACTIONS;
use std::time::Duration;
use thiserror::Error;

/// The most backup proxies.
pub const MAX_BACKUP_PROXIES: usize = 8;

/// Whose REFER within a call, and whose Replaces, are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TransferPolicy {
    /// Nobody's.
    Never,
    /// Those that come through the account's registrar or proxies.
    #[default]
    FromProxy,
    /// Those of every peer of a call.
    Always,
}

/// Everything one account's endpoint is made from. `Debug` shows no password.
#[derive(Debug, Clone)]
pub struct EndpointConfig {
    /// Address of record, as `sip:1001@example.org`.
    pub aor: Uri,
    /// Name shown to those who are called.
    pub display_name: Option<String>,
    /// Registrar; the domain of the address of record when `None`.
    pub registrar: Option<Uri>,
    /// Outbound proxies that every request outside a dialog passes, first hop first. May be empty.
    pub route_set: Vec<Uri>,
    /// Other outbound proxies, tried in this order when the first of the route set does not answer (RFC 3263 §4.3). Need one there.
    pub backup_proxies: Vec<Uri>,
    /// Credentials for the registrar's and the proxy's realms.
    pub credentials: Vec<Credential>,
    /// Lifetime asked of the registrar; zero for an account that does not register (peer-to-peer).
    pub register_expires: Duration,
    /// Value of User-Agent and Server.
    pub user_agent: String,
    /// `urn:uuid:…`, the `+sip.instance` of RFC 5626; empty to leave it out.
    pub instance_id: String,
    /// Transport for every URI that names none; `None` lets the domain's NAPTR and SRV records choose among UDP, TCP and TLS.
    /// With TLS nothing else is spoken; with WebSocket everything goes to the first proxy or registrar.
    pub transport: Option<Transport>,
    /// How the way to us is kept open.
    pub keep_alive: KeepAlive,
    /// The longest wait between two keep-alives; `None` for what RFC 5626 says of the transport.
    pub keep_alive_interval: Option<Duration>,
    /// How much a stranger may ask.
    pub stranger_rate: StrangerRate,
    /// Calls at one time, in either direction; one more is answered 486.
    pub max_calls: usize,
    /// Transactions that the far side began and that are not over, at one time; half of them for strangers. One more is answered
    /// 503. Over UDP each lasts for 32 s after its response.
    pub max_server_transactions: usize,
    /// How long a call may ring, in either direction, before it is ended.
    pub ring_limit: Duration,
    /// Take calls only from the addresses that the registrar and proxies resolved to. Anyone else gets 403.
    pub only_from_proxy: bool,
    /// Ask the registrar for RFC 5626 (outbound); needs `instance_id`.
    pub outbound: bool,
    /// Ask for a GRUU (RFC 5627) and be found under it. Many proxies hand one out and do not find the way to it within a
    /// dialog: then a hang-up by the far side never arrives.
    pub gruu: bool,
    /// Register under the address the registrar sees us at (RFC 3581), as a NAT demands.
    pub learn_public_address: bool,
    /// How long a session stands without a refresh (RFC 4028), 90 s to 24 h; zero to ask for none.
    pub session_expires: Duration,
    /// How many redirects (3xx) one call follows.
    pub follow_redirects: u8,
    /// Whose transfers and pickups are followed.
    pub transfers: TransferPolicy,
}

impl EndpointConfig {
    /// A configuration with the usual values for everything but the address of record.
    #[must_use]
    pub fn new(aor: Uri) -> Self {
        Self {
            aor,
            display_name: None,
            registrar: None,
            route_set: Vec::new(),
            credentials: Vec::new(),
            register_expires: Duration::from_secs(600),
            user_agent: concat!("Carillon/", env!("CARGO_PKG_VERSION")).to_owned(),
            instance_id: String::new(),
            backup_proxies: Vec::new(),
            transport: Some(Transport::Udp),
            keep_alive: KeepAlive::default(),
            keep_alive_interval: None,
            stranger_rate: StrangerRate::default(),
            max_calls: 8,
            max_server_transactions: MAX_SERVER_TRANSACTIONS,
            ring_limit: Duration::from_secs(180),
            only_from_proxy: false,
            outbound: true,
            gruu: false,
            learn_public_address: true,
            session_expires: Duration::from_secs(1800),
            follow_redirects: 5,
            transfers: TransferPolicy::default(),
        }
    }

    /// The registrar: the configured one, else the domain of the address of record.
    pub(crate) fn registrar_uri(&self) -> Uri {
        self.registrar.clone().unwrap_or_else(|| Uri {
            secure: self.aor.secure,
            ..Uri::of_host(self.aor.host.clone(), self.aor.port)
        })
    }

    /// The transports this account speaks, the preferred one first.
    pub(crate) fn offered(&self) -> &'static [Transport] {
        match self.transport {
            None => &[Transport::Udp, Transport::Tcp, Transport::Tls],
            Some(Transport::Udp) => &[Transport::Udp, Transport::Tcp],
            Some(Transport::Tcp) => &[Transport::Tcp, Transport::Udp],
            Some(Transport::Tls) => &[Transport::Tls],
            Some(Transport::Wss) => &[Transport::Wss],
        }
    }

    /// The port of a URI that names none.
    pub(crate) fn default_port(&self) -> u16 {
        self.transport.unwrap_or(Transport::Udp).default_port()
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.aor.user.is_none() {
            return Err(ConfigError::NoUser {
                aor: self.aor.to_string(),
            });
        }
        for uri in self
            .route_set
            .iter()
            .chain(&self.backup_proxies)
            .chain(&self.registrar)
            .chain([&self.aor])
        {
            if uri.to_string().parse().as_ref() != Ok(uri) {
                return Err(ConfigError::Uri {
                    uri: uri.to_string().escape_debug().to_string(),
                });
            }
            if uri.secure
                && self
                    .transport
                    .is_some_and(|transport| !transport.is_secure())
            {
                return Err(ConfigError::Secure {
                    uri: uri.to_string(),
                });
            }
        }
        let lines = [
            ("user_agent", self.user_agent.as_str()),
            ("instance_id", self.instance_id.as_str()),
            ("display_name", self.display_name.as_deref().unwrap_or("")),
        ];
        for (field, text) in lines {
            if text.len() > 256 || text.chars().any(char::is_control) {
                return Err(ConfigError::Text { field });
            }
        }
        if self.instance_id.contains(['"', '<', '>', '\\']) {
            return Err(ConfigError::Text {
                field: "instance_id",
            });
        }
        for credential in &self.credentials {
            if credential.username.is_empty()
                || credential.username.len() > 256
                || credential.username.chars().any(char::is_control)
            {
                return Err(ConfigError::Text {
                    field: "credentials.username",
                });
            }
        }
        if self.max_calls == 0 || self.max_calls > 1000 {
            return Err(ConfigError::MaxCalls {
                given: self.max_calls,
            });
        }
        if !self.register_expires.is_zero()
            && !(30..=86_400).contains(&self.register_expires.as_secs())
        {
            return Err(ConfigError::Expires {
                given: self.register_expires,
            });
        }
        if !self.session_expires.is_zero()
            && !(90..=86_400).contains(&self.session_expires.as_secs())
        {
            return Err(ConfigError::SessionExpires {
                given: self.session_expires,
            });
        }
        if self.backup_proxies.len() > MAX_BACKUP_PROXIES
            || (self.route_set.is_empty() && !self.backup_proxies.is_empty())
        {
            return Err(ConfigError::BackupProxies);
        }
        if self
            .keep_alive_interval
            .is_some_and(|every| !(1..=3600).contains(&every.as_secs()))
        {
            return Err(ConfigError::KeepAliveInterval);
        }
        if self.ring_limit.is_zero() || self.ring_limit > Duration::from_secs(3600) {
            return Err(ConfigError::RingLimit);
        }
        Ok(())
    }
}

/// Why a configuration cannot make an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The address of record has no user.
    #[error("the address of record {aor} has no user; write it as sip:user@domain")]
    NoUser {
        /// What was given.
        aor: String,
    },
    /// A URI put together from parts that cannot stand in one.
    #[error("{uri} is not a SIP URI; write it as sip:user@domain")]
    Uri {
        /// What was given.
        uri: String,
    },
    /// `sips:` needs a transport with TLS.
    #[error("{uri} is a sips URI, which UDP and TCP cannot carry; use sip:, or the transport tls")]
    Secure {
        /// What was given.
        uri: String,
    },
    /// A text that goes into a header is too long or holds what cannot stand there.
    #[error(
        "{field} must be at most 256 characters without control characters (and a user name must not be empty)"
    )]
    Text {
        /// The field of [`EndpointConfig`].
        field: &'static str,
    },
    /// Calls at one time out of range.
    #[error("max_calls is {given}; it must be 1 to 1000")]
    MaxCalls {
        /// What was given.
        given: usize,
    },
    /// Registration lifetime out of range.
    #[error(
        "register_expires is {given:?}; it must be 30 s to 24 h, or zero for an account that does not register"
    )]
    Expires {
        /// What was given.
        given: Duration,
    },
    /// Session interval out of range.
    #[error(
        "session_expires is {given:?}; it must be 90 s to 24 h, or zero for sessions without an end"
    )]
    SessionExpires {
        /// What was given.
        given: Duration,
    },
    /// Backup proxies without a first one, or too many.
    #[error(
        "backup proxies need an outbound proxy before them, and there may be at most {MAX_BACKUP_PROXIES}"
    )]
    BackupProxies,
    /// The wait between keep-alives out of range.
    #[error("keep_alive_interval must be 1 s to an hour")]
    KeepAliveInterval,
    /// A ring limit of zero, or of more than an hour.
    #[error("ring_limit must be above zero and at most an hour")]
    RingLimit,
}
