//! A session description into text, with CRLF line ends and the lines in the order RFC 8866 §5 asks for.

use super::description::{Attribute, SessionDescription};
use std::fmt;
use std::net::IpAddr;

impl fmt::Display for SessionDescription {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = &self.origin;
        let family = if origin.address.contains(':') {
            "IP6"
        } else {
            "IP4"
        };
        write!(
            out,
            "v=0\r\no={} {} {} IN {family} {}\r\ns=-\r\n",
            origin.username, origin.session, origin.version, origin.address
        )?;
        connection(out, self.connection)?;
        out.write_str("t=0 0\r\n")?;
        attributes(out, &self.attributes)?;
        for media in &self.media {
            write!(out, "m={} {} {}", media.kind, media.port, media.protocol)?;
            for format in &media.formats {
                write!(out, " {format}")?;
            }
            out.write_str("\r\n")?;
            connection(out, media.connection)?;
            attributes(out, &media.attributes)?;
        }
        Ok(())
    }
}

fn connection(out: &mut fmt::Formatter<'_>, address: Option<IpAddr>) -> fmt::Result {
    match address {
        Some(address @ IpAddr::V4(_)) => write!(out, "c=IN IP4 {address}\r\n"),
        Some(address @ IpAddr::V6(_)) => write!(out, "c=IN IP6 {address}\r\n"),
        None => Ok(()),
    }
}

fn attributes(out: &mut fmt::Formatter<'_>, list: &[Attribute]) -> fmt::Result {
    for attribute in list {
        match &attribute.value {
            Some(value) => write!(out, "a={}:{value}\r\n", attribute.name)?,
            None => write!(out, "a={}\r\n", attribute.name)?,
        }
    }
    Ok(())
}
