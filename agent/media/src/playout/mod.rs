//! From packets to an unbroken line of samples.
//!
//! Owns the packets that wait, the codecs, the delay and the concealment. Packets come when the
//! network brings them; [`Playout::pull`] is called at the pace of the sound and always answers.
//! A missing packet is concealed; when nothing waits at all, concealment also lengthens the
//! delay, because the line stands still meanwhile. A delay that is too long or too short is
//! changed in silence, or by whole pitch periods in speech.

pub(crate) mod conceal;
pub(crate) mod jitter;
pub(crate) mod packets;
pub(crate) mod stretch;

use std::time::Instant;

use crate::codec::{Codec, CodecKind, codec};
use crate::session::clock::SampleClock;
use conceal::Concealer;
use jitter::{DelayEstimator, JitterConfig, Observed};
use packets::PacketBuffer;

/// Decoded samples wanted ahead when the delay is to be changed.
const WORKING: usize = 2 * stretch::MAX_PERIOD + stretch::TEMPLATE;

/// Mean magnitude below which a frame is silence: about −50 dBFS.
const SILENCE_LEVEL: i64 = 100;

/// Deviations from the target delay, in samples, from which it is corrected.
const SHRINK_IN_SILENCE: i64 = 240;
const SHRINK_IN_SPEECH: i64 = 480;
const SHRINK_AT_ONCE: i64 = 1600;
const STRETCH_IN_SILENCE: i64 = 80;
const STRETCH_IN_SPEECH: i64 = 160;

/// Frames between two corrections in speech, unless they are urgent.
const CORRECTION_INTERVAL: u32 = 5;

/// Delay beyond the maximum at which waiting packets are thrown away instead.
const SKIP_BEYOND: i64 = 2400;

/// How far a loss may be played ahead of its concealment before it is skipped instead.
const GAP_SLACK: i64 = 480;

/// What became of an inserted packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inserted {
    /// It waits for its turn.
    Stored,
    /// Its turn is over.
    Late,
    /// One with its timestamp waits already.
    Duplicate,
    /// There is no room, or its timestamp is far from all others.
    Discarded,
    /// The timestamps jumped: what waited is gone, this packet is the first of a new line.
    Restarted,
}

/// Samples counted since the beginning.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counters {
    pub(crate) played: u64,
    pub(crate) concealed: u64,
    pub(crate) removed: u64,
    pub(crate) inserted: u64,
    pub(crate) discarded_packets: u64,
}

pub(crate) struct Playout {
    clock: SampleClock,
    delay: DelayEstimator,
    packets: PacketBuffer,
    codecs: Vec<Box<dyn Codec>>,
    concealer: Concealer,
    /// Decoded and not yet played.
    ready: Vec<i16>,
    scratch: Vec<i16>,
    /// Timestamp after the last decoded sample; none before the first packet is due.
    cursor: Option<i64>,
    last_sequence: u64,
    newest_timestamp: Option<i64>,
    /// Samples concealed while nothing waited: the line stood still for them.
    starved: i64,
    since_correction: u32,
    counters: Counters,
}

impl Playout {
    pub(crate) fn new(clock: SampleClock, config: JitterConfig) -> Self {
        Self {
            clock,
            delay: DelayEstimator::new(&clock, config),
            packets: PacketBuffer::default(),
            codecs: Vec::new(),
            concealer: Concealer::default(),
            ready: Vec::with_capacity(WORKING * 4),
            scratch: Vec::with_capacity(WORKING),
            cursor: None,
            last_sequence: 0,
            newest_timestamp: None,
            starved: 0,
            since_correction: 0,
            counters: Counters::default(),
        }
    }

    pub(crate) fn counters(&self) -> Counters {
        self.counters
    }

    /// Delay aimed at and delay at the moment, in samples.
    pub(crate) fn delays(&self, now: Instant) -> (i64, i64) {
        let current = self
            .cursor
            .map_or(0, |cursor| self.trailing(now, cursor) - self.starved);
        (self.delay.target(), current.max(0))
    }

