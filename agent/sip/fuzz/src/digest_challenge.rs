//! Bytes as a challenge: what is read is within bounds, answering it neither fails nor shows the password.

use carillon_sip::digest::{Challenge, MAX_CHALLENGE_FIELD};
use carillon_sip::message::{HeaderName, Headers, Message};
use carillon_sip::{Credential, Endpoint, EndpointConfig, Output, Password};
use std::time::Instant;

const REGISTRAR: &str = "192.0.2.1:5060";
const PASSWORD: &str = "secret-password";

/// Reads the challenges, then lets an endpoint that registers meet them.
pub fn run(data: &[u8]) {
    let mut headers = Headers::new();
    for field in data.split(|byte| *byte == b'\n') {
        headers.push(HeaderName::WwwAuthenticate, field);
    }
    let challenges = Challenge::read_all(&headers);
    for challenge in &challenges {
        let opaque = challenge.opaque.as_deref().unwrap_or("");
        for field in [challenge.realm.as_str(), &challenge.nonce, opaque] {
            assert!(field.len() <= MAX_CHALLENGE_FIELD);
        }
        assert!(!challenge.nonce.is_empty());
    }
    let now = Instant::now();
    let mut config = EndpointConfig::new("sip:1001@192.0.2.1".parse().expect("a URI"));
    config.credentials = vec![Credential {
        username: "1001".to_owned(),
        realm: None,
        password: Password::new(PASSWORD),
    }];
    let mut endpoint = Endpoint::new(config, 1).expect("a good configuration");
    endpoint.register(now);
    let mut sent = 0;
    while let Some(output) = endpoint.poll_output(now) {
        match output {
            Output::Open { flow, .. } => {
                endpoint.flow_opened(now, flow, "192.0.2.9:5060".parse().expect("an address"));
            }
            Output::Transmit { flow, bytes, .. } => {
                sent += 1;
                assert!(sent < 10, "challenges are not answered for ever");
                let text = String::from_utf8_lossy(&bytes);
                assert!(!text.contains(PASSWORD));
                let Ok(Message::Request(request)) = Message::parse(&bytes) else {
                    panic!("{text}");
                };
                let mut response = carillon_sip::message::Response::to(&request, 401, Some("t"));
                for field in headers.all(HeaderName::WwwAuthenticate) {
                    response.headers.push(HeaderName::WwwAuthenticate, field);
                }
                let registrar = REGISTRAR.parse().expect("an address");
                endpoint.receive(now, flow, registrar, &response.to_bytes());
            }
            _ => {}
        }
    }
}
