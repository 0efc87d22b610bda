//! Real handshakes: the pinned key opens the door, another one and a stolen certificate do not.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use carillon_pinned_tls::{BadPin, Pin, client_config};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConnection, Error, ServerConfig, ServerConnection};

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// A certificate that names nobody whom the client asks for, and its key.
fn identity() -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let made = rcgen::generate_simple_self_signed(["elsewhere.example".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    (made.cert.der().clone(), key.into())
}

/// Shakes hands in memory with a server that shows `shown` and signs with `key`.
fn shake(
    pin: Pin,
    shown: CertificateDer<'static>,
    key: &PrivateKeyDer<'static>,
) -> Result<(), Error> {
    let signing = rustls::crypto::ring::sign::any_supported_type(key).unwrap();
    let certified = CertifiedKey::new(vec![shown], signing);
    let server = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    let client = client_config(pin, provider()).unwrap();
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    let name = "fleet.example.org".try_into().unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        let mut flight = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut flight).unwrap();
        }
        server.read_tls(&mut flight.as_slice()).unwrap();
        server.process_new_packets()?;
        let mut flight = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut flight).unwrap();
        }
        client.read_tls(&mut flight.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    Ok(())
}

#[test]
fn the_server_with_the_pinned_key_is_believed_and_no_other() {
    let (ours, our_key) = identity();
    let (theirs, their_key) = identity();
    let pin = Pin::of(&ours).unwrap();
    assert_eq!(shake(pin, ours.clone(), &our_key), Ok(()));
    let error = shake(pin, theirs, &their_key).unwrap_err().to_string();
    assert!(error.contains(&pin.to_string()), "{error}");
    // Our certificate in the hands of someone who has not its key.
    assert!(shake(pin, ours, &their_key).is_err());
}

#[test]
fn a_pin_is_read_as_it_is_written() {
    let pin = Pin::of(&identity().0).unwrap();
    let text = pin.to_string();
    assert_eq!(text.len(), 43);
    assert_eq!(text.parse(), Ok(pin));
    assert_eq!(format!("{text}=").parse(), Ok(pin));
    for bad in ["", "short", &format!("{text}AAAA"), "+".repeat(43).as_str()] {
        assert_eq!(bad.parse::<Pin>(), Err(BadPin), "{bad}");
    }
}