    /// New bounds for the delay.
    pub(crate) fn reconfigure(&mut self, config: JitterConfig) {
        self.delay.reconfigure(&self.clock, config);
    }

    /// Drops what waits: another stream follows.
    pub(crate) fn restart(&mut self) {
        self.counters.discarded_packets += self.packets.clear() as u64;
        self.delay.restart();
        self.cursor = None;
        self.newest_timestamp = None;
        self.starved = 0;
    }

    /// Takes a packet in.
    pub(crate) fn insert(
        &mut self,
        now: Instant,
        sequence: u64,
        timestamp: u32,
        kind: CodecKind,
        payload: &[u8],
    ) -> Inserted {
        let samples = self.codec(kind).samples_in(payload) as i64;
        if samples == 0 {
            return Inserted::Discarded;
        }
        let mut restarted = false;
        let mut extended = self.extend(timestamp);
        match self.delay.observe(self.clock.samples(now) - extended) {
            Observed::Jitter => {}
            Observed::Stray => {
                self.counters.discarded_packets += 1;
                return Inserted::Discarded;
            }
            Observed::Jump => {
                self.restart();
                extended = self.extend(timestamp);
                self.delay.observe(self.clock.samples(now) - extended);
                restarted = true;
            }
        }
        self.newest_timestamp = Some(extended);
        if self
            .cursor
            .is_some_and(|cursor| extended + samples <= cursor)
        {
            return Inserted::Late;
        }
        match self.packets.insert(extended, sequence, kind, payload) {
            Inserted::Stored if restarted => Inserted::Restarted,
            Inserted::Discarded => {
                self.counters.discarded_packets += 1;
                Inserted::Discarded
            }
            other => other,
        }
    }

    /// Fills `out` with what is to be heard now.
    pub(crate) fn pull(&mut self, now: Instant, out: &mut [i16]) {
        self.skip_overdue(now);
        while self.ready.len() < out.len() {
            self.step(now, out.len() - self.ready.len());
        }
        self.correct(now, out.len());
        out.copy_from_slice(&self.ready[..out.len()]);
        self.ready.drain(..out.len());
        self.counters.played += out.len() as u64;
    }

    /// Adds at least one sample to `ready`, or moves the cursor.
    fn step(&mut self, now: Instant, missing: usize) {
        let Some((timestamp, sequence)) = self.packets.first() else {
            self.conceal(missing);
            if self.cursor.is_some() {
                self.starved += missing as i64;
            }
            return;
        };
        let Some(cursor) = self.cursor else {
            if self.due(now, timestamp) {
                self.cursor = Some(timestamp);
            } else {
                self.conceal(missing);
            }
            return;
        };
        let gap = timestamp - cursor;
        if gap <= 0 {
            self.starved = 0;
            self.decode_first(cursor);
        } else if self.starved > 0 {
            self.cursor = Some(cursor + gap.min(self.starved));
            self.starved = 0;
        } else if sequence == self.last_sequence + 1 {
            // The peer paused: its next word is played when its delay is right.
            if self.due(now, timestamp) {
                self.cursor = Some(timestamp);
            } else {
                self.conceal(missing);
            }
        } else if self.trailing(now, timestamp) > self.delay.target() + GAP_SLACK {
            self.cursor = Some(timestamp);
        } else {
            let samples = gap.min(missing as i64);
            self.conceal(samples as usize);
            self.cursor = Some(cursor + samples);
        }
    }

