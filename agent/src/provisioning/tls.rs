//! TLS to the server: by the key that the ticket pins, by a CA file, or by the platform's authorities.
//!
//! What believing a pinned key means stands in `carillon-pinned-tls`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use carillon_pinned_tls::PinnedServer;
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::{ClientConfig, Error, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

/// The largest CA file, in bytes.
const MAX_CA_BYTES: u64 = 4 << 20;

/// By what the server is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerTrust {
    /// SHA-256 of its SubjectPublicKeyInfo, base64url, from the ticket.
    Pinned(String),
    /// The authorities of a PEM file.
    Authorities(PathBuf),
    /// These authorities, in PEM.
    Given(String),
    /// The platform's authorities.
    Platform,
}

impl ServerTrust {
    /// The ticket's pin first, then the CA file of `agent.yaml`, then the platform.
    pub fn of(pin: Option<&str>, ca_file: Option<&Path>) -> Self {
        match (pin, ca_file) {
            (Some(pin), _) => Self::Pinned(pin.to_owned()),
            (None, Some(file)) => Self::Authorities(file.to_owned()),
            (None, None) => Self::Platform,
        }
    }
}

/// Why TLS cannot be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// The pin is no SHA-256.
    #[error("the ticket's TLS pin is not the SHA-256 of a key (ask for a new ticket)")]
    BadPin,
    /// The CA file does not serve.
    #[error("the CA file {} of server.ca_file cannot be used: {why}", path.display())]
    CaFile {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The given authorities do not serve.
    #[error("the authorities in 'ca' cannot be used: {0}")]
    Authorities(String),
    /// The library or the platform said no.
    #[error("TLS cannot be set up: {0}")]
    Library(String),
}

/// The client's side of TLS 1.2 and 1.3 with that trust.
///
/// # Errors
/// When the pin or the CA file does not serve.
pub fn client_config(trust: &ServerTrust) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let library = |e: Error| TlsError::Library(e.to_string());
    let verifier: Arc<dyn ServerCertVerifier> = match trust {
        ServerTrust::Pinned(pin) => {
            let pin = pin.parse().map_err(|_| TlsError::BadPin)?;
            Arc::new(PinnedServer::new(pin, provider.clone()))
        }
        ServerTrust::Authorities(path) => {
            let roots = read_authorities(path)?;
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .build()
                .map_err(|e| TlsError::CaFile {
                    path: path.clone(),
                    why: e.to_string(),
                })?
        }
        ServerTrust::Given(pem) => {
            let roots = authorities(pem.as_bytes()).map_err(TlsError::Authorities)?;
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .build()
                .map_err(|e| TlsError::Authorities(e.to_string()))?
        }
        ServerTrust::Platform => {
            Arc::new(rustls_platform_verifier::Verifier::new(provider.clone()).map_err(library)?)
        }
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(library)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    // One server: a few sessions serve, where the default keeps room for hundreds.
    config.resumption = Resumption::in_memory_sessions(4);
    Ok(config)
}

fn read_authorities(path: &Path) -> Result<RootCertStore, TlsError> {
    let fail = |why: String| TlsError::CaFile {
        path: path.to_owned(),
        why,
    };
    let size = std::fs::metadata(path)
        .map_err(|e| fail(e.to_string()))?
        .len();
    if size > MAX_CA_BYTES {
        return Err(fail(format!("it has more than {MAX_CA_BYTES} bytes")));
    }
    let pem = std::fs::read(path).map_err(|e| fail(e.to_string()))?;
    authorities(&pem).map_err(fail)
}

fn authorities(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|e| e.to_string())?;
        roots.add(certificate).map_err(|e| e.to_string())?;
    }
    match roots.is_empty() {
        true => Err("it holds no PEM certificate".into()),
        false => Ok(roots),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_pin_or_ca_file_is_named() {
        let pin = ServerTrust::of(Some("short"), None);
        assert_eq!(client_config(&pin).unwrap_err(), TlsError::BadPin);
        let file = tempfile::NamedTempFile::new().unwrap();
        let empty = ServerTrust::of(None, Some(file.path()));
        let error = client_config(&empty).unwrap_err().to_string();
        assert!(error.contains("no PEM certificate"), "{error}");
        let missing = ServerTrust::of(None, Some(Path::new("/nonexistent/ca.pem")));
        assert!(client_config(&missing).is_err());
    }
}
