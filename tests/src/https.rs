//! HTTPS as a desk or an admin speaks it: HTTP/1.1, the server's key pinned by its SHA-256.
//!
//! With a pin, that key alone is trusted, whatever name its certificate bears; without one, nobody is.

use std::sync::Arc;
use std::time::Duration;

use crate::{Fault, Outcome};

/// A client that talks only to the server whose public key hashes to `pin` (a ticket's `c`).
///
/// # Errors
/// [`Fault::Refused`] when TLS cannot be set up.
pub fn pinned_client(pin: &str, timeout: Duration) -> Outcome<reqwest::Client> {
    let refused = |e: String| Fault::refused("TLS", "setting up a client", e);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let pin = pin
        .parse()
        .map_err(|e: carillon_pinned_tls::BadPin| refused(e.to_string()))?;
    let tls =
        carillon_pinned_tls::client_config(pin, provider).map_err(|e| refused(e.to_string()))?;
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .http1_only()
        .tcp_nodelay(true)
        .timeout(timeout)
        .build()
        .map_err(|e| refused(e.to_string()))
}
