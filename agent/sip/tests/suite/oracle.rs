//! `rsip` and `ezk-sip-types` as second opinions, over our corpus and the torture messages of RFC 4475 and RFC 5118: what each makes
//! of a message must be what we make of it. Every disagreement stands in [`DISAGREEMENTS`] with who is right by the RFC, and the
//! list is whole: one that goes away or comes up fails the test.

use crate::disagreements::{DISAGREEMENTS, Right};
use crate::messages::corpus;
use bytes::Bytes;
use carillon_sip::message::Message;
use ezk_sip_types::header::typed::{CSeq, CallID, FromTo, Via};
use ezk_sip_types::msg::{Line, MessageLine, PullParser};
use ezk_sip_types::parse::Parse;
use ezk_sip_types::print::AppendCtx;
use ezk_sip_types::{Headers, Name};
use rsip::prelude::*;
use std::collections::BTreeSet;

/// What a parser says of a message: what a transaction and a dialog are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Opinion {
    /// Method and Request-URI, or status.
    start: String,
    from: String,
    from_tag: Option<String>,
    to: String,
    to_tag: Option<String>,
    call_id: String,
    cseq: (u32, String),
    transport: String,
    branch: Option<String>,
}

/// Reads a message; `None` when it does not take it.
type Oracle = fn(&[u8]) -> Option<Opinion>;

impl Opinion {
    /// The first thing two opinions differ in.
    fn difference(&self, other: &Self) -> Option<&'static str> {
        [
            ("start line", self.start != other.start),
            ("From", self.from != other.from),
            ("From tag", self.from_tag != other.from_tag),
            ("To", self.to != other.to),
            ("To tag", self.to_tag != other.to_tag),
            ("Call-ID", self.call_id != other.call_id),
            ("CSeq", self.cseq != other.cseq),
            ("transport", self.transport != other.transport),
            ("branch", self.branch != other.branch),
        ]
        .into_iter()
        .find_map(|(what, differs)| differs.then_some(what))
    }
}

fn ours(bytes: &[u8]) -> Option<Opinion> {
    let message = Message::parse(bytes).ok()?;
    let (start, essentials) = match &message {
        Message::Request(request) => (
            format!("{} {}", request.method, request.uri),
            request.essentials(),
        ),
        Message::Response(response) => (response.status.to_string(), response.essentials()),
    };
    let essentials = essentials.ok()?;
    Some(Opinion {
        start,
        from_tag: essentials.from.tag().map(str::to_owned),
        from: essentials.from.uri.to_string(),
        to_tag: essentials.to.tag().map(str::to_owned),
        to: essentials.to.uri.to_string(),
        call_id: essentials.call_id.clone(),
        cseq: (essentials.cseq.number, essentials.cseq.method.to_string()),
        transport: essentials.via.transport.clone(),
        branch: essentials.via.branch().map(str::to_owned),
    })
}

fn rsip(bytes: &[u8]) -> Option<Opinion> {
    let message = rsip::SipMessage::try_from(bytes).ok()?;
    let start = match &message {
        rsip::SipMessage::Request(request) => format!("{} {}", request.method, request.uri),
        rsip::SipMessage::Response(response) => response.status_code.code().to_string(),
    };
    let from = message.from_header().ok()?.typed().ok()?;
    let to = message.to_header().ok()?.typed().ok()?;
    let via = message.via_header().ok()?.typed().ok()?;
    let cseq = message.cseq_header().ok()?.typed().ok()?;
    Some(Opinion {
        start,
        from_tag: from.tag().map(ToString::to_string),
        from: from.uri.to_string(),
        to_tag: to.tag().map(ToString::to_string),
        to: to.uri.to_string(),
        call_id: message.call_id_header().ok()?.value().to_owned(),
        cseq: (cseq.seq, cseq.method.to_string()),
        transport: via.transport.to_string(),
        branch: via.branch().map(|branch| branch.to_string()),
    })
}

