//! A SIP address as an admin writes it: `sip:1001@pbx.example.org:5060`.
//!
//! Only what a configuration needs is checked here (scheme, user, host, port); the full grammar of RFC 3261
//! is the business of the SIP user agent.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// `sip:` or `sips:`, a user, a host and perhaps a port. No parameters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "json-schema", schemars(with = "String"))]
pub struct SipAddress {
    text: String,
    user: std::ops::Range<usize>,
    host: std::ops::Range<usize>,
}

impl SipAddress {
    /// The user part, as written.
    pub fn user(&self) -> &str {
        &self.text[self.user.clone()]
    }

    /// The host part without port; an IPv6 address keeps its brackets.
    pub fn host(&self) -> &str {
        &self.text[self.host.clone()]
    }

    /// The whole address.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for SipAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<SipAddress> for String {
    fn from(address: SipAddress) -> String {
        address.text
    }
}

impl TryFrom<String> for SipAddress {
    type Error = SipAddressError;
    fn try_from(text: String) -> Result<Self, SipAddressError> {
        text.parse()
    }
}

impl FromStr for SipAddress {
    type Err = SipAddressError;

    fn from_str(text: &str) -> Result<Self, SipAddressError> {
        let fail = |why| SipAddressError {
            text: text.chars().take(120).collect(),
            why,
        };
        if text.len() > 255 {
            return Err(fail("it is longer than 255 bytes"));
        }
        let lower = text.to_ascii_lowercase();
        let start = if lower.starts_with("sips:") {
            5
        } else if lower.starts_with("sip:") {
            4
        } else {
            return Err(fail("it must begin with 'sip:' or 'sips:'"));
        };
        let at = text
            .rfind('@')
            .ok_or_else(|| fail("it has no '@' between user and host"))?;
        if at <= start {
            return Err(fail("the user before the '@' is missing"));
        }
        let user = start..at;
        let user_bytes = text[user.clone()].bytes();
        if !user_bytes
            .clone()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.!~*'()%&=+$,;?/#".contains(&b))
        {
            return Err(fail(
                "the user part holds a character that must be escaped as %XX",
            ));
        }
        let (host, port) = split_port(&text[at + 1..])
            .ok_or_else(|| fail("the port is no number from 1 to 65535"))?;
        if port == Some(0) {
            return Err(fail("the port is no number from 1 to 65535"));
        }
        if !is_host(host) {
            return Err(fail(
                "the host is neither a name nor an IP address (IPv6 in brackets)",
            ));
        }
        let host = at + 1..at + 1 + host.len();
        Ok(Self {
            text: text.to_owned(),
            user,
            host,
        })
    }
}

/// Why a text is no SIP address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no SIP address like sip:1001@pbx.example.org: {why}")]
pub struct SipAddressError {
    text: String,
    why: &'static str,
}

/// Whether a text is a host name or an IP address, IPv6 in brackets.
pub fn is_host(text: &str) -> bool {
    if let Some(inner) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
        return inner.parse::<std::net::Ipv6Addr>().is_ok();
    }
    !text.is_empty()
        && text.len() <= 253
        && text.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
                && !label.starts_with('-')
        })
}

/// Splits `host:port`; `None` when the port is no number. The host is not checked.
pub fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    match text.rfind(':') {
        Some(colon) if !text[colon..].contains(']') => text[colon + 1..]
            .parse()
            .ok()
            .map(|port| (&text[..colon], Some(port))),
        _ => Some((text, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_admins_write() {
        let address: SipAddress = "sip:1001@pbx.example.org:5070".parse().unwrap();
        assert_eq!(
            (address.user(), address.host()),
            ("1001", "pbx.example.org")
        );
        assert!("sips:a.b@[2001:db8::1]:5061".parse::<SipAddress>().is_ok());
        assert!("sip:1001@127.0.0.1".parse::<SipAddress>().is_ok());
    }

    #[test]
    fn says_what_is_wrong() {
        for (bad, why) in [
            ("1001", "must begin"),
            ("sip:1001", "no '@'"),
            ("sip:@host", "user before"),
            ("sip:a b@host", "escaped"),
            ("sip:a@host:99999", "port"),
            ("sip:a@ho st", "host"),
            ("sip:a@[::zz]", "host"),
        ] {
            let error = bad.parse::<SipAddress>().unwrap_err().to_string();
            assert!(error.contains(why), "{bad}: {error}");
        }
    }
}
