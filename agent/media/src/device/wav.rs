//! WAV files as devices: 16-bit PCM, read at any common rate, written in mono at 8 kHz.
//!
//! Owns the format. A file is read whole when it is opened, so that the media thread never waits
//! for a disk; a written file's header is right after [`AudioSink::finish`] and after a drop.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::error::DeviceError;
use super::resampler::{Resampler, to_f32, to_i16};
use super::wav_header::{MAX_DATA, header};
use super::{AudioSink, AudioSource};
use crate::SAMPLE_RATE;

/// Longest sound that is played, in seconds: it is held in memory.
const MAX_SECONDS: u32 = 600;

/// Most channels a file may have.
const MAX_CHANNELS: u16 = 8;

/// Rates that are played, in hertz.
const RATES: std::ops::RangeInclusive<u32> = 8000..=192_000;

/// Chunks looked through for the sound.
const MAX_CHUNKS: usize = 64;

/// A WAV file that is heard, once or again and again, and then silence.
#[derive(Debug)]
pub(crate) struct WavSource {
    samples: Vec<i16>,
    position: usize,
    repeat: bool,
}

impl WavSource {
    pub(crate) fn open(path: &Path, repeat: bool) -> Result<Self, DeviceError> {
        let file = File::open(path).map_err(|source| file_error(path, source))?;
        let mut samples = read_wav(&mut BufReader::new(file)).map_err(|error| match error {
            ReadError::Io(source) => file_error(path, source),
            ReadError::Format(reason) => DeviceError::NotPlayable {
                path: path.to_owned(),
                reason,
            },
        })?;
        samples.shrink_to_fit();
        Ok(Self {
            samples,
            position: 0,
            repeat,
        })
    }
}

impl AudioSource for WavSource {
    fn read(&mut self, frame: &mut [i16]) -> Result<(), DeviceError> {
        for sample in frame {
            if self.repeat && self.position >= self.samples.len() {
                self.position = 0;
            }
            *sample = self.samples.get(self.position).copied().unwrap_or(0);
            self.position = self.position.saturating_add(1);
        }
        Ok(())
    }
}

/// A WAV file that is written.
#[derive(Debug)]
pub(crate) struct WavSink {
    path: PathBuf,
    file: BufWriter<File>,
    bytes: u32,
    finished: bool,
}

impl WavSink {
    pub(crate) fn create(path: &Path) -> Result<Self, DeviceError> {
        let create = || -> io::Result<BufWriter<File>> {
            let mut file = BufWriter::new(File::create(path)?);
            file.write_all(&header(1, 0))?;
            file.flush()?;
            Ok(file)
        };
        Ok(Self {
            path: path.to_owned(),
            file: create().map_err(|source| file_error(path, source))?,
            bytes: 0,
            finished: false,
        })
    }

    fn try_finish(&mut self) -> io::Result<()> {
        self.file.flush()?;
        let bytes = self.bytes;
        let file = self.file.get_mut();
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&header(1, bytes))?;
        file.seek(SeekFrom::End(0))?;
        file.flush()
    }
}

impl AudioSink for WavSink {
    fn write(&mut self, frame: &[i16]) -> Result<(), DeviceError> {
        let more = u32::try_from(frame.len() * 2).unwrap_or(u32::MAX);
        if more > MAX_DATA - self.bytes {
            let full = io::Error::new(io::ErrorKind::FileTooLarge, "a WAV file ends at 4 GB");
            return Err(file_error(&self.path, full));
        }
        for sample in frame {
            self.file
                .write_all(&sample.to_le_bytes())
                .map_err(|source| file_error(&self.path, source))?;
        }
        self.bytes += more;
        Ok(())
    }

    fn finish(&mut self) -> Result<(), DeviceError> {
        self.finished = true;
        self.try_finish()
            .map_err(|source| file_error(&self.path, source))
    }
}

impl Drop for WavSink {
    fn drop(&mut self) {
        if !self.finished {
            // Nobody is left to tell; the samples are there, at worst under a short header.
            let _ = self.try_finish();
        }
    }
}

enum ReadError {
    Io(io::Error),
    Format(String),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Format("the file is cut".to_owned()),
            _ => Self::Io(error),
        }
    }
}

impl From<&str> for ReadError {
    fn from(reason: &str) -> Self {
        Self::Format(reason.to_owned())
    }
}

/// The fields of a `fmt ` chunk.
#[derive(Clone, Copy)]
struct Format {
    channels: u16,
    rate: u32,
}

