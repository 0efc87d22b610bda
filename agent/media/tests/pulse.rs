//! Real sound devices: a PulseAudio server of our own with a fake loudspeaker and a fake
//! microphone, found, opened and heard through the product's own code.
//!
//! Needs `pulseaudio` and `pulseaudio-utils`; set CARILLON_SKIP_PULSE=1 where they cannot be had.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]
#![cfg(target_os = "linux")]

mod tone;

use std::ffi::OsStr;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use carillon_media::{
    CodecKind, DeviceError, DeviceSpec, MediaEngine, Remote, SessionConfig, StartSession,
    bind_rtp_pair, list_devices, open_sink, open_source,
};

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The sound server is told to clients by the environment, which a process cannot safely change
/// for itself: so this test runs the other one in a child.
#[test]
fn a_fake_sound_card_is_played_and_heard() {
    if std::env::var_os("CARILLON_SKIP_PULSE").is_some_and(|value| value == "1") {
        println!("skipped: CARILLON_SKIP_PULSE=1");
        return;
    }
    for program in ["pulseaudio", "paplay", "parec"] {
        let found = std::env::var_os("PATH").is_some_and(|path| {
            std::env::split_paths(&path).any(|folder| folder.join(program).exists())
        });
        assert!(
            found,
            "{program} is not installed: install pulseaudio and pulseaudio-utils, or set CARILLON_SKIP_PULSE=1"
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("pulse.sock");
    let _server = serve(folder.path(), &socket);
    let status = ahead_of_others(std::env::current_exe().unwrap().as_os_str())
        .args([
            "--exact",
            "inside_the_fake_sound_card",
            "--ignored",
            "--nocapture",
        ])
        .env("PULSE_SERVER", format!("unix:{}", socket.display()))
        .env("XDG_RUNTIME_DIR", folder.path())
        .env("HOME", folder.path())
        .status()
        .unwrap();
    assert!(status.success(), "the test inside failed, see above");
}

/// Sound is due at its time, also on a machine that builds and tests ten other things: both ends
/// run at a higher priority where that is allowed, and `nice` runs them all the same where not.
fn ahead_of_others(program: &OsStr) -> Command {
    let mut command = Command::new("nice");
    command.args(["-n", "-15"]).arg(program);
    command
}

fn serve(folder: &Path, socket: &Path) -> Running {
    let script = folder.join("fake.pa");
    let lines = format!(
        "load-module module-native-protocol-unix auth-anonymous=1 socket={}\n\
         load-module module-null-sink sink_name=fake_speaker rate=48000 channels=2\n\
         load-module module-null-sink sink_name=fake_mic_feed rate=48000 channels=1\n\
         load-module module-remap-source master=fake_mic_feed.monitor source_name=fake_mic\n\
         set-default-sink fake_speaker\n\
         set-default-source fake_mic\n",
        socket.display()
    );
    std::fs::write(&script, lines).unwrap();
    let server = ahead_of_others(OsStr::new("pulseaudio"))
        .arg("-n")
        .arg("-F")
        .arg(&script)
        .args(["--exit-idle-time=-1", "--daemonize=no", "--use-pid-file=no"])
        .args(["--realtime=no", "--high-priority=no"])
        .env("XDG_RUNTIME_DIR", folder)
        .env("PULSE_RUNTIME_PATH", folder)
        .env("HOME", folder)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let server = Running(server);
    let begun = Instant::now();
    while !socket.exists() {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "pulseaudio does not start"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    // The socket is there before the devices of the lines below it.
    std::thread::sleep(Duration::from_millis(500));
    server
}

#[test]
#[ignore = "run by the test above, inside the fake sound system"]
fn inside_the_fake_sound_card() {
    devices_are_listed();
    unknown_devices_are_named();
    a_loudspeaker_plays();
    a_microphone_hears();
}

fn devices_are_listed() {
    let devices = list_devices().unwrap();
    let speaker = devices.iter().find(|d| d.id == "fake_speaker").unwrap();
    assert!(
        speaker.output && !speaker.input && speaker.default,
        "{speaker:?}"
    );
    let microphone = devices.iter().find(|d| d.id == "fake_mic").unwrap();
    assert!(microphone.input && !microphone.output && microphone.default);
}

fn unknown_devices_are_named() {
    let spec = DeviceSpec::Named("Old Headset".into());
    let error = open_sink(&spec).err().unwrap();
    let text = error.to_string();
    assert!(matches!(error, DeviceError::Unknown { .. }), "{text}");
    assert!(
        text.starts_with("there is no output device named 'Old Headset'; there is: "),
        "{text}"
    );
    // A loudspeaker is no microphone.
    let spec = DeviceSpec::Named("fake_speaker".into());
    assert!(matches!(
        open_source(&spec),
        Err(DeviceError::Unknown { .. })
    ));
}

fn config(ssrc: u32) -> SessionConfig {
    SessionConfig::new(CodecKind::Pcmu, ssrc, u64::from(ssrc), "desk")
}

/// A call from `source` to `sink` over loopback, for as long as `during` runs.
fn call(source: &DeviceSpec, sink: &DeviceSpec, during: impl FnOnce()) {
    let engine = MediaEngine::new();
    let loopback = "127.0.0.1".parse().unwrap();
    let a = bind_rtp_pair(loopback, 0..=0).unwrap();
    let b = bind_rtp_pair(loopback, 0..=0).unwrap();
    let (at_a, at_b) = (a.0.local_addr().unwrap(), b.0.local_addr().unwrap());
    let start = |sockets: (_, _), remote, ssrc, source: &_, sink: &_| {
        engine
            .start(StartSession {
                rtp: sockets.0,
                rtcp: sockets.1,
                remote: Remote::new(remote),
                config: config(ssrc),
                source: open_source(source).unwrap(),
                sink: open_sink(sink).unwrap(),
                events: Box::new(|event| println!("{event:?}")),
            })
            .unwrap()
    };
    let speaker = start(a, at_b, 1, source, &DeviceSpec::Null);
    let listener = start(b, at_a, 2, &DeviceSpec::Null, sink);
    during();
    speaker.stop().unwrap();
    println!("{:?}", listener.stop().unwrap());
}

/// Calls a listener gets to hear two clean seconds: a machine that is busy elsewhere makes the
/// sound server itself stumble, which is not ours to judge.
const CALLS: usize = 4;

fn a_loudspeaker_plays() {
    let heard = (0..CALLS).any(|_| is_tone(&play_once(), "loudspeaker"));
    assert!(heard, "no two clean seconds in {CALLS} calls, see above");
}

fn play_once() -> Vec<i16> {
    let mut heard = Vec::new();
    call(&DeviceSpec::Tone(440), &DeviceSpec::Default, || {
        std::thread::sleep(Duration::from_secs(2));
        let listener = Command::new("parec")
            .args(["--device=fake_speaker.monitor", "--rate=8000"])
            .args(["--channels=1", "--format=s16le", "--latency-msec=50"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut listener = Running(listener);
        let mut bytes = vec![0; 8000 * 2 * 8];
        listener
            .0
            .stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut bytes)
            .unwrap();
        heard.extend(
            bytes
                .chunks_exact(2)
                .map(|s| i16::from_le_bytes([s[0], s[1]])),
        );
    });
    heard.split_off(8000)
}

fn a_microphone_hears() {
    let heard = (0..CALLS).any(|_| is_tone(&record_once(), "microphone"));
    assert!(heard, "no two clean seconds in {CALLS} calls, see above");
}

fn record_once() -> Vec<i16> {
    let folder = tempfile::tempdir().unwrap();
    let (spoken, recorded) = (
        folder.path().join("spoken.wav"),
        folder.path().join("heard.wav"),
    );
    let mut file = open_sink(&DeviceSpec::Wav(spoken.clone())).unwrap();
    file.write(&tone::sine(440.0, 0, 8000 * 12)).unwrap();
    file.finish().unwrap();
    let microphone = DeviceSpec::Named("fake_mic".into());
    call(&microphone, &DeviceSpec::Wav(recorded.clone()), || {
        let voice = Command::new("paplay")
            .arg("--device=fake_mic_feed")
            .arg(&spoken)
            .spawn()
            .unwrap();
        let _voice = Running(voice);
        std::thread::sleep(Duration::from_secs(11));
    });
    samples(&recorded).split_off(8000 * 3)
}

fn samples(path: &Path) -> Vec<i16> {
    let bytes = std::fs::read(path).unwrap();
    bytes[44..]
        .chunks_exact(2)
        .map(|s| i16::from_le_bytes([s[0], s[1]]))
        .collect()
}

/// Whether two seconds are the tone, pure and without a hole. The frequency must be right, and
/// most of the rest the tone too, however busy the machine is.
fn is_tone(heard: &[i16], what: &str) -> bool {
    let window = 8000 * 2;
    let best = (0..=heard.len().saturating_sub(window))
        .step_by(2000)
        .map(|from| &heard[from..from + window])
        .max_by(|a, b| tone::share(a, 440.0).total_cmp(&tone::share(b, 440.0)))
        .unwrap();
    let hertz = tone::frequency(best);
    let (share, whole) = (tone::share(best, 440.0), tone::share(heard, 440.0));
    let mut energies: Vec<i64> = best
        .chunks_exact(160)
        .map(|frame| frame.iter().map(|s| i64::from(*s).pow(2)).sum())
        .collect();
    energies.sort_unstable();
    let median = energies[energies.len() / 2];
    let holes = energies
        .iter()
        .filter(|energy| **energy * 100 < median)
        .count();
    println!("{what}: {hertz:.2} Hz, share {share:.4} ({whole:.4} of all), holes {holes}");
    (hertz - 440.0).abs() <= 1.0 && share > 0.99 && whole > 0.7 && holes == 0
}
