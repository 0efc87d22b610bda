//! One audio session: RTP, RTCP, codec, playout and telephone events, without any I/O.
//!
//! Bytes and the time go in, frames and bytes come out. Owns the streams of both directions and
//! their counters; never owns a socket, a clock, a thread or a device. RFC 3550, RFC 3551.

pub(crate) mod clock;
pub(crate) mod config;
mod feedback;
pub(crate) mod lock;
pub(crate) mod random;
pub(crate) mod source;
pub(crate) mod statistics;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::codec::{Codec, codec};
use crate::dtmf::digit::{Digit, DtmfError};
use crate::dtmf::receiver::DtmfReceiver;
use crate::dtmf::sender::DtmfSender;
use crate::playout::packets::MAX_PAYLOAD;
use crate::playout::{Inserted, Playout};
use crate::rtp::{Outgoing, RtpPacket};
use clock::SampleClock;
use config::{ConfigError, SessionConfig};
use feedback::Feedback;
use lock::{SourceLock, Verdict};
use random::Random;
use source::Place;
use statistics::Statistics;

/// Events that wait to be fetched; the oldest go when nobody fetches.
const MAX_EVENTS: usize = 64;

/// Payload type of comfort noise (RFC 3389): a sign of life without sound.
const COMFORT_NOISE: u8 = 13;

/// Samples the sender may fall behind the clock before its timestamps catch up: 100 ms.
const MAX_LAG: i64 = 800;

/// Times a session changes its SSRC because another uses it.
const MAX_SSRC_CHANGES: u8 = 4;

/// What became of a received RTP datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// It belongs to the peer's stream and was used, or was late or double.
    Accepted,
    /// It belongs to a source that has yet to prove itself, or must wait for the present one to
    /// fall silent.
    Waiting,
    /// It is no RTP, of an unknown payload type, or nothing is to be received.
    Rejected,
}

/// Something the owner of a session should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionEvent {
    /// The peer sent a digit.
    Dtmf(Digit),
    /// Nothing was heard for this long; reported once until something is heard again.
    RtpTimeout(Duration),
    /// RTP is heard again after a timeout.
    RtpResumed,
    /// The peer ended its stream by RTCP. The call is SIP's to end.
    RemoteBye,
}

/// A sans-IO audio session.
pub struct Session {
    config: SessionConfig,
    clock: SampleClock,
    random: Random,
    encoder: Box<dyn Codec>,
    sequence: u16,
    first_timestamp: u32,
    /// Samples offered to [`Session::push`], sent or not.
    pushed: i64,
    talking: bool,
    lock: SourceLock,
    playout: Playout,
    digits_in: DtmfReceiver,
    digits_out: DtmfSender,
    feedback: Feedback,
    events: VecDeque<SessionEvent>,
    heard: Instant,
    timed_out: bool,
    ssrc_changes: u8,
    statistics: Statistics,
}

impl Session {
    /// A session that begins at `now`.
    ///
    /// # Errors
    /// The first parameter of `config` that cannot work.
    pub fn new(config: SessionConfig, now: Instant) -> Result<Self, ConfigError> {
        config.validate()?;
        let clock = SampleClock::new(now, config.codec.clock_rate());
        let mut random = Random::new(config.seed);
        let (sequence, first_timestamp) = (random.next() as u16, random.next() as u32);
        let feedback = Feedback::new(now, Random::new(random.next()));
        Ok(Self {
            encoder: codec(config.codec),
            playout: Playout::new(clock, config.jitter),
            digits_out: DtmfSender::new(config.codec.clock_rate()),
            config,
            clock,
            random,
            sequence,
            first_timestamp,
            pushed: 0,
            talking: false,
            lock: SourceLock::default(),
            digits_in: DtmfReceiver::default(),
            feedback,
            events: VecDeque::new(),
            heard: now,
            timed_out: false,
            ssrc_changes: 0,
            statistics: Statistics::default(),
        })
    }

    /// The parameters at work.
    #[must_use]
    pub fn config(&self) -> &SessionConfig {
        &self.config
    }

    /// Applies a new offer and answer. Our stream goes on: SSRC, sequence numbers and timestamps
    /// stay. `peer_moved` tells that the peer's address changed, so that its source may too.
    ///
    /// # Errors
    /// The first parameter of `config` that cannot work; the old ones then stay.
    pub fn reconfigure(
        &mut self,
        now: Instant,
        mut config: SessionConfig,
        peer_moved: bool,
    ) -> Result<(), ConfigError> {
        config.validate()?;
        config.local_ssrc = self.config.local_ssrc;
        if config.codec != self.config.codec {
            self.encoder = codec(config.codec);
        }
        if config.dtmf_payload_type.is_none() {
            self.digits_out.clear();
        }
        if config.receive && !self.config.receive {
            self.heard = now;
            self.timed_out = false;
        }
        if peer_moved || config.receive != self.config.receive {
            self.lock.release();
            self.restart_line();
        }
        self.playout.reconfigure(config.jitter);
        self.config = config;
        Ok(())
    }

