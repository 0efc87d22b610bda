//! A session description as types (RFC 8866). Only what offer and answer need is kept; `b=`, `k=`, `e=` and the like are skipped.

use super::direction::Direction;
use std::net::IpAddr;

/// A session description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionDescription {
    /// `o=`
    pub origin: Origin,
    /// Session-wide `c=`; `None` when missing or no address.
    pub connection: Option<IpAddr>,
    /// Session-wide `a=` lines.
    pub attributes: Vec<Attribute>,
    /// `m=` sections.
    pub media: Vec<Media>,
}

/// `o=username session version IN IP4 address`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// User name, `-` for none.
    pub username: String,
    /// Session id as written; peers may use more than 64 bits.
    pub session: String,
    /// Version of the description as written.
    pub version: String,
    /// Address of the machine that made it.
    pub address: String,
}

/// An `m=` section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// `audio`, `video`, …
    pub kind: String,
    /// Port; 0 is a stream refused or taken back.
    pub port: u16,
    /// `RTP/AVP`, `RTP/SAVP`, …
    pub protocol: String,
    /// Payload types or other formats.
    pub formats: Vec<String>,
    /// `c=` of the section; `None` when missing or no address.
    pub connection: Option<IpAddr>,
    /// `a=` lines.
    pub attributes: Vec<Attribute>,
}

/// `a=name` or `a=name:value`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Name.
    pub name: String,
    /// Value, when there is one.
    pub value: Option<String>,
}

impl Attribute {
    /// `a=name:value`
    #[must_use]
    pub fn new(name: &str, value: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            value: Some(value.into()),
        }
    }

    /// `a=name`
    #[must_use]
    pub fn flag(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            value: None,
        }
    }
}

impl SessionDescription {
    /// Where the stream's media goes, from the section or the session.
    #[must_use]
    pub fn address_of(&self, media: &Media) -> Option<IpAddr> {
        media.connection.or(self.connection)
    }

    /// The stream's direction, from the section or the session, seen from the side that wrote it.
    #[must_use]
    pub fn direction_of(&self, media: &Media) -> Direction {
        let find = |list: &[Attribute]| {
            list.iter()
                .find_map(|attribute| Direction::of_attribute(&attribute.name))
        };
        find(&media.attributes)
            .or_else(|| find(&self.attributes))
            .unwrap_or_default()
    }
}

impl Media {
    /// Values of every attribute of that name.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.attributes
            .iter()
            .filter(move |attribute| attribute.name == name)
            .filter_map(|attribute| attribute.value.as_deref())
    }
}
