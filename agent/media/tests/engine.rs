//! The media thread with real sockets on loopback, real files, and faults.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod tone;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use carillon_media::{
    AudioSink, AudioSource, CodecKind, DeviceError, DeviceSpec, MediaEngine, MediaError,
    MediaEvent, MediaHandle, Remote, SessionConfig, StartSession, bind_rtp_pair, open_sink,
    open_source,
};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// One end of a call.
struct Phone {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    config: SessionConfig,
    source: Box<dyn AudioSource>,
    sink: Box<dyn AudioSink>,
}

impl Phone {
    fn new(ssrc: u32, source: &str, sink: &str) -> Self {
        let (rtp, rtcp) = bind_rtp_pair(LOOPBACK, 0..=0).unwrap();
        let mut config = SessionConfig::new(CodecKind::Pcmu, ssrc, u64::from(ssrc), "desk");
        config.dtmf_payload_type = Some(101);
        Self {
            rtp,
            rtcp,
            config,
            source: open_source(&source.parse::<DeviceSpec>().unwrap()).unwrap(),
            sink: open_sink(&sink.parse::<DeviceSpec>().unwrap()).unwrap(),
        }
    }

    fn address(&self) -> SocketAddr {
        self.rtp.local_addr().unwrap()
    }

    fn start(
        self,
        engine: &MediaEngine,
        remote: Remote,
    ) -> (MediaHandle, mpsc::Receiver<MediaEvent>) {
        let (sender, events) = mpsc::channel();
        let handle = engine
            .start(StartSession {
                rtp: self.rtp,
                rtcp: self.rtcp,
                remote,
                config: self.config,
                source: self.source,
                sink: self.sink,
                events: Box::new(move |event| drop(sender.send(event))),
            })
            .unwrap();
        (handle, events)
    }
}

fn wav(path: &Path) -> Vec<i16> {
    let bytes = std::fs::read(path).unwrap();
    let size = u32::from_le_bytes(bytes[40..44].try_into().unwrap()) as usize;
    assert_eq!(size, bytes.len() - 44, "the header tells the size");
    bytes[44..]
        .chunks_exact(2)
        .map(|s| i16::from_le_bytes([s[0], s[1]]))
        .collect()
}

fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(20), "no {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_tone_goes_through_real_sockets_into_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("heard.wav");
    let engine = MediaEngine::new();
    assert!(!engine.is_running(), "nothing runs without a call");
    let a = Phone::new(1, "tone:440", "null");
    let b = Phone::new(2, "null", &format!("wav:{}", path.display()));
    let (to_a, to_b) = (Remote::new(a.address()), Remote::new(b.address()));
    let (a, _) = a.start(&engine, to_b);
    let (b, events) = b.start(&engine, to_a);
    assert!(engine.is_running());
    wait_for("sound", || b.statistics().unwrap().packets_received > 150);
    a.dtmf("42#").unwrap();
    let mut digits = String::new();
    while digits.len() < 3 {
        match events.recv_timeout(Duration::from_secs(10)).unwrap() {
            MediaEvent::Dtmf(digit) => digits.push(digit.symbol()),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(digits, "42#");
    let sent = a.stop().unwrap();
    assert_eq!(
        events.recv_timeout(Duration::from_secs(10)).unwrap(),
        MediaEvent::RemoteBye
    );
    let received = b.stop().unwrap();
    assert_eq!(
        received.packets_received + 1,
        sent.packets_sent,
        "one on probation"
    );
    assert_eq!(received.packets_lost, 0);
    wait_for("end of the thread", || !engine.is_running());
    let heard = wav(&path);
    let steady = &heard[4000..4000 + 16_000];
    assert!((tone::frequency(steady) - 440.0).abs() < 1.0);
    assert!(tone::share(steady, 440.0) > 0.99);
}

#[test]
fn a_call_can_be_muted_held_and_moved() {
    let engine = MediaEngine::new();
    let a = Phone::new(1, "tone:440", "null");
    let b = Phone::new(2, "tone:300", "null");
    let (at_a, at_b) = (a.address(), b.address());
    let (a, _) = a.start(&engine, Remote::new(at_b));
    let (b, _b_events) = b.start(&engine, Remote::new(at_a));
    wait_for("sound", || b.statistics().unwrap().packets_received > 10);
    a.mute(true).unwrap();
    let mut held = SessionConfig::new(CodecKind::Pcmu, 1, 1, "desk");
    held.send = false;
    a.update(Remote::new(at_b), held.clone()).unwrap();
    let sent = a.statistics().unwrap().packets_sent;
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(a.statistics().unwrap().packets_sent, sent, "held");
    assert!(
        matches!(a.dtmf("1"), Err(MediaError::Dtmf(_))),
        "not negotiated"
    );
    held.ptime_ms = 7;
    let bad = a.update(Remote::new(at_b), held.clone());
    assert!(matches!(bad, Err(MediaError::Config(_))));
    let third = Phone::new(3, "null", "null");
    let at_third = third.address();
    let (third, _third_events) = third.start(&engine, Remote::new(at_a));
    held.ptime_ms = 10;
    held.send = true;
    a.update(Remote::new(at_third), held).unwrap();
    wait_for("the third", || {
        third.statistics().unwrap().packets_received > 20
    });
    wait_for("their answer", || a.statistics().unwrap().restarts > 1);
    drop((a, b, third));
    wait_for("end of the thread", || !engine.is_running());
}

#[test]
fn a_stranger_on_the_wire_is_not_heard() {
    let engine = MediaEngine::new();
    let a = Phone::new(1, "tone:440", "null");
    let b = Phone::new(2, "null", "null");
    let (at_a, at_b) = (a.address(), b.address());
    // The stranger is another host of loopback.
    let stranger = UdpSocket::bind("127.0.0.2:0").unwrap();
    let (a, _) = a.start(&engine, Remote::new(at_b));
    let (b, _events) = b.start(&engine, Remote::new(at_a).with_latch(true));
    wait_for("sound", || b.statistics().unwrap().packets_received > 10);
    let restarts = b.statistics().unwrap().restarts;
    for n in 0..500u16 {
        let mut packet = vec![0x80, 0];
        packet.extend(n.to_be_bytes());
        packet.extend((u32::from(n) * 160).to_be_bytes());
        packet.extend(666u32.to_be_bytes());
        packet.extend([0x55; 160]);
        stranger.send_to(&packet, at_b).unwrap();
    }
    let before = b.statistics().unwrap().packets_received;
    wait_for("more sound", || {
        b.statistics().unwrap().packets_received > before + 10
    });
    assert_eq!(b.statistics().unwrap().restarts, restarts);
    drop((a, b));
}

/// A microphone that panics after some frames, as broken code does.
struct Panicking(u32);

impl AudioSource for Panicking {
    fn read(&mut self, frame: &mut [i16]) -> Result<(), DeviceError> {
        frame.fill(0);
        self.0 = self.0.checked_sub(1).expect("the device's code is broken");
        Ok(())
    }
}

#[test]
fn a_panic_ends_one_session_and_tells_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("heard.wav");
    let engine = MediaEngine::new();
    let mut a = Phone::new(1, "null", &format!("wav:{}", path.display()));
    let b = Phone::new(2, "tone:440", "null");
    a.source = Box::new(Panicking(20));
    let (at_a, at_b) = (a.address(), b.address());
    let (a, events) = a.start(&engine, Remote::new(at_b));
    let (b, _b_events) = b.start(&engine, Remote::new(at_a));
    let MediaEvent::Failed { reason } = events.recv_timeout(Duration::from_secs(10)).unwrap()
    else {
        panic!("another event");
    };
    assert!(reason.contains("broken"), "{reason}");
    let error = a.stop().unwrap_err();
    assert!(
        matches!(&error, MediaError::Over(Some(reason)) if reason.contains("broken")),
        "{error}"
    );
    assert!(!wav(&path).is_empty(), "what was heard is kept");
    let sent = b.statistics().unwrap().packets_sent;
    wait_for("the other call", || {
        b.statistics().unwrap().packets_sent > sent + 10
    });
    b.stop().unwrap();
    wait_for("end of the thread", || !engine.is_running());
    let again = Phone::new(3, "null", "null");
    let (again, _) = again.start(&engine, Remote::new(at_b));
    again.stop().unwrap();
}

