//! Whatever a stranger sends, a session neither panics nor grows nor lets itself be taken over.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod tone;

use std::time::{Duration, Instant};

use carillon_media::{CodecKind, Received, Session, SessionConfig, SessionEvent};
use proptest::prelude::*;

const FRAME: Duration = Duration::from_millis(20);

fn config(ssrc: u32) -> SessionConfig {
    let mut config = SessionConfig::new(CodecKind::Pcmu, ssrc, 99, "desk");
    config.dtmf_payload_type = Some(101);
    config
}

/// An RTP packet of one frame.
fn packet(number: u8, sequence: u16, timestamp: u32, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, number];
    packet.extend(sequence.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}

/// Feeds a session `frames` good frames of a tone and pulls as many.
fn speak(session: &mut Session, start: Instant, frames: std::ops::Range<u32>) -> Vec<i16> {
    let mut codec = carillon_media::codec(CodecKind::Pcmu);
    let mut heard = Vec::new();
    for n in frames {
        let now = start + FRAME * n;
        let mut payload = Vec::new();
        codec.encode(&tone::sine(440.0, n as usize * 160, 160), &mut payload);
        session.receive_rtp(now, &packet(0, n as u16, n * 160, 7, &payload));
        let mut out = [0; 160];
        session.pull(now, &mut out);
        heard.extend(out);
    }
    heard
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_at_any_time(
        datagrams in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..400), 0u64..500, any::<bool>()), 0..60)
    ) {
        let mut now = Instant::now();
        let mut session = Session::new(config(1), now).unwrap();
        let mut out = [0; 160];
        let mut sent = Vec::new();
        for (datagram, later, rtcp) in datagrams {
            now += Duration::from_millis(later);
            if rtcp {
                session.receive_rtcp(now, &datagram);
            } else {
                session.receive_rtp(now, &datagram);
            }
            session.pull(now, &mut out);
            session.push(now, &out, &mut sent);
            let _ = session.poll_rtcp(now);
            let _ = session.poll_event(now);
            let _ = session.statistics(now);
        }
    }

    #[test]
    fn any_order_of_plausible_packets(
        packets in proptest::collection::vec(
            (prop_oneof![Just(0u8), Just(101), Just(13)], any::<u16>(), any::<u32>(), 0u32..3, 0usize..700, 0u64..60, any::<bool>()),
            1..200,
        )
    ) {
        let mut now = Instant::now();
        let mut session = Session::new(config(9), now).unwrap();
        let mut out = [0; 160];
        let mut sequence = 0u16;
        for (number, jump, time, ssrc, length, later, steady) in packets {
            now += Duration::from_millis(later);
            // Half of the packets continue a line, so that they get past probation.
            sequence = if steady { sequence.wrapping_add(1) } else { sequence.wrapping_add(jump % 200) };
            let timestamp = if steady { u32::from(sequence) * 160 } else { time };
            session.receive_rtp(now, &packet(number, sequence, timestamp, ssrc, &vec![0x55; length]));
            session.pull(now, &mut out);
            let statistics = session.statistics(now);
            prop_assert!(statistics.target_delay <= Duration::from_millis(400));
        }
    }

    #[test]
    fn reports_with_any_contents(
        body in proptest::collection::vec(any::<u8>(), 24..80), kind in 200u8..208
    ) {
        let start = Instant::now();
        let mut session = Session::new(config(1), start).unwrap();
        speak(&mut session, start, 0..5);
        let words = body.len() / 4;
        let mut report = vec![0x81, kind, 0, words as u8];
        report.extend(7u32.to_be_bytes());
        report.extend(&body[4..words * 4]);
        session.receive_rtcp(start + FRAME * 5, &report);
        let _ = session.statistics(start + FRAME * 5);
    }
}

#[test]
fn a_third_source_is_not_heard_while_the_peer_speaks() {
    let start = Instant::now();
    let mut session = Session::new(config(1), start).unwrap();
    speak(&mut session, start, 0..50);
    let mut heard = Vec::new();
    for n in 50..300u32 {
        let now = start + FRAME * n;
        let noise = packet(0, n as u16, n * 160, 666, &[(n * 37) as u8; 160]);
        assert_eq!(session.receive_rtp(now, &noise), Received::Waiting);
        heard.extend(speak(&mut session, start, n..n + 1));
    }
    assert!(tone::share(&heard, 440.0) > 0.999);
    assert_eq!(session.statistics(start).restarts, 1);
}

#[test]
fn another_source_is_heard_after_silence_and_after_bye() {
    let start = Instant::now();
    let mut session = Session::new(config(1), start).unwrap();
    speak(&mut session, start, 0..10);
    let next = |session: &mut Session, n: u32, ssrc: u32| {
        let now = start + FRAME * n;
        session.receive_rtp(now, &packet(0, n as u16, n * 160, ssrc, &[0x55; 160]))
    };
    assert_eq!(next(&mut session, 20, 8), Received::Waiting);
    assert_eq!(next(&mut session, 21, 8), Received::Accepted);
    // BYE for a source that is not heard changes nothing; for the one that is, it is told.
    let bye = |ssrc: u32| {
        let mut bye = vec![0x81, 203, 0, 1];
        bye.extend(ssrc.to_be_bytes());
        bye
    };
    let now = start + FRAME * 22;
    session.receive_rtcp(now, &bye(9));
    assert_eq!(session.poll_event(now), None);
    session.receive_rtcp(now, &bye(8));
    assert_eq!(session.poll_event(now), Some(SessionEvent::RemoteBye));
    assert_eq!(next(&mut session, 23, 9), Received::Waiting);
    assert_eq!(next(&mut session, 24, 9), Received::Accepted);
}

