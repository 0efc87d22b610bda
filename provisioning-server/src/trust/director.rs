//! Ed25519 keys that sign envelopes: the director, online, and the root keys at the moment they are used.

use std::path::Path;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use carillon_schemas::envelope::{Envelope, PayloadType};
use carillon_schemas::trust::{Algorithm, Freshness, PublicKey};
use carillon_schemas::{DeskConfig, KeyId};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use zeroize::Zeroizing;

use super::{TrustError, key_file};

/// A signing key. No `Debug`.
pub struct SigningKey {
    id: KeyId,
    public: PublicKey,
    pair: Ed25519KeyPair,
}

/// Signs what desks believe: configurations and freshness.
pub struct Director(SigningKey);

impl SigningKey {
    /// Makes a key and writes it as PKCS#8 PEM to a new file.
    ///
    /// # Errors
    /// When the file is there already or cannot be written.
    pub fn create(path: &Path) -> Result<Self, TrustError> {
        let pair = Ed25519KeyPair::generate().map_err(|_| TrustError::Crypto("making a key"))?;
        let der = pair
            .to_pkcs8v1()
            .map_err(|_| TrustError::Crypto("encoding a key"))?;
        let body = Zeroizing::new(STANDARD.encode(der.as_ref()));
        let pem = Zeroizing::new(format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            &*body
        ));
        key_file::write_new(path, pem.as_bytes())?;
        Self::of(pair)
    }

    /// Reads a key from a PKCS#8 PEM file.
    ///
    /// # Errors
    /// When there is none, or it is none.
    pub fn open(path: &Path) -> Result<Self, TrustError> {
        let not_a_key = || TrustError::NotAKey {
            path: path.to_owned(),
            what: "Ed25519 key in PKCS#8 PEM",
        };
        let pem = key_file::read(path)?;
        let der = PrivatePkcs8KeyDer::from_pem_slice(&pem).map_err(|_| not_a_key())?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der())
            .map_err(|_| not_a_key())?;
        Self::of(pair)
    }

    /// Its id.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// Its public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs; 64 bytes.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }

    fn of(pair: Ed25519KeyPair) -> Result<Self, TrustError> {
        let public = PublicKey {
            algorithm: Algorithm::Ed25519,
            public: STANDARD.encode(pair.public_key().as_ref()),
        };
        let id = public
            .id()
            .map_err(|_| TrustError::Crypto("naming a key"))?;
        Ok(Self { id, public, pair })
    }
}

impl Director {
    /// The director with this key.
    pub fn new(key: SigningKey) -> Self {
        Self(key)
    }

    /// Its key's id.
    pub fn key_id(&self) -> &KeyId {
        self.0.id()
    }

    /// Signs a configuration; the envelope as JSON, ready to send.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn sign_config(&self, config: &DeskConfig) -> Result<String, TrustError> {
        self.sign(PayloadType::Config, config)
    }

    /// Signs a freshness statement; the envelope as JSON.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn sign_freshness(&self, freshness: &Freshness) -> Result<String, TrustError> {
        self.sign(PayloadType::Freshness, freshness)
    }

    fn sign<T: serde::Serialize>(
        &self,
        payload_type: PayloadType,
        document: &T,
    ) -> Result<String, TrustError> {
        let json = |_| TrustError::Crypto("encoding a document");
        let payload = serde_json::to_vec(document).map_err(json)?;
        let envelope = Envelope::seal(payload_type, &payload, &[self.0.id()], |_, message| {
            Ok::<_, TrustError>(self.0.sign(message))
        })?;
        serde_json::to_string(&envelope).map_err(json)
    }
}

/// Verifies an Ed25519 signature: the primitive for [`Envelope::verify`].
pub fn verify(key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    key.bytes().is_ok_and(|public| {
        UnparsedPublicKey::new(&ED25519, public)
            .verify(message, signature)
            .is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_file_and_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("director.pem");
        let made = SigningKey::create(&path).unwrap();
        let read = SigningKey::open(&path).unwrap();
        assert_eq!(made.id(), read.id());
        assert!(verify(made.public(), b"message", &read.sign(b"message")));
        assert!(!verify(made.public(), b"massage", &read.sign(b"message")));
        assert!(matches!(
            SigningKey::create(&path),
            Err(TrustError::File { .. })
        ));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_file_that_is_no_key_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("director.pem");
        std::fs::write(&path, "junk").unwrap();
        let error = SigningKey::open(&path).err().unwrap().to_string();
        assert!(error.contains("director.pem"), "{error}");
    }
}
