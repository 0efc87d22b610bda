//! The answer to one challenge (RFC 7616 §3.4; RFC 2069 where no qop is offered).

use super::challenge::{Algorithm, Challenge};
use super::credential::Credential;
use crate::message::scan::write_quoted;
use md5::Md5;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use zeroize::Zeroizing;

/// What is signed besides the challenge and the credential.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// Method of the request.
    pub method: &'a str,
    /// Request-URI of the request, as written.
    pub uri: &'a str,
    /// Nonce count, from 1.
    pub count: u32,
    /// Client nonce.
    pub cnonce: &'a str,
}

/// The value of Authorization or Proxy-Authorization.
#[must_use]
pub fn answer(challenge: &Challenge, credential: &Credential, signed: Signed<'_>) -> String {
    let response = response(challenge, credential, signed);
    let mut out = String::from("Digest username=");
    write_quoted(&credential.username, &mut out);
    for (name, value) in [
        ("realm", challenge.realm.as_str()),
        ("nonce", &challenge.nonce),
        ("uri", signed.uri),
    ] {
        let _ = write!(out, ", {name}=");
        write_quoted(value, &mut out);
    }
    let _ = write!(out, ", response=\"{response}\"");
    if let Some(algorithm) = challenge.algorithm {
        let _ = write!(out, ", algorithm={}", algorithm.as_str());
    }
    if challenge.qop_auth {
        let _ = write!(out, ", qop=auth, nc={:08x}", signed.count);
    }
    if challenge.qop_auth || challenge.hash().is_session() {
        let _ = write!(out, ", cnonce=\"{}\"", signed.cnonce);
    }
    if let Some(opaque) = &challenge.opaque {
        out.push_str(", opaque=");
        write_quoted(opaque, &mut out);
    }
    out
}

fn response(challenge: &Challenge, credential: &Credential, signed: Signed<'_>) -> String {
    let hash = |parts: &[&[u8]]| match challenge.hash() {
        Algorithm::Md5 | Algorithm::Md5Sess => hex(&joined::<Md5>(parts)),
        Algorithm::Sha256 | Algorithm::Sha256Sess => hex(&joined::<Sha256>(parts)),
    };
    let mut secret = Zeroizing::new(hash(&[
        credential.username.as_bytes(),
        challenge.realm.as_bytes(),
        credential.password.expose(),
    ]));
    if challenge.hash().is_session() {
        secret = Zeroizing::new(hash(&[
            secret.as_bytes(),
            challenge.nonce.as_bytes(),
            signed.cnonce.as_bytes(),
        ]));
    }
    let request = hash(&[signed.method.as_bytes(), signed.uri.as_bytes()]);
    if challenge.qop_auth {
        let count = format!("{:08x}", signed.count);
        hash(&[
            secret.as_bytes(),
            challenge.nonce.as_bytes(),
            count.as_bytes(),
            signed.cnonce.as_bytes(),
            b"auth",
            request.as_bytes(),
        ])
    } else {
        hash(&[
            secret.as_bytes(),
            challenge.nonce.as_bytes(),
            request.as_bytes(),
        ])
    }
}

fn joined<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
    let mut digest = D::new();
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            digest.update(b":");
        }
        digest.update(part);
    }
    digest.finalize().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
}
