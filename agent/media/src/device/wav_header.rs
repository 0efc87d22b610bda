//! The header of the WAV files this crate writes: 16-bit PCM at [`SAMPLE_RATE`](crate::SAMPLE_RATE).

use crate::SAMPLE_RATE;

/// Bytes before the samples.
pub(crate) const HEADER: u32 = 44;

/// Most bytes of samples that the 32-bit sizes allow.
pub(crate) const MAX_DATA: u32 = u32::MAX - HEADER;

/// The header of a file with `channels` channels and `data` bytes of samples.
pub(crate) fn header(channels: u16, data: u32) -> [u8; HEADER as usize] {
    let block = channels * 2;
    let mut header = [0; HEADER as usize];
    let fields: [(usize, &[u8]); 11] = [
        (0, b"RIFF"),
        (4, &(data + HEADER - 8).to_le_bytes()),
        (8, b"WAVEfmt "),
        (16, &16u32.to_le_bytes()),
        (20, &1u16.to_le_bytes()),
        (22, &channels.to_le_bytes()),
        (24, &SAMPLE_RATE.to_le_bytes()),
        (28, &(SAMPLE_RATE * u32::from(block)).to_le_bytes()),
        (32, &block.to_le_bytes()),
        (34, &16u16.to_le_bytes()),
        (36, b"data"),
    ];
    for (at, bytes) in fields {
        header[at..at + bytes.len()].copy_from_slice(bytes);
    }
    header[40..].copy_from_slice(&data.to_le_bytes());
    header
}
