//! Devices whose card is in another process: sound is handed over in lock-free rings.
//!
//! Owns the two halves of each way: the one that a session plays and records with, on the media thread, and the one
//! that whoever carries the sound holds. Both processes run by one machine's clock, so there is no drift to follow
//! here; what waits too long is thrown away, so that no stall becomes a delay. Carries nothing itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rtrb::{Consumer, Producer, RingBuffer};

use super::card_level::Surplus;
use super::error::DeviceError;
use super::{AudioSink, AudioSource};
use crate::SAMPLE_RATE;

/// Sound that waits between the processes, so that a busy moment of the machine leaves no hole: three frames of 20 ms.
const LEVEL: usize = SAMPLE_RATE as usize / 1000 * 60;
/// Length of a ring: half a second.
const RING: usize = SAMPLE_RATE as usize / 2;

type Wake = Arc<dyn Fn() + Send + Sync>;

/// A microphone elsewhere. Each read asks for as much sound as it takes.
pub struct FarSource {
    ring: Consumer<i16>,
    wanted: Arc<AtomicUsize>,
    wake: Wake,
    surplus: Surplus,
    playing: bool,
}

/// The other half of a [`FarSource`]: learns how much is wanted, and puts it in.
pub struct FarFeed {
    ring: Producer<i16>,
    wanted: Arc<AtomicUsize>,
}

/// A loudspeaker elsewhere.
pub struct FarSink {
    ring: Producer<i16>,
    wake: Wake,
}

/// The other half of a [`FarSink`]: takes out what is to be played.
pub struct FarTap {
    ring: Consumer<i16>,
}

/// A microphone elsewhere. `wake` is called on the media thread when sound is wanted and when the source is gone;
/// it must not wait.
pub fn far_source(wake: impl Fn() + Send + Sync + 'static) -> (FarSource, FarFeed) {
    let (producer, ring) = RingBuffer::new(RING);
    let wanted = Arc::new(AtomicUsize::new(0));
    let feed = FarFeed {
        ring: producer,
        wanted: Arc::clone(&wanted),
    };
    let source = FarSource {
        ring,
        wanted,
        wake: Arc::new(wake),
        surplus: Surplus::new(LEVEL),
        playing: false,
    };
    (source, feed)
}

/// A loudspeaker elsewhere. `wake` is called on the media thread when there is sound and when the sink is gone; it
/// must not wait.
pub fn far_sink(wake: impl Fn() + Send + Sync + 'static) -> (FarSink, FarTap) {
    let (producer, ring) = RingBuffer::new(RING);
    let sink = FarSink {
        ring: producer,
        wake: Arc::new(wake),
    };
    (sink, FarTap { ring })
}

impl AudioSource for FarSource {
    fn read(&mut self, frame: &mut [i16]) -> Result<(), DeviceError> {
        self.wanted.fetch_add(frame.len(), Ordering::Relaxed);
        (self.wake)();
        let waiting = self.ring.slots();
        let enough = if self.playing { frame.len() } else { LEVEL };
        self.playing = waiting >= enough.max(frame.len());
        if !self.playing {
            frame.fill(0);
            return Ok(());
        }
        let stale = self.surplus.observe(waiting, frame.len());
        if let Ok(chunk) = self.ring.read_chunk(stale) {
            chunk.commit_all();
        }
        for sample in frame {
            *sample = self.ring.pop().unwrap_or(0);
        }
        Ok(())
    }
}

impl Drop for FarSource {
    fn drop(&mut self) {
        (self.wake)();
    }
}

impl FarFeed {
    /// Samples asked for since this was last called.
    pub fn wanted(&self) -> usize {
        self.wanted.swap(0, Ordering::Relaxed)
    }

    /// Puts sound in as far as there is room; the rest is dropped, and the delay stays bounded.
    pub fn put(&mut self, samples: &[i16]) {
        put(&mut self.ring, samples);
    }

    /// Whether the source is gone.
    pub fn is_over(&self) -> bool {
        self.ring.is_abandoned()
    }
}

impl AudioSink for FarSink {
    fn write(&mut self, frame: &[i16]) -> Result<(), DeviceError> {
        put(&mut self.ring, frame);
        (self.wake)();
        Ok(())
    }
}

impl Drop for FarSink {
    fn drop(&mut self) {
        (self.wake)();
    }
}

impl FarTap {
    /// Takes what is to be played.
    pub fn take(&mut self) -> Vec<i16> {
        let waiting = self.ring.slots();
        let mut samples = Vec::with_capacity(waiting);
        if let Ok(chunk) = self.ring.read_chunk(waiting) {
            let (first, second) = chunk.as_slices();
            samples.extend_from_slice(first);
            samples.extend_from_slice(second);
            chunk.commit_all();
        }
        samples
    }

    /// Whether the sink is gone.
    pub fn is_over(&self) -> bool {
        self.ring.is_abandoned()
    }
}

fn put(ring: &mut Producer<i16>, samples: &[i16]) {
    let count = samples.len().min(ring.slots());
    if let Ok(chunk) = ring.write_chunk_uninit(count) {
        chunk.fill_from_iter(samples.iter().copied());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: usize = 160;

    #[test]
    fn what_is_wanted_comes_after_a_short_cushion() {
        let (mut source, mut feed) = far_source(|| {});
        let mut frame = [9; FRAME];
        let mut silent = 0;
        for n in 0..100i16 {
            source.read(&mut frame).unwrap();
            silent += usize::from(frame == [0; FRAME]);
            assert_eq!(feed.wanted(), FRAME);
            feed.put(&[n + 1; FRAME]);
        }
        assert_eq!(silent, LEVEL / FRAME, "then the sound is whole");
        assert_eq!(frame, [97; FRAME], "and three frames late");
        assert!(!feed.is_over());
        drop(source);
        assert!(feed.is_over());
    }

    #[test]
    fn what_a_stall_left_is_thrown_away() {
        let (mut source, mut feed) = far_source(|| {});
        let mut frame = [0; FRAME];
        // The other side stood still and now gives half a second and more at once.
        for _ in 0..40 {
            feed.put(&[5; FRAME]);
        }
        source.read(&mut frame).unwrap();
        assert!(source.ring.slots() <= LEVEL, "{}", source.ring.slots());
        // A smaller surplus goes within a second or so.
        feed.put(&[5; 3 * FRAME]);
        for _ in 0..120 {
            source.read(&mut frame).unwrap();
            feed.put(&[5; FRAME]);
        }
        assert!(
            source.ring.slots() <= LEVEL + LEVEL / 2 + FRAME,
            "{}",
            source.ring.slots()
        );
    }

    #[test]
    fn what_is_played_is_taken_and_never_piles_up() {
        let woken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&woken);
        let (mut sink, mut tap) = far_sink(move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
        sink.write(&[1; FRAME]).unwrap();
        sink.write(&[2; FRAME]).unwrap();
        assert_eq!(tap.take(), [[1; FRAME], [2; FRAME]].concat());
        assert!(tap.take().is_empty());
        for _ in 0..100 {
            sink.write(&[3; FRAME]).unwrap();
        }
        assert_eq!(tap.take().len(), RING);
        drop(sink);
        assert!(tap.is_over());
        assert_eq!(woken.load(Ordering::Relaxed), 103);
    }
}
