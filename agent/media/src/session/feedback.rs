//! RTCP of a session: what we report, what is reported to us (RFC 3550 §6).
//!
//! Owns the timer, the counters of our own stream and the peer's newest report about it.

use std::time::{Duration, Instant};

use rtcp::reception_report::ReceptionReport;

use super::clock::SampleClock;
use super::config::SessionConfig;
use super::lock::SourceLock;
use super::random::Random;
use super::statistics::Statistics;
use crate::rtcp::incoming::{Incoming, parse};
use crate::rtcp::outgoing::{Report, Sent};
use crate::rtcp::schedule::Schedule;
use crate::rtcp::{from_short, middle, ntp, to_short};

/// Round-trip times above this are errors of the peer's arithmetic.
const MAX_ROUND_TRIP: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Feedback {
    schedule: Schedule,
    packets: u64,
    bytes: u64,
    last_sent: Option<Instant>,
    /// Times of the two newest reports: who sent nothing since the older is no sender (§6.3.8).
    reported: [Option<Instant>; 2],
    /// A BYE for an SSRC we gave up.
    farewell: Option<Vec<u8>>,
    reports_sent: u64,
    reports_received: u64,
    round_trip: Option<Duration>,
    remote: Option<ReceptionReport>,
}

impl Feedback {
    pub(crate) fn new(now: Instant, random: Random) -> Self {
        Self {
            schedule: Schedule::new(now, random),
            packets: 0,
            bytes: 0,
            last_sent: None,
            reported: [None; 2],
            farewell: None,
            reports_sent: 0,
            reports_received: 0,
            round_trip: None,
            remote: None,
        }
    }

    /// We sent an RTP packet.
    pub(crate) fn sent(&mut self, now: Instant, payload: usize) {
        self.packets += 1;
        self.bytes += payload as u64;
        self.last_sent = Some(now);
    }

    pub(crate) fn packets_sent(&self) -> u64 {
        self.packets
    }

    pub(crate) fn next(&self) -> Instant {
        self.schedule.next()
    }

    /// Says goodbye for an SSRC of ours with the next poll.
    pub(crate) fn leave(&mut self, ssrc: u32, cname: &str) {
        self.farewell = Report {
            ssrc,
            cname,
            sent: None,
            reception: None,
            bye: true,
        }
        .to_bytes();
    }

    pub(crate) fn poll(
        &mut self,
        now: Instant,
        clock: &SampleClock,
        config: &SessionConfig,
        lock: &mut SourceLock,
        rtp_time: u32,
    ) -> Option<Vec<u8>> {
        if let Some(farewell) = self.farewell.take() {
            self.reports_sent += 1;
            return Some(farewell);
        }
        if !self.schedule.is_due(now) {
            return None;
        }
        let report = self.report(now, clock, config, lock, rtp_time, false)?;
        self.schedule.sent(now, report.len());
        self.reported = [Some(now), self.reported[0]];
        self.reports_sent += 1;
        Some(report)
    }

    pub(crate) fn bye(
        &mut self,
        now: Instant,
        clock: &SampleClock,
        config: &SessionConfig,
        lock: &mut SourceLock,
        rtp_time: u32,
    ) -> Option<Vec<u8>> {
        if self.packets == 0 && self.reports_sent == 0 {
            return None;
        }
        self.reports_sent += 1;
        self.report(now, clock, config, lock, rtp_time, true)
    }

    /// Takes in a datagram; `true` when the source that is heard said BYE.
    pub(crate) fn receive(
        &mut self,
        now: Instant,
        datagram: &[u8],
        clock: &SampleClock,
        ours: u32,
        lock: &mut SourceLock,
    ) -> bool {
        let Some(parts) = parse(datagram) else {
            return false;
        };
        let Some(peer) = lock.ssrc() else {
            return false;
        };
        let (mut counted, mut bye) = (false, false);
        for part in parts {
            match part {
                Incoming::Sender { ssrc, ntp } if ssrc == peer => {
                    counted = true;
                    if let Some(source) = lock.current() {
                        source.sender_report(ntp, now);
                    }
                }
                Incoming::Reception { reporter, block } if reporter == peer => {
                    counted = true;
                    if block.ssrc == ours {
                        self.round_trip = round_trip(clock, now, &block).or(self.round_trip);
                        self.remote = Some(block);
                    }
                }
                Incoming::Goodbye(sources) if sources.contains(&peer) => {
                    counted = true;
                    bye = true;
                }
                _ => {}
            }
        }
        if counted {
            self.reports_received += 1;
            self.schedule.received(datagram.len());
        }
        if bye {
            lock.end();
        }
        bye
    }

    /// Adds what is known here to a snapshot.
    pub(crate) fn report_into(&self, clock: &SampleClock, statistics: &mut Statistics) {
        statistics.packets_sent = self.packets;
        statistics.bytes_sent = self.bytes;
        statistics.rtcp_sent = self.reports_sent;
        statistics.rtcp_received = self.reports_received;
        statistics.round_trip = self.round_trip;
        if let Some(remote) = &self.remote {
            statistics.remote_fraction_lost = Some(f32::from(remote.fraction_lost) / 256.0);
            // 24 bits, signed (§6.4.1).
            statistics.remote_packets_lost = Some((remote.total_lost << 8) as i32 >> 8);
            statistics.remote_jitter = Some(clock.duration(i64::from(remote.jitter)));
        }
    }

    fn report(
        &self,
        now: Instant,
        clock: &SampleClock,
        config: &SessionConfig,
        lock: &mut SourceLock,
        rtp_time: u32,
        bye: bool,
    ) -> Option<Vec<u8>> {
        let sending = self
            .last_sent
            .is_some_and(|sent| self.reported[1].is_none_or(|report| sent >= report));
        Report {
            ssrc: config.local_ssrc,
            cname: &config.cname,
            sent: sending.then(|| Sent {
                ntp: ntp(clock.start(), now),
                timestamp: rtp_time,
                packets: self.packets as u32,
                bytes: self.bytes as u32,
            }),
            reception: lock.current().map(|source| source.report(now)),
            bye,
        }
        .to_bytes()
    }
}

/// §6.4.1: now, minus when our report was sent, minus how long the peer kept it.
fn round_trip(clock: &SampleClock, now: Instant, block: &ReceptionReport) -> Option<Duration> {
    if block.last_sender_report == 0 {
        return None;
    }
    let arrived = middle(ntp(clock.start(), now));
    let units = arrived
        .wrapping_sub(block.last_sender_report)
        .wrapping_sub(block.delay);
    // The peer rounds down as we do: a unit or two below zero is zero.
    let units = if units > u32::MAX - 16 { 0 } else { units };
    (units <= to_short(MAX_ROUND_TRIP)).then(|| from_short(units))
}
