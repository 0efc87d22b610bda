//! Two sessions and a bad network between them, on virtual time, with real audio.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod network;
mod tone;

use std::time::{Duration, Instant};

use carillon_media::{CodecKind, Session, SessionConfig, SessionEvent, Statistics};
use network::{Network, Weather};

const HERTZ: f64 = 440.0;

fn config(ssrc: u32, codec: CodecKind, ptime_ms: u16) -> SessionConfig {
    let mut config = SessionConfig::new(codec, ssrc, u64::from(ssrc) * 77, "desk");
    config.dtmf_payload_type = Some(101);
    config.ptime_ms = ptime_ms;
    config
}

/// What one listener heard of a call in one direction.
struct Call {
    heard: Vec<i16>,
    digits: String,
    statistics: Statistics,
    sender: Statistics,
}

struct Plan {
    weather: Weather,
    seconds: u64,
    codec: CodecKind,
    ptime_ms: u16,
    /// Parts per million the speaker's clock is fast.
    drift_ppm: f64,
    digits: &'static str,
    seed: u64,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            weather: Weather::default(),
            seconds: 20,
            codec: CodecKind::Pcmu,
            ptime_ms: 20,
            drift_ppm: 0.0,
            digits: "",
            seed: 4711,
        }
    }
}

/// A speaks a tone, B listens; RTCP goes both ways.
fn run(plan: &Plan) -> Call {
    let start = Instant::now();
    let mut a = Session::new(config(1, plan.codec, plan.ptime_ms), start).unwrap();
    let mut b = Session::new(config(2, plan.codec, plan.ptime_ms), start).unwrap();
    let mut there = Network::new(plan.weather, plan.seed);
    let mut back = Network::new(plan.weather, plan.seed + 1);
    let mut reports = Network::new(plan.weather, plan.seed + 2);
    let mut reports_back = Network::new(plan.weather, plan.seed + 3);
    let samples = usize::from(plan.ptime_ms) * 8;
    let frame = Duration::from_millis(u64::from(plan.ptime_ms));
    let speaking = frame.div_f64(1.0 + plan.drift_ppm / 1e6);
    let frames = plan.seconds * 1000 / u64::from(plan.ptime_ms);
    let (mut heard, mut digits, mut packet) = (Vec::new(), String::new(), Vec::new());
    let (mut spoken, mut next_word) = (0, start);
    for n in 0..frames {
        let now = start + frame * n as u32;
        if n == 50 {
            a.dtmf(plan.digits).unwrap();
        }
        while next_word <= now {
            let sine = tone::sine(HERTZ, spoken, samples);
            spoken += samples;
            if a.push(next_word, &sine, &mut packet) {
                there.send(next_word, &packet);
            }
            next_word += speaking;
        }
        if b.push(now, &vec![0; samples], &mut packet) {
            back.send(now, &packet);
        }
        let mut out = vec![0; samples];
        for (at, datagram) in there.receive(now) {
            b.receive_rtp(at, &datagram);
        }
        for (at, datagram) in back.receive(now) {
            a.receive_rtp(at, &datagram);
        }
        a.pull(now, &mut out);
        b.pull(now, &mut out);
        heard.extend(out);
        if let Some(report) = a.poll_rtcp(now) {
            reports.send(now, &report);
        }
        if let Some(report) = b.poll_rtcp(now) {
            reports_back.send(now, &report);
        }
        for (at, datagram) in reports.receive(now) {
            b.receive_rtcp(at, &datagram);
        }
        for (at, datagram) in reports_back.receive(now) {
            a.receive_rtcp(at, &datagram);
        }
        while let Some(event) = b.poll_event(now) {
            if let SessionEvent::Dtmf(digit) = event {
                digits.push(digit.symbol());
            }
        }
    }
    let end = start + frame * frames as u32;
    Call {
        heard,
        digits,
        statistics: b.statistics(end),
        sender: a.statistics(end),
    }
}

/// Checks frequency and share after the first second, in which the buffer settles.
fn assert_tone(call: &Call, least: f64, what: &str) {
    let steady = &call.heard[8000..];
    let hertz = tone::frequency(steady);
    let share = tone::share(steady, HERTZ);
    println!(
        "{what}: {hertz:.2} Hz, share {share:.4}, {:?}",
        call.statistics
    );
    assert!((hertz - HERTZ).abs() <= 1.0, "{what}: {hertz} Hz");
    assert!(share > least, "{what}: share {share}");
}

