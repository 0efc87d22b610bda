//! How many 700-byte INVITEs one core reads, and reads and prints, per second: this crate beside `rsip` and `ezk-sip-types`.
//! `tests/bench/run.sh` runs it: `cargo run --release -p carillon-sip --example parse_speed -- [--json] [--short]`.

#![expect(
    clippy::expect_used,
    reason = "a measurement that cannot be made must fail"
)]

use carillon_sip::message::Message;
use ezk_sip_types::header::typed::{CSeq, CallID, FromTo, Via};
use ezk_sip_types::msg::{Line, MessageLine, PullParser};
use ezk_sip_types::parse::Parse;
use ezk_sip_types::print::AppendCtx;
use ezk_sip_types::{Headers, Name};
use rsip::prelude::*;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// As a PBX sends it: two hops, the usual headers, an offer.
const INVITE: &[u8] = b"INVITE sip:1002@192.0.2.20:5060;transport=udp SIP/2.0\r\n\
Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1b2f.8a3;rport\r\n\
Max-Forwards: 69\r\n\
Record-Route: <sip:192.0.2.1;lr>\r\n\
From: \"Reception\" <sip:1001@pbx.example.org>;tag=as58f4201b\r\n\
To: <sip:1002@pbx.example.org>\r\n\
Call-ID: 6c2a7e1d5b9f@192.0.2.1\r\n\
CSeq: 102 INVITE\r\n\
Contact: <sip:1001@192.0.2.1:5060>\r\n\
Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER\r\n\
Supported: replaces, timer\r\n\
User-Agent: PBX 20.4\r\n\
Content-Type: application/sdp\r\n\
Content-Length: 200\r\n\
\r\n\
v=0\r\n\
o=- 20518 20518 IN IP4 192.0.2.1\r\n\
s=-\r\n\
c=IN IP4 192.0.2.1\r\n\
t=0 0\r\n\
m=audio 14600 RTP/AVP 8 0 101\r\n\
a=rtpmap:8 PCMA/8000\r\n\
a=rtpmap:101 telephone-event/8000\r\n\
a=fmtp:101 0-16\r\n\
a=ptime:20\r\na=sendrecv\r\n";

fn ezk_read(bytes: &bytes::Bytes) -> (MessageLine, Headers, bytes::Bytes) {
    let mut parser = PullParser::new(bytes, 0);
    let text = |line: Option<Result<_, _>>| match line {
        Some(Ok(line)) => Some(std::str::from_utf8(line).expect("text")),
        _ => None,
    };
    let first = text(parser.next()).expect("a first line");
    let (_, start) = MessageLine::parse(bytes)(first).expect("a request line");
    let mut headers = Headers::with_capacity(16);
    while let Some(line) = text(parser.next()) {
        let (_, line) = Line::parse(bytes, line).expect("a header line");
        headers.insert(line.name, line.value);
    }
    let body = bytes.slice(parser.head_end()..);
    (start, headers, body)
}

fn ezk_print((start, headers, body): &(MessageLine, Headers, bytes::Bytes)) -> Vec<u8> {
    let head = format!("{}\r\n{headers}\r\n", start.default_print_ctx());
    [head.as_bytes(), body].concat()
}

/// Time this thread had on its core; what others take of it does not count. The wall clock where the system does not tell.
fn spent(began: Instant) -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text
        .split_ascii_whitespace()
        .next()
        .and_then(|text| text.parse::<f64>().ok());
    nanoseconds.map_or_else(|| began.elapsed().as_secs_f64(), |spent| spent / 1e9)
}

/// Runs per second: the best of several turns, since whatever else runs on the machine only takes away.
fn rate(turn: Duration, mut run: impl FnMut()) -> f64 {
    let mut best = 0_f64;
    for _ in 0..5 {
        let began = Instant::now();
        let before = spent(began);
        let mut runs = 0_u32;
        while began.elapsed() < turn {
            for _ in 0..100 {
                run();
            }
            runs += 100;
        }
        best = best.max(f64::from(runs) / (spent(began) - before));
    }
    best
}

