//! The ticket: what an installer carries to enrol, in one string that survives mail, MSI properties and shells.
//!
//! `carillon1.` + base64url of a small JSON object + `.` + the first 8 characters of the SHA-256 of what stands
//! before, so that a cut or mistyped ticket is told from a refused one.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

const PREFIX: &str = "carillon1.";
/// The longest ticket, in bytes.
pub const MAX_TICKET: usize = 2_048;

/// Where to enrol, with what right, and whom to believe.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// The server's base URL, `https://host:port`.
    #[serde(rename = "u")]
    pub url: String,
    /// The token that the server takes once (or as often as the admin said).
    #[serde(rename = "t")]
    token: String,
    /// The fingerprint of the trust root ([`crate::trust::root_fingerprint`]).
    #[serde(rename = "r")]
    pub root: String,
    /// SHA-256 over the server's TLS public key (SubjectPublicKeyInfo), base64url, when its certificate is its own make.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub tls_pin: Option<String>,
}

impl Ticket {
    /// Makes a ticket.
    pub fn new(url: String, token: String, root: String, tls_pin: Option<String>) -> Self {
        Self {
            url,
            token,
            root,
            tls_pin,
        }
    }

    /// The token, for the request that enrols.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The whole string for the installer. It carries a secret.
    pub fn encode(&self) -> Zeroizing<String> {
        let json = Zeroizing::new(serde_json::to_vec(self).unwrap_or_default());
        let body = Zeroizing::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(&*json)));
        Zeroizing::new(format!("{}.{}", &*body, checksum(&body)))
    }
}

/// Without the token.
impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("url", &self.url)
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

impl FromStr for Ticket {
    type Err = TicketError;

    fn from_str(text: &str) -> Result<Self, TicketError> {
        let text = text.trim();
        if !text.starts_with(PREFIX) {
            return Err(TicketError::NoTicket);
        }
        if text.len() > MAX_TICKET {
            return Err(TicketError::Damaged);
        }
        let (body, sum) = text.rsplit_once('.').ok_or(TicketError::Damaged)?;
        if body.len() < PREFIX.len() || checksum(body) != sum {
            return Err(TicketError::Damaged);
        }
        let json = Zeroizing::new(
            URL_SAFE_NO_PAD
                .decode(&body[PREFIX.len()..])
                .map_err(|_| TicketError::Damaged)?,
        );
        let ticket: Self = serde_json::from_slice(&json).map_err(|_| TicketError::Damaged)?;
        if !ticket.url.starts_with("https://") {
            return Err(TicketError::Insecure(ticket.url));
        }
        Ok(ticket)
    }
}

/// Why a string is no ticket. Never quotes it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// Something else altogether.
    #[error(
        "this is no ticket: a ticket begins with '{PREFIX}' (make one with 'carillon-server ticket new')"
    )]
    NoTicket,
    /// Cut or mistyped.
    #[error("the ticket is cut or mistyped: its check does not fit (copy it whole, in one line)")]
    Damaged,
    /// Not HTTPS.
    #[error(
        "the ticket names {0:?}, and only https:// is used to enrol (set the server's public URL)"
    )]
    Insecure(String),
}

fn checksum(body: &str) -> String {
    let mut sum = URL_SAFE_NO_PAD.encode(Sha256::digest(body.as_bytes()));
    sum.truncate(8);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket() -> Ticket {
        Ticket::new(
            "https://pbx.example.org:8443".into(),
            "secret-token".into(),
            "root".into(),
            None,
        )
    }

    #[test]
    fn survives_the_trip() {
        let text = ticket().encode();
        assert_eq!(
            format!(" {}\n", &*text).parse::<Ticket>().unwrap(),
            ticket()
        );
        assert!(!format!("{:?}", ticket()).contains("secret-token"));
    }

    #[test]
    fn every_cut_is_noticed() {
        let text = ticket().encode();
        for end in 0..text.len() {
            assert!(text[..end].parse::<Ticket>().is_err(), "cut at {end}");
        }
        assert_eq!("https://x".parse::<Ticket>(), Err(TicketError::NoTicket));
    }

    #[test]
    fn plain_http_is_refused() {
        let text = Ticket {
            url: "http://pbx".into(),
            ..ticket()
        }
        .encode();
        assert_eq!(
            text.parse::<Ticket>(),
            Err(TicketError::Insecure("http://pbx".into()))
        );
    }
}
