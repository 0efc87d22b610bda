//! RFC 5118, torture messages for IPv6: what each section says of its message.

use crate::torture::*;
use carillon_sip::Host;
use carillon_sip::message::{HeaderName, Message, MessageError, Request, Via};
use carillon_sip::sdp::SessionDescription;
use std::net::{IpAddr, Ipv6Addr};

fn data(label: &str) -> Vec<u8> {
    crate::torture::data("rfc5118", label)
}

/// The bytes with the Content-Length that is true: the RFC's own counts are not, in the three messages that have a body.
fn measured(label: &str) -> Vec<u8> {
    let bytes = data(label);
    let body = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap()
        + 4;
    let text = String::from_utf8(bytes.clone()).unwrap();
    let (before, after) = text.split_once("Content-Length: ").unwrap();
    let (_, after) = after.split_once("\r\n").unwrap();
    format!("{before}Content-Length: {}\r\n{after}", bytes.len() - body).into_bytes()
}

fn v6(text: &str) -> Host {
    Host::V6(text.parse().unwrap())
}

fn target(request: &Request) -> (Host, Option<u16>) {
    let uri = request.uri.sip().unwrap();
    (uri.host.clone(), uri.port)
}

/// §4.1 Valid SIP Message with an IPv6 Reference
#[test]
fn rfc5118_ipv6_good() {
    let (request, essentials) = request(&data("ipv6-good"));
    assert_eq!(target(&request), (v6("2001:db8::10"), None));
    assert_eq!(essentials.via.host, v6("2001:db8::9:1"));
    assert_eq!(contacts(&request)[0].sip().unwrap().host, v6("2001:db8::1"));
    answered(&data("ipv6-good"), 405);
}

/// §4.2 Invalid SIP Message with an IPv6 Reference
#[test]
fn rfc5118_ipv6_bad() {
    assert!(matches!(
        Message::parse(&data("ipv6-bad")),
        Err(MessageError::RequestUri { .. })
    ));
    answered(&data("ipv6-bad"), 400);
}

/// §4.3 Port Ambiguous in a SIP URI
#[test]
fn rfc5118_port_ambiguous() {
    let (request, _) = request(&data("port-ambiguous"));
    assert_eq!(
        target(&request),
        (v6("2001:db8::10:5070"), None),
        "what looks like a port is the end of the address"
    );
    answered(&data("port-ambiguous"), 405);
}

/// §4.4 Port Unambiguous in a SIP URI
#[test]
fn rfc5118_port_unambiguous() {
    let (request, _) = request(&data("port-unambiguous"));
    assert_eq!(target(&request), (v6("2001:db8::10"), Some(5070)));
    answered(&data("port-unambiguous"), 405);
}

/// §4.5 IPv6 Reference Delimiters in Via Header: with brackets, which the grammar does not have
#[test]
fn rfc5118_via_received_param_with_delim() {
    let (_, essentials) = request(&data("via-received-param-with-delim"));
    assert_eq!(
        essentials.via.params.get("received"),
        Some("[2001:db8::9:255]")
    );
    assert_eq!(essentials.via.branch(), Some("z9hG4bKas3-111"));
    // It goes on to be processed: no such dialog.
    answered(&data("via-received-param-with-delim"), 481);
}

/// §4.5 the same without brackets
#[test]
fn rfc5118_via_received_param_no_delim() {
    let (_, essentials) = request(&data("via-received-param-no-delim"));
    assert_eq!(
        essentials.via.params.get("received"),
        Some("2001:db8::9:255")
    );
    answered(&data("via-received-param-no-delim"), 200);
}