struct Rates {
    read: f64,
    typed: f64,
    printed: f64,
}

fn main() {
    let has = |switch: &str| std::env::args().any(|arg| arg == switch);
    let turn = Duration::from_millis(if has("--short") { 60 } else { 400 });
    assert!((690..=720).contains(&INVITE.len()), "{}", INVITE.len());
    let shared = bytes::Bytes::from_static(INVITE);

    let ours = Rates {
        read: rate(turn, || {
            black_box(Message::parse(black_box(INVITE)).expect("a message"));
        }),
        typed: rate(turn, || {
            let Ok(Message::Request(request)) = Message::parse(black_box(INVITE)) else {
                panic!("no request");
            };
            black_box(request.essentials().expect("whole"));
        }),
        printed: rate(turn, || {
            let message = Message::parse(black_box(INVITE)).expect("a message");
            black_box(message.to_bytes());
        }),
    };
    let rsip = Rates {
        read: rate(turn, || {
            black_box(rsip::SipMessage::try_from(black_box(INVITE)).expect("a message"));
        }),
        typed: rate(turn, || {
            let message = rsip::SipMessage::try_from(black_box(INVITE)).expect("a message");
            black_box(
                message
                    .via_header()
                    .and_then(|via| via.typed())
                    .expect("a Via"),
            );
            black_box(
                message
                    .from_header()
                    .and_then(|from| from.typed())
                    .expect("a From"),
            );
            black_box(message.to_header().and_then(|to| to.typed()).expect("a To"));
            black_box(message.call_id_header().expect("a Call-ID").clone());
            black_box(
                message
                    .cseq_header()
                    .and_then(|cseq| cseq.typed())
                    .expect("a CSeq"),
            );
        }),
        printed: rate(turn, || {
            let message = rsip::SipMessage::try_from(black_box(INVITE)).expect("a message");
            black_box(Vec::<u8>::from(message));
        }),
    };
    let ezk = Rates {
        read: rate(turn, || {
            black_box(ezk_read(black_box(&shared)));
        }),
        typed: rate(turn, || {
            let (_, headers, _) = ezk_read(black_box(&shared));
            black_box(headers.get_named::<Via>().expect("a Via"));
            black_box(headers.get::<FromTo>(Name::FROM).expect("a From"));
            black_box(headers.get::<FromTo>(Name::TO).expect("a To"));
            black_box(headers.get_named::<CallID>().expect("a Call-ID"));
            black_box(headers.get_named::<CSeq>().expect("a CSeq"));
        }),
        printed: rate(turn, || {
            let message = ezk_read(black_box(&shared));
            black_box(ezk_print(&message));
        }),
    };

    if !has("--json") {
        println!("| figure | unit | carillon | peer | ratio | goal | met |");
        println!("|---|---|---:|---:|---:|---|---|");
    }
    for (peer, theirs) in [("rsip", &rsip), ("ezk-sip-types", &ezk)] {
        for (what, goal, ours, theirs) in [
            ("read", 1_000_000.0, ours.read, theirs.read),
            ("read, five headers as types", 0.0, ours.typed, theirs.typed),
            ("read and printed", 0.0, ours.printed, theirs.printed),
        ] {
            let (name, ratio) = (
                format!("INVITE {what}, beside {peer}"),
                (ours / theirs * 100.0).round() / 100.0,
            );
            let met = ours >= goal && ours > theirs;
            let goal = if goal > 0.0 {
                format!(">= {goal}, > peer")
            } else {
                "> peer".to_owned()
            };
            if has("--json") {
                println!(
                    r#"{{"name":"{name}","ours":{ours:.0},"peer":{theirs:.0},"ratio":{ratio},"unit":"1/s","goal":"{goal}","met":{met}}}"#
                );
            } else {
                let met = if met { "yes" } else { "NO" };
                println!(
                    "| {name} | 1/s | {ours:.0} | {theirs:.0} | {ratio:.2} | {goal} | {met} |"
                );
            }
        }
    }
}
