//! `"Name" <sip:user@host>;tag=x`: the value of From, To, Contact, Route and Record-Route (RFC 3261 §20.10).

use super::error::SyntaxError;
use super::params::Params;
use super::scan;
use super::uri::{AddrSpec, Uri};
use std::fmt;
use std::str::FromStr;

/// An address with an optional display name and header parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameAddr {
    /// The display name, unquoted; control characters read as spaces.
    pub display_name: Option<String>,
    /// The address.
    pub uri: AddrSpec,
    /// Parameters of the header, such as `tag` or `expires`; those of the URI stand in the URI.
    pub params: Params,
}

impl NameAddr {
    /// An address without name and parameters.
    #[must_use]
    pub fn new(uri: impl Into<AddrSpec>) -> Self {
        Self {
            display_name: None,
            uri: uri.into(),
            params: Params::new(),
        }
    }

    /// The `tag` parameter.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.params.get("tag").filter(|tag| !tag.is_empty())
    }

    /// The same address with this tag.
    #[must_use]
    pub fn with_tag(mut self, tag: &str) -> Self {
        self.params.set("tag", Some(tag));
        self
    }

    /// The SIP URI, when the address is one.
    #[must_use]
    pub fn sip(&self) -> Option<&Uri> {
        self.uri.sip()
    }

    /// What a person would call this address: the display name, else the user, else the host or URI.
    #[must_use]
    pub fn label(&self) -> String {
        if let Some(name) = self
            .display_name
            .as_deref()
            .filter(|name| !name.trim().is_empty())
        {
            return name.to_owned();
        }
        match &self.uri {
            AddrSpec::Sip(uri) => uri.decoded_user().unwrap_or_else(|| uri.host.to_string()),
            AddrSpec::Other(text) => text.clone(),
        }
    }
}

impl FromStr for NameAddr {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let text = text.trim();
        let (display_name, rest) = if text.starts_with('"') {
            let (name, rest) = scan::quoted(text)?;
            (Some(printable(&name)), rest.trim_start())
        } else if let Some(open) = text.find('<') {
            let name = text[..open].trim();
            (
                Some(printable(name)).filter(|name| !name.is_empty()),
                &text[open..],
            )
        } else {
            // Without brackets, parameters belong to the header (§20).
            let (uri, params) = text.split_once(';').unwrap_or((text, ""));
            let uri = uri.trim_end();
            if uri.contains('?') {
                return Err(SyntaxError::new(
                    "an address with a question mark needs angle brackets",
                ));
            }
            let uri = uri.parse()?;
            return Ok(Self {
                display_name: None,
                uri,
                params: Params::parse(params)?,
            });
        };
        let inner = rest.strip_prefix('<').ok_or(SyntaxError::new(
            "an address after a display name needs angle brackets",
        ))?;
        let (uri, rest) = inner
            .split_once('>')
            .ok_or(SyntaxError::new("an address has no closing bracket"))?;
        let rest = rest.trim_start();
        let params = match rest.strip_prefix(';') {
            Some(params) => Params::parse(params)?,
            None if rest.is_empty() => Params::new(),
            None => return Err(SyntaxError::new("text follows an address")),
        };
        Ok(Self {
            display_name,
            uri: uri.trim().parse()?,
            params,
        })
    }
}

impl fmt::Display for NameAddr {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.display_name {
            let mut quoted = String::with_capacity(name.len() + 3);
            scan::write_quoted(name, &mut quoted);
            write!(out, "{quoted} ")?;
        }
        write!(out, "<{}>{}", self.uri, self.params)
    }
}

fn printable(name: &str) -> String {
    name.chars()
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .collect()
}