/// §4.6 SIP Request with IPv6 Addresses in Session Description Protocol (SDP) Body
#[test]
fn rfc5118_ipv6_in_sdp() {
    assert!(matches!(
        complaint(&data("ipv6-in-sdp")),
        MessageError::ShortBody {
            promised: 268,
            held: 251
        }
    ));
    let (request, _) = request(&measured("ipv6-in-sdp"));
    let sdp = SessionDescription::parse(&request.body).unwrap();
    let address: IpAddr = "2001:db8::20".parse().unwrap();
    assert_eq!(sdp.connection, Some(address));
    assert_eq!(sdp.origin.address, "2001:db8::20");
    let ports: Vec<_> = sdp.media.iter().map(|media| media.port).collect();
    assert_eq!(ports, [6000, 6024]);
    assert_eq!(sdp.address_of(&sdp.media[1]), Some(address));
    assert!(meet(&measured("ipv6-in-sdp")).rang);
}

/// §4.7 Multiple IP Addresses in SIP Headers
#[test]
fn rfc5118_mult_ip_in_header() {
    let (request, essentials) = request(&data("mult-ip-in-header"));
    assert_eq!(
        (&essentials.via.host, essentials.via.port),
        (&v6("2001:db8::9:1"), Some(6050))
    );
    let vias = request.headers.values(HeaderName::Via).unwrap();
    let vias: Vec<Via> = vias.iter().map(|via| via.parse().unwrap()).collect();
    assert_eq!(vias[1].host.ip(), Some([192, 0, 2, 1].into()));
    assert_eq!(
        (&vias[2].host, vias[2].params.get("received")),
        (&v6("2001:db8::9:255"), Some("192.0.2.200"))
    );
    answered(&data("mult-ip-in-header"), 481);
}

/// §4.8 Multiple IP Addresses in SDP
#[test]
fn rfc5118_mult_ip_in_sdp() {
    let (request, _) = request(&measured("mult-ip-in-sdp"));
    let sdp = SessionDescription::parse(&request.body).unwrap();
    assert_eq!(sdp.connection, None);
    let addresses: Vec<_> = sdp
        .media
        .iter()
        .map(|media| sdp.address_of(media))
        .collect();
    assert_eq!(
        addresses,
        [
            Some([192, 0, 2, 1].into()),
            Some("2001:db8::1".parse().unwrap())
        ]
    );
    rings(&measured("mult-ip-in-sdp"));
    rings(&data("mult-ip-in-sdp"));
}

/// §4.9 IPv4-Mapped IPv6 Addresses
#[test]
fn rfc5118_ipv4_mapped_ipv6() {
    let (request, essentials) = request(&measured("ipv4-mapped-ipv6"));
    let mapped = |last: u128| Host::V6(Ipv6Addr::from_bits(0xffff_c000_0200 | last));
    assert_eq!(
        (&essentials.via.host, essentials.via.port),
        (&mapped(10), Some(19823))
    );
    let second: Via = request.headers.values(HeaderName::Via).unwrap()[1]
        .parse()
        .unwrap();
    assert_eq!((&second.host, second.port), (&mapped(2), None));
    assert_eq!(contacts(&request)[0].sip().unwrap().host, mapped(2));
    assert_eq!(second.host.to_string(), "[::ffff:192.0.2.2]");
    let sdp = SessionDescription::parse(&request.body).unwrap();
    assert_eq!(sdp.connection, mapped(2).ip());
    assert!(meet(&measured("ipv4-mapped-ipv6")).rang);
}

/// §4.10 IPv6 Reference Bug in RFC 3261 ABNF: the third colon is ignored
#[test]
fn rfc5118_ipv6_bug_abnf_3_colons() {
    let (request, essentials) = request(&data("ipv6-bug-abnf-3-colons"));
    assert_eq!(target(&request), (v6("2001:db8::192.0.2.1"), None));
    assert_eq!(essentials.to.sip().unwrap().host, v6("2001:db8::192.0.2.1"));
    assert!(
        !request.uri.to_string().contains(":::"),
        "and not handed on"
    );
    answered(&data("ipv6-bug-abnf-3-colons"), 200);
}

/// §4.10 the same, right
#[test]
fn rfc5118_ipv6_correct_abnf_2_colons() {
    let (request, _) = request(&data("ipv6-correct-abnf-2-colons"));
    assert_eq!(target(&request), (v6("2001:db8::192.0.2.1"), None));
    answered(&data("ipv6-correct-abnf-2-colons"), 200);
}
