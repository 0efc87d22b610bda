//! RFC 4475 §3.2 to §3.4: transactions, what a UAS makes of odd requests, and peers of RFC 2543.

use crate::by_hand::{BOB_ADDRESS, PEER};
use crate::torture::*;
use carillon_sip::message::{AddrSpec, HeaderName, MessageError, Method};
use carillon_sip::sdp::SessionDescription;

fn data(label: &str) -> Vec<u8> {
    crate::torture::data("rfc4475", label)
}

fn contact_facts(label: &str) -> (bool, bool) {
    let (request, _) = request(&data(label));
    let contact = &contacts(&request)[0];
    assert_eq!(contact.sip().unwrap().user.as_deref(), Some("+19725552222"));
    answered(&data(label), 405);
    (
        contact.params.has("unknownparam"),
        contact.sip().unwrap().params.has("unknownparam"),
    )
}

/// §3.2.1 Missing Transaction Identifier: falls back to the rules of RFC 2543.
#[test]
fn rfc4475_badbranch() {
    let bytes = data("badbranch");
    let (_, essentials) = request(&bytes);
    assert_eq!(essentials.via.branch(), Some("z9hG4bK"));
    let mut met = answered(&bytes, 200);
    // The next one with the same non-branch is another transaction, not a repetition.
    let next = String::from_utf8(bytes)
        .unwrap()
        .replace("CSeq: 8", "CSeq: 9");
    met.network.trace.clear();
    let (peer, bob) = (PEER.parse().unwrap(), BOB_ADDRESS.parse().unwrap());
    met.network.inject(peer, bob, next.as_bytes());
    let lines: Vec<_> = met.network.trace.iter().map(|(.., bytes)| bytes).collect();
    assert!(lines[1].starts_with(b"SIP/2.0 200"));
}

/// §3.3.1 Missing Required Header Fields
#[test]
fn rfc4475_insuf() {
    assert!(matches!(
        complaint(&data("insuf")),
        MessageError::Missing { .. }
    ));
    answered(&data("insuf"), 400);
}

/// §3.3.2 Request-URI with Unknown Scheme
#[test]
fn rfc4475_unkscm() {
    let (request, _) = request(&data("unkscm"));
    assert_eq!(
        request.uri,
        AddrSpec::Other("nobodyKnowsThisScheme:totallyopaquecontent".to_owned())
    );
    answered(&data("unkscm"), 416);
}

/// §3.3.3 Request-URI with Known but Atypical Scheme
#[test]
fn rfc4475_novelsc() {
    let (request, _) = request(&data("novelsc"));
    assert_eq!(request.uri.to_string(), "soap.beep://192.0.2.103:3002");
    answered(&data("novelsc"), 416);
}

/// §3.3.4 Unknown URI Schemes in Header Fields
#[test]
fn rfc4475_unksm2() {
    let (request, essentials) = request(&data("unksm2"));
    assert_eq!(uri(&essentials.to), "isbn:2983792873");
    assert_eq!(uri(&essentials.from), "http://www.example.com");
    assert_eq!(uri(&contacts(&request)[0]), "name:John_Smith");
    answered(&data("unksm2"), 405);
}

/// §3.3.5 Proxy-Require and Require
#[test]
fn rfc4475_bext01() {
    let met = answered(&data("bext01"), 420);
    assert_eq!(
        met.says(HeaderName::Unsupported),
        "nothingSupportsThis, nothingSupportsThisEither",
        "Proxy-Require is not for a user agent"
    );
}

/// §3.3.6 Unknown Content-Type
#[test]
fn rfc4475_invut() {
    let met = answered_after_trying(&data("invut"), 415);
    assert!(met.contains("application/sdp"));
}

/// The Accept header of the answer; a 100 may come before it.
fn answered_after_trying(bytes: &[u8], status: u16) -> String {
    let met = meet(bytes);
    assert!(!met.rang);
    let last = met.answers.last().unwrap();
    assert_eq!(last.status, status);
    let accept = last.headers.text(HeaderName::Accept).unwrap_or_default();
    accept.into_owned()
}

/// §3.3.7 Unknown Authorization Scheme
#[test]
fn rfc4475_regaut01() {
    let (request, _) = request(&data("regaut01"));
    assert_eq!(
        request.headers.get(HeaderName::Authorization),
        Some(&b"NoOneKnowsThisScheme opaque-data=here"[..])
    );
    answered(&data("regaut01"), 405);
}

/// §3.3.8 Multiple Values in Single Value Required Fields
#[test]
fn rfc4475_multi01() {
    assert!(matches!(
        complaint(&data("multi01")),
        MessageError::Repeated { .. }
    ));
    answered(&data("multi01"), 400);
}

/// §3.3.9 Multiple Content-Length Values
#[test]
fn rfc4475_mcl01() {
    assert_eq!(
        complaint(&data("mcl01")),
        MessageError::Repeated {
            name: "Content-Length"
        }
    );
    answered(&data("mcl01"), 400);
}

/// §3.3.10 200 OK Response with Broadcast Via Header Field Value
#[test]
fn rfc4475_bcast() {
    let response = response(&data("bcast"));
    assert_eq!(response.headers.values(HeaderName::Via).unwrap().len(), 2);
    dropped(&data("bcast"));
}

/// §3.3.11 Max-Forwards of Zero
#[test]
fn rfc4475_zeromf() {
    let (request, _) = request(&data("zeromf"));
    assert_eq!(request.max_forwards(), Ok(0));
    answered(&data("zeromf"), 200);
}

/// §3.3.12 REGISTER with a Contact Header Parameter
#[test]
fn rfc4475_cparam01() {
    assert_eq!(contact_facts("cparam01"), (true, false));
}

/// §3.3.13 REGISTER with a url-parameter
#[test]
fn rfc4475_cparam02() {
    assert_eq!(contact_facts("cparam02"), (false, true));
}

/// §3.3.14 REGISTER with a URL Escaped Header
#[test]
fn rfc4475_regescrt() {
    let (request, _) = request(&data("regescrt"));
    let contact = contacts(&request)[0].sip().unwrap().clone();
    assert_eq!(
        contact.headers.as_deref(),
        Some("Route=%3Csip:sip.example.com%3E")
    );
    assert!(!request.headers.has(HeaderName::Route));
    answered(&data("regescrt"), 405);
}

/// §3.3.15 Unacceptable Accept Offering
#[test]
fn rfc4475_sdp01() {
    let (request, _) = request(&data("sdp01"));
    assert_eq!(
        request.headers.values(HeaderName::Accept).unwrap(),
        ["text/nobodyKnowsThis"]
    );
    answered(&data("sdp01"), 406);
}

/// §3.4.1 INVITE with RFC 2543 Syntax
#[test]
fn rfc4475_inv2543() {
    let (request, essentials) = request(&data("inv2543"));
    assert_eq!(request.method, Method::Invite);
    assert_eq!(
        (essentials.via.branch(), essentials.from.tag()),
        (None, None)
    );
    assert_eq!(request.max_forwards(), Ok(70), "a missing one is no error");
    let record_route = request
        .headers
        .first_value(HeaderName::RecordRoute)
        .unwrap();
    assert!(record_route.contains("maddr=ss1.example.com"));
    let sdp = SessionDescription::parse(&request.body).unwrap();
    assert_eq!(sdp.media[0].formats, ["0"]);
    // It has no Contact, which RFC 2543 did not ask for; From says where the peer is.
    let met = meet(&data("inv2543"));
    assert!(met.rang, "{:?}", met.statuses());
}