    fn decode_first(&mut self, cursor: i64) {
        let Some((timestamp, entry)) = self.packets.pop() else {
            return;
        };
        self.scratch.clear();
        let mut scratch = std::mem::take(&mut self.scratch);
        self.codec(entry.kind).decode(&entry.payload, &mut scratch);
        let overlap = usize::try_from(cursor - timestamp).unwrap_or(0);
        if let Some(fresh) = scratch.get_mut(overlap..) {
            self.concealer.good(fresh);
            self.ready.extend_from_slice(fresh);
            self.cursor = Some(cursor + fresh.len() as i64);
        }
        self.scratch = scratch;
        self.last_sequence = entry.sequence;
        self.packets.recycle(entry);
    }

    fn conceal(&mut self, samples: usize) {
        let audible = self.concealer.conceal(samples, &mut self.ready);
        self.counters.concealed += audible as u64;
    }

    /// How long after the fastest packet's time the sample of `timestamp` would be played, if it
    /// came after what is ready.
    fn trailing(&self, now: Instant, timestamp: i64) -> i64 {
        self.clock.samples(now) + self.ready.len() as i64 - timestamp - self.delay.base()
    }

    fn due(&self, now: Instant, timestamp: i64) -> bool {
        self.trailing(now, timestamp) >= self.delay.target()
    }

    /// After a standstill of the caller or a burst of the network only the newest is of use.
    fn skip_overdue(&mut self, now: Instant) {
        let Some(cursor) = self.cursor else { return };
        if self.trailing(now, cursor) <= self.delay.maximum() + SKIP_BEYOND {
            return;
        }
        while let Some((timestamp, _)) = self.packets.first() {
            if self.trailing(now, timestamp) <= self.delay.target() {
                break;
            }
            if let Some((_, entry)) = self.packets.pop() {
                self.last_sequence = entry.sequence;
                self.cursor =
                    Some(timestamp + self.codec(entry.kind).samples_in(&entry.payload) as i64);
                self.packets.recycle(entry);
                self.counters.discarded_packets += 1;
            }
        }
    }

    /// Brings the delay closer to its target by at most one pitch period.
    fn correct(&mut self, now: Instant, frame: usize) {
        self.since_correction = self.since_correction.saturating_add(1);
        let Some(cursor) = self.cursor else { return };
        if self.starved > 0 {
            return;
        }
        let excess = self.trailing(now, cursor) - self.delay.target();
        if (-STRETCH_IN_SILENCE..=SHRINK_IN_SILENCE).contains(&excess) {
            return;
        }
        while self.ready.len() < frame + WORKING
            && let Some(cursor) = self.cursor
            && self
                .packets
                .first()
                .is_some_and(|(timestamp, _)| timestamp <= cursor)
        {
            self.decode_first(cursor);
        }
        if self.ready.len() < WORKING.max(frame) {
            return;
        }
        let total: i64 = self.ready.iter().map(|s| i64::from(s.unsigned_abs())).sum();
        let silent = total < SILENCE_LEVEL * self.ready.len() as i64;
        let rested = silent || self.since_correction >= CORRECTION_INTERVAL;
        if excess > 0 {
            let wanted = excess > SHRINK_AT_ONCE || rested && (silent || excess > SHRINK_IN_SPEECH);
            if wanted && self.ready.len() >= frame + stretch::MAX_PERIOD {
                self.counters.removed += stretch::remove_period(&mut self.ready) as u64;
                self.since_correction = 0;
            }
        } else if rested && (silent || excess < -STRETCH_IN_SPEECH) {
            self.counters.inserted += stretch::insert_period(&mut self.ready) as u64;
            self.since_correction = 0;
        }
    }

    fn extend(&self, timestamp: u32) -> i64 {
        match self.newest_timestamp {
            Some(newest) => newest + i64::from(timestamp.wrapping_sub(newest as u32) as i32),
            None => i64::from(timestamp),
        }
    }

    fn codec(&mut self, kind: CodecKind) -> &mut dyn Codec {
        let known = self.codecs.iter().position(|codec| codec.kind() == kind);
        let index = known.unwrap_or_else(|| {
            self.codecs.push(codec(kind));
            self.codecs.len() - 1
        });
        self.codecs[index].as_mut()
    }
}
