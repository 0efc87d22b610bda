//! Offer and answer: what is agreed, what is refused and why, and how much is read.

use crate::network::*;
use carillon_sip::offer::{MediaSession, Refusal};
use carillon_sip::sdp::{MAX_ATTRIBUTES, MAX_LINES, MAX_MEDIA, SdpError, SessionDescription};
use carillon_sip::{Codec, Direction};

fn description(lines: &[&str]) -> SessionDescription {
    SessionDescription::parse(text(lines).as_bytes()).unwrap()
}

fn text(lines: &[&str]) -> String {
    let head = [
        "v=0",
        "o=- 1 1 IN IP4 10.0.0.5",
        "s=-",
        "c=IN IP4 10.0.0.5",
        "t=0 0",
    ];
    head.iter()
        .chain(lines)
        .map(|line| format!("{line}\r\n"))
        .collect()
}

fn session() -> MediaSession {
    MediaSession::new(77, media(4000)).unwrap()
}

#[test]
fn takes_the_first_codec_both_have_with_the_peers_payload_types() {
    let offer = description(&[
        "m=audio 6000 RTP/AVP 9 96 0 8 97",
        "a=rtpmap:96 pcma/8000/1",
        "a=rtpmap:97 telephone-event/8000",
        "a=fmtp:97 0-15",
        "a=ptime:30",
        "a=rtcp:6007",
    ]);
    let (answer, agreed) = session().answer(&offer).unwrap();
    assert_eq!(
        (
            agreed.codec.name.as_str(),
            agreed.codec.payload_type,
            agreed.dtmf,
            agreed.ptime_ms
        ),
        ("PCMA", 96, Some(97), 30)
    );
    assert_eq!(
        (
            agreed.remote_rtp.to_string().as_str(),
            agreed.remote_rtcp.port()
        ),
        ("10.0.0.5:6000", 6007)
    );
    assert_eq!(answer.media[0].formats, ["96", "97"]);
    let printed = answer.to_string();
    assert!(printed.starts_with("v=0\r\no=- 77 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 96 97\r\na=rtpmap:96 PCMA/8000\r\n"), "{printed}");
}

#[test]
fn refuses_other_streams_in_their_place() {
    let offer = description(&[
        "m=video 7000 RTP/AVP 31",
        "m=audio 6000 RTP/SAVP 0",
        "m=audio 6002 RTP/AVP 0",
        "m=audio 6004 RTP/AVP 0",
    ]);
    let (answer, agreed) = session().answer(&offer).unwrap();
    assert_eq!(agreed.remote_rtp.port(), 6002);
    let ports: Vec<(&str, u16)> = answer
        .media
        .iter()
        .map(|media| (media.protocol.as_str(), media.port))
        .collect();
    assert_eq!(
        ports,
        [
            ("RTP/AVP", 0),
            ("RTP/SAVP", 0),
            ("RTP/AVP", 4000),
            ("RTP/AVP", 0)
        ]
    );
}

#[test]
fn directions_are_turned_round_and_narrowed() {
    for (theirs, ours, agreed) in [
        ("a=sendrecv", Direction::SendRecv, Direction::SendRecv),
        ("a=sendonly", Direction::SendRecv, Direction::RecvOnly),
        ("a=recvonly", Direction::SendRecv, Direction::SendOnly),
        ("a=inactive", Direction::SendRecv, Direction::Inactive),
        ("a=sendrecv", Direction::SendOnly, Direction::SendOnly),
        ("a=sendonly", Direction::SendOnly, Direction::Inactive),
    ] {
        let mut session = MediaSession::new(
            1,
            carillon_sip::LocalMedia {
                direction: ours,
                ..media(4000)
            },
        )
        .unwrap();
        let (answer, negotiated) = session
            .answer(&description(&["m=audio 6000 RTP/AVP 0", theirs]))
            .unwrap();
        assert_eq!(negotiated.direction, agreed, "{theirs} {ours}");
        assert_eq!(answer.direction_of(&answer.media[0]), agreed);
    }
    let held = description(&["m=audio 6000 RTP/AVP 0", "c=IN IP4 0.0.0.0"]);
    assert_eq!(
        session().answer(&held).unwrap().1.direction,
        Direction::RecvOnly,
        "the old way to hold"
    );
}