/// A loudspeaker that is pulled out after some frames.
struct Pulled(u32);

impl AudioSink for Pulled {
    fn write(&mut self, _frame: &[i16]) -> Result<(), DeviceError> {
        match self.0.checked_sub(1) {
            Some(left) => self.0 = left,
            None => {
                return Err(DeviceError::Lost {
                    name: "Headset".into(),
                    direction: "output",
                    reason: "unplugged".into(),
                });
            }
        }
        Ok(())
    }
}

#[test]
fn a_lost_device_is_told_and_can_be_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("heard.wav");
    let engine = MediaEngine::new();
    let mut a = Phone::new(1, "null", "null");
    let b = Phone::new(2, "tone:440", "null");
    a.sink = Box::new(Pulled(10));
    let (at_a, at_b) = (a.address(), b.address());
    let (a, events) = a.start(&engine, Remote::new(at_b));
    let (b, _b_events) = b.start(&engine, Remote::new(at_a));
    let MediaEvent::DeviceLost { reason, input } =
        events.recv_timeout(Duration::from_secs(10)).unwrap()
    else {
        panic!("another event");
    };
    assert_eq!(reason, "output device 'Headset' is lost: unplugged");
    assert!(!input);
    let replacement = open_sink(&DeviceSpec::Wav(path.clone())).unwrap();
    a.set_sink(replacement).unwrap();
    wait_for("sound", || a.statistics().unwrap().packets_received > 60);
    a.stop().unwrap();
    b.stop().unwrap();
    assert!(tone::share(&wav(&path)[2000..], 440.0) > 0.9);
}

#[test]
fn sessions_come_and_go_and_leave_nothing() {
    let engine = MediaEngine::new();
    for n in 0..50 {
        let a = Phone::new(1, "tone:440", "null");
        let to_itself = Remote::new(a.address());
        let (a, _events) = a.start(&engine, to_itself);
        if n % 2 == 0 {
            a.stop().unwrap();
        }
    }
    wait_for("end of the thread", || !engine.is_running());
}

#[test]
fn a_bad_configuration_is_refused_before_anything_starts() {
    let engine = MediaEngine::new();
    let mut a = Phone::new(1, "null", "null");
    a.config.ptime_ms = 30;
    let remote = Remote::new(a.address());
    let error = engine
        .start(StartSession {
            rtp: a.rtp,
            rtcp: a.rtcp,
            remote,
            config: a.config,
            source: a.source,
            sink: a.sink,
            events: Box::new(|_| {}),
        })
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        "a frame of 30 ms cannot be sent: use a ptime of 10 or 20 ms"
    );
    assert!(!engine.is_running());
}
