//! `rsip` as a second opinion: where it reads a message of the corpus, it must agree with us.
//! The list of what it refuses is written down here; when it shrinks, the choice for a parser of our own can be looked at again.

use crate::messages::corpus;
use carillon_sip::message::{HeaderName, Message};
use rsip::prelude::*;

/// Messages of the corpus that `rsip` 0.4 does not read, or whose From, To, Via, CSeq or Contact it does not read.
const REFUSED: &[&str] = &[
    "field-compact",
    "field-ipv6",
    "field-outbound-instance",
    "field-tel-from",
    "torture-esc01",
    "torture-semiuri",
    "torture-unknown-method",
    "torture-wsinv",
];

struct Opinion {
    start: String,
    headers: Vec<(String, String)>,
    from: String,
    from_tag: Option<String>,
    cseq: u32,
}

fn opinion(bytes: &[u8]) -> Result<Opinion, String> {
    let text = |error: rsip::Error| error.to_string();
    let message = rsip::SipMessage::try_from(bytes).map_err(text)?;
    let start = match &message {
        rsip::SipMessage::Request(request) => format!("{} {}", request.method, request.uri),
        rsip::SipMessage::Response(response) => response.status_code.code().to_string(),
    };
    let from = message
        .from_header()
        .and_then(|from| from.typed())
        .map_err(text)?;
    message
        .to_header()
        .and_then(|to| to.typed())
        .map_err(text)?;
    message
        .via_header()
        .and_then(|via| via.typed())
        .map_err(text)?;
    let cseq = message
        .cseq_header()
        .and_then(|cseq| cseq.typed())
        .map_err(text)?;
    if let Ok(contact) = message.contact_header() {
        contact.typed().map_err(text)?;
    }
    let headers = message
        .headers()
        .iter()
        .map(|header| header.to_string())
        .map(|line| {
            line.split_once(": ")
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .unwrap_or((line, String::new()))
        });
    Ok(Opinion {
        start,
        headers: headers.collect(),
        from_tag: from.tag().map(|tag| tag.to_string()),
        from: from.uri.to_string(),
        cseq: cseq.seq,
    })
}

#[test]
fn agrees_where_it_reads_and_the_rest_is_known() {
    let mut refused = Vec::new();
    for (name, bytes) in corpus() {
        let theirs = match std::panic::catch_unwind(|| opinion(&bytes)) {
            Ok(Ok(theirs)) => theirs,
            Ok(Err(_)) | Err(_) => {
                refused.push(name);
                continue;
            }
        };
        let ours = Message::parse(&bytes).unwrap();
        let (start, essentials) = match &ours {
            Message::Request(request) => (
                format!("{} {}", request.method, request.uri),
                request.essentials().unwrap(),
            ),
            Message::Response(response) => {
                (response.status.to_string(), response.essentials().unwrap())
            }
        };
        assert_eq!(start, theirs.start, "{name}");
        assert_eq!(
            (essentials.from.uri.to_string(), essentials.cseq.number),
            (theirs.from, theirs.cseq),
            "{name}"
        );
        assert_eq!(
            essentials.from.tag().map(str::to_owned),
            theirs.from_tag,
            "{name}"
        );
        let long = |name: &str| {
            HeaderName::of(name.as_bytes())
                .map_or(name.to_owned(), |known| known.as_str().to_owned())
        };
        let mut mine: Vec<(String, String)> = ours
            .headers()
            .iter()
            .map(|(name, value)| (name.to_owned(), String::from_utf8_lossy(value).into_owned()))
            .collect();
        let mut others: Vec<(String, String)> = theirs
            .headers
            .iter()
            .map(|(name, value)| (long(name), value.trim().to_owned()))
            .collect();
        mine.sort();
        others.sort();
        assert_eq!(mine, others, "{name}");
    }
    assert_eq!(refused, REFUSED);
}
