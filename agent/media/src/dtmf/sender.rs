//! Sends digits as telephone events in place of audio (RFC 4733 §2.5.1).
//!
//! Owns the queue of digits and the state of the one being sent. One packet a frame: the event
//! grows in duration under the timestamp of its start, its end is sent three times (§2.5.1.4), and
//! a pause follows so that equal digits stay apart.

use std::collections::VecDeque;

use super::digit::{Digit, DtmfError, MAX_QUEUED};

/// How long a digit lasts, in milliseconds.
const DURATION_MS: u32 = 100;

/// Audio between two digits, in milliseconds, after the end packets.
const PAUSE_MS: u32 = 60;

/// Level of the tone a gateway is to play, in −dBm0.
const VOLUME: u8 = 10;

/// Times the end of an event is sent.
const END_PACKETS: u8 = 3;

/// Payload and header fields of one event packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventPacket {
    /// First packet of an event.
    pub(crate) marker: bool,
    /// Start of the event.
    pub(crate) timestamp: u32,
    /// Event, end and volume, duration.
    pub(crate) payload: [u8; 4],
    /// The last packet of a digit.
    pub(crate) last: bool,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Idle,
    Sounding {
        digit: Digit,
        timestamp: u32,
        duration: u32,
    },
    Ending {
        digit: Digit,
        timestamp: u32,
        duration: u32,
        left: u8,
    },
    Pausing {
        left: u32,
    },
}

/// Queue and state machine of sent digits.
#[derive(Debug)]
pub(crate) struct DtmfSender {
    queue: VecDeque<Digit>,
    state: State,
    clock_rate: u32,
}

impl DtmfSender {
    pub(crate) fn new(clock_rate: u32) -> Self {
        Self {
            queue: VecDeque::new(),
            state: State::Idle,
            clock_rate,
        }
    }

    /// Adds digits, all or none.
    pub(crate) fn enqueue(&mut self, digits: &[Digit]) -> Result<(), DtmfError> {
        if self.queue.len() + digits.len() > MAX_QUEUED {
            return Err(DtmfError::QueueFull {
                waiting: self.queue.len(),
                asked: digits.len(),
            });
        }
        self.queue.extend(digits);
        Ok(())
    }

    /// Forgets what waits and what is being sent.
    pub(crate) fn clear(&mut self) {
        self.queue.clear();
        self.state = State::Idle;
    }

    /// The digit being sent at the moment.
    pub(crate) fn sounding(&self) -> Option<Digit> {
        match self.state {
            State::Sounding { digit, .. } => Some(digit),
            _ => None,
        }
    }

    /// The packet for the frame of `samples` samples beginning at `timestamp`, or `None` when the
    /// frame belongs to the audio.
    pub(crate) fn next(&mut self, timestamp: u32, samples: u32) -> Option<EventPacket> {
        let samples = samples.max(1);
        if let State::Pausing { left } = self.state {
            if left > samples {
                self.state = State::Pausing {
                    left: left - samples,
                };
                return None;
            }
            self.state = State::Idle;
            return None;
        }
        let first = matches!(self.state, State::Idle);
        if first {
            let digit = self.queue.pop_front()?;
            self.state = State::Sounding {
                digit,
                timestamp,
                duration: 0,
            };
        }
        if let State::Sounding {
            digit,
            timestamp,
            duration,
        } = self.state
        {
            let duration = duration + samples;
            if duration < self.samples(DURATION_MS) {
                self.state = State::Sounding {
                    digit,
                    timestamp,
                    duration,
                };
                return Some(packet(digit, first, timestamp, duration, None));
            }
            self.state = State::Ending {
                digit,
                timestamp,
                duration,
                left: END_PACKETS,
            };
        }
        let State::Ending {
            digit,
            timestamp,
            duration,
            left,
        } = self.state
        else {
            return None;
        };
        let left = left.saturating_sub(1);
        self.state = if left == 0 {
            State::Pausing {
                left: self.samples(PAUSE_MS),
            }
        } else {
            State::Ending {
                digit,
                timestamp,
                duration,
                left,
            }
        };
        Some(packet(digit, first, timestamp, duration, Some(left)))
    }

    fn samples(&self, milliseconds: u32) -> u32 {
        milliseconds * self.clock_rate / 1000
    }
}

/// `ends_left` is how many end packets follow this end packet; `None` while the digit sounds.
fn packet(
    digit: Digit,
    marker: bool,
    timestamp: u32,
    duration: u32,
    ends_left: Option<u8>,
) -> EventPacket {
    let duration = u16::try_from(duration).unwrap_or(u16::MAX).to_be_bytes();
    let end = if ends_left.is_some() { 0x80 } else { 0 };
    EventPacket {
        marker,
        timestamp,
        payload: [digit.event_code(), end | VOLUME, duration[0], duration[1]],
        last: ends_left == Some(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(sender: &mut DtmfSender, frames: u32, samples: u32) -> Vec<Option<EventPacket>> {
        (0..frames)
            .map(|n| sender.next(1000 + n * samples, samples))
            .collect()
    }

    #[test]
    fn a_digit_is_seven_packets_and_a_pause() {
        let mut sender = DtmfSender::new(8000);
        sender.enqueue(&Digit::parse_all("5#").unwrap()).unwrap();
        let packets = packets(&mut sender, 20, 160);
        let first: Vec<_> = packets.iter().take(7).flatten().collect();
        assert_eq!(first.len(), 7);
        assert!(first.iter().all(|p| p.timestamp == 1000));
        assert_eq!(first[0].payload, [5, 10, 0, 160]);
        assert_eq!(first[3].payload, [5, 10, 2, 128]);
        for end in &first[4..] {
            assert_eq!(end.payload, [5, 0x8A, 3, 32], "the end keeps its duration");
        }
        assert_eq!(
            first.iter().map(|p| p.marker).collect::<Vec<_>>(),
            [true, false, false, false, false, false, false]
        );
        assert_eq!(
            first.iter().map(|p| p.last).collect::<Vec<_>>(),
            [false, false, false, false, false, false, true]
        );
        assert!(packets[7..10].iter().all(Option::is_none), "a pause");
        let second = packets[10].unwrap();
        assert_eq!(second.payload[0], 11);
        assert_eq!(second.timestamp, 1000 + 10 * 160);
        assert!(packets[17..].iter().all(Option::is_none));
    }

    #[test]
    fn ten_millisecond_frames_last_as_long() {
        let mut sender = DtmfSender::new(8000);
        sender.enqueue(&Digit::parse_all("1").unwrap()).unwrap();
        let packets: Vec<_> = packets(&mut sender, 30, 80).into_iter().flatten().collect();
        assert_eq!(packets.len(), 12);
        assert_eq!(packets.last().unwrap().payload, [1, 0x8A, 3, 32]);
    }

    #[test]
    fn sixty_four_digits_wait_and_no_more() {
        let mut sender = DtmfSender::new(8000);
        let many = vec![Digit::from_char('1').unwrap(); MAX_QUEUED];
        sender.enqueue(&many).unwrap();
        assert_eq!(
            sender.enqueue(&many[..1]),
            Err(DtmfError::QueueFull {
                waiting: 64,
                asked: 1
            })
        );
        sender.clear();
        sender.enqueue(&many).unwrap();
    }
}