#[test]
fn a_perfect_network_is_transparent() {
    for codec in CodecKind::ALL {
        for ptime_ms in [10, 20] {
            let call = run(&Plan {
                codec,
                ptime_ms,
                ..Plan::default()
            });
            let what = format!("{codec:?} {ptime_ms} ms");
            assert_tone(&call, 0.999, &what);
            let s = call.statistics;
            assert_eq!(
                (s.packets_lost, s.packets_late, s.restarts),
                (0, 0, 1),
                "{what}"
            );
            assert_eq!(s.removed_samples + s.inserted_samples, 0, "{what}");
            assert!(s.current_delay <= Duration::from_millis(80), "{what} {s:?}");
        }
    }
}

#[test]
fn loss_is_concealed() {
    for (loss, least) in [
        (0.01, 0.99),
        (0.05, 0.97),
        (0.1, 0.95),
        (0.2, 0.9),
        (0.3, 0.8),
    ] {
        let call = run(&Plan {
            weather: Weather {
                loss,
                ..Weather::default()
            },
            ..Plan::default()
        });
        assert_tone(&call, least, &format!("loss {loss}"));
        let measured = call.statistics.packets_lost as f64 / 1000.0;
        assert!((measured - loss).abs() < 0.05, "{measured} for {loss}");
        let reported = f64::from(call.sender.remote_packets_lost.unwrap());
        assert!(reported > 0.0, "the sender learns of it");
    }
}

#[test]
fn jitter_is_buffered() {
    for jitter in [20, 50, 100, 200] {
        for reordering in [false, true] {
            let call = run(&Plan {
                weather: Weather {
                    jitter: Duration::from_millis(jitter),
                    reordering,
                    ..Weather::default()
                },
                seconds: 30,
                ..Plan::default()
            });
            let what = format!("jitter {jitter} ms, reordering {reordering}");
            assert_tone(&call, 0.95, &what);
            let settled = &call.heard[15 * 8000..];
            let share = tone::share(settled, HERTZ);
            assert!(share > 0.98, "{what}: settled at {share}");
            assert!(
                call.statistics.current_delay <= Duration::from_millis(jitter + 120),
                "{what}: {:?}",
                call.statistics
            );
        }
    }
}

#[test]
fn everything_at_once_is_still_the_tone() {
    let call = run(&Plan {
        weather: Weather {
            loss: 0.3,
            jitter: Duration::from_millis(200),
            reordering: true,
            duplication: 0.2,
        },
        seconds: 30,
        ..Plan::default()
    });
    assert_tone(&call, 0.75, "everything");
    assert!(call.statistics.packets_duplicate > 100);
    assert!(call.statistics.packets_reordered > 100);
}

#[test]
fn clocks_apart_by_200_ppm_are_kept_together() {
    for drift_ppm in [-200.0, 200.0] {
        let call = run(&Plan {
            drift_ppm,
            seconds: 300,
            ..Plan::default()
        });
        assert_tone(&call, 0.995, &format!("drift {drift_ppm}"));
        assert!(
            call.statistics.current_delay < Duration::from_millis(140),
            "{:?}",
            call.statistics
        );
        // 60 ms in five minutes had to be put in or taken out.
        let s = call.statistics;
        assert!(s.concealed_samples < 2000, "{s:?}");
    }
}

#[test]
fn each_digit_is_heard_once_and_in_order() {
    for seed in 0..30 {
        let call = run(&Plan {
            weather: Weather {
                loss: 0.2,
                jitter: Duration::from_millis(60),
                reordering: true,
                duplication: 0.2,
            },
            seconds: 8,
            digits: "0123456789*#ABCD1122",
            seed: 1000 + seed * 7,
            ..Plan::default()
        });
        assert_eq!(call.digits, "0123456789*#ABCD1122", "seed {seed}");
        assert_eq!(call.statistics.digits_received, 20);
        assert_eq!(call.sender.digits_sent, 20);
    }
}

#[test]
fn the_round_trip_is_measured() {
    let call = run(&Plan {
        seconds: 60,
        ..Plan::default()
    });
    let round_trip = call.sender.round_trip.unwrap();
    let network = Duration::from_millis(20);
    assert!(
        round_trip <= network + Duration::from_millis(1),
        "{round_trip:?}"
    );
    assert!(
        round_trip + Duration::from_millis(1) >= network,
        "{round_trip:?}"
    );
    assert_eq!(call.sender.remote_fraction_lost, Some(0.0));
    assert!(
        (8..20).contains(&call.sender.rtcp_sent),
        "{}",
        call.sender.rtcp_sent
    );
}
