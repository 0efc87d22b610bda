//! Messages: what is printed is read back the same, nothing panics, every limit holds.

use carillon_sip::digest::Challenge;
use carillon_sip::message::{
    HeaderName, Headers, MAX_HEADERS, MAX_LINE, MAX_MESSAGE, MAX_VALUES, Message, MessageError,
    Method, NameAddr, Request, Response, Via,
};
use carillon_sip::sdp::SessionDescription;
use carillon_sip::{AddrSpec, Endpoint, EndpointConfig, Output, Uri};
use proptest::prelude::*;
use std::time::Instant;

/// Every message of the corpus with its name.
pub(crate) fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sip"))
        .map(|path| {
            (
                path.file_stem().unwrap().to_string_lossy().into_owned(),
                std::fs::read(&path).unwrap(),
            )
        })
        .collect();
    files.sort();
    assert!(files.len() >= 25);
    files
}

fn essentials(message: &Message) -> Result<carillon_sip::message::Essentials, MessageError> {
    match message {
        Message::Request(request) => request.essentials(),
        Message::Response(response) => response.essentials(),
    }
}

#[test]
fn corpus_is_read_and_printed_the_same() {
    for (name, bytes) in corpus() {
        let message = Message::parse(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let first = essentials(&message).unwrap_or_else(|error| panic!("{name}: {error}"));
        let printed = message.to_bytes();
        let again = Message::parse(&printed).unwrap();
        assert_eq!(essentials(&again).unwrap(), first, "{name}");
        assert_eq!(again.to_bytes(), printed, "{name}");
        assert_eq!(again.body(), message.body(), "{name}");
        for address in [&first.from, &first.to] {
            assert_eq!(
                &address.to_string().parse::<NameAddr>().unwrap(),
                address,
                "{name}"
            );
        }
        assert_eq!(
            first.via.to_string().parse::<Via>().unwrap(),
            first.via,
            "{name}"
        );
    }
}

#[test]
fn folds_compact_names_lists_and_quotes_are_understood() {
    let torture = corpus()
        .into_iter()
        .find(|(name, _)| name == "torture-wsinv")
        .unwrap()
        .1;
    let message = Message::parse(&torture).unwrap();
    let essentials = essentials(&message).unwrap();
    assert_eq!(
        (
            essentials.cseq.number,
            essentials.via.host.to_string().as_str(),
            essentials.via.branch()
        ),
        (9, "192.0.2.2", Some("390skdjuw"))
    );
    assert_eq!(
        essentials.from.display_name.as_deref(),
        Some("J Rosenberg \\\"")
    );
    assert_eq!(
        (essentials.from.tag(), essentials.to.tag()),
        (Some("98asjd8"), Some("1918181833n"))
    );
    let headers = message.headers();
    assert_eq!(headers.values(HeaderName::Via).unwrap().len(), 3);
    assert_eq!(
        headers.unknown("newfangledheader"),
        Some(&b"newfangled value   continued newfangled value"[..])
    );
    let contact: NameAddr = headers
        .first_value(HeaderName::Contact)
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(
        (contact.display_name.as_deref(), contact.params.get("q")),
        (Some("Quoted string \"\""), Some("0.33"))
    );
    assert!(matches!(&message, Message::Request(request) if request.max_forwards() == Ok(68)));
}

#[test]
fn uris_keep_what_they_came_with() {
    for text in [
        "sip:bob@example.org",
        "sip:user;par=u%40example.net@example.com",
        "sip:+1-212;phone-context=x:secret@[2001:db8::1]:5070;transport=udp;lr?Subject=hi&To=a%40b",
        "sips:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com",
        "sip:example.org:5062",
        "sip:10.0.0.1",
    ] {
        let uri: Uri = text
            .parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(uri.to_string(), text);
    }
    for text in [
        "sip:",
        "sip:@x",
        "sip:a@",
        "sip:a@b:99999",
        "sip:a@b:x",
        "sip:a b@c",
        "sip:a@[::1",
        "sip:a%4@b",
        "sip:a@b c",
        "sip:a@b>",
        "tel:1",
        "a@b",
        "sip:a@b@c",
    ] {
        assert!(text.parse::<Uri>().is_err(), "{text}");
    }
    let uri: Uri = "sip:%61lice@Example.ORG;Transport=UDP;x=1".parse().unwrap();
    assert!(uri.equivalent(&"sip:alice@example.org;transport=udp".parse().unwrap()));
    assert!(!uri.equivalent(&"sip:alice@example.org".parse().unwrap()));
    assert!(!uri.equivalent(&"sip:Alice@example.org;transport=udp".parse().unwrap()));
    assert!(!uri.equivalent(&"sip:alice@example.org;transport=udp;x=2".parse().unwrap()));
}

fn options(extra: &str) -> String {
    format!(
        "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:x@y>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n{extra}\r\n"
    )
}

#[test]
fn limits_hold() {
    let parse = |text: &str| Message::parse(text.as_bytes());
    assert!(matches!(
        Message::parse(&vec![b'a'; MAX_MESSAGE + 1]),
        Err(MessageError::TooLarge { .. })
    ));
    let fields = "X: y\r\n".repeat(MAX_HEADERS - 5);
    assert!(parse(&options(&fields)).is_ok());
    assert_eq!(
        parse(&options(&format!("{fields}X: y\r\n"))),
        Err(MessageError::TooManyHeaders { limit: MAX_HEADERS })
    );
    assert!(parse(&options(&format!("X: {}\r\n", "y".repeat(MAX_LINE - 3)))).is_ok());
    assert!(matches!(
        parse(&options(&format!("X: {}\r\n", "y".repeat(MAX_LINE)))),
        Err(MessageError::LineTooLong { line: 7, .. })
    ));
    let folded = format!("X: y{}\r\n", "\r\n y".repeat(MAX_LINE / 3));
    assert!(matches!(
        parse(&options(&folded)),
        Err(MessageError::LineTooLong { .. })
    ));
    let message = parse(&options(&format!(
        "Contact: {}\r\n",
        ["<sip:a@b>"; MAX_VALUES + 1].join(",")
    )))
    .unwrap();
    assert!(matches!(
        message.headers().values(HeaderName::Contact),
        Err(MessageError::TooManyValues { .. })
    ));
    let long = format!("sip:a@b{}", ";x".repeat(65));
    assert!(long.parse::<Uri>().is_err());
}

#[test]
fn harmful_oddities_are_refused() {
    for text in [
        "",
        "\r\n\r\n",
        "OPTIONS sip:a@b SIP/2.0",
        "OPTIONS sip:a@b SIP/3.0\r\n\r\n",
        "OPTIONS  SIP/2.0\r\n\r\n",
        "OP TIONS sip:a@b SIP/2.0\r\n\r\n",
        "SIP/2.0 99 x\r\n\r\n",
        "SIP/2.0 700 x\r\n\r\n",
        "SIP/2.0 2000 x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        &options("no colon\r\n"),
        &options("bad name: x\r\n"),
        &options(": x\r\n"),
        &options("X: a\rVia: b\r\n"),
        &options("X: a\0b\r\n"),
    ] {
        assert!(Message::parse(text.as_bytes()).is_err(), "{text:?}");
    }
    let read = |extra: &str| match Message::parse(options(extra).as_bytes()) {
        Ok(message) => essentials(&message),
        Err(error) => Err(error),
    };
    assert!(read("").is_ok());
    assert_eq!(
        read("CSeq: 2 OPTIONS\r\n"),
        Err(MessageError::Repeated { name: "CSeq" })
    );
    assert!(
        read("CSeq: 1 OPTIONS\r\n").is_ok(),
        "an equal repeat harms nobody"
    );
    assert_eq!(
        read("Content-Length: 10\r\n"),
        Err(MessageError::ShortBody {
            promised: 10,
            held: 0
        })
    );
    assert!(matches!(
        read("Content-Length: -1\r\n"),
        Err(MessageError::Header {
            name: "Content-Length",
            ..
        })
    ));
    assert!(matches!(
        read("Content-Length: 99999999999999999999999\r\n"),
        Err(MessageError::Header { .. })
    ));
}

#[test]
fn a_value_cannot_begin_a_header() {
    let mut request = Request::new(Method::Options, "sip:a@b".parse::<Uri>().unwrap());
    request.uri = AddrSpec::Other("x:\r\nVia: evil".to_owned());
    assert!(
        request
            .to_bytes()
            .starts_with(b"OPTIONS x:__Via:_evil SIP/2.0\r\n")
    );
    request.uri = AddrSpec::Sip("sip:a@b".parse().unwrap());
    request
        .headers
        .push(HeaderName::Subject, "hi\r\nVia: SIP/2.0/UDP evil\0");
    assert_eq!(request.to_bytes(), b"OPTIONS sip:a@b SIP/2.0\r\nSubject: hi  Via: SIP/2.0/UDP evil \r\nContent-Length: 0\r\n\r\n");
}

fn uri() -> impl Strategy<Value = Uri> {
    let host = prop_oneof![
        "[a-z][a-z0-9-]{0,12}(\\.[a-z]{1,5}){0,2}",
        Just("[2001:db8::1]".to_owned()),
        Just("192.0.2.7".to_owned())
    ];
    let user = proptest::option::of("[a-zA-Z0-9+;?&=,$/_.!~*'()-]{1,12}(%[0-9A-F]{2}){0,2}");
    let params = proptest::collection::vec(
        ("[a-z]{1,8}", proptest::option::of("[a-zA-Z0-9%.:-]{1,8}")),
        0..4,
    );
    (
        any::<bool>(),
        user,
        host,
        proptest::option::of(any::<u16>()),
        params,
    )
        .prop_map(|(secure, user, host, port, params)| {
            let mut uri = Uri::of_host(carillon_sip::Host::parse(&host).unwrap(), port);
            uri.secure = secure;
            uri.user = user;
            for (name, value) in params {
                uri.params.set(&name, value.as_deref());
            }
            uri
        })
}

fn name_addr() -> impl Strategy<Value = NameAddr> {
    let name = proptest::option::of("[ -~äö大\"\\\\]{0,16}");
    (name, uri(), proptest::option::of("[a-z0-9.-]{1,12}")).prop_map(|(display_name, uri, tag)| {
        let mut address = NameAddr {
            display_name,
            ..NameAddr::new(uri)
        };
        if let Some(tag) = tag {
            address.params.set("tag", Some(&tag));
        }
        address
    })
}

fn headers() -> impl Strategy<Value = Headers> {
    let known = proptest::sample::select(HeaderName::ALL.to_vec())
        .prop_map(|name| name.as_str().to_owned());
    let name = prop_oneof![known, "X-[A-Za-z0-9!%*_+`'~.-]{1,12}"];
    let value = "([!-~äö大]([ -~äö大]{0,30}[!-~äö大])?)?";
    proptest::collection::vec((name, value), 0..20).prop_map(|list| {
        let mut headers = Headers::new();
        for (name, value) in list {
            if name != "Content-Length" {
                headers.push_unknown(&name, value);
            }
        }
        headers.push(HeaderName::ContentLength, "0");
        headers
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn requests_come_back_as_they_went(uri in uri(), method in "[A-Z]{3,9}", mut headers in headers(), body in proptest::collection::vec(any::<u8>(), 0..200)) {
        headers.set(HeaderName::ContentLength, body.len().to_string());
        let length = headers.text(HeaderName::ContentLength).unwrap().into_owned();
        headers.remove(HeaderName::ContentLength);
        headers.push(HeaderName::ContentLength, length);
        let request = Message::Request(Request { method: Method::of(&method).unwrap(), uri: AddrSpec::Sip(uri), headers, body });
        prop_assert_eq!(Message::parse(&request.to_bytes()).unwrap(), request);
    }

    #[test]
    fn responses_come_back_as_they_went(status in 100_u16..700, reason in "[ -~äö]{0,20}", headers in headers()) {
        let response = Message::Response(Response { status, reason, headers, body: Vec::new() });
        prop_assert_eq!(Message::parse(&response.to_bytes()).unwrap(), response);
    }

    #[test]
    fn addresses_come_back_as_they_went(address in name_addr()) {
        prop_assert_eq!(address.to_string().parse::<NameAddr>().unwrap(), address);
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        swallow(&bytes);
    }

    #[test]
    fn no_mangled_message_panics(which in any::<proptest::sample::Index>(), other in any::<proptest::sample::Index>(), cuts in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..12), splice in any::<proptest::sample::Index>()) {
        let corpus = corpus();
        let mut bytes = which.get(&corpus).1.clone();
        for (at, byte) in cuts {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let tail = &other.get(&corpus).1;
        bytes.truncate(splice.index(bytes.len()) + 1);
        bytes.extend_from_slice(&tail[splice.index(tail.len())..]);
        swallow(&bytes);
    }
}

/// Feeds bytes to every reader there is, and to an endpoint.
fn swallow(bytes: &[u8]) {
    if let Ok(message) = Message::parse(bytes) {
        let _ = essentials(&message);
        let _ = Challenge::read_all(message.headers());
        let _ = SessionDescription::parse(message.body());
        let printed = message.to_bytes();
        assert_eq!(Message::parse(&printed).unwrap().to_bytes(), printed);
    }
    if let Ok(description) = SessionDescription::parse(bytes) {
        let printed = description.to_string();
        assert_eq!(
            SessionDescription::parse(printed.as_bytes()).unwrap(),
            description
        );
    }
    let now = Instant::now();
    let mut config = EndpointConfig::new("sip:bob@192.0.2.4".parse().unwrap());
    config.register_expires = std::time::Duration::ZERO;
    let mut endpoint = Endpoint::new(config, 1).unwrap();
    endpoint.register(now);
    let mut received = false;
    while let Some(output) = endpoint.poll_output(now) {
        if let Output::Open { flow, .. } = output {
            endpoint.flow_opened(now, flow, "192.0.2.4:5060".parse().unwrap());
            endpoint.receive(now, flow, "192.0.2.5:5060".parse().unwrap(), bytes);
            received = true;
        }
    }
    assert!(received);
}
