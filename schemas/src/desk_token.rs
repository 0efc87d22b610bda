//! How a desk shows who it is: a short-lived token signed by its own key, new for every request.
//!
//! A JWS in compact form (RFC 7515) with ES256, carried as `Authorization: Bearer`. Desk and server share no
//! secret. The signing and the checking of the signature are lent by the caller.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::{DeskId, Timestamp};

/// The longest life of a token, in seconds.
pub const MAX_LIFE: u64 = 300;
/// How far a desk's clock may run ahead of the server's, in seconds.
pub const MAX_SKEW: u64 = 60;
/// The longest token, in bytes.
pub const MAX_TOKEN: usize = 1_024;

const HEADER: &str = r#"{"alg":"ES256","typ":"carillon-desk+jwt"}"#;

/// What a desk token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Claims {
    /// The desk.
    pub iss: DeskId,
    /// The fleet: [`crate::trust::TrustRoot::fleet`].
    pub aud: String,
    /// When it was made.
    pub iat: Timestamp,
    /// Until when it holds; at most [`MAX_LIFE`] after `iat`.
    pub exp: Timestamp,
    /// Random; a token is taken once. 16 to 64 bytes.
    pub jti: String,
}

/// Why a desk token is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not of a token's shape.
    #[error("the desk token cannot be read: {0}")]
    Malformed(&'static str),
    /// The signature is not the desk's.
    #[error("the desk token is not signed by the desk's key")]
    BadSignature,
    /// Made for another fleet.
    #[error("the desk token is for another fleet")]
    WrongAudience,
    /// Too old, too long-lived, or from the future: often the desk's clock.
    #[error(
        "the desk token is outside its time: the desk's clock says {desk}, the server's {server}"
    )]
    OutOfTime {
        /// When the desk made it.
        desk: Timestamp,
        /// The server's clock.
        server: Timestamp,
    },
}

/// Makes a token; `sign` gives the 64 bytes `r || s`.
pub fn make<E>(
    claims: &Claims,
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>,
) -> Result<String, E> {
    let payload = serde_json::to_vec(claims).unwrap_or_default();
    let mut token = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(HEADER),
        URL_SAFE_NO_PAD.encode(payload)
    );
    let signature = sign(token.as_bytes())?;
    token.push('.');
    token.push_str(&URL_SAFE_NO_PAD.encode(signature));
    Ok(token)
}

/// A token that is read and not yet believed.
#[derive(Debug, Clone)]
pub struct Unverified<'a> {
    claims: Claims,
    signed: &'a str,
    signature: Vec<u8>,
}

impl<'a> Unverified<'a> {
    /// Reads a token.
    ///
    /// # Errors
    /// [`TokenError::Malformed`].
    pub fn read(token: &'a str) -> Result<Self, TokenError> {
        if token.len() > MAX_TOKEN {
            return Err(TokenError::Malformed("it is too long"));
        }
        let (signed, signature) = token
            .rsplit_once('.')
            .ok_or(TokenError::Malformed("it has no three parts"))?;
        let (header, payload) = signed
            .split_once('.')
            .ok_or(TokenError::Malformed("it has no three parts"))?;
        if URL_SAFE_NO_PAD.decode(header).ok().as_deref() != Some(HEADER.as_bytes()) {
            return Err(TokenError::Malformed(
                "its header is not the one of a desk token",
            ));
        }
        let payload = URL_SAFE_NO_PAD
            .decode(payload)
            .map_err(|_| TokenError::Malformed("its claims are no base64"))?;
        let claims: Claims = serde_json::from_slice(&payload)
            .map_err(|_| TokenError::Malformed("its claims cannot be read"))?;
        if !(16..=64).contains(&claims.jti.len()) {
            return Err(TokenError::Malformed("its jti is not 16 to 64 bytes"));
        }
        let signature = URL_SAFE_NO_PAD
            .decode(signature)
            .map_err(|_| TokenError::Malformed("its signature is no base64"))?;
        Ok(Self {
            claims,
            signed,
            signature,
        })
    }

    /// Who it says it is from: to look up the key, for nothing else.
    pub fn claimed_desk(&self) -> &DeskId {
        &self.claims.iss
    }

    /// Believes it, if signature, audience and time are right. That it was not used before (`jti`) is the caller's to check.
    ///
    /// # Errors
    /// What is not right.
    pub fn verify(
        self,
        fleet: &str,
        now: Timestamp,
        verify: impl FnOnce(&[u8], &[u8]) -> bool,
    ) -> Result<Claims, TokenError> {
        if !verify(self.signed.as_bytes(), &self.signature) {
            return Err(TokenError::BadSignature);
        }
        let claims = self.claims;
        if claims.aud != fleet {
            return Err(TokenError::WrongAudience);
        }
        let life = claims.exp.0.saturating_sub(claims.iat.0);
        if claims.exp <= claims.iat
            || life > MAX_LIFE
            || claims.exp <= now
            || claims.iat.0 > now.0.saturating_add(MAX_SKEW)
        {
            return Err(TokenError::OutOfTime {
                desk: claims.iat,
                server: now,
            });
        }
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> Claims {
        Claims {
            iss: "0123456789abcdef0123456789abcdef".parse().unwrap(),
            aud: "fleet".into(),
            iat: Timestamp(1_000),
            exp: Timestamp(1_060),
            jti: "0123456789abcdef".into(),
        }
    }

    fn token(claims: &Claims) -> String {
        make(claims, |_| Ok::<_, ()>(vec![7; 64])).unwrap()
    }

    #[test]
    fn holds_in_its_time_for_its_fleet() {
        let text = token(&claims());
        let check = |fleet: &str, now| {
            Unverified::read(&text)
                .unwrap()
                .verify(fleet, Timestamp(now), |_, s| s == [7; 64])
        };
        assert_eq!(check("fleet", 1_010), Ok(claims()));
        assert_eq!(check("other", 1_010), Err(TokenError::WrongAudience));
        assert!(matches!(
            check("fleet", 1_060),
            Err(TokenError::OutOfTime { .. })
        ));
        assert!(matches!(
            check("fleet", 900),
            Err(TokenError::OutOfTime { .. })
        ));
        assert_eq!(
            Unverified::read(&text)
                .unwrap()
                .verify("fleet", Timestamp(1_010), |_, _| false),
            Err(TokenError::BadSignature)
        );
    }

    #[test]
    fn a_long_life_is_refused() {
        let text = token(&Claims {
            exp: Timestamp(1_000 + MAX_LIFE + 1),
            ..claims()
        });
        let result = Unverified::read(&text)
            .unwrap()
            .verify("fleet", Timestamp(1_010), |_, _| true);
        assert!(matches!(result, Err(TokenError::OutOfTime { .. })));
    }

    #[test]
    fn another_algorithm_is_refused() {
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
        let text = token(&claims());
        let (_, rest) = text.split_once('.').unwrap();
        assert!(Unverified::read(&format!("{none}.{rest}")).is_err());
    }
}
