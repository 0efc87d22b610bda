//! SIP and SIPS URIs (RFC 3261 §19.1) and the other URIs that stand where they may.
//! The user part keeps its escapes as written, so that a URI is printed as it came; it never resolves a host.

use super::error::SyntaxError;
use super::host::Host;
use super::params::Params;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

/// A `sip:` or `sips:` URI.
#[derive(Clone, PartialEq, Eq)]
pub struct Uri {
    /// `true` for `sips:`.
    pub secure: bool,
    /// The user part as written, escapes and a `;phone-context` included.
    pub user: Option<String>,
    /// The password part as written. Deprecated by the RFC; kept so that a URI prints as it came.
    pub password: Option<String>,
    /// The host.
    pub host: Host,
    /// The port, when written.
    pub port: Option<u16>,
    /// `;transport=udp` and the like.
    pub params: Params,
    /// What follows the question mark, as written.
    pub headers: Option<String>,
}

/// Without the password.
impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uri")
            .field("secure", &self.secure)
            .field("user", &self.user)
            .field("has_password", &self.password.is_some())
            .field("host", &self.host)
            .field("port", &self.port)
            .field("params", &self.params)
            .field("headers", &self.headers)
            .finish()
    }
}

/// A URI where the grammar allows any: a SIP URI, or another scheme kept as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddrSpec {
    /// A `sip:` or `sips:` URI.
    Sip(Uri),
    /// `tel:` or another scheme, whole.
    Other(String),
}

impl Uri {
    /// `sip:host`, the URI of a domain.
    #[must_use]
    pub fn of_host(host: Host, port: Option<u16>) -> Self {
        Self {
            secure: false,
            user: None,
            password: None,
            host,
            port,
            params: Params::new(),
            headers: None,
        }
    }

    /// `sip:user@address:port`, escaping what a user part cannot hold.
    #[must_use]
    pub fn of_address(user: Option<&str>, address: SocketAddr) -> Self {
        Self {
            user: user.map(escape_user),
            ..Self::of_host(Host::from(address.ip()), Some(address.port()))
        }
    }

    /// The user part with its escapes resolved.
    #[must_use]
    pub fn decoded_user(&self) -> Option<String> {
        self.user.as_deref().map(unescape)
    }

    /// The same URI without port, parameters and headers but with its user: what From, To and an address of record show.
    #[must_use]
    pub fn address_of_record(&self) -> Self {
        Self {
            password: None,
            params: Params::new(),
            headers: None,
            ..self.clone()
        }
    }

    /// Whether two URIs mean the same by RFC 3261 §19.1.4; escapes in the user part count as what they stand for.
    #[must_use]
    pub fn equivalent(&self, other: &Self) -> bool {
        const MUST_MATCH: [&str; 5] = ["transport", "user", "ttl", "method", "maddr"];
        let same_value = |name: &str| match (self.params.get(name), other.params.get(name)) {
            (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
            (None, None) => true,
            _ => !MUST_MATCH
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name)),
        };
        self.secure == other.secure
            && self.decoded_user() == other.decoded_user()
            && self.password == other.password
            && self.host == other.host
            && self.port == other.port
            && self.headers == other.headers
            && self
                .params
                .iter()
                .chain(other.params.iter())
                .all(|(name, _)| same_value(name))
    }
}

