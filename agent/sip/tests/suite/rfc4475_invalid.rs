//! RFC 4475 §3.1.2, invalid messages: each is refused as the section asks, or taken where it allows to be liberal.

use crate::torture::*;
use carillon_sip::message::{Frame, Framer, FramingError, HeaderName, Message, MessageError};
use std::time::Instant;

fn data(label: &str) -> Vec<u8> {
    crate::torture::data("rfc4475", label)
}

/// The message on a stream, and what comes after it.
fn streamed(bytes: &[u8]) -> (Option<Frame>, Result<Option<Frame>, FramingError>) {
    let now = Instant::now();
    let mut framer = Framer::new();
    framer.push(now, bytes).unwrap();
    (framer.next(now).unwrap(), framer.next(now))
}

/// §3.1.2.1 Extraneous Header Field Separators
#[test]
fn rfc4475_badinv01() {
    assert!(matches!(
        complaint(&data("badinv01")),
        MessageError::Header { name: "Via", .. }
    ));
    let met = answered(&data("badinv01"), 400);
    assert!(met.says(HeaderName::Warning).contains("Via"));
}

/// §3.1.2.2 Content Length Larger Than Message
#[test]
fn rfc4475_clerr() {
    assert!(matches!(
        complaint(&data("clerr")),
        MessageError::ShortBody { promised: 9999, .. }
    ));
    let met = answered(&data("clerr"), 400);
    assert!(met.says(HeaderName::Warning).contains("9999"));
    // A stream goes on waiting for the rest.
    assert_eq!(streamed(&data("clerr")), (None, Ok(None)));
}

/// §3.1.2.3 Negative Content-Length
#[test]
fn rfc4475_ncl() {
    assert!(matches!(
        complaint(&data("ncl")),
        MessageError::Header {
            name: "Content-Length",
            ..
        }
    ));
    answered(&data("ncl"), 400);
    // On a stream the head can be answered, and then the connection must be closed.
    let (head, rest) = streamed(&data("ncl"));
    let Some(Frame::Message(head)) = head else {
        panic!("{head:?}");
    };
    answered(&head, 400);
    assert_eq!(rest, Err(FramingError::Length));
}

/// §3.1.2.4 Request Scalar Fields with Overlarge Values
#[test]
fn rfc4475_scalar02() {
    assert!(matches!(
        complaint(&data("scalar02")),
        MessageError::Header { name: "CSeq", .. }
    ));
    answered(&data("scalar02"), 400);
}

/// §3.1.2.5 Response Scalar Fields with Overlarge Values
#[test]
fn rfc4475_scalarlg() {
    let response = response(&data("scalarlg"));
    assert_eq!(response.status, 503);
    assert!(matches!(
        response.essentials(),
        Err(MessageError::Header { name: "CSeq", .. })
    ));
    assert_eq!(response.retry_after(), None, "a number without end is none");
    dropped(&data("scalarlg"));
}

/// §3.1.2.6 Unterminated Quoted String in Display Name
#[test]
fn rfc4475_quotbal() {
    assert!(matches!(
        complaint(&data("quotbal")),
        MessageError::Header { name: "To", .. }
    ));
    answered(&data("quotbal"), 400);
}

/// §3.1.2.7 <> Enclosing Request-URI: may be refused; taken here, without the brackets.
#[test]
fn rfc4475_ltgtruri() {
    let (request, _) = request(&data("ltgtruri"));
    assert_eq!(request.uri.to_string(), "sip:user@example.com");
    rings(&data("ltgtruri"));
}

/// §3.1.2.8 Malformed SIP Request-URI (embedded LWS)
#[test]
fn rfc4475_lwsruri() {
    assert!(matches!(
        Message::parse(&data("lwsruri")),
        Err(MessageError::RequestUri { .. })
    ));
    let met = answered(&data("lwsruri"), 400);
    assert!(met.says(HeaderName::Warning).contains("Request-URI"));
}

