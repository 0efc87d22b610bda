//! Digest answers against the examples printed in the RFCs.

use carillon_sip::digest::{Algorithm, Challenge, Signed, answer};
use carillon_sip::message::{HeaderName, Headers};
use carillon_sip::{Credential, Password};

fn answered(header: &str, password: &str, cnonce: &str) -> Vec<(Algorithm, String)> {
    let mut headers = Headers::new();
    headers.push(HeaderName::WwwAuthenticate, header);
    let credential = Credential {
        username: "Mufasa".to_owned(),
        realm: None,
        password: Password::new(password),
    };
    let signed = Signed {
        method: "GET",
        uri: "/dir/index.html",
        count: 1,
        cnonce,
    };
    Challenge::read_all(&headers)
        .iter()
        .map(|challenge| (challenge.hash(), answer(challenge, &credential, signed)))
        .collect()
}

#[test]
fn rfc_7616_section_3_9_1() {
    let rest = "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";
    let head = "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\"";
    // Both challenges in one field, which RFC 9110 allows.
    let both = format!("{head}, algorithm=SHA-256, {rest}, {head}, algorithm=MD5, {rest}");
    let answers = answered(
        &both,
        "Circle of Life",
        "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    );
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[0].0, Algorithm::Sha256);
    assert!(
        answers[0].1.contains(
            "response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\""
        ),
        "{}",
        answers[0].1
    );
    assert_eq!(answers[1].0, Algorithm::Md5);
    assert!(
        answers[1]
            .1
            .contains("response=\"8ca523f5e9506fed4657c9700eebdbec\""),
        "{}",
        answers[1].1
    );
    for part in [
        "username=\"Mufasa\"",
        "qop=auth",
        "nc=00000001",
        "opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"",
        "uri=\"/dir/index.html\"",
    ] {
        assert!(answers[1].1.contains(part), "{part}");
    }
}

#[test]
fn rfc_2617_section_3_5() {
    let header = "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"";
    let answers = answered(header, "Circle Of Life", "0a4f113b");
    assert!(
        answers[0]
            .1
            .contains("response=\"6629fae49393a05397450978507c4ef1\""),
        "{}",
        answers[0].1
    );
    assert!(
        !answers[0].1.contains("algorithm"),
        "what the challenge did not name is not named"
    );
}

#[test]
fn rfc_2069_section_2_4_with_its_erratum() {
    let header = "Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"";
    let answers = answered(header, "CircleOfLife", "unused");
    assert!(
        answers[0]
            .1
            .contains("response=\"1949323746fe6a43ef61f9606e7febea\""),
        "{}",
        answers[0].1
    );
    assert!(!answers[0].1.contains("cnonce") && !answers[0].1.contains("qop"));
}

#[test]
fn hostile_challenges_are_skipped() {
    let giant = format!("Digest realm=\"r\", nonce=\"{}\"", "n".repeat(1025));
    let many = vec!["Digest realm=\"r\", nonce=\"n\""; 100].join(", ");
    assert_eq!(answered(&giant, "p", "c").len(), 0);
    assert_eq!(answered(&many, "p", "c").len(), 8);
    assert_eq!(answered("Digest", "p", "c").len(), 0);
    assert_eq!(answered("Digest realm=, nonce=", "p", "c").len(), 0);
    assert_eq!(
        answered("Digest realm=\"\", nonce=\"n\"", "p", "c").len(),
        1,
        "an empty realm is a realm"
    );
}

#[test]
fn a_password_is_not_printed() {
    let credential = Credential {
        username: "u".to_owned(),
        realm: None,
        password: Password::new("hunter2"),
    };
    let mut config = carillon_sip::EndpointConfig::new("sip:u@h".parse().unwrap());
    config.credentials.push(credential.clone());
    assert!(!format!("{credential:?} {config:?} {config:#?}").contains("hunter2"));
}
