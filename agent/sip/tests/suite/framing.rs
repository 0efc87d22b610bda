//! Messages out of a stream: however it is cut, the same messages come out, and no stream makes the framer hold much or wait long.

use crate::messages::corpus;
use carillon_sip::message::{
    Frame, Framer, FramingError, MAX_BUFFERED, MAX_HEAD, MAX_MESSAGE, MESSAGE_TIME, Message,
};
use proptest::prelude::*;
use std::time::{Duration, Instant};

fn frames(framer: &mut Framer, now: Instant) -> Result<Vec<Frame>, FramingError> {
    let mut frames = Vec::new();
    while let Some(frame) = framer.next(now)? {
        frames.push(frame);
    }
    Ok(frames)
}

/// The corpus as a stream may carry it: with the Content-Length that is true.
fn stream() -> Vec<Vec<u8>> {
    corpus()
        .iter()
        .map(|(_, bytes)| Message::parse(bytes).unwrap().to_bytes())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cuts_do_not_matter(cuts in proptest::collection::vec(1_usize..400, 1..40)) {
        let now = Instant::now();
        let messages = stream();
        let bytes: Vec<u8> = messages.concat();
        let mut framer = Framer::new();
        let mut got = Vec::new();
        let (mut at, mut cut) = (0, cuts.iter().cycle());
        while at < bytes.len() {
            let end = (at + cut.next().unwrap()).min(bytes.len());
            framer.push(now, &bytes[at..end]).unwrap();
            got.extend(frames(&mut framer, now).unwrap());
            at = end;
        }
        prop_assert_eq!(got, messages.into_iter().map(Frame::Message).collect::<Vec<_>>());
        prop_assert_eq!((framer.held(), framer.deadline()), (0, None));
    }

    #[test]
    fn no_stream_panics_or_fills_memory(reads in proptest::collection::vec(proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), any::<u8>()], 0..300), 0..30)) {
        let now = Instant::now();
        let mut framer = Framer::new();
        for read in reads {
            if framer.push(now, &read).is_err() {
                break;
            }
            let _ = frames(&mut framer, now);
            prop_assert!(framer.held() <= MAX_MESSAGE);
        }
    }
}

#[test]
fn pings_and_pongs_are_told_apart() {
    let mut now = Instant::now();
    let mut framer = Framer::new();
    let mut read = |now, bytes: &[u8]| {
        framer.push(now, bytes).unwrap();
        frames(&mut framer, now).unwrap()
    };
    assert_eq!(read(now, b"\r\n\r\n"), [Frame::Ping]);
    assert_eq!(read(now, b"\r\n"), [Frame::Pong]);
    now += Duration::from_secs(30);
    assert_eq!(
        read(now, b"\r\n"),
        [Frame::Pong],
        "30 s later it is no ping"
    );
    now += Duration::from_secs(30);
    assert_eq!(read(now, b"\r\n\r"), [Frame::Pong]);
    assert_eq!(read(now, b"\n"), [Frame::Ping], "one ping in two segments");
    let message = b"OPTIONS sip:a@b SIP/2.0\r\nl: 0\r\n\r\n";
    assert_eq!(
        read(now, &[b"\r\n".as_slice(), message].concat()),
        [Frame::Pong, Frame::Message(message.to_vec())]
    );
    assert_eq!(
        read(now, b"\n\n\r\n\r\n"),
        [Frame::Ping],
        "bare line feeds say nothing"
    );
}

fn one(bytes: &[u8]) -> (Option<Vec<u8>>, Result<Option<Frame>, FramingError>) {
    let now = Instant::now();
    let mut framer = Framer::new();
    framer.push(now, bytes).unwrap();
    match framer.next(now) {
        Ok(Some(Frame::Message(message))) => (Some(message), framer.next(now)),
        other => (None, other),
    }
}

