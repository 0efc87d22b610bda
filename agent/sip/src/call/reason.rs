//! The Reason header (RFC 3326): why a request was sent, such as that a call was completed elsewhere.

use crate::message::{HeaderName, Headers, Params, scan};
use std::fmt;

/// The longest text kept.
const MAX_TEXT: usize = 256;

/// Why a BYE or CANCEL was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// `SIP` or `Q.850` or another name space.
    pub protocol: String,
    /// The cause in that name space: a SIP status or an ISDN cause.
    pub cause: Option<u16>,
    /// What is to be shown.
    pub text: Option<String>,
}

impl Reason {
    /// A reason by SIP status.
    #[must_use]
    pub fn sip(cause: u16, text: &str) -> Self {
        Self {
            protocol: "SIP".to_owned(),
            cause: Some(cause),
            text: Some(text.to_owned()),
        }
    }

    /// The first reason that can be read, a SIP one before others.
    #[must_use]
    pub fn of(headers: &Headers) -> Option<Self> {
        let reasons: Vec<Self> = headers
            .values(HeaderName::Reason)
            .ok()?
            .iter()
            .filter_map(|value| Self::read(value))
            .collect();
        let is_sip = |reason: &&Self| reason.protocol.eq_ignore_ascii_case("SIP");
        reasons.iter().find(is_sip).or(reasons.first()).cloned()
    }

    /// Whether somebody else took the call: it was not missed (RFC 3326 §3.1).
    #[must_use]
    pub fn is_answered_elsewhere(&self) -> bool {
        self.protocol.eq_ignore_ascii_case("SIP") && matches!(self.cause, Some(200..=299))
            || self.protocol.eq_ignore_ascii_case("Q.850") && self.cause == Some(26)
    }

    fn read(value: &str) -> Option<Self> {
        let (protocol, params) = value.split_once(';').unwrap_or((value, ""));
        let params = Params::parse(params).ok()?;
        let protocol = protocol.trim();
        scan::is_token(protocol).then(|| Self {
            protocol: protocol.to_owned(),
            cause: params.get("cause").and_then(|cause| cause.parse().ok()),
            text: params.unquoted("text").map(|text| {
                let shown = text.chars().filter(|character| !character.is_control());
                shown.take(MAX_TEXT).collect()
            }),
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.protocol)?;
        if let Some(cause) = self.cause {
            write!(out, ";cause={cause}")?;
        }
        if let Some(text) = &self.text {
            let mut quoted = String::new();
            scan::write_quoted(text, &mut quoted);
            write!(out, ";text={quoted}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Option<Reason> {
        let mut headers = Headers::new();
        for value in values {
            headers.push(HeaderName::Reason, value);
        }
        Reason::of(&headers)
    }

    #[test]
    fn the_sip_reason_comes_before_others() {
        let reason = of(&["Q.850;cause=16, SIP ;cause=200 ;text=\"Call completed elsewhere\""]);
        let reason = reason.unwrap();
        assert_eq!(reason, Reason::sip(200, "Call completed elsewhere"));
        assert!(reason.is_answered_elsewhere());
        assert_eq!(of(&[&reason.to_string()]), Some(reason));
        assert!(of(&["Q.850;cause=26"]).unwrap().is_answered_elsewhere());
        assert!(!of(&["Q.850;cause=16"]).unwrap().is_answered_elsewhere());
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[";cause=200", "\"x\";cause=1"]), None);
        assert_eq!(of(&["SIP;cause=99999"]).unwrap().cause, None);
        let long = format!("SIP;text=\"{}\"", "x".repeat(2000));
        assert_eq!(of(&[&long]).unwrap().text.unwrap().len(), MAX_TEXT);
    }
}
