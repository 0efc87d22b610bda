//! Sound cards through `cpal`, at their own rate.
//!
//! Owns an open stream each way. Between the sound system's callback and the media thread lies a
//! lock-free ring of mono samples: the callback only mixes channels and copies, it takes no lock,
//! allocates nothing and makes no system call. Rates and clocks are brought together on the
//! media thread's side.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cpal::traits::{DeviceTrait, StreamTrait};
use cpal::{
    BufferSize, ErrorKind, FromSample, Sample, SampleFormat, SizedSample, StreamConfig,
    SupportedStreamConfig,
};
use rtrb::{Consumer, Producer, RingBuffer};

use super::card_level::{CardLevel, Surplus};
use super::catalogue::{Direction, find};
use super::error::DeviceError;
use super::resampler::{Resampler, to_f32, to_i16};
use super::{AudioSink, AudioSource};
use crate::SAMPLE_RATE;

/// Length of a callback's buffer asked of the sound system, in milliseconds. It is always asked
/// for: the buffer a sound server picks by itself may hold seconds.
const PLAY_BUFFER_MS: u32 = 40;

/// The same for recording.
const RECORD_BUFFER_MS: u32 = 40;

/// Sound that waits between card and thread, in milliseconds: a late callback or a late thread
/// leaves no hole.
const LEVEL_MS: u32 = 80;

/// Length of a ring, in milliseconds: well above what [`Surplus`] lets wait, so that sound is
/// dropped in one piece and not at every frame.
const RING_MS: u32 = 500;

/// How long the sound system may take to open a stream.
const OPEN_TIMEOUT: Duration = Duration::from_secs(2);

/// Milliseconds of sound without a sign of the callback after which a card counts as lost. Sound
/// servers may take two seconds to get a stream going.
const STALLED_MS: u32 = 5000;

/// A microphone.
pub(crate) struct CardSource {
    /// Held for its drop, which closes the card.
    _stream: Box<dyn Send>,
    card: Card,
    ring: Consumer<f32>,
    resampler: Resampler,
    level: CardLevel,
    surplus: Surplus,
    playing: bool,
    taken: Vec<f32>,
    ready: Vec<f32>,
}

impl CardSource {
    /// Opens the named or the default card and starts it.
    pub(crate) fn open(asked: Option<&str>) -> Result<Self, DeviceError> {
        let (name, device) = find(asked, Direction::Input)?;
        let card = Card::new(name, Direction::Input);
        let offered = device.default_input_config();
        let offered = offered.map_err(|error| card.refused(&error))?;
        let rate = offered.sample_rate();
        let (producer, ring) = RingBuffer::new(samples(rate, RING_MS));
        let stream = recording(&device, &offered, producer, &card)?;
        let resampler = card.resampler(rate, SAMPLE_RATE)?;
        Ok(Self {
            _stream: stream,
            card,
            ring,
            resampler,
            level: CardLevel::new(samples(SAMPLE_RATE, LEVEL_MS)),
            surplus: Surplus::new(samples(SAMPLE_RATE, LEVEL_MS)),
            playing: false,
            taken: Vec::new(),
            ready: Vec::new(),
        })
    }

    /// Moves what the card recorded to `ready`, at our rate.
    fn take(&mut self) {
        let waiting = self.ring.slots();
        let Ok(chunk) = self.ring.read_chunk(waiting) else {
            return;
        };
        self.taken.clear();
        let (first, second) = chunk.as_slices();
        self.taken.extend_from_slice(first);
        self.taken.extend_from_slice(second);
        chunk.commit_all();
        self.resampler.process(&self.taken, &mut self.ready);
    }
}

impl AudioSource for CardSource {
    fn read(&mut self, frame: &mut [i16]) -> Result<(), DeviceError> {
        self.card.check(frame.len())?;
        self.take();
        let level = samples(SAMPLE_RATE, LEVEL_MS);
        let enough = if self.playing { frame.len() } else { level };
        self.playing = self.ready.len() >= enough.max(frame.len());
        if !self.playing {
            self.level.reset();
            frame.fill(0);
            return Ok(());
        }
        let stale = self.surplus.observe(self.ready.len(), frame.len());
        if stale > 0 {
            self.ready.drain(..stale);
            self.level.reset();
        }
        // More than the level waits: make less of what comes.
        self.resampler.adjust(-self.level.observe(self.ready.len()));
        let count = frame.len();
        for (sample, value) in frame.iter_mut().zip(self.ready.drain(..count)) {
            *sample = to_i16(value);
        }
        Ok(())
    }
}

