//! RFC 4475 §3.1.1, valid messages: each is read, and says what the section says it says.

use crate::torture::*;
use carillon_sip::message::{Frame, Framer, HeaderName, Method, Multipart, NameAddr, Via};
use carillon_sip::sdp::SessionDescription;
use std::time::Instant;

fn data(label: &str) -> Vec<u8> {
    crate::torture::data("rfc4475", label)
}

/// §3.1.1.1 A Short Tortuous INVITE
#[test]
fn rfc4475_wsinv() {
    let (request, essentials) = request(&data("wsinv"));
    assert_eq!(request.method, Method::Invite);
    assert_eq!(
        request.uri,
        sip("sip:vivekg@chair-dnrc.example.com;unknownparam").into()
    );
    assert_eq!(uri(&essentials.to), "sip:vivekg@chair-dnrc.example.com");
    assert_eq!(
        (essentials.to.tag(), essentials.from.tag()),
        (Some("1918181833n"), Some("98asjd8"))
    );
    assert_eq!(
        essentials.from.display_name.as_deref(),
        Some(r#"J Rosenberg \""#)
    );
    assert_eq!(request.max_forwards(), Ok(68));
    assert_eq!(essentials.call_id, "wsinv.ndaksdj@192.0.2.1");
    assert_eq!(
        (essentials.cseq.number, &essentials.cseq.method),
        (9, &Method::Invite)
    );
    let vias = request.headers.values(HeaderName::Via).unwrap();
    let vias: Vec<Via> = vias.iter().map(|via| via.parse().unwrap()).collect();
    let hops: Vec<_> = vias
        .iter()
        .map(|via| (via.transport.as_str(), via.host.to_string(), via.branch()))
        .collect();
    assert_eq!(
        hops,
        [
            ("UDP", "192.0.2.2".to_owned(), Some("390skdjuw")),
            (
                "TCP",
                "spindle.example.com".to_owned(),
                Some("z9hG4bK9ikj8")
            ),
            ("UDP", "192.168.255.111".to_owned(), Some("z9hG4bK30239")),
        ]
    );
    assert_eq!(
        request.headers.get(HeaderName::Subject),
        Some(&b""[..]),
        "an empty value is a value"
    );
    assert_eq!(
        request.headers.unknown("UnknownHeaderWithUnusualValue"),
        Some(&b";;,,;;,;"[..])
    );
    assert_eq!(
        request.headers.unknown("NEWFANGLEDHEADER"),
        Some(&b"newfangled value   continued newfangled value"[..])
    );
    let route: NameAddr = request
        .headers
        .first_value(HeaderName::Route)
        .unwrap()
        .parse()
        .unwrap();
    let params = &route.sip().unwrap().params;
    assert!(params.has("lr") && params.get("unknownwith") == Some("value"));
    assert!(params.has("unknown-no-value"));
    let contact = &contacts(&request)[0];
    assert_eq!(contact.display_name.as_deref(), Some(r#"Quoted string """#));
    assert_eq!(
        (
            contact.params.get("newparam"),
            contact.params.get("secondparam"),
            contact.params.get("q")
        ),
        (Some("newvalue"), Some(""), Some("0.33"))
    );
    assert_eq!(
        SessionDescription::parse(&request.body)
            .unwrap()
            .media
            .len(),
        2
    );
    // Its To has a tag: it belongs to a dialog that is not known here.
    answered(&data("wsinv"), 481);
}

/// §3.1.1.2 Wide Range of Valid Characters
#[test]
fn rfc4475_intmeth() {
    let bytes = data("intmeth");
    let (request, essentials) = request(&bytes);
    let method = "!interesting-Method0123456789_*+`.%indeed'~";
    assert_eq!(request.method.as_str(), method);
    assert_eq!(essentials.cseq.method.as_str(), method);
    assert_eq!(essentials.cseq.number, 139_122_385);
    let target = request.uri.sip().unwrap();
    assert_eq!(
        target.user.as_deref(),
        Some("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*")
    );
    assert_eq!(
        target.password.as_deref(),
        Some("&it+has=1,weird!*pas$wo~d_too.(doesn't-it)")
    );
    assert_eq!(target.host.to_string(), "example.com");
    assert_eq!(essentials.via.branch(), Some("z9hG4bK-.!%66*_+`'~"));
    assert_eq!(
        essentials.call_id,
        "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"
    );
    assert_eq!(request.max_forwards(), Ok(255));
    // BEL, NUL and DEL stand behind backslashes; none of them reaches a screen.
    assert_eq!(
        essentials.to.display_name.as_deref(),
        Some("BEL:  NUL:  DEL: ")
    );
    assert_eq!(
        essentials.from.display_name.as_deref(),
        Some("token1~` token2'+_ token3*%!.-")
    );
    assert_eq!(essentials.from.tag(), Some("_token~1'+`*%!-."));
    assert_eq!(
        essentials
            .from
            .params
            .unquoted("fromParam''~+*_!.-%")
            .as_deref(),
        Some("работающий")
    );
    assert_eq!(
        request.headers.unknown("extensionHeader-!.%*+_`'~"),
        Some("\u{feff}大停電".as_bytes())
    );
    let met = answered(&bytes, 501);
    assert!(met.says(HeaderName::Allow).contains("INVITE"));
    assert_eq!(
        met.answers[0].headers.get(HeaderName::From),
        request.headers.get(HeaderName::From),
        "From comes back byte for byte"
    );
}

/// §3.1.1.3 Valid Use of the % Escaping Mechanism
#[test]
fn rfc4475_esc01() {
    let (request, essentials) = request(&data("esc01"));
    let target = request.uri.sip().unwrap();
    assert!(!target.secure, "the escaped sips: is a user, not a scheme");
    assert_eq!(target.user.as_deref(), Some("sips%3Auser%40example.com"));
    assert_eq!(
        target.decoded_user().as_deref(),
        Some("sips:user@example.com")
    );
    assert_eq!(target.host.to_string(), "example.net");
    assert_eq!(
        essentials.to.sip().unwrap().decoded_user().as_deref(),
        Some("user")
    );
    assert!(
        essentials
            .to
            .sip()
            .unwrap()
            .equivalent(&sip("sip:user@example.com"))
    );
    assert_eq!(
        essentials.from.sip().unwrap().decoded_user().as_deref(),
        Some("I have spaces")
    );
    let contact = contacts(&request)[0].sip().unwrap().clone();
    assert_eq!(contact.decoded_user().as_deref(), Some("caller"));
    assert!(contact.equivalent(&sip("sip:caller@host5.example.net;lr;name=value%41")));
    rings(&data("esc01"));
}

/// §3.1.1.4 Escaped Nulls in URIs
#[test]
fn rfc4475_escnull() {
    let (request, essentials) = request(&data("escnull"));
    assert_eq!(request.method, Method::Register);
    assert_eq!(uri(&essentials.to), "sip:null-%00-null@example.com");
    assert_eq!(
        essentials.to.sip().unwrap().decoded_user().as_deref(),
        Some("null-\0-null")
    );
    let users: Vec<_> = contacts(&request)
        .iter()
        .map(|contact| contact.sip().unwrap().decoded_user().unwrap())
        .collect();
    assert_eq!(users, ["\0", "\0\0"], "a null does not end a string");
    answered(&data("escnull"), 405);
}

/// §3.1.1.5 Use of % When It Is Not an Escape
#[test]
fn rfc4475_esc02() {
    let (request, essentials) = request(&data("esc02"));
    assert_eq!(
        request.method,
        Method::Other("RE%47IST%45R".to_owned()),
        "a method is never unescaped"
    );
    assert_eq!(essentials.to.display_name.as_deref(), Some("%Z%45"));
    assert_eq!(essentials.via.branch(), Some("z9hG4bK209%fzsnel234"));
    let users: Vec<_> = contacts(&request).iter().map(uri).collect();
    assert_eq!(
        users,
        [
            "sip:alias1@host1.example.com",
            "sip:alias3@host3.example.com"
        ],
        "C%6Fntact is another header"
    );
    assert_eq!(
        request.headers.unknown("C%6Fntact"),
        Some(&b"<sip:alias2@host2.example.com>"[..])
    );
    answered(&data("esc02"), 501);
}

/// §3.1.1.6 Message with No LWS between Display Name and <
#[test]
fn rfc4475_lwsdisp() {
    let (request, essentials) = request(&data("lwsdisp"));
    assert_eq!(request.method, Method::Options);
    assert_eq!(essentials.from.display_name.as_deref(), Some("caller"));
    assert_eq!(uri(&essentials.from), "sip:caller@example.com");
    assert_eq!(essentials.from.tag(), Some("323"));
    answered(&data("lwsdisp"), 200);
}

/// §3.1.1.7 Long Values in Header Fields
#[test]
fn rfc4475_longreq() {
    let bytes = data("longreq");
    let (request, essentials) = request(&bytes);
    assert!(bytes.len() > 3000);
    let name = essentials.to.display_name.as_deref().unwrap();
    assert!(name.starts_with("I have a user name of extreme") && name.ends_with(" proportion"));
    let to = essentials.to.sip().unwrap();
    assert_eq!(to.port, Some(6000));
    assert_eq!(to.params.get("unknownparam1").unwrap().len(), 89);
    let long = to.params.iter().find(|(name, _)| name.len() == 109);
    assert_eq!(long.unwrap().1, Some("shortvalue"));
    assert!(essentials.from.tag().unwrap().len() > 100);
    assert!(
        essentials
            .call_id
            .starts_with("longreq.onereallyreallyreally")
    );
    assert_eq!(essentials.cseq.number, 3_882_340);
    assert!(request.headers.values(HeaderName::Via).unwrap().len() > 30);
    rings(&bytes);
}

/// §3.1.1.8 Extra Trailing Octets in a UDP Datagram
#[test]
fn rfc4475_dblreq() {
    let bytes = data("dblreq");
    let (request, essentials) = request(&bytes);
    assert_eq!(request.method, Method::Register);
    assert_eq!(essentials.call_id, "dblreq.0ha0isndaksdj99sdfafnl3lk233412");
    assert_eq!(request.body, b"", "what follows is not its body");
    answered(&bytes, 405);
    // On a stream it is two messages.
    let now = Instant::now();
    let mut framer = Framer::new();
    framer.push(now, &bytes).unwrap();
    let mut methods = Vec::new();
    while let Ok(Some(frame)) = framer.next(now) {
        if let Frame::Message(message) = frame {
            methods.push(crate::torture::request(&message).0.method);
        }
    }
    assert_eq!(methods, [Method::Register, Method::Invite]);
}

/// §3.1.1.9 Semicolon-Separated Parameters in URI User Part
#[test]
fn rfc4475_semiuri() {
    let (request, essentials) = request(&data("semiuri"));
    let target = request.uri.sip().unwrap();
    assert_eq!(target.user.as_deref(), Some("user;par=u%40example.net"));
    assert_eq!(
        target.decoded_user().as_deref(),
        Some("user;par=u@example.net")
    );
    assert_eq!(target.host.to_string(), "example.com");
    assert!(target.params.is_empty());
    assert_eq!(uri(&essentials.to), "sip:j_user@example.com");
    assert_eq!(request.headers.values(HeaderName::Accept).unwrap().len(), 6);
    answered(&data("semiuri"), 200);
}

/// §3.1.1.10 Varied and Unknown Transport Types
#[test]
fn rfc4475_transports() {
    let (request, _) = request(&data("transports"));
    let vias = request.headers.values(HeaderName::Via).unwrap();
    let transports: Vec<_> = vias
        .iter()
        .map(|via| via.parse::<Via>().unwrap().transport)
        .collect();
    assert_eq!(transports, ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]);
    let met = answered(&data("transports"), 200);
    assert_eq!(
        met.answers[0].headers.values(HeaderName::Via).unwrap()[1..],
        vias[1..]
    );
}

/// §3.1.1.11 Multipart MIME Message
#[test]
fn rfc4475_mpart01() {
    let (request, _) = request(&data("mpart01"));
    assert_eq!(request.method, Method::Message);
    let body = Multipart::of(&request.headers, &request.body)
        .unwrap()
        .unwrap();
    assert_eq!(body.subtype(), "mixed");
    let types: Vec<_> = body
        .parts()
        .iter()
        .map(|part| part.content_type().to_string())
        .collect();
    assert_eq!(types, ["text/plain", "application/octet-stream"]);
    assert_eq!(body.parts()[0].body(), b"Hello");
    assert!(
        body.parts()[1].body().starts_with(&[0x30, 0x82]),
        "the second part is binary: a DER structure with its nulls"
    );
    assert!(body.parts()[1].body().contains(&0));
    let length = usize::from(u16::from_be_bytes([
        body.parts()[1].body()[2],
        body.parts()[1].body()[3],
    ]));
    assert_eq!(body.parts()[1].body().len(), length + 4, "and whole");
    // A text is wanted of a MESSAGE; whether this one can be shown is not for the parser to say.
    assert!(matches!(
        meet(&data("mpart01")).statuses()[..],
        [200 | 202 | 405 | 415]
    ));
}

/// §3.1.1.12 Unusual Reason Phrase
#[test]
fn rfc4475_unreason() {
    let response = response(&data("unreason"));
    assert_eq!(response.status, 200);
    assert_eq!(
        response.reason,
        "= 2**3 * 5**2 но сто девяносто девять - простое"
    );
    assert_eq!(response.essentials().unwrap().cseq.number, 35);
}

/// §3.1.1.13 Empty Reason Phrase
#[test]
fn rfc4475_noreason() {
    let response = response(&data("noreason"));
    assert_eq!((response.status, response.reason.as_str()), (100, ""));
    assert!(response.essentials().is_ok());
}
