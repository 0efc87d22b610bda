//! TLS to a SIP server (RFC 3261 §26.3.1, RFC 5922): by the platform's authorities or the account's own, with the SIP domain proven,
//! and with the account's own certificate when it has one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};

use super::certificate_names::CertificateNames;

/// The largest file with a certificate and its key, in bytes.
const MAX_FILE: u64 = 256 << 10;

/// What an account's TLS is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SipTls {
    /// Authorities, PEM; the platform's when absent.
    pub authorities: Option<String>,
    /// A file with our certificate, its chain and its key, PEM.
    pub client_certificate: Option<PathBuf>,
}

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SipTlsError {
    /// `connection.ca` holds no certificate.
    #[error("connection.ca cannot be used: {0}; give certificates in PEM")]
    Authorities(String),
    /// `connection.client_certificate` does not serve.
    #[error("the client certificate {} cannot be used: {why}", path.display())]
    ClientCertificate {
        /// Which file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The library or the platform said no.
    #[error("TLS cannot be set up: {0}")]
    Library(String),
}

impl SipTls {
    /// The client's side of TLS 1.2 and 1.3.
    ///
    /// # Errors
    /// Authorities or a certificate that do not serve.
    pub fn client_config(&self) -> Result<ClientConfig, SipTlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let library = |error: Error| SipTlsError::Library(error.to_string());
        let chain: Arc<dyn ServerCertVerifier> = match &self.authorities {
            Some(pem) => {
                let roots = Arc::new(authorities(pem)?);
                WebPkiServerVerifier::builder_with_provider(roots, provider.clone())
                    .build()
                    .map_err(|error| SipTlsError::Authorities(error.to_string()))?
            }
            None => Arc::new(
                rustls_platform_verifier::Verifier::new(provider.clone()).map_err(library)?,
            ),
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(library)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(SipServer { chain }));
        let mut config = match &self.client_certificate {
            Some(path) => {
                let fail = |why: String| SipTlsError::ClientCertificate {
                    path: path.clone(),
                    why,
                };
                let (certificates, key) = read_certificate(path).map_err(fail)?;
                builder
                    .with_client_auth_cert(certificates, key)
                    .map_err(|error| fail(error.to_string()))?
            }
            None => builder.with_no_client_auth(),
        };
        config.resumption = Resumption::in_memory_sessions(4);
        Ok(config)
    }
}

fn authorities(pem: &str) -> Result<RootCertStore, SipTlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        certificate
            .map_err(|error| error.to_string())
            .and_then(|certificate| roots.add(certificate).map_err(|error| error.to_string()))
            .map_err(SipTlsError::Authorities)?;
    }
    match roots.is_empty() {
        true => Err(SipTlsError::Authorities("it holds no certificate".into())),
        false => Ok(roots),
    }
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn read_certificate(path: &Path) -> Result<Identity, String> {
    let size = std::fs::metadata(path).map_err(|e| e.to_string())?.len();
    if size > MAX_FILE {
        return Err(format!("it has more than {MAX_FILE} bytes"));
    }
    let pem = zeroize::Zeroizing::new(std::fs::read(path).map_err(|e| e.to_string())?);
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())?;
    if certificates.is_empty() {
        return Err("it holds no certificate".to_owned());
    }
    let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| "it holds no private key")?;
    Ok((certificates, key))
}

/// The chain as ever; the name by RFC 5922: a `sip:` URI or a DNS name of the certificate is the SIP domain, letter for letter.
#[derive(Debug)]
struct SipServer {
    chain: Arc<dyn ServerCertVerifier>,
}

impl ServerCertVerifier for SipServer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain =
            self.chain
                .verify_server_cert(end_entity, intermediates, server_name, ocsp, now);
        let ServerName::DnsName(domain) = server_name else {
            return chain;
        };
        let proven = CertificateNames::of(end_entity).hold(domain.as_ref());
        match chain {
            Ok(verified) if proven => Ok(verified),
            Ok(_) => Err(Error::General(format!(
                "the certificate names {} by a wildcard only, which SIP does not allow (RFC 5922 §7.2)",
                domain.as_ref()
            ))),
            // The chain is verified before the name: that only the name failed means the chain holds.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if proven => Ok(ServerCertVerified::assertion()),
            Err(error) => Err(error),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}
