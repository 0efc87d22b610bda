//! One remote stream: sequence numbers, loss and jitter (RFC 3550 appendix A.1, A.3, A.8).

use std::time::{Duration, Instant};

use rtcp::reception_report::ReceptionReport;

use super::clock::SampleClock;
use crate::rtcp::{middle, to_short};

/// Largest step of sequence numbers that is still loss (A.1).
const MAX_DROPOUT: u16 = 3000;

/// Largest step back that is still reordering: 100 in A.1, and what the window of seen numbers holds.
const MAX_MISORDER: u16 = 100;

/// Largest change of transit time that counts as jitter: a timestamp jump is none.
const MAX_TRANSIT_STEP: u32 = 8000;

/// Where a packet stands in its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// New, with its sequence number extended beyond 16 bits.
    New { sequence: u64, reordered: bool },
    /// Seen before.
    Duplicate,
    /// The stream jumped and goes on from here.
    Restarted { sequence: u64 },
    /// A jump that is not confirmed yet.
    Jumped,
}

#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) ssrc: u32,
    pub(crate) last_heard: Instant,
    pub(crate) last_gap: u16,
    /// Extended numbers start at one cycle, so that a packet before the first has one too.
    base: u64,
    highest: u64,
    /// Bit n: `highest − n` was seen.
    seen: u128,
    /// The number that would confirm a jump.
    confirming: Option<u16>,
    received: u64,
    /// Lost before the newest jump.
    lost_before: i64,
    expected_prior: u64,
    received_prior: u64,
    transit: Option<u32>,
    jitter: f64,
    sender_report: Option<(u32, Instant)>,
}

impl Source {
    /// A stream whose first packet is `sequence`.
    pub(crate) fn new(ssrc: u32, sequence: u16, now: Instant) -> Self {
        let first = 0x1_0000 + u64::from(sequence);
        Self {
            ssrc,
            last_heard: now,
            last_gap: 0,
            base: first,
            highest: first.wrapping_sub(1),
            seen: 0,
            confirming: None,
            received: 0,
            lost_before: 0,
            expected_prior: 0,
            received_prior: 0,
            transit: None,
            jitter: 0.0,
            sender_report: None,
        }
    }

    /// Counts a packet.
    pub(crate) fn place(&mut self, sequence: u16, now: Instant) -> Place {
        let ahead = sequence.wrapping_sub(self.highest as u16);
        let place = if (1..MAX_DROPOUT).contains(&ahead) {
            self.advance(ahead)
        } else if ahead == 0 || ahead > u16::MAX - MAX_MISORDER {
            self.look_back(ahead.wrapping_neg())
        } else if self.confirming == Some(sequence) {
            self.restart(sequence)
        } else {
            self.confirming = Some(sequence.wrapping_add(1));
            return Place::Jumped;
        };
        self.confirming = None;
        self.last_heard = now;
        self.received += 1;
        place
    }

    /// Takes one packet's timing into the jitter (A.8).
    pub(crate) fn time(&mut self, clock: &SampleClock, now: Instant, timestamp: u32) {
        let transit = (clock.samples(now) as u32).wrapping_sub(timestamp);
        if let Some(previous) = self.transit.replace(transit) {
            let step = (transit.wrapping_sub(previous) as i32).unsigned_abs();
            if step <= MAX_TRANSIT_STEP {
                self.jitter += (f64::from(step) - self.jitter) / 16.0;
            }
        }
    }

    /// Interarrival jitter in timestamp units.
    pub(crate) fn jitter(&self) -> f64 {
        self.jitter
    }

    /// Expected minus received, over the whole life of the stream.
    pub(crate) fn lost(&self) -> i64 {
        let expected = self.expected() as i64;
        self.lost_before + expected - self.received as i64
    }

    /// The peer sent a report with this NTP timestamp.
    pub(crate) fn sender_report(&mut self, ntp: u64, now: Instant) {
        self.sender_report = Some((middle(ntp), now));
    }

    /// The block about this stream for our next report; the fraction covers the time since the
    /// last call (A.3).
    pub(crate) fn report(&mut self, now: Instant) -> ReceptionReport {
        let expected = self.expected();
        let expected_interval = expected.saturating_sub(self.expected_prior);
        let received_interval = self.received.saturating_sub(self.received_prior);
        self.expected_prior = expected;
        self.received_prior = self.received;
        let lost_interval = expected_interval.saturating_sub(received_interval);
        let fraction = (lost_interval << 8).checked_div(expected_interval);
        let (last_sender_report, delay) = self.sender_report.map_or((0, 0), |(ntp, at)| {
            let waited: Duration = now.saturating_duration_since(at);
            (ntp, to_short(waited))
        });
        ReceptionReport {
            ssrc: self.ssrc,
            fraction_lost: fraction.map_or(0, |fraction| fraction.min(255) as u8),
            total_lost: self.lost().clamp(0, 0x7F_FFFF) as u32,
            // Cycles are counted from zero on the wire.
            last_sequence_number: self.highest.wrapping_sub(0x1_0000) as u32,
            jitter: self.jitter as u32,
            last_sender_report,
            delay,
        }
    }

