//! Text into a session description (RFC 8866 §5, §9). Lenient about line ends, order and unknown lines; strict about what media
//! would be sent by: version, `m=` lines, counts.

use super::description::{Attribute, Media, Origin, SessionDescription};
use std::net::IpAddr;
use thiserror::Error;

/// The most lines read.
pub const MAX_LINES: usize = 1000;
/// The most `m=` sections read.
pub const MAX_MEDIA: usize = 16;
/// The most formats read from one `m=` line.
pub const MAX_FORMATS: usize = 64;
/// The most attributes read from one section.
pub const MAX_ATTRIBUTES: usize = 256;

/// Why a text is no session description that can be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SdpError {
    /// More of something than is read.
    #[error("the session description has more than {limit} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are read.
        limit: usize,
    },
    /// A line that cannot be read.
    #[error("line {line} of the session description: {why}")]
    Line {
        /// Line number, from 1.
        line: usize,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A line every description needs is missing.
    #[error("the session description has no {line} line")]
    Missing {
        /// The line.
        line: &'static str,
    },
}

impl SessionDescription {
    /// Reads a description; bytes that are no UTF-8 are replaced.
    ///
    /// # Errors
    /// Lines that cannot be read or are missing, and more of anything than the limits allow.
    pub fn parse(bytes: &[u8]) -> Result<Self, SdpError> {
        let text = String::from_utf8_lossy(bytes);
        let mut origin = None;
        let mut connection = None;
        let mut attributes = Vec::new();
        let mut media: Vec<Media> = Vec::new();
        let mut version = false;
        for (at, line) in text.split('\n').enumerate() {
            let line_number = at + 1;
            if at >= MAX_LINES {
                return Err(SdpError::TooMany {
                    what: "lines",
                    limit: MAX_LINES,
                });
            }
            let line = line.trim_end_matches('\r');
            if line.is_empty() {
                continue;
            }
            let bad = |why| SdpError::Line {
                line: line_number,
                why,
            };
            let (kind, value) = line
                .split_once('=')
                .ok_or(bad("not of the form letter=value"))?;
            match kind {
                "v" if value.trim() == "0" => version = true,
                "v" => return Err(bad("the version is not 0")),
                "o" => origin = Some(parse_origin(value).ok_or(bad("an origin has six fields"))?),
                "c" => {
                    let address = parse_connection(value);
                    match media.last_mut() {
                        Some(section) => section.connection = address,
                        None => connection = address,
                    }
                }
                "m" => {
                    if media.len() >= MAX_MEDIA {
                        return Err(SdpError::TooMany {
                            what: "streams",
                            limit: MAX_MEDIA,
                        });
                    }
                    media.push(parse_media(value, line_number)?);
                }
                "a" => {
                    let list = media
                        .last_mut()
                        .map_or(&mut attributes, |section| &mut section.attributes);
                    if list.len() >= MAX_ATTRIBUTES {
                        return Err(SdpError::TooMany {
                            what: "attributes in one section",
                            limit: MAX_ATTRIBUTES,
                        });
                    }
                    list.push(match value.split_once(':') {
                        Some((name, value)) => Attribute::new(name, value),
                        None => Attribute::flag(value),
                    });
                }
                _ if kind.len() == 1 => {}
                _ => return Err(bad("not of the form letter=value")),
            }
        }
        if !version {
            return Err(SdpError::Missing { line: "v=" });
        }
        let origin = origin.ok_or(SdpError::Missing { line: "o=" })?;
        Ok(Self {
            origin,
            connection,
            attributes,
            media,
        })
    }
}

fn parse_origin(value: &str) -> Option<Origin> {
    let mut fields = value.split_ascii_whitespace();
    let mut next = || fields.next().map(str::to_owned);
    let (username, session, version, _net, _kind, address) =
        (next()?, next()?, next()?, next()?, next()?, next()?);
    Some(Origin {
        username,
        session,
        version,
        address,
    })
}

fn parse_connection(value: &str) -> Option<IpAddr> {
    let mut fields = value.split_ascii_whitespace();
    let (_net, _kind, address) = (fields.next()?, fields.next()?, fields.next()?);
    address.split('/').next()?.parse().ok()
}

fn parse_media(value: &str, line: usize) -> Result<Media, SdpError> {
    let bad = |why| SdpError::Line { line, why };
    let mut fields = value.split_ascii_whitespace();
    let mut next = || {
        fields
            .next()
            .ok_or(bad("a stream has kind, port, protocol and formats"))
    };
    let (kind, port, protocol) = (next()?, next()?, next()?);
    let port = port
        .split('/')
        .next()
        .unwrap_or(port)
        .parse()
        .map_err(|_| bad("the port is not 0 to 65535"))?;
    let mut formats = Vec::new();
    for format in fields {
        if formats.len() >= MAX_FORMATS {
            return Err(SdpError::TooMany {
                what: "formats in one stream",
                limit: MAX_FORMATS,
            });
        }
        formats.push(format.to_owned());
    }
    Ok(Media {
        kind: kind.to_owned(),
        port,
        protocol: protocol.to_owned(),
        formats,
        connection: None,
        attributes: Vec::new(),
    })
}