/// A loudspeaker.
pub(crate) struct CardSink {
    /// Held for its drop, which closes the card.
    _stream: cpal::Stream,
    card: Card,
    ring: Producer<f32>,
    rate: u32,
    resampler: Resampler,
    level: CardLevel,
    playing: bool,
    taken: Vec<f32>,
    made: Vec<f32>,
}

impl CardSink {
    /// Opens the named or the default card and starts it.
    pub(crate) fn open(asked: Option<&str>) -> Result<Self, DeviceError> {
        let (name, device) = find(asked, Direction::Output)?;
        let card = Card::new(name, Direction::Output);
        let offered = device.default_output_config();
        let offered = offered.map_err(|error| card.refused(&error))?;
        let config = stream_config(&offered, PLAY_BUFFER_MS);
        let (ring, consumer) = RingBuffer::new(samples(config.sample_rate, RING_MS));
        let open = match offered.sample_format() {
            SampleFormat::I16 => play::<i16>,
            SampleFormat::I32 => play::<i32>,
            SampleFormat::U8 => play::<u8>,
            SampleFormat::U16 => play::<u16>,
            _ => play::<f32>,
        };
        let stream =
            open(&device, config, consumer, &card).map_err(|error| card.refused(&error))?;
        let resampler = card.resampler(SAMPLE_RATE, config.sample_rate)?;
        stream.play().map_err(|error| card.refused(&error))?;
        Ok(Self {
            _stream: stream,
            card,
            ring,
            rate: config.sample_rate,
            resampler,
            level: CardLevel::new(samples(config.sample_rate, LEVEL_MS)),
            playing: false,
            taken: Vec::new(),
            made: Vec::new(),
        })
    }

    /// Puts samples in the ring as far as there is room.
    fn put(&mut self, count: usize, value: impl Fn(usize) -> f32) {
        let count = count.min(self.ring.slots());
        if let Ok(chunk) = self.ring.write_chunk_uninit(count) {
            chunk.fill_from_iter((0..count).map(value));
        }
    }
}

impl AudioSink for CardSink {
    fn write(&mut self, frame: &[i16]) -> Result<(), DeviceError> {
        self.card.check(frame.len())?;
        let waiting = samples(self.rate, RING_MS).saturating_sub(self.ring.slots());
        let level = samples(self.rate, LEVEL_MS);
        if waiting == 0 {
            // The card ran dry, or has not begun: give it silence to begin with.
            self.playing = true;
            self.level.reset();
            self.put(level, |_| 0.0);
        } else if waiting > 2 * level {
            // The card stands still; what it makes of that is no matter of clocks.
            self.level.reset();
        } else if self.playing {
            // More than the level waits: make less of what follows.
            self.resampler.adjust(-self.level.observe(waiting));
        }
        self.taken.clear();
        self.taken
            .extend(frame.iter().map(|sample| to_f32(*sample)));
        let mut made = std::mem::take(&mut self.made);
        made.clear();
        self.resampler.process(&self.taken, &mut made);
        // Where there is no room the newest sound is dropped, and the delay stays bounded.
        self.put(made.len(), |n| made.get(n).copied().unwrap_or(0.0));
        self.made = made;
        Ok(())
    }
}

/// What is known of a card outside its callbacks.
struct Card {
    name: String,
    direction: Direction,
    signs: Arc<Signs>,
    stalled: usize,
}

/// What the callbacks tell.
#[derive(Default)]
pub(super) struct Signs {
    called: AtomicBool,
    lost: OnceLock<String>,
}

impl Signs {
    /// The card is alive.
    pub(super) fn called(&self) {
        self.called.store(true, Ordering::Relaxed);
    }

    /// It is gone. The first reason counts, what follows is its echo.
    pub(super) fn lost(&self, reason: String) {
        let _ = self.lost.set(reason);
    }
}

impl Card {
    fn new(name: String, direction: Direction) -> Self {
        Self {
            name,
            direction,
            signs: Arc::default(),
            stalled: 0,
        }
    }

    fn refused(&self, error: &dyn std::fmt::Display) -> DeviceError {
        DeviceError::Refused {
            name: self.name.clone(),
            direction: self.direction.as_str(),
            reason: error.to_string(),
        }
    }

    fn lost(&self, reason: String) -> DeviceError {
        DeviceError::Lost {
            name: self.name.clone(),
            direction: self.direction.as_str(),
            reason,
        }
    }

    fn resampler(&self, from: u32, to: u32) -> Result<Resampler, DeviceError> {
        Resampler::new(from, to).ok_or_else(|| DeviceError::Refused {
            name: self.name.clone(),
            direction: self.direction.as_str(),
            reason: format!("no way from {from} to {to} Hz"),
        })
    }