#[test]
fn says_why_nothing_fits() {
    let refusal = |lines: &[&str]| session().answer(&description(lines)).unwrap_err();
    assert_eq!(refusal(&[]), Refusal::NoAudio);
    assert_eq!(refusal(&["m=audio 0 RTP/AVP 0"]), Refusal::NoAudio);
    assert_eq!(refusal(&["m=audio 1 RTP/SAVP 0"]), Refusal::NoAudio);
    let nowhere = "v=0\r\no=- 1 1 IN IP4 h\r\nm=audio 1 RTP/AVP 0\r\nc=IN IP4 host.example\r\n";
    assert_eq!(
        session()
            .answer(&SessionDescription::parse(nowhere.as_bytes()).unwrap())
            .unwrap_err(),
        Refusal::NoAddress
    );
    assert_eq!(
        refusal(&[
            "m=audio 1 RTP/AVP 18 101",
            "a=rtpmap:101 telephone-event/8000"
        ])
        .to_string(),
        "no codec in common; they have G729, telephone-event, we have PCMA, PCMU, telephone-event"
    );
    for (change, why) in [(0, "port"), (1, "codec"), (2, "payload type"), (3, "name")] {
        let mut local = media(4000);
        match change {
            0 => local.addr.set_port(0),
            1 => local.codecs = vec![Codec::telephone_event()],
            2 => local.codecs.push(Codec::pcmu()),
            _ => local.codecs[0].name = "PC MA\r\n".to_owned(),
        }
        let error = MediaSession::new(1, local).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn version_rises_only_with_a_change() {
    let mut session = session();
    let version = |description: &SessionDescription| description.origin.version.clone();
    let offer = description(&["m=audio 6000 RTP/AVP 8"]);
    let first = session.answer(&offer).unwrap().0;
    let same = session.answer(&offer).unwrap().0;
    let held = session
        .answer(&description(&["m=audio 6000 RTP/AVP 8", "a=sendonly"]))
        .unwrap()
        .0;
    assert_eq!(
        (
            version(&first).as_str(),
            version(&same).as_str(),
            version(&held).as_str()
        ),
        ("1", "1", "2")
    );
}

#[test]
fn limits_hold() {
    let parse = |lines: &[&str]| SessionDescription::parse(text(lines).as_bytes());
    assert_eq!(
        parse(&vec!["x=y"; MAX_LINES]),
        Err(SdpError::TooMany {
            what: "lines",
            limit: MAX_LINES
        })
    );
    assert!(parse(&vec!["m=audio 1 RTP/AVP 0"; MAX_MEDIA]).is_ok());
    assert_eq!(
        parse(&vec!["m=audio 1 RTP/AVP 0"; MAX_MEDIA + 1]),
        Err(SdpError::TooMany {
            what: "streams",
            limit: MAX_MEDIA
        })
    );
    assert!(matches!(
        parse(&vec!["a=x:y"; MAX_ATTRIBUTES + 1]),
        Err(SdpError::TooMany { .. })
    ));
    assert!(matches!(
        parse(&[&format!("m=audio 1 RTP/AVP{}", " 0".repeat(65))]),
        Err(SdpError::TooMany { .. })
    ));
    for bad in [
        "m=audio",
        "m=audio 70000 RTP/AVP 0",
        "m=audio x RTP/AVP 0",
        "nonsense",
        "v=1",
        "o=short",
        "long=x",
    ] {
        assert!(parse(&[bad]).is_err(), "{bad}");
    }
    assert_eq!(
        SessionDescription::parse(b""),
        Err(SdpError::Missing { line: "v=" })
    );
    assert_eq!(
        SessionDescription::parse(b"v=0\r\n"),
        Err(SdpError::Missing { line: "o=" })
    );
}
