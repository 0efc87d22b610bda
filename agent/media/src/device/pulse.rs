//! Recording from a PulseAudio or PipeWire server, in its own protocol.
//!
//! `cpal` asks the server for a queue no longer than one buffer, and the server throws away what
//! does not fit: a few samples of nearly every buffer. Here the queue is longer. Owns the
//! connection and the thread that opens the stream, then looks every second whether it is still
//! there. Knows no device list: [`catalogue`](super::catalogue) finds the source.

use std::ffi::CString;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use futures_executor::block_on;
use pulseaudio::protocol::stream::{BufferAttr, StreamFlags};
use pulseaudio::protocol::{ChannelMap, RecordStreamParams, SampleFormat, SampleSpec};
use pulseaudio::{Client, ClientError, RecordStream};
use rtrb::Producer;

use super::sound_card::Signs;

/// Bytes of one sample.
const SAMPLE: usize = size_of::<f32>();

/// How often a silent server is asked for the stream.
const LOOK: Duration = Duration::from_secs(1);

/// What is asked of the server.
pub(crate) struct Wanted {
    /// The source, as the server calls it.
    pub(crate) source: String,
    /// Samples per second.
    pub(crate) rate: u32,
    /// Samples delivered at a time.
    pub(crate) buffer: usize,
    /// Samples that the server keeps for us at most.
    pub(crate) queue: usize,
}

/// A stream that records into a ring until this is dropped.
pub(crate) struct Recording {
    _open: Sender<()>,
}

impl Recording {
    /// Starts recording, mono. Waits at most for `patience`.
    ///
    /// # Errors
    /// What the server said, or that it said nothing.
    pub(crate) fn start(
        wanted: Wanted,
        ring: Producer<f32>,
        signs: &Arc<Signs>,
        patience: Duration,
    ) -> Result<Self, String> {
        let (told, opened) = mpsc::channel();
        let (open, closed) = mpsc::channel();
        let signs = Arc::clone(signs);
        // A server that hangs keeps the thread, not us.
        let keep = move || match open_stream(&wanted, ring, &signs) {
            Ok(stream) => {
                if told.send(Ok(())).is_ok() {
                    watch(&stream, &closed, &signs);
                }
            }
            Err(error) => {
                let _ = told.send(Err(error.to_string()));
            }
        };
        let thread = std::thread::Builder::new().name("microphone".to_owned());
        thread.spawn(keep).map_err(|error| error.to_string())?;
        match opened.recv_timeout(patience) {
            Ok(Ok(())) => Ok(Self { _open: open }),
            Ok(Err(reason)) => Err(reason),
            Err(_) => Err("the sound server does not answer".to_owned()),
        }
    }
}

fn open_stream(
    wanted: &Wanted,
    mut ring: Producer<f32>,
    signs: &Arc<Signs>,
) -> Result<RecordStream, ClientError> {
    let bytes = |samples: usize| u32::try_from(samples * SAMPLE).unwrap_or(u32::MAX);
    let params = RecordStreamParams {
        sample_spec: SampleSpec {
            format: if cfg!(target_endian = "big") {
                SampleFormat::Float32Be
            } else {
                SampleFormat::Float32Le
            },
            channels: 1,
            sample_rate: wanted.rate,
        },
        channel_map: ChannelMap::mono(),
        source_name: CString::new(wanted.source.as_str()).ok(),
        buffer_attr: BufferAttr {
            max_length: bytes(wanted.queue),
            fragment_size: bytes(wanted.buffer),
            ..BufferAttr::default()
        },
        flags: StreamFlags {
            adjust_latency: true,
            ..StreamFlags::default()
        },
        ..RecordStreamParams::default()
    };
    let end = End(Arc::clone(signs));
    let signs = Arc::clone(signs);
    let heard = move |data: &[u8]| {
        let _until_here = &end;
        signs.called();
        let samples = data.as_chunks::<SAMPLE>().0;
        let count = samples.len().min(ring.slots());
        if let Ok(chunk) = ring.write_chunk_uninit(count) {
            chunk.fill_from_iter(samples.iter().map(|sample| f32::from_ne_bytes(*sample)));
        }
    };
    let client = Client::from_env(c"Carillon")?;
    block_on(client.create_record_stream(params, heard))
}

/// Until it is closed, or the server no longer knows it.
fn watch(stream: &RecordStream, closed: &Receiver<()>, signs: &Signs) {
    while closed.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
        if let Err(error) = block_on(stream.timing_info()) {
            signs.lost(error.to_string());
            return;
        }
    }
}

/// Tells that the connection has ended when what it holds is dropped.
struct End(Arc<Signs>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.lost("the sound server has closed it".to_owned());
    }
}
