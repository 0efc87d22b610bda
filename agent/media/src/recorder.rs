//! Recording a call to a WAV file: what we say on the left, what we hear on the right.
//!
//! Two channels, because who spoke can be told apart afterwards and mixing them later is easy. Owns a
//! thread that lives as long as the recording and does all the writing; the media thread only puts
//! samples in a bounded ring. The header is brought up to date with every write, so a file is whole up to
//! the last fifth of a second even when the program is killed.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rtrb::{Consumer, Producer, RingBuffer};

use crate::SAMPLE_RATE;
use crate::device::wav_header::header;

/// Left and right.
const CHANNELS: u16 = 2;

/// Seconds of sound that wait while the disk is busy.
const RING_SECONDS: usize = 4;

/// How often what waits is written.
const PACE: Duration = Duration::from_millis(200);

/// Longest recording, in seconds: four hours, 460 MB.
const MAX_SECONDS: u32 = 4 * 3600;

/// The same in bytes of samples.
const MAX_BYTES: u32 = MAX_SECONDS * SAMPLE_RATE * CHANNELS as u32 * 2;

/// Why a recording cannot begin, or ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// The folder or file cannot be made.
    #[error("the recording '{}' cannot be made: {source}; name a file that is not there yet, in a folder that can be written", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file cannot be written any more. What was written until then is kept.
    #[error("the recording '{}' ended: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// As long as a recording may be. It is kept.
    #[error("the recording '{}' ended: four hours are the longest; begin another", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
}

/// A recording. Dropped, it ends; [`Recorder::stop`] waits until the file is whole.
pub struct Recorder {
    path: PathBuf,
    shared: Arc<Shared>,
    /// None once it was waited for.
    thread: Option<JoinHandle<()>>,
}

/// The media thread's end of a recording: give it to [`MediaHandle::record`](crate::MediaHandle::record).
pub struct Tap {
    ring: Producer<i16>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    /// Samples of each side that found no room.
    lost: AtomicU64,
}

impl Recorder {
    /// Makes a file that was not there before, and its folder where that is missing, readable for this user
    /// alone, and begins. `ended` is told on the recording's own thread when it ends before it is stopped.
    ///
    /// Waits for the disk.
    ///
    /// # Errors
    /// [`RecordingError::Create`].
    pub fn start(
        path: &Path,
        ended: impl FnOnce(RecordingError) + Send + 'static,
    ) -> Result<(Self, Tap), RecordingError> {
        Self::start_limited(path, MAX_BYTES, ended)
    }

    fn start_limited(
        path: &Path,
        limit: u32,
        ended: impl FnOnce(RecordingError) + Send + 'static,
    ) -> Result<(Self, Tap), RecordingError> {
        let failed = |source| RecordingError::Create {
            path: path.to_owned(),
            source,
        };
        let mut file = create(path).map_err(failed)?;
        file.write_all(&header(CHANNELS, 0)).map_err(failed)?;
        let capacity = RING_SECONDS * SAMPLE_RATE as usize * usize::from(CHANNELS);
        let (producer, consumer) = RingBuffer::new(capacity);
        let shared = Arc::<Shared>::default();
        let writer = Writer {
            file,
            ring: consumer,
            shared: Arc::clone(&shared),
            bytes: 0,
            limit,
            block: Vec::new(),
        };
        let (to_tell, place) = (path.to_owned(), path.to_owned());
        let thread = std::thread::Builder::new()
            .name("recording".to_owned())
            .stack_size(128 * 1024)
            .spawn(move || {
                if let Err(end) = writer.run() {
                    ended(end.told(to_tell));
                }
            })
            .map_err(failed)?;
        let recorder = Self {
            path: place,
            shared: Arc::clone(&shared),
            thread: Some(thread),
        };
        let tap = Tap {
            ring: producer,
            shared,
        };
        Ok((recorder, tap))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Ends the recording and waits until the file is whole. Returns how much sound found no room
    /// because the disk was too slow.
    pub fn stop(mut self) -> Duration {
        self.end();
        if let Some(thread) = self.thread.take() {
            // A writer that panicked leaves a file whose header was right a moment before.
            let _ = thread.join();
        }
        let lost = self.shared.lost.load(Ordering::Relaxed);
        Duration::from_millis(lost * 1000 / u64::from(SAMPLE_RATE))
    }

    fn end(&self) {
        self.shared.stop.store(true, Ordering::Release);
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.end();
    }
}

impl Tap {
    /// Takes a frame of either side; nothing was said when there is none. Never waits; what finds no
    /// room is counted and lost.
    pub(crate) fn take(&mut self, said: Option<&[i16]>, heard: &[i16]) {
        let said = said.unwrap_or_default();
        let count = heard.len();
        match self.ring.write_chunk_uninit(count * 2) {
            Ok(chunk) => {
                let said = said.iter().copied().chain(std::iter::repeat(0));
                let pairs = said.zip(heard.iter().copied());
                chunk.fill_from_iter(pairs.flat_map(|(said, heard)| [said, heard]));
            }
            Err(_) => {
                self.shared.lost.fetch_add(count as u64, Ordering::Relaxed);
            }
        }
    }
}

/// Why the writer ended on its own.
enum End {
    Io(io::Error),
    TooLong,
}

impl End {
    fn told(self, path: PathBuf) -> RecordingError {
        match self {
            Self::Io(source) => RecordingError::Write { path, source },
            Self::TooLong => RecordingError::TooLong { path },
        }
    }
}

struct Writer {
    file: File,
    ring: Consumer<i16>,
    shared: Arc<Shared>,
    bytes: u32,
    limit: u32,
    block: Vec<u8>,
}

impl Writer {
    fn run(mut self) -> Result<(), End> {
        loop {
            // What was put in the ring before the stop is written after it.
            let last = self.shared.stop.load(Ordering::Acquire) || self.ring.is_abandoned();
            self.write()?;
            if last {
                return Ok(());
            }
            std::thread::park_timeout(PACE);
        }
    }