    /// Takes in a datagram from the peer's RTP port. Any bytes are safe.
    pub fn receive_rtp(&mut self, now: Instant, datagram: &[u8]) -> Received {
        let received = match RtpPacket::parse(datagram) {
            Some(packet) if self.config.receive => self.receive_packet(now, &packet),
            _ => Received::Rejected,
        };
        if received != Received::Accepted {
            self.statistics.packets_rejected += 1;
        }
        received
    }

    /// Takes in a datagram from the peer's RTCP port. Any bytes are safe. Reports count only when
    /// they come from the source that is heard.
    pub fn receive_rtcp(&mut self, now: Instant, datagram: &[u8]) {
        let ours = self.config.local_ssrc;
        if self
            .feedback
            .receive(now, datagram, &self.clock, ours, &mut self.lock)
        {
            self.event(SessionEvent::RemoteBye);
        }
    }

    /// Fills `out` with the samples to play now: call it once for each frame's time. Lost packets
    /// are concealed, and before anything was heard there is silence.
    pub fn pull(&mut self, now: Instant, out: &mut [i16]) {
        if self.config.receive {
            self.playout.pull(now, out);
        } else {
            out.fill(0);
        }
    }

    /// Takes the frame recorded now and replaces `packet` by the datagram to send: the frame
    /// encoded, or a telephone event in its place. `false` when there is nothing to send.
    pub fn push(&mut self, now: Instant, frame: &[i16], packet: &mut Vec<u8>) -> bool {
        packet.clear();
        if frame.is_empty() || frame.len() > MAX_PAYLOAD {
            return false;
        }
        let samples = frame.len() as i64;
        // Frames that were never pushed must not make later ones look early.
        let lag = self.clock.samples(now) - self.pushed;
        if lag > MAX_LAG + samples {
            self.pushed += lag / samples * samples;
            self.talking = false;
        }
        let timestamp = self.first_timestamp.wrapping_add(self.pushed as u32);
        self.pushed += samples;
        if !self.config.send {
            self.talking = false;
            return false;
        }
        let event = self
            .config
            .dtmf_payload_type
            .and_then(|number| Some((number, self.digits_out.next(timestamp, samples as u32)?)));
        let mut header = Outgoing {
            marker: !self.talking,
            payload_type: self.config.payload_type,
            sequence_number: self.sequence,
            timestamp,
            ssrc: self.config.local_ssrc,
        };
        if let Some((number, event)) = event {
            header.marker = event.marker;
            header.payload_type = number;
            header.timestamp = event.timestamp;
            header.write(packet);
            packet.extend_from_slice(&event.payload);
            self.talking = false;
            self.statistics.digits_sent += u64::from(event.last);
            self.feedback.sent(now, event.payload.len());
        } else {
            header.write(packet);
            let begin = packet.len();
            if self.config.silent {
                self.encoder
                    .encode(&[0; MAX_PAYLOAD][..frame.len()], packet);
            } else {
                self.encoder.encode(frame, packet);
            }
            self.talking = true;
            self.feedback.sent(now, packet.len() - begin);
        }
        self.sequence = self.sequence.wrapping_add(1);
        true
    }

    /// Queues digits to be sent as telephone events.
    ///
    /// # Errors
    /// [`DtmfError`]: not negotiated, not a digit, or more than fit; then none is queued.
    pub fn dtmf(&mut self, digits: &str) -> Result<(), DtmfError> {
        if self.config.dtmf_payload_type.is_none() {
            return Err(DtmfError::NotNegotiated);
        }
        self.digits_out.enqueue(&Digit::parse_all(digits)?)
    }

    /// The digit being sent at the moment, which a telephone lets its user hear.
    #[must_use]
    pub fn sounding_digit(&self) -> Option<Digit> {
        self.digits_out.sounding()
    }

    /// The next RTCP datagram to send, if one is due.
    pub fn poll_rtcp(&mut self, now: Instant) -> Option<Vec<u8>> {
        let rtp_time = self.rtp_time(now);
        self.feedback
            .poll(now, &self.clock, &self.config, &mut self.lock, rtp_time)
    }

    /// When [`Session::poll_rtcp`] wants to be called next.
    #[must_use]
    pub fn next_rtcp(&self) -> Instant {
        self.feedback.next()
    }

    /// The last RTCP datagram, with BYE; `None` when nothing was ever sent (RFC 3550 §6.3.7).
    pub fn bye(&mut self, now: Instant) -> Option<Vec<u8>> {
        let rtp_time = self.rtp_time(now);
        self.feedback
            .bye(now, &self.clock, &self.config, &mut self.lock, rtp_time)
    }

    /// The next thing to know; call it at every frame, it also watches for silence.
    pub fn poll_event(&mut self, now: Instant) -> Option<SessionEvent> {
        if let Some(limit) = self.config.rtp_timeout
            && self.config.receive
            && !self.timed_out
        {
            let silent = now.saturating_duration_since(self.heard);
            if silent >= limit {
                self.timed_out = true;
                self.event(SessionEvent::RtpTimeout(silent));
            }
        }
        self.events.pop_front()
    }