/// Reads a whole file to mono at our rate.
fn read_wav(file: &mut (impl Read + Seek)) -> Result<Vec<i16>, ReadError> {
    let mut riff = [0; 12];
    file.read_exact(&mut riff)?;
    if &riff[..4] != b"RIFF" || &riff[8..] != b"WAVE" {
        return Err("it is no WAV file".into());
    }
    let mut format = None;
    for _ in 0..MAX_CHUNKS {
        let mut head = [0; 8];
        if file.read_exact(&mut head).is_err() {
            break;
        }
        let size = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        match &head[..4] {
            b"fmt " => format = Some(read_format(file, size)?),
            b"data" => {
                let format = format.ok_or("its sound comes before its format")?;
                return read_samples(file, size, format);
            }
            // Chunks are padded to an even size.
            _ => {
                file.seek(SeekFrom::Current(i64::from(size) + i64::from(size % 2)))?;
            }
        }
    }
    Err("it holds no sound".into())
}

fn read_format(file: &mut (impl Read + Seek), size: u32) -> Result<Format, ReadError> {
    const PCM: u16 = 1;
    const EXTENSIBLE: u16 = 0xFFFE;
    let mut fields = [0; 16];
    file.read_exact(&mut fields)?;
    let rest = i64::from(size) - 16;
    if rest < 0 {
        return Err("its format is cut".into());
    }
    file.seek(SeekFrom::Current(rest + rest % 2))?;
    let short = |at: usize| u16::from_le_bytes([fields[at], fields[at + 1]]);
    let (coding, channels, bits) = (short(0), short(2), short(14));
    let rate = u32::from_le_bytes([fields[4], fields[5], fields[6], fields[7]]);
    if (coding != PCM && coding != EXTENSIBLE) || bits != 16 {
        return Err(ReadError::Format(format!(
            "it is {bits}-bit of coding {coding}"
        )));
    }
    if channels == 0 || channels > MAX_CHANNELS {
        return Err(ReadError::Format(format!("it has {channels} channels")));
    }
    if !RATES.contains(&rate) {
        return Err(ReadError::Format(format!("its rate is {rate} Hz")));
    }
    Ok(Format { channels, rate })
}

fn read_samples(file: &mut impl Read, size: u32, format: Format) -> Result<Vec<i16>, ReadError> {
    let frame = u64::from(format.channels) * 2;
    let longest = u64::from(MAX_SECONDS) * u64::from(format.rate) * frame;
    // Programs that stream leave the size open; then the file's end is the sound's end.
    let open = size == 0 || size == u32::MAX;
    let wanted = if open { longest + 1 } else { u64::from(size) };
    if !open && wanted > longest {
        return Err("it is longer than 10 minutes".into());
    }
    let mut limited = file.take(wanted);
    let mut block = vec![0u8; frame as usize * 4096];
    let mut convert = Converter::new(format.rate)?;
    let mut taken = 0u64;
    loop {
        let filled = fill(&mut limited, &mut block)?;
        taken += filled as u64;
        if taken > longest {
            return Err("it is longer than 10 minutes".into());
        }
        let whole = filled - filled % frame as usize;
        convert.add(&block[..whole], usize::from(format.channels));
        if filled < block.len() {
            break;
        }
    }
    if taken < frame {
        return Err("it holds no sound".into());
    }
    Ok(convert.samples)
}

