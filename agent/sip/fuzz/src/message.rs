//! Bytes as one datagram: what is read is printed, what is printed is read the same, and every typed view bears every value.

use carillon_sip::message::{
    Fault, HeaderName, MAX_PARTS, MAX_VALUES, Message, Multipart, NameAddr, Response, Via,
};

/// Reads a message and everything in it.
pub fn run(data: &[u8]) {
    let message = match Message::parse_or_salvage(data) {
        Ok(message) => message,
        Err(Fault { error, request }) => {
            assert!((400..600).contains(&error.status()));
            assert!(!error.to_string().is_empty());
            if let Some(request) = request {
                let refusal = Response::to(&request, error.status(), Some("tag"));
                Message::parse(&refusal.to_bytes()).expect("a refusal can be read");
            }
            return;
        }
    };
    let printed = message.to_bytes();
    let again = Message::parse(&printed).expect("what is printed can be read");
    assert_eq!(again.to_bytes(), printed);
    assert_eq!(again.body(), message.body());
    let headers = message.headers();
    for name in HeaderName::ALL {
        let _ = headers.text(*name);
        let _ = headers.first_value(*name);
        let Ok(values) = headers.values(*name) else {
            continue;
        };
        assert!(values.len() <= MAX_VALUES);
        for value in values {
            if let Ok(address) = value.parse::<NameAddr>() {
                let printed = address.to_string();
                assert_eq!(printed.parse().as_ref(), Ok(&address), "{printed}");
                let _ = (address.label(), address.tag());
            }
            if let Ok(via) = value.parse::<Via>() {
                let printed = via.to_string();
                assert_eq!(printed.parse().as_ref(), Ok(&via), "{printed}");
                let _ = (via.branch(), via.sent_by());
            }
        }
    }
    if let Ok(Some(multipart)) = Multipart::of(headers, message.body()) {
        assert!(multipart.parts().len() <= MAX_PARTS);
        for part in multipart.parts() {
            let _ = (part.is_optional(), part.content_type().to_string());
        }
    }
    let essentials = match &message {
        Message::Request(request) => {
            let _ = request.max_forwards();
            let answer = Response::to(request, 200, Some("tag"));
            Message::parse(&answer.to_bytes()).expect("an answer can be read");
            request.essentials()
        }
        Message::Response(response) => {
            let _ = response.retry_after();
            response.essentials()
        }
    };
    if let (Ok(first), Message::Request(again)) = (&essentials, &again) {
        assert_eq!(again.essentials().as_ref(), Ok(first));
    }
}
