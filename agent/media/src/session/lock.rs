//! Which synchronisation source is the peer's (RFC 3550 §8 and appendix A.1).
//!
//! One source is heard at a time. The rule:
//! - a new source is on probation until two of its packets with sequence numbers close to each
//!   other have come;
//! - it then becomes the source if none is, or if the source has said nothing for 200 ms or said
//!   BYE. Peers that change source without a re-INVITE (a transfer, music on hold) stop the old one;
//! - while the source speaks, no other takes over. Candidates are at most four, so that a flood
//!   of random sources costs nothing.

use std::time::{Duration, Instant};

use super::source::Source;

/// Silence after which another source may take over.
pub(crate) const SILENCE: Duration = Duration::from_millis(200);

/// Most sources on probation at a time.
const MAX_CANDIDATES: usize = 4;

/// Largest distance of the two sequence numbers of a probation; losses and reordering fit in.
const CLOSE: u16 = 32;

#[derive(Debug, Default)]
pub(crate) struct SourceLock {
    current: Option<Source>,
    ended: bool,
    candidates: Vec<Candidate>,
}

#[derive(Debug)]
struct Candidate {
    ssrc: u32,
    sequence: u16,
    heard: Instant,
    proven: bool,
}

/// What the lock says of a packet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Of the source.
    Current,
    /// Of a new source, which is now the one.
    Changed,
    /// Of a source on probation, or of one that must wait.
    Waiting,
}

impl SourceLock {
    /// The source that is heard.
    pub(crate) fn current(&mut self) -> Option<&mut Source> {
        self.current.as_mut()
    }

    /// The source's identifier, also after its BYE.
    pub(crate) fn ssrc(&self) -> Option<u32> {
        self.current.as_ref().map(|source| source.ssrc)
    }

    /// The source that is heard, to read.
    pub(crate) fn source(&self) -> Option<&Source> {
        self.current.as_ref()
    }

    /// Judges a packet of `ssrc`.
    pub(crate) fn judge(&mut self, ssrc: u32, sequence: u16, now: Instant) -> Verdict {
        if let Some(current) = &self.current
            && current.ssrc == ssrc
            && !self.ended
        {
            return Verdict::Current;
        }
        let free = self.ended
            || self
                .current
                .as_ref()
                .is_none_or(|current| now.saturating_duration_since(current.last_heard) >= SILENCE);
        if self.probe(ssrc, sequence, now) && free {
            self.current = Some(Source::new(ssrc, sequence, now));
            self.ended = false;
            self.candidates.clear();
            return Verdict::Changed;
        }
        Verdict::Waiting
    }

    /// The source said BYE: whoever proves itself next takes over at once.
    pub(crate) fn end(&mut self) {
        self.ended = true;
        self.candidates.clear();
    }

    /// Forgets everything: the peer moved.
    pub(crate) fn release(&mut self) {
        *self = Self::default();
    }

    /// Whether the candidate has passed its probation.
    fn probe(&mut self, ssrc: u32, sequence: u16, now: Instant) -> bool {
        if let Some(candidate) = self.candidates.iter_mut().find(|c| c.ssrc == ssrc) {
            let distance = sequence.wrapping_sub(candidate.sequence);
            let distance = distance.min(distance.wrapping_neg());
            candidate.proven |= (1..=CLOSE).contains(&distance);
            candidate.sequence = sequence;
            candidate.heard = now;
            return candidate.proven;
        }
        if self.candidates.len() == MAX_CANDIDATES
            && let Some(oldest) = (0..MAX_CANDIDATES).min_by_key(|n| self.candidates[*n].heard)
        {
            self.candidates.swap_remove(oldest);
        }
        self.candidates.push(Candidate {
            ssrc,
            sequence,
            heard: now,
            proven: false,
        });
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(20);

    #[test]
    fn a_source_is_heard_from_its_second_packet() {
        let now = Instant::now();
        let mut lock = SourceLock::default();
        assert_eq!(lock.judge(1, 100, now), Verdict::Waiting);
        assert_eq!(lock.judge(2, 9000, now), Verdict::Waiting);
        assert_eq!(lock.judge(1, 9000, now), Verdict::Waiting, "no neighbour");
        assert_eq!(lock.judge(1, 9001, now), Verdict::Changed);
        assert_eq!(lock.judge(1, 9002, now), Verdict::Current);
    }

    #[test]
    fn nobody_takes_over_while_the_source_speaks() {
        let mut now = Instant::now();
        let mut lock = SourceLock::default();
        lock.judge(1, 0, now);
        lock.judge(1, 1, now);
        for n in 2..500 {
            now += STEP;
            assert_eq!(lock.judge(1, n, now), Verdict::Current);
            lock.current().unwrap().place(n, now);
            for stranger in 2..12 {
                assert_eq!(lock.judge(stranger, n, now), Verdict::Waiting);
            }
            assert!(lock.candidates.len() <= MAX_CANDIDATES);
        }
    }

    #[test]
    fn a_proven_source_follows_silence_or_bye() {
        let mut now = Instant::now();
        let mut lock = SourceLock::default();
        lock.judge(1, 0, now);
        lock.judge(1, 1, now);
        for n in 0..9 {
            now += STEP;
            assert_eq!(lock.judge(2, n, now), Verdict::Waiting, "{n}");
        }
        now += STEP;
        assert_eq!(lock.judge(2, 9, now), Verdict::Changed);
        lock.end();
        assert_eq!(lock.judge(3, 0, now), Verdict::Waiting);
        assert_eq!(lock.judge(3, 1, now), Verdict::Changed);
    }
}
