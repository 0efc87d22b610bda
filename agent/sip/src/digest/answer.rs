//! The answer to one challenge (RFC 7616 §3.4; RFC 2069 where no qop is offered).

use super::challenge::{Algorithm, Challenge, Protection};
use super::credential::Credential;
use crate::message::scan::write_quoted;
use md5::Md5;
use sha2::{Digest, Sha256, Sha512_256};
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
    /// Body of the request; part of the answer to `auth-int`.
    pub body: &'a [u8],
}

/// The value of Authorization or Proxy-Authorization.
#[must_use]
pub fn answer(challenge: &Challenge, credential: &Credential, signed: Signed<'_>) -> String {
    let response = response(challenge, credential, signed);
    let mut out = String::from("Digest username=");
    if challenge.hashed_user {
        let user = [credential.username.as_bytes(), challenge.realm.as_bytes()];
        write_quoted(&hash(challenge.hash(), &user), &mut out);
        out.push_str(", userhash=true");
    } else {
        write_quoted(&credential.username, &mut out);
    }
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
    let qop = challenge.protection.as_str();
    if let Some(qop) = qop {
        let _ = write!(out, ", qop={qop}, nc={:08x}", signed.count);
    }
    if qop.is_some() || challenge.hash().is_session() {
        let _ = write!(out, ", cnonce=\"{}\"", signed.cnonce);
    }
    if let Some(opaque) = &challenge.opaque {
        out.push_str(", opaque=");
        write_quoted(opaque, &mut out);
    }
    out
}

fn response(challenge: &Challenge, credential: &Credential, signed: Signed<'_>) -> String {
    let hash = |parts: &[&[u8]]| hash(challenge.hash(), parts);
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
    let request = match challenge.protection {
        Protection::Body => hash(&[
            signed.method.as_bytes(),
            signed.uri.as_bytes(),
            hash(&[signed.body]).as_bytes(),
        ]),
        Protection::Request | Protection::Legacy => {
            hash(&[signed.method.as_bytes(), signed.uri.as_bytes()])
        }
    };
    match challenge.protection.as_str() {
        Some(qop) => hash(&[
            secret.as_bytes(),
            challenge.nonce.as_bytes(),
            format!("{:08x}", signed.count).as_bytes(),
            signed.cnonce.as_bytes(),
            qop.as_bytes(),
            request.as_bytes(),
        ]),
        None => hash(&[
            secret.as_bytes(),
            challenge.nonce.as_bytes(),
            request.as_bytes(),
        ]),
    }
}

/// The parts joined by colons, hashed, in hexadecimal digits.
fn hash(algorithm: Algorithm, parts: &[&[u8]]) -> String {
    match algorithm {
        Algorithm::Md5 | Algorithm::Md5Sess => hex(&joined::<Md5>(parts)),
        Algorithm::Sha256 | Algorithm::Sha256Sess => hex(&joined::<Sha256>(parts)),
        Algorithm::Sha512_256 | Algorithm::Sha512_256Sess => hex(&joined::<Sha512_256>(parts)),
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
