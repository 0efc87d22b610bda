//! What an endpoint must know before it starts, and the checks on it.

use crate::digest::Credential;
use crate::message::Uri;
use std::time::Duration;
use thiserror::Error;

/// Transport protocol of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Transport {
    /// UDP; one flow serves all peers.
    Udp,
}

impl Transport {
    /// The name in a Via header.
    #[must_use]
    pub fn via_name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
        }
    }

    /// Whether the transport itself repeats what gets lost. Decides which timers run.
    #[must_use]
    pub fn is_reliable(self) -> bool {
        match self {
            Self::Udp => false,
        }
    }

    /// The port used when none is written.
    #[must_use]
    pub fn default_port(self) -> u16 {
        match self {
            Self::Udp => 5060,
        }
    }
}

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
    /// Credentials for the registrar's and the proxy's realms.
    pub credentials: Vec<Credential>,
    /// Lifetime asked of the registrar; zero for an account that does not register (peer-to-peer).
    pub register_expires: Duration,
    /// Value of User-Agent and Server.
    pub user_agent: String,
    /// `urn:uuid:…`, the `+sip.instance` of RFC 5626; empty to leave it out.
    pub instance_id: String,
    /// Transport to use.
    pub transport: Transport,
    /// Calls at one time, in either direction; one more is answered 486.
    pub max_calls: usize,
    /// How long a call may ring, in either direction, before it is ended.
    pub ring_limit: Duration,
    /// Take calls only from the addresses that the registrar and proxies resolved to. Anyone else gets 403.
    pub only_from_proxy: bool,
    /// Ask the registrar for RFC 5626 (outbound); needs `instance_id`.
    pub outbound: bool,
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
            transport: Transport::Udp,
            max_calls: 8,
            ring_limit: Duration::from_secs(180),
            only_from_proxy: false,
            outbound: true,
            learn_public_address: true,
            session_expires: Duration::from_secs(1800),
            follow_redirects: 5,
            transfers: TransferPolicy::default(),
        }
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
            .chain(&self.registrar)
            .chain([&self.aor])
        {
            if uri.to_string().parse().as_ref() != Ok(uri) {
                return Err(ConfigError::Uri {
                    uri: uri.to_string().escape_debug().to_string(),
                });
            }
            if uri.secure {
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
    #[error("{uri} is a sips URI, which UDP cannot carry; use sip:")]
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
    /// A ring limit of zero, or of more than an hour.
    #[error("ring_limit must be above zero and at most an hour")]
    RingLimit,
}