#[test]
fn our_own_ssrc_from_elsewhere_makes_us_take_another_a_few_times() {
    let start = Instant::now();
    let mut session = Session::new(config(1), start).unwrap();
    let mut sent = Vec::new();
    assert!(session.push(start, &[0; 160], &mut sent));
    let mut used = vec![session.config().local_ssrc];
    for n in 0..10u16 {
        let ours = session.config().local_ssrc;
        // A number we have not used: somebody else's packet.
        let far = u16::from_be_bytes([sent[2], sent[3]]).wrapping_add(9000 + n);
        let stranger = packet(0, far, 0, ours, &[0; 160]);
        assert_eq!(session.receive_rtp(start, &stranger), Received::Rejected);
        if session.config().local_ssrc != ours {
            used.push(session.config().local_ssrc);
            let bye = session.poll_rtcp(start).unwrap();
            assert!(bye.windows(4).any(|word| word == ours.to_be_bytes()));
        }
    }
    assert_eq!(used.len(), 5, "four changes and no more");
}

#[test]
fn our_own_packets_sent_back_are_heard() {
    let start = Instant::now();
    let mut session = Session::new(config(1), start).unwrap();
    let (mut heard, mut sent) = (Vec::new(), Vec::new());
    for n in 0..150u32 {
        let now = start + FRAME * n;
        let sine = tone::sine(440.0, n as usize * 160, 160);
        assert!(session.push(now, &sine, &mut sent));
        session.receive_rtp(now, &sent);
        let mut out = [0; 160];
        session.pull(now, &mut out);
        heard.extend(out);
    }
    assert!(tone::share(&heard[8000..], 440.0) > 0.999);
    assert_eq!(session.config().local_ssrc, 1);
    assert!(session.statistics(start).packets_reflected > 140);
}

#[test]
fn unknown_payload_types_and_sizes_are_refused() {
    let now = Instant::now();
    let mut session = Session::new(config(1), now).unwrap();
    for (number, length) in [(18, 160), (8, 160), (72, 160), (0, 1461)] {
        let packet = packet(number, 1, 0, 7, &vec![0; length]);
        assert_eq!(session.receive_rtp(now, &packet), Received::Rejected);
    }
    assert_eq!(session.statistics(now).packets_rejected, 4);
}

#[test]
fn jumps_of_sequence_and_time_are_followed() {
    let start = Instant::now();
    let mut session = Session::new(config(1), start).unwrap();
    speak(&mut session, start, 0..100);
    let mut codec = carillon_media::codec(CodecKind::Pcmu);
    let mut heard = Vec::new();
    for n in 100..300u32 {
        let now = start + FRAME * n;
        let mut payload = Vec::new();
        codec.encode(&tone::sine(440.0, n as usize * 160, 160), &mut payload);
        let jumped = packet(0, (n + 30_000) as u16, n * 160 + 0xC000_0000, 7, &payload);
        session.receive_rtp(now, &jumped);
        let mut out = [0; 160];
        session.pull(now, &mut out);
        heard.extend(out);
    }
    let settled = &heard[4000..];
    assert!(tone::share(settled, 440.0) > 0.999);
    assert_eq!(session.statistics(start + FRAME * 300).packets_lost, 0);
}

#[test]
fn silence_of_the_peer_is_told_once_and_its_return_too() {
    let start = Instant::now();
    let mut session = Session::new(config(1), start).unwrap();
    speak(&mut session, start, 0..5);
    let mut events = Vec::new();
    for n in 5..3000u32 {
        events.extend(session.poll_event(start + FRAME * n));
    }
    assert!(
        matches!(events[..], [SessionEvent::RtpTimeout(silent)] if silent >= Duration::from_secs(30))
    );
    speak(&mut session, start, 3000..3003);
    assert_eq!(
        session.poll_event(start + FRAME * 3003),
        Some(SessionEvent::RtpResumed)
    );
}

#[test]
fn hold_sends_nothing_and_a_reinvite_goes_on_where_we_were() {
    let start = Instant::now();
    let mut session = Session::new(config(1), start).unwrap();
    let mut sent = Vec::new();
    let fields = |sent: &[u8]| {
        (
            sent[1],
            u16::from_be_bytes([sent[2], sent[3]]),
            u32::from_be_bytes([sent[4], sent[5], sent[6], sent[7]]),
        )
    };
    assert!(session.push(start, &[0; 160], &mut sent));
    let first = fields(&sent);
    assert_eq!(first.0, 0x80, "the marker begins a talk spurt");
    let mut held = config(1);
    held.send = false;
    session.reconfigure(start, held, false).unwrap();
    for n in 1..10 {
        assert!(!session.push(start + FRAME * n, &[0; 160], &mut sent));
    }
    let mut other = config(1);
    other.codec = CodecKind::Pcma;
    other.payload_type = 8;
    session.reconfigure(start, other, false).unwrap();
    assert!(session.push(start + FRAME * 10, &[0; 160], &mut sent));
    let resumed = fields(&sent);
    assert_eq!(resumed.0, 0x88);
    assert_eq!(resumed.1, first.1.wrapping_add(1), "no gap in the numbers");
    assert_eq!(resumed.2, first.2.wrapping_add(1600), "time went on");
    assert_eq!(&sent[12..], [0xD5; 160]);
}
