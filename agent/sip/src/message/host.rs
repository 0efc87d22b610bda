//! The host of a URI or Via: a name or an address.

use super::error::SyntaxError;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A host name, an IPv4 address or a bracketed IPv6 reference.
#[derive(Debug, Clone)]
pub enum Host {
    /// A DNS name, as written.
    Name(String),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address; printed in brackets.
    V6(Ipv6Addr),
}

impl Host {
    /// Reads a host without a port.
    ///
    /// # Errors
    /// An empty name, a name with characters no host has, or brackets around no IPv6 address.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner
                .strip_suffix(']')
                .ok_or(SyntaxError::new("an IPv6 reference has no closing bracket"))?;
            // The grammar of RFC 3261 let a third colon in by mistake (RFC 5118 §4.10).
            return inner
                .replacen(":::", "::", 1)
                .parse()
                .map(Self::V6)
                .map_err(|_| SyntaxError::new("not an IPv6 address"));
        }
        if text.as_bytes().first().is_some_and(u8::is_ascii_digit)
            && let Ok(address) = text.parse()
        {
            return Ok(Self::V4(address));
        }
        if text.is_empty() || text.len() > 255 {
            return Err(SyntaxError::new(
                "a host name must have 1 to 255 characters",
            ));
        }
        if !text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
        {
            return Err(SyntaxError::new("a host name holds a forbidden character"));
        }
        Ok(Self::Name(text.to_owned()))
    }

    /// Reads `host` or `host:port`, with brackets around IPv6, lenient about spaces round the colon.
    pub(crate) fn parse_with_port(text: &str) -> Result<(Self, Option<u16>), SyntaxError> {
        let colon = match text.find(']') {
            Some(end) => text[end..].find(':').map(|at| end + at),
            None => text.find(':'),
        };
        let Some(colon) = colon else {
            return Ok((Self::parse(text.trim())?, None));
        };
        let port = text[colon + 1..].trim();
        let port = if port.is_empty() {
            None
        } else {
            if !port.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(SyntaxError::new("a port is not a number"));
            }
            Some(
                port.parse()
                    .map_err(|_| SyntaxError::new("a port is above 65535"))?,
            )
        };
        Ok((Self::parse(text[..colon].trim())?, port))
    }

    /// The address, when the host is one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Name(_) => None,
            Self::V4(address) => Some(IpAddr::V4(*address)),
            Self::V6(address) => Some(IpAddr::V6(*address)),
        }
    }
}

impl PartialEq for Host {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Name(a), Self::Name(b)) => a.eq_ignore_ascii_case(b),
            _ => self.ip().is_some() && self.ip() == other.ip(),
        }
    }
}

impl Eq for Host {}

impl From<IpAddr> for Host {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => Self::V6(address),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => out.write_str(name),
            Self::V4(address) => write!(out, "{address}"),
            Self::V6(address) => write!(out, "[{address}]"),
        }
    }
}
