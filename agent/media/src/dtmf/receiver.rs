//! Hears each digit exactly once, whatever is lost, doubled or out of order.
//!
//! Owns the timestamps of the newest events. An event is known by the timestamp of its start,
//! which all its packets carry, so that any one packet is enough and no further one counts
//! (RFC 4733 §2.5.1.2). Longer events continue as segments (§2.5.1.3).

use std::collections::VecDeque;

use super::digit::Digit;

/// Events remembered; at the shortest spacing of RFC 4733 they cover a second.
const REMEMBERED: usize = 16;

/// Most events read of one packet (§2.5.1.5 lets several follow one another).
const MAX_PACKED: usize = 8;

/// Age, in timestamp units, beyond which an unknown event is a stray: two seconds.
const MAX_AGE: i32 = 16_000;

#[derive(Debug, Default)]
pub(crate) struct DtmfReceiver {
    seen: VecDeque<u32>,
    segment: Option<Segment>,
}

/// The newest event, to which a segment may be added.
#[derive(Debug, Clone, Copy)]
struct Segment {
    code: u8,
    timestamp: u32,
    ended: bool,
}

impl DtmfReceiver {
    /// Forgets all events: the peer's timestamps began anew.
    pub(crate) fn restart(&mut self) {
        *self = Self::default();
    }

    /// Reads one packet and calls `heard` with each digit not reported before.
    pub(crate) fn receive(
        &mut self,
        mut timestamp: u32,
        marker: bool,
        payload: &[u8],
        mut heard: impl FnMut(Digit),
    ) {
        for event in payload.chunks_exact(4).take(MAX_PACKED) {
            let &[code, flags, high, low] = event else {
                return;
            };
            if self.is_new(code, timestamp, marker, flags & 0x80 != 0)
                && let Some(digit) = Digit::from_event_code(code)
            {
                heard(digit);
            }
            timestamp = timestamp.wrapping_add(u32::from(u16::from_be_bytes([high, low])));
        }
    }

    fn is_new(&mut self, code: u8, timestamp: u32, marker: bool, ended: bool) -> bool {
        if self.seen.contains(&timestamp) {
            if let Some(segment) = &mut self.segment
                && segment.timestamp == timestamp
            {
                segment.ended |= ended;
            }
            return false;
        }
        let newest = self.segment.map(|segment| segment.timestamp);
        let age = newest.map_or(0, |newest| newest.wrapping_sub(timestamp) as i32);
        if age > MAX_AGE {
            return false;
        }
        // A segment begins where 0xFFFF units, the longest duration, have passed.
        let continues = self.segment.is_some_and(|segment| {
            segment.code == code
                && !segment.ended
                && !marker
                && timestamp.wrapping_sub(segment.timestamp) == u32::from(u16::MAX)
        });
        if self.seen.len() == REMEMBERED {
            self.seen.pop_front();
        }
        self.seen.push_back(timestamp);
        if age <= 0 {
            self.segment = Some(Segment {
                code,
                timestamp,
                ended,
            });
        }
        !continues
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(code: u8, end: bool, duration: u16) -> [u8; 4] {
        let duration = duration.to_be_bytes();
        [code, if end { 0x8A } else { 10 }, duration[0], duration[1]]
    }

    fn hear(receiver: &mut DtmfReceiver, timestamp: u32, marker: bool, payload: &[u8]) -> String {
        let mut text = String::new();
        receiver.receive(timestamp, marker, payload, |digit| {
            text.push(digit.symbol())
        });
        text
    }

    #[test]
    fn one_packet_of_an_event_is_enough_and_no_more_count() {
        let mut receiver = DtmfReceiver::default();
        assert_eq!(hear(&mut receiver, 800, false, &event(3, true, 800)), "3");
        assert_eq!(hear(&mut receiver, 800, true, &event(3, false, 160)), "");
        assert_eq!(hear(&mut receiver, 800, false, &event(3, true, 800)), "");
        assert_eq!(hear(&mut receiver, 2400, true, &event(3, false, 160)), "3");
    }

    #[test]
    fn a_long_event_in_segments_is_one_digit() {
        let mut receiver = DtmfReceiver::default();
        let long = u32::from(u16::MAX);
        assert_eq!(hear(&mut receiver, 5, true, &event(7, false, 0xFFFF)), "7");
        assert_eq!(
            hear(&mut receiver, 5 + long, false, &event(7, false, 160)),
            ""
        );
        assert_eq!(
            hear(&mut receiver, 5 + long, false, &event(7, true, 320)),
            ""
        );
        assert_eq!(
            hear(&mut receiver, 80_000, true, &event(7, false, 160)),
            "7"
        );
    }

    #[test]
    fn several_events_in_one_packet_are_several_digits() {
        let mut receiver = DtmfReceiver::default();
        let mut packet = event(1, true, 400).to_vec();
        packet.extend(event(2, true, 400));
        assert_eq!(hear(&mut receiver, 0, true, &packet), "12");
        assert_eq!(hear(&mut receiver, 400, false, &event(2, true, 400)), "");
    }

    #[test]
    fn other_events_cut_packets_and_strays_are_nothing() {
        let mut receiver = DtmfReceiver::default();
        assert_eq!(hear(&mut receiver, 0, true, &event(32, false, 160)), "");
        assert_eq!(hear(&mut receiver, 9, true, &[1, 10, 0]), "");
        assert_eq!(hear(&mut receiver, 50_000, true, &event(1, true, 160)), "1");
        assert_eq!(hear(&mut receiver, 20_000, true, &event(2, true, 160)), "");
    }

    #[test]
    fn memory_is_bounded() {
        let mut receiver = DtmfReceiver::default();
        for n in 0..10_000 {
            hear(&mut receiver, n * 400, true, &event(1, true, 160));
        }
        assert_eq!(receiver.seen.len(), REMEMBERED);
    }
}