    fn write(&mut self) -> Result<(), End> {
        let waiting = self.ring.slots();
        let Ok(chunk) = self.ring.read_chunk(waiting) else {
            return Ok(());
        };
        self.block.clear();
        let (first, second) = chunk.as_slices();
        for sample in first.iter().chain(second) {
            self.block.extend_from_slice(&sample.to_le_bytes());
        }
        chunk.commit_all();
        let room = (self.limit - self.bytes) as usize;
        let full = self.block.len() > room;
        self.block.truncate(room);
        if !self.block.is_empty() {
            self.append().map_err(End::Io)?;
        }
        if full { Err(End::TooLong) } else { Ok(()) }
    }

    /// The samples first, then the sizes that make them count.
    fn append(&mut self) -> io::Result<()> {
        self.file.seek(SeekFrom::End(0))?;
        self.file.write_all(&self.block)?;
        self.bytes += self.block.len() as u32;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&header(CHANNELS, self.bytes))
    }
}

fn create(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn sides(path: &Path) -> (Vec<i16>, Vec<i16>) {
        let bytes = std::fs::read(path).unwrap();
        let size = u32::from_le_bytes(bytes[40..44].try_into().unwrap()) as usize;
        assert_eq!(&bytes[..4], b"RIFF");
        assert_eq!(bytes[22], 2, "two channels");
        assert!(
            size <= bytes.len() - 44,
            "the header promises no more than there is"
        );
        let sample = |at: &[u8]| i16::from_le_bytes([at[0], at[1]]);
        bytes[44..44 + size]
            .chunks_exact(4)
            .map(|pair| (sample(&pair[..2]), sample(&pair[2..])))
            .unzip()
    }

    #[test]
    fn what_is_said_is_left_and_what_is_heard_right() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/call.wav");
        let (recorder, mut tap) = Recorder::start(&path, |end| panic!("{end}")).unwrap();
        assert_eq!(recorder.path(), path);
        tap.take(Some(&[1, 2, 3]), &[-1, -2, -3]);
        tap.take(Some(&[4]), &[i16::MIN]);
        assert_eq!(recorder.stop(), Duration::ZERO);
        assert_eq!(sides(&path), (vec![1, 2, 3, 4], vec![-1, -2, -3, i16::MIN]));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        }
    }

    #[test]
    fn the_header_is_right_while_the_recording_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("call.wav");
        let (_recorder, mut tap) = Recorder::start(&path, |_| {}).unwrap();
        tap.take(Some(&[5; 160]), &[6; 160]);
        let begun = std::time::Instant::now();
        while sides(&path).0.len() < 160 {
            assert!(begun.elapsed() < Duration::from_secs(20), "never written");
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(sides(&path), (vec![5; 160], vec![6; 160]));
    }

    #[test]
    fn nothing_that_is_there_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("call.wav");
        std::fs::write(&path, b"mine").unwrap();
        let error = Recorder::start(&path, |_| {}).err().unwrap().to_string();
        assert!(
            error.contains("call.wav") && error.contains("not there yet"),
            "{error}"
        );
        assert_eq!(std::fs::read(&path).unwrap(), b"mine");
        let nowhere = path.join("below-a-file.wav");
        assert!(Recorder::start(&nowhere, |_| {}).is_err());
    }

    #[test]
    fn a_recording_is_no_longer_than_it_may_be() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("call.wav");
        let (told, end) = mpsc::channel();
        let (_recorder, mut tap) = Recorder::start_limited(&path, 400, move |end| {
            told.send(end.to_string()).unwrap();
        })
        .unwrap();
        for _ in 0..10 {
            tap.take(Some(&[5; 20]), &[6; 20]);
        }
        let end = end.recv_timeout(Duration::from_secs(20)).unwrap();
        assert!(end.contains("four hours"), "{end}");
        assert_eq!(sides(&path).0.len(), 100);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_ends_the_recording_with_a_reason_and_nothing_else() {
        let (told, end) = mpsc::channel();
        let (producer, ring) = RingBuffer::new(1000);
        let shared = Arc::<Shared>::default();
        let mut tap = Tap {
            ring: producer,
            shared: Arc::clone(&shared),
        };
        // The system's own disk that is always full.
        let file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let writer = Writer {
            file,
            ring,
            shared,
            bytes: 0,
            limit: MAX_BYTES,
            block: Vec::new(),
        };
        tap.take(Some(&[5; 100]), &[6; 100]);
        let thread = std::thread::spawn(move || {
            if let Err(end) = writer.run() {
                told.send(end.told("/full/call.wav".into()).to_string())
                    .unwrap();
            }
        });
        let end = end.recv_timeout(Duration::from_secs(20)).unwrap();
        assert!(
            end.contains("/full/call.wav") && end.contains("No space left"),
            "{end}"
        );
        thread.join().unwrap();
        // The media thread goes on all the same.
        for _ in 0..20 {
            tap.take(Some(&[5; 100]), &[6; 100]);
        }
        assert!(
            tap.shared.lost.load(Ordering::Relaxed) > 0,
            "the ring is bounded"
        );
    }
}
