//! A recorded WAV file: PCM of 16 bits or floats of 32, any number of channels.
//!
//! A recorder that was cut off leaves a header with wrong sizes; what the file really holds counts.

use std::path::{Path, PathBuf};

use crate::tone::{self, Verdict};
use crate::{Fault, Outcome};

/// The sound of a file's first channel.
#[derive(Debug, Clone)]
pub struct Recording {
    path: PathBuf,
    /// Samples a second.
    pub rate: u32,
    /// The first channel, -1 to 1.
    pub samples: Vec<f32>,
}

impl Recording {
    /// Reads a WAV file.
    ///
    /// # Errors
    /// [`Fault::Recording`] when it is none, or of a kind that is not read here.
    pub fn open(path: &Path) -> Outcome<Self> {
        let bytes = std::fs::read(path)
            .map_err(|e| Fault::system(format!("read {}", path.display()), e))?;
        parse(&bytes)
            .map(|(rate, samples)| Self {
                path: path.to_path_buf(),
                rate,
                samples,
            })
            .map_err(|why| Fault::Recording {
                path: path.to_path_buf(),
                why: why.to_owned(),
            })
    }

    /// Its length in seconds.
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.rate)
    }

    /// Judges the tone it holds.
    ///
    /// # Errors
    /// [`Fault::Recording`] when it holds less than half a second of sound.
    pub fn tone(&self) -> Outcome<Verdict> {
        tone::judge(&self.samples, self.rate).ok_or_else(|| Fault::Recording {
            path: self.path.clone(),
            why: format!("no tone in {:.2} s of recording", self.seconds()),
        })
    }

    /// The part from `from` to `to`, in seconds.
    pub fn between(&self, from: f64, to: f64) -> Self {
        let index =
            |at: f64| ((at.max(0.0) * f64::from(self.rate)) as usize).min(self.samples.len());
        let (from, to) = (index(from), index(to));
        Self {
            path: self.path.clone(),
            rate: self.rate,
            samples: self.samples[from.min(to)..to].to_vec(),
        }
    }

    /// Writes mono PCM of 16 bits, for a peer to play.
    ///
    /// # Errors
    /// [`Fault::System`] when the file cannot be written.
    pub fn write(path: &Path, rate: u32, samples: &[f32]) -> Outcome<()> {
        let data = u32::try_from(samples.len() * 2).unwrap_or(u32::MAX);
        let mut bytes = Vec::with_capacity(44 + samples.len() * 2);
        bytes.extend(b"RIFF");
        bytes.extend((36 + data).to_le_bytes());
        bytes.extend(b"WAVEfmt ");
        bytes.extend(16_u32.to_le_bytes());
        bytes.extend(1_u16.to_le_bytes());
        bytes.extend(1_u16.to_le_bytes());
        bytes.extend(rate.to_le_bytes());
        bytes.extend((rate * 2).to_le_bytes());
        bytes.extend(2_u16.to_le_bytes());
        bytes.extend(16_u16.to_le_bytes());
        bytes.extend(b"data");
        bytes.extend(data.to_le_bytes());
        for sample in samples {
            bytes.extend(((sample.clamp(-1.0, 1.0) * 32_767.0) as i16).to_le_bytes());
        }
        std::fs::write(path, bytes)
            .map_err(|e| Fault::system(format!("write {}", path.display()), e))
    }
}

struct Format {
    float: bool,
    channels: usize,
    rate: u32,
    bytes_per_sample: usize,
}

fn parse(bytes: &[u8]) -> Result<(u32, Vec<f32>), &'static str> {
    if bytes.get(..4) != Some(b"RIFF") || bytes.get(8..12) != Some(b"WAVE") {
        return Err("not a WAV file");
    }
    let mut rest = &bytes[12..];
    let mut format = None;
    while let (Some(id), Some(size)) = (rest.get(..4), rest.get(4..8)) {
        let size = size
            .iter()
            .rev()
            .fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
        let body = &rest[8..];
        match id {
            b"fmt " => format = Some(parse_format(body)?),
            b"data" => {
                let format = format.ok_or("the data comes before the format")?;
                let held = if size == 0 || size > body.len() {
                    body.len()
                } else {
                    size
                };
                return Ok((format.rate, first_channel(&format, &body[..held])));
            }
            _ => {}
        }
        rest = body.get(size + (size & 1)..).unwrap_or_default();
    }
    Err("no data in it")
}

fn parse_format(body: &[u8]) -> Result<Format, &'static str> {
    let short = |at: usize| {
        body.get(at..at + 2)
            .map(|b| u16::from_le_bytes([b[0], b[1]]))
            .ok_or("a cut format")
    };
    let kind = match short(0)? {
        // The extensible format names the true kind in the first bytes of its GUID.
        0xFFFE => short(24)?,
        plain => plain,
    };
    let rate = u32::from(short(4)?) | u32::from(short(6)?) << 16;
    let channels = usize::from(short(2)?);
    let bits = short(14)?;
    match (kind, bits) {
        _ if rate == 0 || channels == 0 => Err("a format without rate or channels"),
        (1, 16) => Ok(Format {
            float: false,
            channels,
            rate,
            bytes_per_sample: 2,
        }),
        (3, 32) => Ok(Format {
            float: true,
            channels,
            rate,
            bytes_per_sample: 4,
        }),
        _ => Err("neither PCM of 16 bits nor floats of 32"),
    }
}

fn first_channel(format: &Format, data: &[u8]) -> Vec<f32> {
    data.chunks_exact(format.bytes_per_sample * format.channels)
        .map(|frame| {
            if format.float {
                f32::from_le_bytes([frame[0], frame[1], frame[2], frame[3]])
            } else {
                f32::from(i16::from_le_bytes([frame[0], frame[1]])) / 32_768.0
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ramp.wav");
        let samples: Vec<f32> = (0..800).map(|n| n as f32 / 1_000.0).collect();
        Recording::write(&path, 8_000, &samples).unwrap();
        let read = Recording::open(&path).unwrap();
        assert_eq!((read.rate, read.samples.len()), (8_000, 800));
        assert!((read.samples[500] - 0.5).abs() < 1e-3);
        assert_eq!(read.between(0.05, 0.06).samples.len(), 80);
        assert_eq!(read.between(9.0, 10.0).samples.len(), 0);
    }

    #[test]
    fn a_header_left_open_by_a_cut_recorder_is_read_to_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cut.wav");
        Recording::write(&path, 8_000, &[0.5; 100]).unwrap();
        for size in [0_u32, u32::MAX] {
            let mut bytes = std::fs::read(&path).unwrap();
            bytes[40..44].copy_from_slice(&size.to_le_bytes());
            assert_eq!(parse(&bytes).unwrap().1.len(), 100);
        }
    }

    #[test]
    fn junk_is_refused() {
        for junk in [
            &b""[..],
            b"RIFF",
            b"RIFF\0\0\0\0WAVE",
            b"RIFF\0\0\0\0WAVEdata\x04\0\0\0aaaa",
        ] {
            assert!(parse(junk).is_err());
        }
    }
}
