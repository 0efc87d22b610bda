//! Several sessions in one engine: conference, volume, mute and recording, with real sockets and tones.

#![expect(unsafe_code, reason = "counts allocations by an allocator of its own")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod tone;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use carillon_media::{
    AudioSink, AudioSource, CodecKind, DeviceError, MediaEngine, MediaHandle, Recorder, Remote,
    SessionConfig, StartSession, Volume, bind_rtp_pair, open_source,
};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Counts what the media thread allocates.
struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static COUNTED: Cell<bool> = const { Cell::new(false) };
}

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if COUNTED.try_with(Cell::get) == Ok(true) {
            ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: the caller's promise about the layout holds for the system too.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the memory came from the system's allocator with this layout.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// A loudspeaker that remembers.
#[derive(Clone, Default)]
struct Ear(Arc<Mutex<Vec<i16>>>);

impl AudioSink for Ear {
    fn write(&mut self, frame: &[i16]) -> Result<(), DeviceError> {
        let counted = COUNTED.replace(false);
        self.0.lock().unwrap().extend_from_slice(frame);
        COUNTED.set(counted);
        Ok(())
    }
}

impl Ear {
    fn forget(&self) {
        self.0.lock().unwrap().clear();
    }

    /// What was heard since, when it is this long, in seconds.
    fn hear(&self, seconds: usize) -> Vec<i16> {
        let begun = Instant::now();
        loop {
            let heard = self.0.lock().unwrap();
            if heard.len() >= seconds * 8000 {
                return heard.clone();
            }
            drop(heard);
            assert!(begun.elapsed() < Duration::from_secs(20), "nothing to hear");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

struct Phone {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    source: Box<dyn AudioSource>,
    ear: Ear,
    ptime_ms: u16,
}

impl Phone {
    fn new(source: &str) -> Self {
        let (rtp, rtcp) = bind_rtp_pair(LOOPBACK, 0..=0).unwrap();
        Self {
            rtp,
            rtcp,
            source: open_source(&source.parse().unwrap()).unwrap(),
            ear: Ear::default(),
            ptime_ms: 20,
        }
    }

    fn address(&self) -> SocketAddr {
        self.rtp.local_addr().unwrap()
    }

    fn start(self, engine: &MediaEngine, peer: SocketAddr) -> (MediaHandle, Ear, SessionConfig) {
        let ssrc = u32::from(self.address().port());
        let mut config = SessionConfig::new(CodecKind::Pcmu, ssrc, u64::from(ssrc), "desk");
        config.dtmf_payload_type = Some(101);
        config.ptime_ms = self.ptime_ms;
        let handle = engine
            .start(StartSession {
                rtp: self.rtp,
                rtcp: self.rtcp,
                remote: Remote::new(peer),
                config: config.clone(),
                source: self.source,
                sink: Box::new(self.ear.clone()),
                events: Box::new(|_| {}),
            })
            .unwrap();
        (handle, self.ear, config)
    }
}

/// One call of the desk and its far side.
struct Call {
    here: MediaHandle,
    here_ear: Ear,
    config: SessionConfig,
    peer: SocketAddr,
    there: MediaHandle,
    there_ear: Ear,
}

/// The desk's microphone is 300 Hz; the far side is this tone.
fn call(desk: &MediaEngine, far: &MediaEngine, tone: &str, ptime_ms: u16) -> Call {
    let (mut here, mut there) = (Phone::new("tone:300"), Phone::new(tone));
    (here.ptime_ms, there.ptime_ms) = (ptime_ms, ptime_ms);
    let (at_here, peer) = (here.address(), there.address());
    let (here, here_ear, config) = here.start(desk, peer);
    let (there, there_ear, _) = there.start(far, at_here);
    Call {
        here,
        here_ear,
        config,
        peer,
        there,
        there_ear,
    }
}

fn assert_tones(samples: &[i16], expected: &[f64]) {
    // Without what was on the way when the test changed something.
    let settled = &samples[4000..];
    for hertz in [300.0, 500.0, 700.0, 900.0] {
        let share = tone::share(settled, hertz);
        let wanted = if expected.contains(&hertz) {
            1.0 / expected.len() as f64
        } else {
            0.0
        };
        assert!(
            (share - wanted).abs() < 0.05,
            "{hertz} Hz has a share of {share:.3}, {expected:?} expected"
        );
    }
}

#[test]
fn everybody_in_a_conference_hears_everybody_else() {
    let (desk, far) = (MediaEngine::new(), MediaEngine::new());
    let first = call(&desk, &far, "tone:500", 20);
    let second = call(&desk, &far, "tone:700", 10);
    let third = call(&desk, &far, "tone:900", 20);
    let calls = [&first, &second, &third];
    for one in calls {
        assert_tones(&one.there_ear.hear(1), &[300.0]);
        one.here.confer(true).unwrap();
    }
    for one in calls {
        one.there_ear.forget();
        one.here_ear.forget();
    }
    assert_tones(&first.there_ear.hear(1), &[300.0, 700.0, 900.0]);
    assert_tones(&second.there_ear.hear(1), &[300.0, 500.0, 900.0]);
    assert_tones(&third.there_ear.hear(1), &[300.0, 500.0, 700.0]);
    assert_tones(&first.here_ear.hear(1), &[500.0, 700.0, 900.0]);

    // Held: its music would be for nobody, and it hears nothing of the others.
    let mut held = third.config.clone();
    held.silent = true;
    held.receive = false;
    third.here.update(Remote::new(third.peer), held).unwrap();
    second.here.mute(true).unwrap();
    for one in calls {
        one.there_ear.forget();
        one.here_ear.forget();
    }
    assert_tones(&first.there_ear.hear(1), &[300.0, 700.0]);
    assert_tones(&second.there_ear.hear(1), &[500.0]);
    let quiet = third.there_ear.hear(1);
    assert!(quiet[4000..].iter().all(|sample| sample.abs() < 16));

    // The member whose devices served all leaves; another's serve on.
    third
        .here
        .update(Remote::new(third.peer), third.config.clone())
        .unwrap();
    first.here.stop().unwrap();
    second.here_ear.forget();
    third.there_ear.forget();
    assert_tones(&second.here_ear.hear(1), &[700.0, 900.0]);
    assert_tones(&third.there_ear.hear(1), &[300.0, 700.0]);

    // One leaves by wish: both are calls of their own again.
    second.here.confer(false).unwrap();
    second.here.mute(false).unwrap();
    for ear in [&second.there_ear, &third.there_ear, &third.here_ear] {
        ear.forget();
    }
    assert_tones(&second.there_ear.hear(1), &[300.0]);
    assert_tones(&third.there_ear.hear(1), &[300.0]);
    assert_tones(&third.here_ear.hear(1), &[900.0]);
    for call in [second, third] {
        assert!(call.here.statistics().unwrap().packets_lost <= 0);
        call.here.stop().unwrap();
        call.there.stop().unwrap();
    }
    first.there.stop().unwrap();
}

#[test]
fn volume_is_exact_and_a_recording_is_what_was_said_and_heard() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.wav");
    let (desk, far) = (MediaEngine::new(), MediaEngine::new());
    let one = call(&desk, &far, "tone:500", 20);
    let (recorder, tap) = Recorder::start(&path, |end| panic!("{end}")).unwrap();
    let peak = |ear: &Ear| {
        ear.forget();
        let heard = ear.hear(1);
        f64::from(
            heard[4000..]
                .iter()
                .map(|s| s.unsigned_abs())
                .max()
                .unwrap(),
        )
    };
    let (said, heard) = (peak(&one.there_ear), peak(&one.here_ear));
    one.here.record(Some(tap)).unwrap();
    one.here_ear.forget();
    let ear = one.here_ear.hear(1);
    desk.set_volume(Volume {
        input: 50,
        output: 150,
    });
    let (softer, louder) = (peak(&one.there_ear), peak(&one.here_ear));
    assert!((softer / said - 0.5).abs() < 0.03, "{said} became {softer}");
    assert!(
        (louder / heard - 1.5).abs() < 0.03,
        "{heard} became {louder}"
    );
    one.here.mute(true).unwrap();
    assert!(peak(&one.there_ear) < 16.0, "muted");
    one.here.dtmf("5").unwrap();
    let begun = Instant::now();
    while one.there.statistics().unwrap().digits_received < 1 {
        assert!(begun.elapsed() < Duration::from_secs(20), "no digit");
        std::thread::sleep(Duration::from_millis(10));
    }
    one.here.record(None).unwrap();
    assert_eq!(recorder.stop(), Duration::ZERO);

    let bytes = std::fs::read(&path).unwrap();
    let sides = |at: usize| -> Vec<i16> {
        bytes[44..]
            .chunks_exact(4)
            .map(|pair| i16::from_le_bytes([pair[at], pair[at + 1]]))
            .collect()
    };
    let (left, right) = (sides(0), sides(2));
    assert!(tone::share(&left[..8000], 300.0) > 0.99);
    // Sample by sample what the ear got, found at its own place in it.
    let begin = &ear[..800];
    let at = right.windows(800).position(|window| window == begin);
    let at = at.expect("what was heard is in the recording");
    assert_eq!(right[at..at + 8000], ear[..8000]);
    assert!(left[left.len() - 1600..].iter().all(|sample| *sample == 0));
    one.here.stop().unwrap();
    one.there.stop().unwrap();
}

#[test]
fn mixing_and_recording_allocate_nothing() {
    /// Says of itself that its thread is the one to be counted.
    struct Marking;

    impl AudioSource for Marking {
        fn read(&mut self, frame: &mut [i16]) -> Result<(), DeviceError> {
            COUNTED.set(true);
            frame.fill(1000);
            Ok(())
        }
    }

    let folder = tempfile::tempdir().unwrap();
    let (desk, far) = (MediaEngine::new(), MediaEngine::new());
    let calls = [
        call(&desk, &far, "tone:500", 20),
        call(&desk, &far, "tone:700", 20),
        call(&desk, &far, "tone:900", 20),
    ];
    let mut recorders = Vec::new();
    let watch = desk.meter().watch();
    for (n, one) in calls.iter().enumerate() {
        let path = folder.path().join(format!("{n}.wav"));
        let (recorder, tap) = Recorder::start(&path, |end| panic!("{end}")).unwrap();
        one.here.record(Some(tap)).unwrap();
        one.here.set_source(Box::new(Marking)).unwrap();
        one.here.confer(true).unwrap();
        recorders.push(recorder);
    }
    // The first second fills buffers that are used from then on.
    calls[0].there_ear.hear(2);
    let received = || -> u64 {
        let each = calls.iter().map(|one| one.here.statistics().unwrap());
        each.map(|statistics| statistics.packets_received).sum()
    };
    let (before, came) = (ALLOCATIONS.load(Ordering::Relaxed), received());
    calls[0].there_ear.forget();
    calls[0].there_ear.hear(1);
    let packets = received() - came;
    let allocations = (ALLOCATIONS.load(Ordering::Relaxed) - before) as u64;
    // The crate that reads RTP allocates once for each header; a report and the two looks at the counters
    // take their few.
    assert!(
        allocations <= packets + 40,
        "{allocations} allocations in a second of three calls with {packets} packets"
    );
    let input = watch.levels().input;
    assert!((input + 30.3).abs() < 0.2, "{input} dBFS");
    drop(recorders);
}