/// Reads until the block is full or the file ends.
fn fill(file: &mut impl Read, block: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < block.len() {
        match file.read(&mut block[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Interleaved bytes to mono samples at our rate.
struct Converter {
    resampler: Option<Resampler>,
    samples: Vec<i16>,
    mono: Vec<f32>,
    out: Vec<f32>,
}

impl Converter {
    fn new(rate: u32) -> Result<Self, ReadError> {
        let resampler = if rate == SAMPLE_RATE {
            None
        } else {
            let resampler = Resampler::new(rate, SAMPLE_RATE);
            Some(resampler.ok_or_else(|| ReadError::Format(format!("its rate is {rate} Hz")))?)
        };
        Ok(Self {
            resampler,
            samples: Vec::new(),
            mono: Vec::new(),
            out: Vec::new(),
        })
    }

    fn add(&mut self, bytes: &[u8], channels: usize) {
        let mixed = bytes.chunks_exact(channels * 2).map(|frame| {
            let sum: i32 = frame
                .chunks_exact(2)
                .map(|sample| i32::from(i16::from_le_bytes([sample[0], sample[1]])))
                .sum();
            (sum / channels as i32) as i16
        });
        let Some(resampler) = &mut self.resampler else {
            self.samples.extend(mixed);
            return;
        };
        self.mono.clear();
        self.mono.extend(mixed.map(to_f32));
        self.out.clear();
        resampler.process(&self.mono, &mut self.out);
        self.samples.extend(self.out.iter().map(|s| to_i16(*s)));
    }
}

fn file_error(path: &Path, source: io::Error) -> DeviceError {
    DeviceError::File {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(frames: &[&[i16]], finish: bool) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sound.wav");
        let mut sink = WavSink::create(&path).unwrap();
        for frame in frames {
            sink.write(frame).unwrap();
        }
        if finish {
            sink.finish().unwrap();
        }
        drop(sink);
        (folder, path)
    }

    fn heard(source: &mut WavSource, samples: usize) -> Vec<i16> {
        let mut frame = vec![99; samples];
        source.read(&mut frame).unwrap();
        frame
    }

    #[test]
    fn what_is_written_is_read_also_after_a_mere_drop() {
        for finish in [true, false] {
            let (_folder, path) = written(&[&[1, -2, 3], &[i16::MIN, i16::MAX]], finish);
            let mut once = WavSource::open(&path, false).unwrap();
            assert_eq!(
                heard(&mut once, 7),
                [1, -2, 3, i16::MIN, i16::MAX, 0, 0],
                "and then silence"
            );
            let mut again = WavSource::open(&path, true).unwrap();
            assert_eq!(heard(&mut again, 7)[5..], [1, -2]);
        }
    }

    #[test]
    fn stereo_at_another_rate_becomes_mono_at_ours() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stereo.wav");
        let mut bytes = header(1, 48_000 * 4).to_vec();
        bytes[22] = 2;
        bytes[24..28].copy_from_slice(&48_000u32.to_le_bytes());
        for n in 0..48_000 {
            let angle = f64::from(n) * 440.0 * std::f64::consts::TAU / 48_000.0;
            let sample = (20_000.0 * angle.sin()) as i16;
            bytes.extend(sample.to_le_bytes());
            bytes.extend(0i16.to_le_bytes());
        }
        std::fs::write(&path, &bytes).unwrap();
        let source = WavSource::open(&path, false).unwrap();
        assert!(source.samples.len().abs_diff(8000) < 100);
        let peak = source.samples.iter().map(|s| s.unsigned_abs()).max();
        assert!(peak.unwrap().abs_diff(10_000) < 200, "{peak:?}");
    }

    #[test]
    fn each_unplayable_file_says_why() {
        let (_folder, path) = written(&[&[5; 100]], true);
        let good = std::fs::read(&path).unwrap();
        let reason = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = good.clone();
            change(&mut bytes);
            std::fs::write(&path, bytes).unwrap();
            WavSource::open(&path, false).unwrap_err().to_string()
        };
        for (change, reason_part) in [
            (
                &(|b: &mut Vec<u8>| b.clear()) as &dyn Fn(&mut Vec<u8>),
                "cut",
            ),
            (&|b| b[0] = b'X', "no WAV"),
            (&|b| b[34] = 8, "8-bit"),
            (&|b| b[22] = 0, "0 channels"),
            (
                &|b| b[24..28].copy_from_slice(&4000u32.to_le_bytes()),
                "4000 Hz",
            ),
            (
                &|b| b[40..44].copy_from_slice(&0xFFFF_FF00u32.to_le_bytes()),
                "10 minutes",
            ),
            (&|b| b.truncate(44), "no sound"),
            (&|b| b.truncate(20), "cut"),
        ] {
            let error = reason(change);
            assert!(error.contains(reason_part), "{error} / {reason_part}");
        }
        let missing = WavSource::open(Path::new("/no/such.wav"), false).unwrap_err();
        assert!(missing.to_string().contains("/no/such.wav"));
        assert!(WavSink::create(Path::new("/no/such.wav")).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), at in 0usize..60) {
            let _ = read_wav(&mut io::Cursor::new(&bytes));
            let mut file = header(1, bytes.len() as u32).to_vec();
            file.extend(&bytes);
            if let Some(byte) = bytes.first() {
                let at = at.min(file.len() - 1);
                file[at] = *byte;
            }
            let _ = read_wav(&mut io::Cursor::new(&file));
        }
    }
}