#[test]
fn the_length_of_a_message_is_never_guessed() {
    let with = |fields: &str| format!("OPTIONS sip:a@b SIP/2.0\r\n{fields}\r\n");
    for (fields, body) in [
        ("Content-Length: 2\r\n", "hi"),
        ("l:2\r\n", "hi"),
        ("CONTENT-LENGTH  :\r\n\t 2\r\n", "hi"),
        ("Content-Length: 2\r\nl: 2\r\n", "hi"),
        ("Content-Length: 00002\n", "hi"),
        ("Subject: nothing follows\r\n", ""),
    ] {
        let whole = with(fields) + body;
        let (message, rest) = one(whole.as_bytes());
        assert_eq!(message.as_deref(), Some(whole.as_bytes()), "{fields:?}");
        assert_eq!(rest, Ok(None), "{fields:?}");
    }
    for fields in [
        "Content-Length: 2\r\nl: 3\r\n",
        "Content-Length: -2\r\n",
        "Content-Length: 2 2\r\n",
        "Content-Length: 2\r\n 2\r\n",
        "Content-Length:\r\n",
        "Content-Length: 99999999999999999999999999\r\n",
        "Content-Type: application/sdp\r\n",
    ] {
        let head = with(fields);
        let (message, rest) = one(format!("{head}hi").as_bytes());
        assert_eq!(
            message.as_deref(),
            Some(head.as_bytes()),
            "the head of {fields:?} can be answered"
        );
        assert_eq!(rest, Err(FramingError::Length), "{fields:?}");
    }
}

#[test]
fn limits_hold_before_anything_is_kept() {
    let now = Instant::now();
    let head = "OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 999999999\r\n\r\n";
    let (message, rest) = one(head.as_bytes());
    assert_eq!(message.as_deref(), Some(head.as_bytes()));
    assert_eq!(
        rest,
        Err(FramingError::TooLarge {
            promised: 999_999_999,
            limit: MAX_MESSAGE
        })
    );
    let long = format!(
        "OPTIONS sip:a@b SIP/2.0\r\nX: {}\r\n\r\n",
        "y".repeat(MAX_HEAD)
    );
    assert_eq!(
        one(long.as_bytes()).1,
        Err(FramingError::LongHead { limit: MAX_HEAD })
    );
    assert_eq!(
        one(&vec![b'a'; MAX_HEAD + 1]).1,
        Err(FramingError::LongHead { limit: MAX_HEAD })
    );
    for other in [
        "GET / HTTP/1.1\r\n",
        "\x16\x03\x01\x02\n",
        "SSH-2.0-OpenSSH\r\n",
    ] {
        assert_eq!(
            one(other.as_bytes()).1,
            Err(FramingError::NotSip),
            "{other:?}"
        );
    }
    let mut framer = Framer::new();
    let full = vec![b'a'; MAX_BUFFERED];
    framer.push(now, &full).unwrap();
    let overflow = FramingError::Overflow {
        limit: MAX_BUFFERED,
    };
    assert_eq!(framer.push(now, b"a"), Err(overflow));
    assert_eq!(framer.next(now), Err(overflow), "it stays failed");
    assert_eq!(framer.held(), 0, "and holds nothing");
}

#[test]
fn a_message_that_drips_in_is_given_up() {
    let start = Instant::now();
    let mut framer = Framer::new();
    let message =
        b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 20\r\n\r\n01234567890123456789".as_slice();
    let mut now = start;
    let mut end = None;
    for byte in message {
        framer.push(now, &[*byte]).unwrap();
        match framer.next(now) {
            Ok(None) => now += Duration::from_secs(1),
            other => {
                end = Some(other);
                break;
            }
        }
    }
    assert_eq!(end, Some(Err(FramingError::TooSlow)));
    assert_eq!(now - start, MESSAGE_TIME);

    let mut framer = Framer::new();
    framer.push(start, message).unwrap();
    assert!(matches!(framer.next(start), Ok(Some(Frame::Message(_)))));
    framer.push(start, b"OPT").unwrap();
    assert_eq!(framer.next(start), Ok(None));
    assert_eq!(framer.deadline(), Some(start + MESSAGE_TIME));
    assert_eq!(
        framer.next(start + MESSAGE_TIME),
        Err(FramingError::TooSlow)
    );
}
