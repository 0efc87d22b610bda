//! The desk's own keys: one signs what the desk asks, one opens what is sealed to it.
//!
//! Owns the two P-256 private keys in memory, wiped when dropped. They are made here, rest in
//! [`crate::vault`], and leave the process never. The server knows the public halves.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use carillon_schemas::enrolment::{DeskKeys, proof_message};
use carillon_schemas::secret::{SEAL_INFO, SealedSecret};
use hpke::aead::AesGcm128;
use hpke::kdf::HkdfSha256;
use hpke::kem::DhP256HkdfSha256;
use hpke::{Deserializable as _, Kem, OpModeR};
use p256::SecretKey;
use p256::elliptic_curve::Generate as _;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use zeroize::Zeroizing;

/// The two private keys of a desk. Cannot be printed.
pub struct PrivateKeys {
    bytes: Zeroizing<Vec<u8>>,
    signing: EcdsaKeyPair,
    sealing: <DhP256HkdfSha256 as Kem>::PrivateKey,
    public: DeskKeys,
}

/// What went wrong with the desk's keys. Says nothing of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// What the vault gave back are no two keys.
    #[error("the desk's private keys are damaged (enrol this desk anew)")]
    Damaged,
    /// The system gives no random numbers.
    #[error("the system gives no random numbers to make or use a key with")]
    NoRandomness,
    /// The seal is for another key, desk, account or generation, or no seal at all.
    #[error("the seal does not open with this desk's key, id and generation")]
    NotOpened,
}

impl PrivateKeys {
    /// New keys.
    ///
    /// # Errors
    /// [`KeyError::NoRandomness`].
    pub fn generate() -> Result<Self, KeyError> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(64));
        for _ in 0..2 {
            let key = SecretKey::try_generate().map_err(|_| KeyError::NoRandomness)?;
            bytes.extend_from_slice(&Zeroizing::new(<[u8; 32]>::from(key.to_bytes()))[..]);
        }
        Self::from_bytes(bytes)
    }

    /// The keys as the vault gave them back.
    ///
    /// # Errors
    /// [`KeyError::Damaged`].
    pub fn from_bytes(bytes: Zeroizing<Vec<u8>>) -> Result<Self, KeyError> {
        if bytes.len() != 64 {
            return Err(KeyError::Damaged);
        }
        let (signing, sealing) = bytes.split_at(32);
        let signing_public = public_point(signing)?;
        let public = DeskKeys {
            signing: STANDARD.encode(&signing_public),
            sealing: STANDARD.encode(public_point(sealing)?),
        };
        let signing = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            signing,
            &signing_public,
            &SystemRandom::new(),
        )
        .map_err(|_| KeyError::Damaged)?;
        let sealing = <DhP256HkdfSha256 as Kem>::PrivateKey::from_bytes(sealing)
            .map_err(|_| KeyError::Damaged)?;
        Ok(Self {
            bytes,
            signing,
            sealing,
            public,
        })
    }

    /// Both private keys, for the vault and nothing else.
    pub fn expose(&self) -> &[u8] {
        &self.bytes
    }

    /// The public halves.
    pub fn public(&self) -> &DeskKeys {
        &self.public
    }

    /// ECDSA with SHA-256 by the signing key: 64 bytes `r || s`.
    ///
    /// # Errors
    /// [`KeyError::NoRandomness`].
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.signing
            .sign(&SystemRandom::new(), message)
            .map(|signature| signature.as_ref().to_vec())
            .map_err(|_| KeyError::NoRandomness)
    }

    /// The proof of possession for a context, base64.
    ///
    /// # Errors
    /// [`KeyError::NoRandomness`].
    pub fn proof(&self, context: &str) -> Result<String, KeyError> {
        self.sign(&proof_message(context, &self.public))
            .map(|signature| STANDARD.encode(signature))
    }

    /// Opens a seal (RFC 9180 §6.1) made for this desk and `context`.
    ///
    /// # Errors
    /// [`KeyError::NotOpened`].
    pub fn open(
        &self,
        sealed: &SealedSecret,
        context: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let decode = |text: &str| STANDARD.decode(text).map_err(|_| KeyError::NotOpened);
        let enc = <DhP256HkdfSha256 as Kem>::EncappedKey::from_bytes(&decode(&sealed.enc)?)
            .map_err(|_| KeyError::NotOpened)?;
        hpke::single_shot_open::<AesGcm128, HkdfSha256, DhP256HkdfSha256>(
            &OpModeR::Base,
            &self.sealing,
            &enc,
            SEAL_INFO,
            &decode(&sealed.ciphertext)?,
            context,
        )
        .map(Zeroizing::new)
        .map_err(|_| KeyError::NotOpened)
    }
}

/// The uncompressed SEC1 point of a private scalar.
fn public_point(scalar: &[u8]) -> Result<Vec<u8>, KeyError> {
    let key = SecretKey::from_slice(scalar).map_err(|_| KeyError::Damaged)?;
    Ok(key.public_key().to_sec1_point(false).as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use p256::ecdsa::signature::Verifier as _;
    use p256::ecdsa::{Signature, VerifyingKey};

    #[test]
    fn the_public_halves_fit() {
        let keys = PrivateKeys::generate().unwrap();
        let point = STANDARD.decode(&keys.public().signing).unwrap();
        assert_eq!((point.len(), point[0]), (65, 4));
        let signature = keys.sign(b"message").unwrap();
        VerifyingKey::from_sec1_bytes(&point)
            .unwrap()
            .verify(b"message", &Signature::from_slice(&signature).unwrap())
            .unwrap();
        let again = PrivateKeys::from_bytes(Zeroizing::new(keys.expose().to_vec())).unwrap();
        assert_eq!(again.public(), keys.public());
    }

    #[test]
    fn damaged_keys_are_refused() {
        for bytes in [vec![], vec![1; 63], vec![0; 64], vec![0xff; 64]] {
            let result = PrivateKeys::from_bytes(Zeroizing::new(bytes));
            assert!(matches!(result, Err(KeyError::Damaged)));
        }
    }
}