    fn expected(&self) -> u64 {
        (self.highest + 1).saturating_sub(self.base)
    }

    fn advance(&mut self, ahead: u16) -> Place {
        self.highest += u64::from(ahead);
        self.seen = self.seen.checked_shl(u32::from(ahead)).unwrap_or(0) | 1;
        // The very first packet of a stream has no gap before it.
        if ahead > 1 {
            self.last_gap = ahead - 1;
        }
        Place::New {
            sequence: self.highest,
            reordered: false,
        }
    }

    fn look_back(&mut self, behind: u16) -> Place {
        let bit = 1u128 << behind.min(127);
        if self.seen & bit != 0 {
            return Place::Duplicate;
        }
        self.seen |= bit;
        let sequence = self.highest - u64::from(behind);
        self.base = self.base.min(sequence);
        Place::New {
            sequence,
            reordered: true,
        }
    }

    fn restart(&mut self, sequence: u16) -> Place {
        self.lost_before = self.lost();
        let first = (self.highest & !0xFFFF) + 0x1_0000 + u64::from(sequence);
        self.base = first;
        self.highest = first;
        self.seen = 1;
        self.received = 0;
        self.expected_prior = 0;
        self.received_prior = 0;
        self.transit = None;
        Place::Restarted { sequence: first }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn source(first: u16) -> (Source, Instant) {
        let now = Instant::now();
        (Source::new(1, first, now), now)
    }

    fn new(sequence: u64) -> Place {
        Place::New {
            sequence: 0x1_0000 + sequence,
            reordered: false,
        }
    }

    #[test]
    fn numbers_wrap_and_nothing_is_lost() {
        let (mut source, now) = source(65_530);
        for n in 65_530..65_550u32 {
            assert_eq!(source.place(n as u16, now), new(u64::from(n)));
        }
        assert_eq!(source.lost(), 0);
        assert_eq!(source.report(now).last_sequence_number, 65_549);
    }

    #[test]
    fn gaps_duplicates_and_reordering_are_told_apart() {
        let (mut source, now) = source(10);
        assert_eq!(source.place(10, now), new(10));
        assert_eq!(source.place(13, now), new(13));
        assert_eq!((source.lost(), source.last_gap), (2, 2));
        assert_eq!(
            source.place(11, now),
            Place::New {
                sequence: 0x1_000B,
                reordered: true
            }
        );
        assert_eq!(source.place(11, now), Place::Duplicate);
        assert_eq!(source.place(13, now), Place::Duplicate);
        // Two of the packets were doubles, one number is still missing.
        assert_eq!(source.lost(), 4 - 5);
    }

    #[test]
    fn a_jump_needs_two_packets() {
        let (mut source, now) = source(10);
        source.place(10, now);
        assert_eq!(source.place(40_000, now), Place::Jumped);
        assert_eq!(source.place(11, now), new(11));
        assert_eq!(source.place(40_001, now), Place::Jumped);
        assert!(matches!(source.place(40_002, now), Place::Restarted { .. }));
        assert_eq!(source.lost(), 0);
        assert!(matches!(source.place(40_003, now), Place::New { .. }));
    }

    #[test]
    fn the_fraction_covers_one_interval() {
        let (mut source, now) = source(0);
        for n in (0..100).filter(|n| n % 4 != 3) {
            source.place(n, now);
        }
        let report = source.report(now);
        assert_eq!(report.total_lost, 24, "the last loss is not known yet");
        assert_eq!(report.fraction_lost, (24 * 256 / 99) as u8);
        for n in 99..200 {
            source.place(n, now);
        }
        let report = source.report(now);
        assert_eq!(report.fraction_lost, 0);
    }

    #[test]
    fn jitter_settles_at_the_mean_step() {
        let (mut source, start) = source(0);
        let clock = SampleClock::new(start, 8000);
        for n in 0..2000u32 {
            let late = if n % 2 == 0 { 10 } else { 0 };
            let now = start + Duration::from_millis(u64::from(n * 20 + late));
            source.time(&clock, now, n * 160);
        }
        assert!((source.jitter() - 80.0).abs() < 1.0, "{}", source.jitter());
    }

    proptest! {
        #[test]
        fn any_numbers_are_counted_without_panic(numbers in proptest::collection::vec(any::<u16>(), 1..300)) {
            let (mut source, now) = source(numbers[0]);
            for number in numbers {
                source.place(number, now);
                let report = source.report(now);
                prop_assert!(report.total_lost <= 0x7F_FFFF);
            }
        }
    }
}