    /// Whether the card still works, asked once a frame.
    fn check(&mut self, frame: usize) -> Result<(), DeviceError> {
        if let Some(reason) = self.signs.lost.get() {
            return Err(self.lost(reason.clone()));
        }
        if self.signs.called.swap(false, Ordering::Relaxed) {
            self.stalled = 0;
            return Ok(());
        }
        self.stalled += frame;
        if self.stalled > samples(SAMPLE_RATE, STALLED_MS) {
            return Err(self.lost("it has stood still for five seconds".to_owned()));
        }
        Ok(())
    }

    /// The callback for errors: those that end a stream are kept, the others pass.
    fn on_error(&self) -> impl FnMut(cpal::Error) + Send + 'static {
        let signs = Arc::clone(&self.signs);
        move |error| {
            let passing = matches!(
                error.kind(),
                ErrorKind::Xrun | ErrorKind::DeviceChanged | ErrorKind::RealtimeDenied
            );
            if !passing {
                signs.lost(error.to_string());
            }
        }
    }
}

/// A running stream from a microphone into the ring, held for its drop.
fn recording(
    device: &cpal::Device,
    offered: &SupportedStreamConfig,
    ring: Producer<f32>,
    card: &Card,
) -> Result<Box<dyn Send>, DeviceError> {
    #[cfg(target_os = "linux")]
    if let Some(source) = super::catalogue::on_sound_server(device) {
        let rate = offered.sample_rate();
        let wanted = super::pulse::Wanted {
            source,
            rate,
            buffer: samples(rate, RECORD_BUFFER_MS),
            queue: samples(rate, RING_MS),
        };
        let stream = super::pulse::Recording::start(wanted, ring, &card.signs, OPEN_TIMEOUT);
        return Ok(Box::new(stream.map_err(|reason| card.refused(&reason))?));
    }
    let open = match offered.sample_format() {
        SampleFormat::I16 => record::<i16>,
        SampleFormat::I32 => record::<i32>,
        SampleFormat::U8 => record::<u8>,
        SampleFormat::U16 => record::<u16>,
        _ => record::<f32>,
    };
    let config = stream_config(offered, RECORD_BUFFER_MS);
    let stream = open(device, config, ring, card).map_err(|error| card.refused(&error))?;
    stream.play().map_err(|error| card.refused(&error))?;
    Ok(Box::new(stream))
}

fn record<T>(
    device: &cpal::Device,
    config: StreamConfig,
    mut ring: Producer<f32>,
    card: &Card,
) -> Result<cpal::Stream, cpal::Error>
where
    T: SizedSample,
    f32: FromSample<T>,
{
    let channels = usize::from(config.channels.max(1));
    let signs = Arc::clone(&card.signs);
    device.build_input_stream(
        config,
        move |data: &[T], _: &cpal::InputCallbackInfo| {
            signs.called();
            let frames = (data.len() / channels).min(ring.slots());
            if let Ok(chunk) = ring.write_chunk_uninit(frames) {
                chunk.fill_from_iter(data.chunks_exact(channels).map(|frame| {
                    let sum: f32 = frame.iter().map(|s| f32::from_sample(*s)).sum();
                    sum / channels as f32
                }));
            }
        },
        card.on_error(),
        Some(OPEN_TIMEOUT),
    )
}

fn play<T>(
    device: &cpal::Device,
    config: StreamConfig,
    mut ring: Consumer<f32>,
    card: &Card,
) -> Result<cpal::Stream, cpal::Error>
where
    T: SizedSample + FromSample<f32>,
{
    let channels = usize::from(config.channels.max(1));
    let mut surplus = Surplus::new(samples(config.sample_rate, LEVEL_MS));
    let signs = Arc::clone(&card.signs);
    device.build_output_stream(
        config,
        move |data: &mut [T], _: &cpal::OutputCallbackInfo| {
            signs.called();
            let stale = surplus.observe(ring.slots(), data.len() / channels);
            if let Ok(chunk) = ring.read_chunk(stale) {
                chunk.commit_all();
            }
            for frame in data.chunks_mut(channels) {
                let sample = ring.pop().unwrap_or(0.0);
                frame.fill(T::from_sample(sample));
            }
        },
        card.on_error(),
        Some(OPEN_TIMEOUT),
    )
}

fn stream_config(offered: &SupportedStreamConfig, buffer_ms: u32) -> StreamConfig {
    StreamConfig {
        channels: offered.channels(),
        sample_rate: offered.sample_rate(),
        buffer_size: BufferSize::Fixed(offered.sample_rate() / 1000 * buffer_ms),
    }
}

/// Samples in `milliseconds` at `rate`.
fn samples(rate: u32, milliseconds: u32) -> usize {
    (rate / 1000 * milliseconds).max(1) as usize
}
