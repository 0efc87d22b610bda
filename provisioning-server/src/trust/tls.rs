//! The server's TLS: its certificate, self-made when none is given, and what a ticket pins of it.

use std::path::Path;
use std::sync::Arc;

use carillon_pinned_tls::Pin;
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::{TrustError, key_file};

/// A certificate chain with its key, ready to serve, and the pin of its public key.
pub struct Certified {
    /// For the listener.
    pub config: ServerConfig,
    /// SHA-256 over the SubjectPublicKeyInfo, base64url.
    pub pin: String,
}

/// Makes a key and a certificate for these names and addresses, and writes both.
///
/// # Errors
/// When a name is none, or the files are there already.
pub fn create(cert: &Path, key: &Path, names: Vec<String>) -> Result<(), TrustError> {
    let failed = |_| TrustError::Crypto("making the TLS certificate");
    let pair = rcgen::KeyPair::generate().map_err(failed)?;
    let mut params = rcgen::CertificateParams::new(names).map_err(failed)?;
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "Carillon provisioning server");
    let made = params.self_signed(&pair).map_err(failed)?;
    let pem = zeroize::Zeroizing::new(pair.serialize_pem());
    key_file::write_new(key, pem.as_bytes())?;
    key_file::write_new(cert, made.pem().as_bytes())
}

/// Reads a chain and its key (PEM).
///
/// # Errors
/// When either cannot be read, is none, or they do not belong together.
pub fn load(cert: &Path, key: &Path) -> Result<Certified, TrustError> {
    let not = |path: &Path, what| TrustError::NotAKey {
        path: path.to_owned(),
        what,
    };
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(&key_file::read(cert)?)
            .collect::<Result<_, _>>()
            .map_err(|_| not(cert, "certificate chain in PEM"))?;
    let first = chain
        .first()
        .ok_or_else(|| not(cert, "certificate chain in PEM"))?;
    let pin = pin_of(first).ok_or_else(|| not(cert, "certificate chain in PEM"))?;
    let private = PrivateKeyDer::from_pem_slice(&key_file::read(key)?)
        .map_err(|_| not(key, "private key in PEM"))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| TrustError::Crypto("setting up TLS"))?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|_| not(key, "private key for the certificate"))?;
    // Resumption without memory here; one ticket is all a desk uses.
    config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new()
        .map_err(|_| TrustError::Crypto("setting up TLS"))?;
    config.send_tls13_tickets = 1;
    Ok(Certified { config, pin })
}

/// The pin of a certificate; `None` when it cannot be read.
pub fn pin_of(certificate: &CertificateDer<'_>) -> Option<String> {
    Pin::of(certificate).ok().map(|pin| pin.to_string())
}