fn ezk(bytes: &[u8]) -> Option<Opinion> {
    let bytes = Bytes::copy_from_slice(bytes);
    let mut parser = PullParser::new(&bytes, 0);
    let first = std::str::from_utf8(parser.next()?.ok()?).ok()?;
    let (_, start) = MessageLine::parse(&bytes)(first).ok()?;
    let mut headers = Headers::new();
    for line in parser {
        let line = std::str::from_utf8(line.ok()?).ok()?;
        let (_, line) = Line::parse(&bytes, line).ok()?;
        headers.insert(line.name, line.value);
    }
    let from = headers.get::<FromTo>(Name::FROM).ok()?;
    let to = headers.get::<FromTo>(Name::TO).ok()?;
    let via = headers.get_named::<Via>().ok()?;
    let cseq = headers.get_named::<CSeq>().ok()?;
    let text = |tag: &Option<bytesstr::BytesStr>| tag.as_ref().map(ToString::to_string);
    Some(Opinion {
        start: match &start {
            MessageLine::Request(line) => {
                format!("{} {}", line.method, line.uri.default_print_ctx())
            }
            MessageLine::Response(line) => line.code.into_u16().to_string(),
        },
        from_tag: text(&from.tag),
        from: from.uri.uri.default_print_ctx().to_string(),
        to_tag: text(&to.tag),
        to: to.uri.uri.default_print_ctx().to_string(),
        call_id: headers.get_named::<CallID>().ok()?.0.to_string(),
        cseq: (cseq.cseq, cseq.method.to_string()),
        transport: via.transport.to_string(),
        branch: via.params.get_val("branch").map(ToString::to_string),
    })
}

fn all_messages() -> Vec<(String, Vec<u8>)> {
    let mut all = corpus();
    for rfc in ["rfc4475", "rfc5118"] {
        let folder = format!("{}/tests/data/{rfc}", env!("CARGO_MANIFEST_DIR"));
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        all.extend(files.into_iter().map(|path| {
            let label = path.file_stem().unwrap().to_string_lossy();
            (format!("{rfc}/{label}"), std::fs::read(&path).unwrap())
        }));
    }
    assert!(all.len() >= 25 + 49 + 12);
    all
}

/// What the oracle makes of a message that we do not: in a word.
fn disagreement(oracle: Oracle, bytes: &[u8]) -> Option<String> {
    let theirs = std::panic::catch_unwind(|| oracle(bytes));
    match (ours(bytes), theirs) {
        (_, Err(_)) => Some("it panics".to_owned()),
        (None, Ok(None)) => None,
        (Some(_), Ok(None)) => Some("it refuses".to_owned()),
        (None, Ok(Some(_))) => Some("we refuse".to_owned()),
        (Some(ours), Ok(Some(theirs))) => ours
            .difference(&theirs)
            .map(|what| format!("another {what}")),
    }
}

#[test]
fn every_disagreement_is_known_and_judged() {
    let mut found = BTreeSet::new();
    for (name, bytes) in all_messages() {
        for (oracle, read) in [("rsip", rsip as Oracle), ("ezk", ezk as Oracle)] {
            if let Some(what) = disagreement(read, &bytes) {
                found.insert((name.clone(), oracle, what));
            }
        }
    }
    let known: BTreeSet<_> = DISAGREEMENTS
        .iter()
        .map(|(name, oracle, what, ..)| ((*name).to_owned(), *oracle, (*what).to_owned()))
        .collect();
    let list = |set: Vec<&(String, &str, String)>| format!("{set:#?}");
    assert!(
        found == known,
        "new: {}\ngone: {}",
        list(found.difference(&known).collect()),
        list(known.difference(&found).collect())
    );
}

#[test]
fn nobody_is_right_against_us() {
    for (name, oracle, what, right, why) in DISAGREEMENTS {
        assert_ne!(*right, Right::They, "{name}: {oracle}: {what}");
        assert!(!why.is_empty());
    }
}
