//! Challenges as 401 and 407 carry them (RFC 7616 §3.3, RFC 8760). Reads; never decides whom to answer.

use crate::message::scan;
use crate::message::{HeaderName, Headers};

/// The longest realm, nonce or opaque that is answered, in bytes.
pub const MAX_CHALLENGE_FIELD: usize = 1024;
/// The most challenges read from one response.
pub const MAX_CHALLENGES: usize = 8;

/// Hash of a challenge, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// MD5, also when no algorithm is named.
    Md5,
    /// MD5 over a session key.
    Md5Sess,
    /// SHA-256.
    Sha256,
    /// SHA-256 over a session key.
    Sha256Sess,
    /// SHA-512/256.
    Sha512_256,
    /// SHA-512/256 over a session key.
    Sha512_256Sess,
}

impl Algorithm {
    /// The name in a header.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Md5Sess => "MD5-sess",
            Self::Sha256 => "SHA-256",
            Self::Sha256Sess => "SHA-256-sess",
            Self::Sha512_256 => "SHA-512-256",
            Self::Sha512_256Sess => "SHA-512-256-sess",
        }
    }

    fn of(text: &str) -> Option<Self> {
        [
            Self::Md5,
            Self::Md5Sess,
            Self::Sha256,
            Self::Sha256Sess,
            Self::Sha512_256,
            Self::Sha512_256Sess,
        ]
        .into_iter()
        .find(|known| known.as_str().eq_ignore_ascii_case(text))
    }

    pub(crate) fn is_session(self) -> bool {
        matches!(
            self,
            Self::Md5Sess | Self::Sha256Sess | Self::Sha512_256Sess
        )
    }
}

/// What an answer protects (RFC 7616 §3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// No qop was offered: the answer is that of RFC 2069.
    Legacy,
    /// `qop=auth`: the request line.
    Request,
    /// `qop=auth-int`: the request line and the body. Taken only where `auth` is not offered: proxies change bodies.
    Body,
}

impl Protection {
    /// The token in a header.
    #[must_use]
    pub fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Legacy => None,
            Self::Request => Some("auth"),
            Self::Body => Some("auth-int"),
        }
    }
}

/// A Digest challenge that can be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// `true` when a proxy asks (407).
    pub proxy: bool,
    /// Realm.
    pub realm: String,
    /// Nonce.
    pub nonce: String,
    /// To be sent back as it is.
    pub opaque: Option<String>,
    /// Hash; `None` when the challenge named none, which means MD5.
    pub algorithm: Option<Algorithm>,
    /// What the answer is to protect.
    pub protection: Protection,
    /// Whether the user's name goes out hashed (RFC 7616 §3.4.4).
    pub hashed_user: bool,
    /// Whether only the nonce was too old.
    pub stale: bool,
}

impl Challenge {
    /// Every challenge of a response that can be answered, in the order they came. Others are skipped: another scheme, an unknown
    /// algorithm, an unknown qop, a field that is missing, empty (but for the realm) or too long.
    #[must_use]
    pub fn read_all(headers: &Headers) -> Vec<Self> {
        let mut found = Vec::new();
        for (name, proxy) in [
            (HeaderName::WwwAuthenticate, false),
            (HeaderName::ProxyAuthenticate, true),
        ] {
            for field in headers.all(name).take(MAX_CHALLENGES) {
                read_field(&String::from_utf8_lossy(field), proxy, &mut found);
            }
        }
        found
    }

    /// The hash to use.
    #[must_use]
    pub fn hash(&self) -> Algorithm {
        self.algorithm.unwrap_or(Algorithm::Md5)
    }
}

#[derive(Default)]
struct Draft {
    digest: bool,
    realm: Option<String>,
    nonce: Option<String>,
    opaque: Option<String>,
    algorithm: Option<String>,
    qop: Option<String>,
    stale: bool,
    hashed_user: bool,
}

/// One field holds one challenge, or several: a part that begins with a word and a blank opens the next.
fn read_field(text: &str, proxy: bool, found: &mut Vec<Challenge>) {
    let mut draft = Draft::default();
    for part in scan::split(text, b',') {
        let parameter = match part.split_once([' ', '\t']) {
            Some((scheme, rest))
                if scan::is_token(scheme) && !rest.trim_start().starts_with('=') =>
            {
                found.extend(
                    std::mem::take(&mut draft)
                        .finish(proxy)
                        .filter(|_| found.len() < MAX_CHALLENGES),
                );
                draft.digest = scheme.eq_ignore_ascii_case("Digest");
                rest
            }
            _ => part,
        };
        let Some((name, value)) = parameter.split_once('=') else {
            continue;
        };
        let value = scan::unquote(value.trim());
        if value.len() > MAX_CHALLENGE_FIELD {
            draft.digest = false;
            continue;
        }
        let value = value.into_owned();
        match name.trim().to_ascii_lowercase().as_str() {
            "realm" => draft.realm = Some(value),
            "nonce" => draft.nonce = Some(value),
            "opaque" => draft.opaque = Some(value),
            "algorithm" => draft.algorithm = Some(value),
            "qop" => draft.qop = Some(value),
            "userhash" => draft.hashed_user = value.eq_ignore_ascii_case("true"),
            "stale" => draft.stale = value.eq_ignore_ascii_case("true"),
            _ => {}
        }
    }
    found.extend(draft.finish(proxy).filter(|_| found.len() < MAX_CHALLENGES));
}

impl Draft {
    fn finish(self, proxy: bool) -> Option<Challenge> {
        let algorithm = match self.algorithm {
            None => None,
            Some(name) => Some(Algorithm::of(&name)?),
        };
        let offers = |list: &str, wanted: &str| {
            list.split(',')
                .any(|qop| qop.trim().eq_ignore_ascii_case(wanted))
        };
        let protection = match self.qop.as_deref() {
            None => Protection::Legacy,
            Some(list) if offers(list, "auth") => Protection::Request,
            Some(list) if offers(list, "auth-int") => Protection::Body,
            Some(_) => return None,
        };
        let nonce = self.nonce.filter(|nonce| !nonce.is_empty())?;
        if !self.digest {
            return None;
        }
        Some(Challenge {
            proxy,
            realm: self.realm?,
            nonce,
            opaque: self.opaque,
            algorithm,
            protection,
            hashed_user: self.hashed_user,
            stale: self.stale,
        })
    }
}
