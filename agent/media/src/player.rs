//! Sound outside a call: ringing, ring-back and busy, or a file, at a device of their own.
//!
//! Owns a thread and an open device while something is played, and neither before nor after.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Thread;
use std::time::{Duration, Instant};

use crate::SAMPLE_RATE;
use crate::device::error::DeviceError;
use crate::device::wav::WavSource;
use crate::device::{AudioSink, AudioSource};
use crate::engine::start::MediaError;
use crate::tones::{CallTone, ToneSource};
use crate::volume::amplify;

/// Length of a frame.
const FRAME: Duration = Duration::from_millis(20);

/// Samples of a frame.
const SAMPLES: usize = SAMPLE_RATE as usize / 50;

/// Frames that are made up for after a delay.
const MAX_BEHIND: u32 = 5;

/// What is to be played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaySound {
    /// The tone; heard too where the file cannot be played.
    pub tone: CallTone,
    /// A WAV file to play in its place, again and again.
    pub file: Option<PathBuf>,
    /// How loud, in percent.
    pub volume: u8,
    /// How long at most; until it is stopped when absent.
    pub limit: Option<Duration>,
}

/// A sound that is being played; dropped, it stops.
pub struct Playing {
    stop: Arc<AtomicBool>,
    thread: Thread,
}

impl Playing {
    /// Begins. The file and, by `open`, the device are opened on the sound's own thread; `trouble` is told
    /// there of what cannot be had.
    ///
    /// # Errors
    /// [`MediaError::Thread`].
    pub fn start(
        sound: PlaySound,
        open: impl FnOnce() -> Result<Box<dyn AudioSink>, DeviceError> + Send + 'static,
        trouble: impl Fn(DeviceError) + Send + 'static,
    ) -> Result<Self, MediaError> {
        let stop = Arc::<AtomicBool>::default();
        let signal = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("ringing".to_owned())
            .stack_size(256 * 1024)
            .spawn(move || {
                let played = open().and_then(|sink| play(&sound, sink, &signal, &trouble));
                if let Err(error) = played {
                    trouble(error);
                }
            })
            .map_err(MediaError::Thread)?;
        Ok(Self {
            stop,
            thread: thread.thread().clone(),
        })
    }
}

impl Drop for Playing {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.unpark();
    }
}

fn play(
    sound: &PlaySound,
    mut sink: Box<dyn AudioSink>,
    stop: &AtomicBool,
    trouble: &dyn Fn(DeviceError),
) -> Result<(), DeviceError> {
    let mut source = source(sound, trouble);
    let begun = Instant::now();
    let mut due = begun;
    let mut frame = [0; SAMPLES];
    while !stop.load(Ordering::Relaxed) && sound.limit.is_none_or(|limit| due - begun < limit) {
        let now = Instant::now();
        if due > now {
            std::thread::park_timeout(due - now);
            continue;
        }
        if now > due + FRAME * MAX_BEHIND {
            due = now;
        }
        source.read(&mut frame)?;
        amplify(&mut frame, sound.volume);
        sink.write(&frame)?;
        due += FRAME;
    }
    sink.finish()
}

fn source(sound: &PlaySound, trouble: &dyn Fn(DeviceError)) -> Box<dyn AudioSource> {
    if let Some(file) = &sound.file {
        match WavSource::open(file, true) {
            Ok(source) => return Box::new(source),
            Err(error) => trouble(error),
        }
    }
    Box::new(ToneSource::new(sound.tone))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::open_sink;
    use crate::device::spec::DeviceSpec;
    use std::path::Path;
    use std::sync::mpsc;

    fn ring() -> PlaySound {
        PlaySound {
            tone: CallTone::Ring,
            file: None,
            volume: 100,
            limit: None,
        }
    }

    fn to(
        path: &Path,
    ) -> impl FnOnce() -> Result<Box<dyn AudioSink>, DeviceError> + Send + 'static {
        let path = path.to_owned();
        move || open_sink(&DeviceSpec::Wav(path))
    }

    fn loudest(path: &Path) -> Option<u16> {
        let bytes = std::fs::read(path).unwrap();
        let samples = bytes.get(44..)?.chunks_exact(2);
        samples
            .map(|s| i16::from_le_bytes([s[0], s[1]]).unsigned_abs())
            .max()
    }

    #[test]
    fn it_rings_until_it_is_dropped_and_the_file_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rang.wav");
        let playing = Playing::start(ring(), to(&path), |error| panic!("{error}")).unwrap();
        std::thread::sleep(Duration::from_millis(300));
        drop(playing);
        let begun = Instant::now();
        let size = || u32::from_le_bytes(std::fs::read(&path).unwrap()[40..44].try_into().unwrap());
        while !path.exists() || size() == 0 {
            assert!(begun.elapsed() < Duration::from_secs(20), "it never ended");
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(loudest(&path).unwrap() > 5_000);
        assert!(size() < 16_000, "it stopped at once");
    }

    #[test]
    fn a_short_sound_ends_by_itself_and_a_bad_file_falls_back_to_the_tone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rang.wav");
        let (told, trouble) = mpsc::channel();
        let mut sound = ring();
        sound.file = Some(folder.path().join("missing.wav"));
        sound.limit = Some(Duration::from_millis(100));
        sound.volume = 50;
        let _playing = Playing::start(sound, to(&path), move |error| {
            told.send(error.to_string()).unwrap();
        })
        .unwrap();
        let error = trouble.recv_timeout(Duration::from_secs(20)).unwrap();
        assert!(error.contains("missing.wav"), "{error}");
        assert!(
            trouble.recv_timeout(Duration::from_secs(20)).is_err(),
            "the thread ended, and told nothing else"
        );
        let loudest = loudest(&path).unwrap();
        assert!((2_000..=5_100).contains(&loudest), "{loudest}");
    }

    #[test]
    fn a_device_that_is_not_there_is_told() {
        let (told, trouble) = mpsc::channel();
        let _playing = Playing::start(ring(), to(Path::new("/no/such/folder.wav")), move |error| {
            told.send(error.to_string()).unwrap();
        })
        .unwrap();
        let error = trouble.recv_timeout(Duration::from_secs(20)).unwrap();
        assert!(error.contains("/no/such/folder.wav"), "{error}");
    }
}
