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
        body: b"",
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

/// RFC 7616 §3.9.2 with erratum 4897, whose values are those of SHA-512/256 as FIPS 180-4 has it; the user's name goes out hashed.
#[test]
fn rfc_7616_section_3_9_2_with_its_erratum() {
    let mut headers = Headers::new();
    headers.push(HeaderName::WwwAuthenticate, "Digest realm=\"api@example.org\", qop=\"auth\", algorithm=SHA-512-256, nonce=\"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK\", opaque=\"HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS\", charset=UTF-8, userhash=true");
    let challenges = Challenge::read_all(&headers);
    let credential = Credential {
        username: "J\u{e4}s\u{f8}n Doe".to_owned(),
        realm: None,
        password: Password::new("Secret, or not?"),
    };
    let signed = Signed {
        method: "GET",
        uri: "/doe.json",
        count: 1,
        cnonce: "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
        body: b"",
    };
    let text = answer(&challenges[0], &credential, signed);
    for part in [
        "username=\"793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b\"",
        "userhash=true",
        "response=\"3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5\"",
        "algorithm=SHA-512-256",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

/// The hash of the body stands in the answer: the value is that of an independent computation with Python's hashlib.
#[test]
fn auth_int_protects_the_body() {
    let mut headers = Headers::new();
    headers.push(
        HeaderName::ProxyAuthenticate,
        "Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\", algorithm=MD5",
    );
    let challenges = Challenge::read_all(&headers);
    let credential = Credential {
        username: "u".to_owned(),
        realm: None,
        password: Password::new("p"),
    };
    let text = |body: &[u8]| {
        let signed = Signed {
            method: "INVITE",
            uri: "sip:b@r",
            count: 1,
            cnonce: "c",
            body,
        };
        answer(&challenges[0], &credential, signed)
    };
    assert!(
        text(b"v=0\r\n").contains("response=\"a95ba1e1b61037f8a1e55e51dde12aaf\""),
        "{}",
        text(b"v=0\r\n")
    );
    assert!(text(b"v=0\r\n").contains("qop=auth-int, nc=00000001"));
    assert_ne!(text(b"v=0\r\n"), text(b"v=1\r\n"));
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