impl FromStr for Uri {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let (scheme, rest) = text.split_once(':').ok_or(SyntaxError::new(
            "a URI needs a scheme, as in sip:user@host",
        ))?;
        let secure = if scheme.eq_ignore_ascii_case("sip") {
            false
        } else if scheme.eq_ignore_ascii_case("sips") {
            true
        } else {
            return Err(SyntaxError::new("the scheme is neither sip nor sips"));
        };
        if rest
            .bytes()
            .any(|byte| byte <= b' ' || byte == 0x7f || matches!(byte, b'<' | b'>' | b'"'))
        {
            return Err(SyntaxError::new(
                "a URI holds a space, a quote, a bracket or a control character",
            ));
        }
        let (user, password, rest) = match rest.split_once('@') {
            Some((userinfo, rest)) => {
                let (user, password) = match userinfo.split_once(':') {
                    Some((user, password)) => (user, Some(password.to_owned())),
                    None => (userinfo, None),
                };
                if user.is_empty() {
                    return Err(SyntaxError::new("the user part before @ is empty"));
                }
                check_escapes(userinfo)?;
                (Some(user.to_owned()), password, rest)
            }
            None => (None, None, rest),
        };
        let (rest, headers) = match rest.split_once('?') {
            Some((rest, headers)) => (rest, Some(headers.to_owned())),
            None => (rest, None),
        };
        let (hostport, params) = match rest.split_once(';') {
            Some((hostport, params)) => (hostport, Params::parse(params)?),
            None => (rest, Params::new()),
        };
        let (host, port) = Host::parse_with_port(hostport)?;
        Ok(Self {
            secure,
            user,
            password,
            host,
            port,
            params,
            headers,
        })
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if self.secure { "sips:" } else { "sip:" })?;
        if let Some(user) = &self.user {
            out.write_str(user)?;
            if let Some(password) = &self.password {
                write!(out, ":{password}")?;
            }
            out.write_str("@")?;
        }
        write!(out, "{}", self.host)?;
        if let Some(port) = self.port {
            write!(out, ":{port}")?;
        }
        write!(out, "{}", self.params)?;
        if let Some(headers) = &self.headers {
            write!(out, "?{headers}")?;
        }
        Ok(())
    }
}

impl AddrSpec {
    /// The SIP URI, when it is one.
    #[must_use]
    pub fn sip(&self) -> Option<&Uri> {
        match self {
            Self::Sip(uri) => Some(uri),
            Self::Other(_) => None,
        }
    }
}

impl FromStr for AddrSpec {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let (scheme, rest) = text.split_once(':').ok_or(SyntaxError::new(
            "a URI needs a scheme, as in sip:user@host",
        ))?;
        if scheme.eq_ignore_ascii_case("sip") || scheme.eq_ignore_ascii_case("sips") {
            return text.parse().map(Self::Sip);
        }
        let letters = scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
        if !scheme
            .as_bytes()
            .first()
            .is_some_and(u8::is_ascii_alphabetic)
            || !letters
        {
            return Err(SyntaxError::new("the scheme of a URI is no name"));
        }
        if rest.is_empty()
            || rest
                .bytes()
                .any(|byte| byte <= b' ' || byte == 0x7f || matches!(byte, b'<' | b'>' | b'"'))
        {
            return Err(SyntaxError::new(
                "a URI holds a space, a quote, a bracket or a control character",
            ));
        }
        Ok(Self::Other(text.to_owned()))
    }
}

impl fmt::Display for AddrSpec {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sip(uri) => write!(out, "{uri}"),
            Self::Other(text) => out.write_str(text),
        }
    }
}

impl From<Uri> for AddrSpec {
    fn from(uri: Uri) -> Self {
        Self::Sip(uri)
    }
}

/// Writes a user part, escaping what may not stand there.
pub(crate) fn escape_user(user: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(user.len());
    for byte in user.bytes() {
        let plain = byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'-' | b'_'
                    | b'.'
                    | b'!'
                    | b'~'
                    | b'*'
                    | b'\''
                    | b'('
                    | b')'
                    | b'&'
                    | b'='
                    | b'+'
                    | b'$'
                    | b','
                    | b';'
                    | b'?'
                    | b'/'
            );
        if plain {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    out
}

fn check_escapes(text: &str) -> Result<(), SyntaxError> {
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        if *byte == b'%'
            && !bytes
                .get(at + 1..at + 3)
                .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
        {
            return Err(SyntaxError::new(
                "a percent sign is not followed by two hexadecimal digits",
            ));
        }
    }
    Ok(())
}

/// Resolves percent escapes.
pub(crate) fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digit = |at: usize| {
            bytes
                .get(at)
                .and_then(|byte| char::from(*byte).to_digit(16))
                .and_then(|digit| u8::try_from(digit).ok())
        };
        match (bytes[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(high << 4 | low);
                at += 3;
            }
            (byte, _, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