    /// The counters up to `now`.
    #[must_use]
    pub fn statistics(&self, now: Instant) -> Statistics {
        let mut statistics = self.statistics;
        let counters = self.playout.counters();
        let (target, current) = self.playout.delays(now);
        statistics.played_samples = counters.played;
        statistics.concealed_samples = counters.concealed;
        statistics.removed_samples = counters.removed;
        statistics.inserted_samples = counters.inserted;
        statistics.packets_discarded = counters.discarded_packets;
        statistics.target_delay = self.clock.duration(target);
        statistics.current_delay = self.clock.duration(current);
        if let Some(source) = self.lock.source() {
            statistics.packets_lost += source.lost();
            statistics.last_sequence_gap = source.last_gap;
            statistics.jitter = self.clock.duration(source.jitter() as i64);
        }
        self.feedback.report_into(&self.clock, &mut statistics);
        statistics
    }

    fn receive_packet(&mut self, now: Instant, packet: &RtpPacket<'_>) -> Received {
        let header = &packet.header;
        let number = header.payload_type;
        let digits = self.config.dtmf_payload_type == Some(number);
        let kind = self.config.codec_of(number);
        if (!digits && kind.is_none() && number != COMFORT_NOISE)
            || packet.payload.len() > MAX_PAYLOAD
        {
            return Received::Rejected;
        }
        if header.ssrc == self.config.local_ssrc && !self.is_reflection(header.sequence_number) {
            self.change_ssrc();
            return Received::Rejected;
        }
        let lost_before = self.lock.source().map_or(0, |source| source.lost());
        match self.lock.judge(header.ssrc, header.sequence_number, now) {
            Verdict::Current => {}
            Verdict::Changed => {
                // What the former source lost stays lost.
                self.statistics.packets_lost += lost_before;
                self.restart_line();
            }
            Verdict::Waiting => return Received::Waiting,
        }
        let Some(source) = self.lock.current() else {
            return Received::Waiting;
        };
        let sequence = match source.place(header.sequence_number, now) {
            Place::New {
                sequence,
                reordered,
            } => {
                self.statistics.packets_reordered += u64::from(reordered);
                sequence
            }
            Place::Restarted { sequence } => {
                self.restart_line();
                sequence
            }
            Place::Duplicate => {
                self.statistics.packets_duplicate += 1;
                return Received::Accepted;
            }
            Place::Jumped => return Received::Waiting,
        };
        self.hear(now, header.ssrc, packet.payload.len());
        if digits {
            self.receive_digits(packet);
        } else if let Some(kind) = kind {
            if let Some(source) = self.lock.current() {
                source.time(&self.clock, now, header.timestamp);
            }
            match self
                .playout
                .insert(now, sequence, header.timestamp, kind, packet.payload)
            {
                Inserted::Stored | Inserted::Discarded => {}
                Inserted::Late => self.statistics.packets_late += 1,
                Inserted::Duplicate => self.statistics.packets_duplicate += 1,
                Inserted::Restarted => {
                    self.digits_in.restart();
                    self.statistics.restarts += 1;
                }
            }
        }
        Received::Accepted
    }

    fn receive_digits(&mut self, packet: &RtpPacket<'_>) {
        let mut heard = Vec::new();
        self.digits_in.receive(
            packet.header.timestamp,
            packet.header.marker,
            packet.payload,
            |digit| heard.push(digit),
        );
        for digit in heard {
            self.statistics.digits_received += 1;
            self.event(SessionEvent::Dtmf(digit));
        }
    }

    fn hear(&mut self, now: Instant, ssrc: u32, bytes: usize) {
        self.statistics.packets_received += 1;
        self.statistics.bytes_received += bytes as u64;
        self.statistics.packets_reflected += u64::from(ssrc == self.config.local_ssrc);
        self.heard = now;
        if std::mem::take(&mut self.timed_out) {
            self.event(SessionEvent::RtpResumed);
        }
    }

    /// Another line of packets follows.
    fn restart_line(&mut self) {
        self.playout.restart();
        self.digits_in.restart();
        self.statistics.restarts += 1;
    }

    /// An echo service sends our own packets back, and the caller wants to hear them. They are
    /// told from a collision by numbers we have just used.
    fn is_reflection(&self, sequence: u16) -> bool {
        let age = self.sequence.wrapping_sub(sequence);
        let sent = self.feedback.packets_sent();
        (1..=500).contains(&age) && u64::from(age) <= sent
    }

    /// Another source uses our SSRC (RFC 3550 §8.2): we take a new one, a few times at most.
    fn change_ssrc(&mut self) {
        if self.ssrc_changes < MAX_SSRC_CHANGES {
            self.ssrc_changes += 1;
            self.feedback
                .leave(self.config.local_ssrc, &self.config.cname);
            self.config.local_ssrc = self.random.next() as u32;
        }
    }

    fn rtp_time(&self, now: Instant) -> u32 {
        self.first_timestamp
            .wrapping_add(self.clock.samples(now) as u32)
    }

    fn event(&mut self, event: SessionEvent) {
        if self.events.len() == MAX_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }
}