/// §3.1.2.9 Multiple SP Separating Request-Line Elements: may be refused; taken here.
#[test]
fn rfc4475_lwsstart() {
    let (request, _) = request(&data("lwsstart"));
    assert_eq!(request.uri.to_string(), "sip:user@example.com");
    rings(&data("lwsstart"));
}

/// §3.1.2.10 SP Characters at End of Request-Line: may be refused; taken here.
#[test]
fn rfc4475_trws() {
    let (request, _) = request(&data("trws"));
    assert_eq!(request.uri.to_string(), "sip:remote-target@example.com");
    answered(&data("trws"), 200);
}

/// §3.1.2.11 Escaped Headers in SIP Request-URI: may be ignored, must never become a header.
#[test]
fn rfc4475_escruri() {
    let (request, _) = request(&data("escruri"));
    assert_eq!(
        request.uri.sip().unwrap().headers.as_deref(),
        Some("Route=%3Csip:example.com%3E")
    );
    assert!(!request.headers.has(HeaderName::Route));
    rings(&data("escruri"));
}

/// §3.1.2.12 Invalid Time Zone in Date Header Field: may be ignored by one that needs no date.
#[test]
fn rfc4475_baddate() {
    let (request, _) = request(&data("baddate"));
    assert_eq!(
        request.headers.get(HeaderName::Date),
        Some(&b"Fri, 01 Jan 2010 16:00:00 EST"[..])
    );
    rings(&data("baddate"));
}

/// §3.1.2.13 Failure to Enclose name-addr URI in <>
#[test]
fn rfc4475_regbadct() {
    let (request, _) = request(&data("regbadct"));
    let contact = request.headers.first_value(HeaderName::Contact).unwrap();
    assert!(
        contact
            .parse::<carillon_sip::NameAddr>()
            .unwrap_err()
            .to_string()
            .contains("brackets")
    );
    answered(&data("regbadct"), 400);
}

/// §3.1.2.14 Spaces within addr-spec: may be refused; taken here, without the spaces.
#[test]
fn rfc4475_badaspec() {
    let (_, essentials) = request(&data("badaspec"));
    assert_eq!(uri(&essentials.to), "sip:t.watson@example.org");
    assert_eq!(
        essentials.to.display_name.as_deref(),
        Some("Watson, Thomas")
    );
    answered(&data("badaspec"), 200);
}

/// §3.1.2.15 Non-token Characters in Display Name: may be refused; taken here.
#[test]
fn rfc4475_baddn() {
    let (_, essentials) = request(&data("baddn"));
    assert_eq!(uri(&essentials.from), "sip:a.g.bell@example.com");
    assert_eq!(
        essentials.from.display_name.as_deref(),
        Some("Bell, Alexander")
    );
    assert_eq!(essentials.from.tag(), Some("43"));
    answered(&data("baddn"), 200);
}

/// §3.1.2.16 Unknown Protocol Version
#[test]
fn rfc4475_badvers() {
    assert_eq!(Message::parse(&data("badvers")), Err(MessageError::Version));
    let met = answered(&data("badvers"), 505);
    assert!(
        met.says(HeaderName::Via)
            .starts_with("SIP/7.0/UDP c.example.com")
    );
}

/// §3.1.2.17 Start Line and CSeq Method Mismatch
#[test]
fn rfc4475_mismatch01() {
    assert!(matches!(
        complaint(&data("mismatch01")),
        MessageError::Header { name: "CSeq", .. }
    ));
    answered(&data("mismatch01"), 400);
}

/// §3.1.2.18 Unknown Method with CSeq Method Mismatch
#[test]
fn rfc4475_mismatch02() {
    assert!(matches!(
        complaint(&data("mismatch02")),
        MessageError::Header { name: "CSeq", .. }
    ));
    let met = answered(&data("mismatch02"), 501);
    assert!(met.says(HeaderName::Allow).contains("INVITE"));
}

/// §3.1.2.19 Overlarge Response Code
#[test]
fn rfc4475_bigcode() {
    assert!(matches!(
        Message::parse(&data("bigcode")),
        Err(MessageError::StartLine { .. })
    ));
    dropped(&data("bigcode"));
}
