//! One value of a Via header (RFC 3261 §20.42, RFC 3581).

use super::error::SyntaxError;
use super::host::Host;
use super::params::Params;
use super::scan;
use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// What every branch of RFC 3261 begins with.
pub const BRANCH_COOKIE: &str = "z9hG4bK";

const VERSION: Cow<'static, str> = Cow::Borrowed("2.0");

/// One hop a request came over. An unknown transport is kept as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// Version of the protocol, `2.0`; a request of another version can still be answered over the way it came.
    pub version: Cow<'static, str>,
    /// Transport name, such as `UDP`.
    pub transport: String,
    /// Host of sent-by.
    pub host: Host,
    /// Port of sent-by, when written.
    pub port: Option<u16>,
    /// `branch`, `rport`, `received` and others.
    pub params: Params,
}

impl Via {
    /// A hop of our own with a branch, asking for RFC 3581.
    #[must_use]
    pub fn new(transport: &str, sent_by: SocketAddr, branch: &str) -> Self {
        let mut params = Params::new();
        params.set("branch", Some(branch));
        params.set("rport", None);
        Self {
            version: VERSION,
            transport: transport.to_owned(),
            host: Host::from(sent_by.ip()),
            port: Some(sent_by.port()),
            params,
        }
    }

    /// The branch, when there is one.
    #[must_use]
    pub fn branch(&self) -> Option<&str> {
        self.params
            .get("branch")
            .filter(|branch| !branch.is_empty())
    }

    /// `host:port` of sent-by in one form, for comparison.
    #[must_use]
    pub fn sent_by(&self) -> String {
        format!(
            "{}:{}",
            self.host.to_string().to_ascii_lowercase(),
            self.port.unwrap_or(5060)
        )
    }

    /// Notes where a request really came from (§18.2.1, RFC 3581 §4).
    pub fn note_source(&mut self, source: SocketAddr) {
        let wants_port = self.params.has("rport");
        if wants_port || self.host.ip() != Some(source.ip()) {
            self.params.set("received", Some(&source.ip().to_string()));
        }
        if wants_port {
            self.params.set("rport", Some(&source.port().to_string()));
        }
    }

    /// Where a response to a request from `source` must go over an unreliable transport (§18.2.2, RFC 3581 §4).
    /// `maddr` is not followed: it would let a request aim our answers at a third party.
    #[must_use]
    pub fn response_address(&self, source: SocketAddr) -> SocketAddr {
        let address: IpAddr = source.ip();
        if self.params.has("rport") {
            return source;
        }
        SocketAddr::new(address, self.port.unwrap_or(5060))
    }
}

/// Whether a Via field holds separators around nothing, the sign of a broken element (RFC 4475 §3.1.2.1). One semicolon at the end
/// of a hop is common and harmless.
pub(super) fn has_gaps(field: &str) -> bool {
    scan::split(field, b',').any(|hop| {
        let mut parts = scan::split(hop, b';');
        hop.is_empty() || (parts.any(str::is_empty) && parts.next().is_some())
    })
}

impl FromStr for Via {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let (protocol, rest) = text
            .split_once('/')
            .ok_or(SyntaxError::new("a Via begins with SIP/2.0/"))?;
        let (version, rest) = rest
            .split_once('/')
            .ok_or(SyntaxError::new("a Via begins with SIP/2.0/"))?;
        let version = version.trim();
        if !protocol.trim().eq_ignore_ascii_case("SIP") || !scan::is_token(version) {
            return Err(SyntaxError::new("a Via begins with SIP/2.0/"));
        }
        let rest = rest.trim_start();
        let (transport, rest) = rest
            .split_once([' ', '\t'])
            .ok_or(SyntaxError::new("a Via has a transport, then an address"))?;
        if !scan::is_token(transport) {
            return Err(SyntaxError::new("the transport of a Via is no token"));
        }
        let (sent_by, params) = rest.split_once(';').unwrap_or((rest, ""));
        let (host, port) = Host::parse_with_port(sent_by.trim())?;
        Ok(Self {
            version: if version == VERSION {
                VERSION
            } else {
                Cow::Owned(version.to_owned())
            },
            transport: transport.to_owned(),
            host,
            port,
            params: Params::parse(params)?,
        })
    }
}

impl fmt::Display for Via {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SIP/{}/{} {}", self.version, self.transport, self.host)?;
        if let Some(port) = self.port {
            write!(out, ":{port}")?;
        }
        write!(out, "{}", self.params)
    }
}
