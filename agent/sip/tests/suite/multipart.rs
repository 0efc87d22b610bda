//! Bodies of several parts: cut at their delimiters and nowhere else, within bounds.

use carillon_sip::message::{ContentType, HeaderName, Headers, MAX_PARTS, Multipart};
use proptest::prelude::*;

fn headers(content_type: &str) -> Headers {
    let mut headers = Headers::new();
    headers.push(HeaderName::ContentType, content_type);
    headers
}

#[test]
fn preamble_epilogue_blanks_and_lookalikes_are_no_parts() {
    let body = b"preamble\r\n--b not a delimiter\r\n--b \t\r\nContent-Type: application/sdp\r\nContent-Disposition: session;handling=optional\r\n\r\nv=0\r\n --b\r\n--bb\r\n--b\r\n\r\nno type\r\n--b--\r\nepilogue\r\n--b\r\n";
    let multipart = Multipart::of(&headers("Multipart/Mixed; Boundary=\"b\""), body)
        .unwrap()
        .unwrap();
    let parts = multipart.parts();
    assert_eq!(parts.len(), 2);
    assert_eq!(parts[0].body(), b"v=0\r\n --b\r\n--bb");
    assert!(parts[0].content_type().is("application/SDP") && parts[0].is_optional());
    assert_eq!(parts[0].headers().len(), 2);
    assert_eq!(parts[1].body(), b"no type");
    assert!(parts[1].content_type().is("text/plain") && !parts[1].is_optional());
}

#[test]
fn the_best_alternative_is_the_last() {
    let body = b"--x\n\nfirst\n--x\n\nsecond\n--x--";
    for (subtype, wanted) in [("alternative", &b"second"[..]), ("mixed", b"first")] {
        let headers = headers(&format!("multipart/{subtype};boundary=x"));
        let multipart = Multipart::of(&headers, body).unwrap().unwrap();
        assert_eq!(multipart.find("text/plain").unwrap().body(), wanted);
        assert!(multipart.find("application/sdp").is_none());
    }
}

#[test]
fn what_is_not_multipart_or_broken_is_told() {
    assert!(
        Multipart::of(&headers("application/sdp"), b"")
            .unwrap()
            .is_none()
    );
    assert!(Multipart::of(&Headers::new(), b"--b\n").unwrap().is_none());
    let long = format!("multipart/mixed;boundary={}", "b".repeat(71));
    for (content_type, body) in [
        ("multipart/mixed", "--b\n\n--b--"),
        ("multipart/mixed;boundary=\"\"", "--\n\n----"),
        (long.as_str(), ""),
        ("multipart/mixed;boundary=b", "no part at all"),
        ("multipart/mixed;boundary=b", "--b\n\nno end"),
        ("multipart/mixed;boundary=b", "--b\nno header\n\nx\n--b--"),
        (
            "multipart/mixed;boundary=b",
            "--b\nContent-Type: odd\n\nx\n--b--",
        ),
        ("odd", ""),
    ] {
        assert!(
            Multipart::of(&headers(content_type), body.as_bytes()).is_err(),
            "{content_type} {body:?}"
        );
    }
    let many = "--b\n\nx\n".repeat(MAX_PARTS);
    let read = |body: &str| {
        let headers = headers("multipart/mixed;boundary=b");
        Multipart::of(&headers, body.as_bytes()).map(|multipart| multipart.unwrap().parts().len())
    };
    assert_eq!(read(&format!("{many}--b--")), Ok(MAX_PARTS));
    assert!(read(&format!("{many}--b\n\nx\n--b--")).is_err());
    assert_eq!(
        ContentType::parse("Text/Plain ; charset=UTF-8")
            .unwrap()
            .to_string(),
        "text/plain;charset=UTF-8"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn parts_come_back_as_they_went(bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 1..8)) {
        let boundary = "a-boundary-that-is-not-inside";
        let mut text = Vec::new();
        for body in &bodies {
            text.extend_from_slice(format!("--{boundary}\r\nContent-Type: a/b\r\n\r\n").as_bytes());
            text.extend_from_slice(body);
            text.extend_from_slice(b"\r\n");
        }
        text.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        let headers = headers(&format!("multipart/mixed;boundary={boundary}"));
        let read = Multipart::of(&headers, &text).unwrap().unwrap();
        let read: Vec<_> = read.parts().iter().map(|part| part.body().to_vec()).collect();
        prop_assert_eq!(read, bodies);
    }

    #[test]
    fn no_body_panics(body in proptest::collection::vec(prop_oneof![Just(b'-'), Just(b'b'), Just(b'\n'), Just(b'\r'), Just(b':'), any::<u8>()], 0..200)) {
        let _ = Multipart::of(&headers("multipart/mixed;boundary=b"), &body);
    }
}
