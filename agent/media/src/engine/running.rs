//! One session with its sockets and devices, as the media thread drives it.
//!
//! Owns the pace: frames are due at absolute times, so that a late frame does not make all
//! following ones late. Every datagram is read into one buffer, and nothing of it is kept.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use mio::net::UdpSocket;

use super::Controls;
use super::event::MediaEvent;
use super::remote::{AddressLock, Remote};
use super::worker::Remains;
use crate::device::error::DeviceError;
use crate::device::{AudioSink, AudioSource};
use crate::recorder::Tap;
use crate::session::config::{ConfigError, SessionConfig};
use crate::session::{Received, Session, SessionEvent};
use crate::tones::KeyTone;
use crate::volume::amplify;

/// Datagrams taken from one socket at a time, so that a flood on one call cannot silence another.
const MAX_BURST: usize = 64;

/// Largest datagram that is read whole; longer ones are cut and then refused.
const DATAGRAM: usize = 2048;

/// Frames that are made up for after a delay; beyond them the pace starts anew.
const MAX_BEHIND: u32 = 5;

pub(crate) struct Running {
    pub(crate) rtp: UdpSocket,
    pub(crate) rtcp: UdpSocket,
    session: Session,
    addresses: AddressLock,
    source: Option<Box<dyn AudioSource>>,
    sink: Option<Box<dyn AudioSink>>,
    events: Box<dyn Fn(MediaEvent) + Send>,
    controls: Arc<Controls>,
    muted: bool,
    conferring: bool,
    tap: Option<Tap>,
    key_tone: KeyTone,
    next_frame: Instant,
    /// What is heard of the far side now.
    heard: Vec<i16>,
    /// What is played of it.
    played: Vec<i16>,
    /// What is said to it.
    said: Vec<i16>,
    packet: Vec<u8>,
}

impl Running {
    pub(crate) fn new(
        session: Session,
        (rtp, rtcp): (UdpSocket, UdpSocket),
        remote: Remote,
        (source, sink): (Box<dyn AudioSource>, Box<dyn AudioSink>),
        events: Box<dyn Fn(MediaEvent) + Send>,
        controls: Arc<Controls>,
    ) -> Self {
        Self {
            rtp,
            rtcp,
            session,
            addresses: AddressLock::new(remote),
            source: Some(source),
            sink: Some(sink),
            events,
            controls,
            muted: false,
            conferring: false,
            tap: None,
            key_tone: KeyTone::default(),
            next_frame: Instant::now(),
            heard: Vec::new(),
            played: Vec::new(),
            said: Vec::new(),
            packet: Vec::new(),
        }
    }

    pub(crate) fn next_frame(&self) -> Instant {
        self.next_frame
    }

    /// Reads what came to the RTP socket; `true` when more may wait.
    pub(crate) fn receive_rtp(&mut self, now: Instant) -> bool {
        let mut buffer = [0; DATAGRAM];
        for _ in 0..MAX_BURST {
            match self.rtp.recv_from(&mut buffer) {
                Ok((length, from)) => {
                    if self.addresses.admits(from, now)
                        && self.session.receive_rtp(now, &buffer[..length]) == Received::Accepted
                    {
                        self.addresses.accepted(from, now);
                    }
                }
                Err(error) if passing(&error) => {}
                Err(_) => return false,
            }
        }
        true
    }

    /// Reads what came to the RTCP socket; `true` when more may wait.
    pub(crate) fn receive_rtcp(&mut self, now: Instant) -> bool {
        let mut buffer = [0; DATAGRAM];
        for _ in 0..MAX_BURST {
            match self.rtcp.recv_from(&mut buffer) {
                Ok((length, from)) => {
                    if self.addresses.admits_rtcp(from) {
                        self.session.receive_rtcp(now, &buffer[..length]);
                    }
                }
                Err(error) if passing(&error) => {}
                Err(_) => return false,
            }
        }
        true
    }

    /// Does what is due at `now`: frames, reports, events. In a conference the frames are its own.
    pub(crate) fn advance(&mut self, now: Instant) {
        if !self.conferring {
            let ptime = self.session.config().ptime();
            if now > self.next_frame + ptime * MAX_BEHIND {
                self.next_frame = now;
            }
            while self.next_frame <= now {
                self.run_frame(now);
                self.next_frame += ptime;
            }
        }
        if let Some(report) = self.session.poll_rtcp(now) {
            self.send_rtcp(&report);
        }
        while let Some(event) = self.session.poll_event(now) {
            (self.events)(match event {
                SessionEvent::Dtmf(digit) => MediaEvent::Dtmf(digit),
                SessionEvent::RtpTimeout(silent) => MediaEvent::RtpTimeout(silent),
                SessionEvent::RtpResumed => MediaEvent::RtpResumed,
                SessionEvent::RemoteBye => MediaEvent::RemoteBye,
            });
        }
    }

    pub(crate) fn update(
        &mut self,
        now: Instant,
        remote: Remote,
        config: SessionConfig,
    ) -> Result<(), ConfigError> {
        config.validate()?;
        let moved = self.addresses.update(remote);
        self.session.reconfigure(now, config, moved)
    }

    pub(crate) fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    pub(crate) fn mute(&mut self, muted: bool) {
        self.muted = muted;
    }

    pub(crate) fn is_muted(&self) -> bool {
        self.muted
    }

    pub(crate) fn confer(&mut self, confer: bool) {
        self.conferring = confer;
    }

    pub(crate) fn is_conferring(&self) -> bool {
        self.conferring
    }

    /// Whether the far side is part of the talk: one that holds us plays music, one that we hold
    /// says nothing.
    pub(crate) fn talks(&self) -> bool {
        let config = self.session.config();
        config.send && !config.silent
    }

    /// When the conference's next frame is due.
    pub(crate) fn wait_until(&mut self, next_frame: Instant) {
        self.next_frame = next_frame;
    }

    pub(crate) fn exchange_tap(&mut self, tap: Option<Tap>) -> Option<Tap> {
        std::mem::replace(&mut self.tap, tap)
    }

    pub(crate) fn exchange_source(
        &mut self,
        source: Box<dyn AudioSource>,
    ) -> Option<Box<dyn AudioSource>> {
        self.source.replace(source)
    }

    pub(crate) fn exchange_sink(&mut self, sink: Box<dyn AudioSink>) -> Option<Box<dyn AudioSink>> {
        self.sink.replace(sink)
    }

    /// Says goodbye and gives the devices back.
    pub(crate) fn end(&mut self, now: Instant) -> Remains {
        if let Some(bye) = self.session.bye(now) {
            self.send_rtcp(&bye);
        }
        Remains {
            statistics: self.session.statistics(now),
            source: self.source.take(),
            sink: self.sink.take(),
        }
    }

    pub(crate) fn tell_failure(&self, reason: &str) {
        (self.events)(MediaEvent::Failed {
            reason: reason.to_owned(),
        });
    }

    fn run_frame(&mut self, now: Instant) {
        let samples = self.session.config().frame_samples();
        self.hear(now, samples);
        let heard = std::mem::take(&mut self.heard);
        self.play(&heard);
        self.heard = heard;
        let mut said = std::mem::take(&mut self.said);
        said.clear();
        said.resize(samples, 0);
        if !self.listen(&mut said) || self.muted {
            // The source was read all the same: it must not pile up what is not to be heard.
            said.fill(0);
        }
        self.say(now, &said);
        self.said = said;
    }

    /// Takes what is to be heard of the far side now.
    pub(crate) fn hear(&mut self, now: Instant, samples: usize) {
        self.heard.clear();
        self.heard.resize(samples, 0);
        self.session.pull(now, &mut self.heard);
    }

    /// What was taken last.
    pub(crate) fn heard(&self) -> &[i16] {
        &self.heard
    }

    /// Plays a frame at the sink; `false` when there is none.
    pub(crate) fn play(&mut self, frame: &[i16]) -> bool {
        let Some(sink) = &mut self.sink else {
            return false;
        };
        self.played.clear();
        self.played.extend_from_slice(frame);
        amplify(&mut self.played, self.controls.loudness.get().output);
        self.controls.meter.output(&self.played);
        let digit = self.session.sounding_digit();
        self.key_tone.mix(digit, &mut self.played);
        if let Err(error) = sink.write(&self.played) {
            self.sink = None;
            self.tell_lost(&error, false);
            return false;
        }
        true
    }

    /// Fills a frame from the source; `false` when there is none.
    pub(crate) fn listen(&mut self, frame: &mut [i16]) -> bool {
        let Some(source) = &mut self.source else {
            return false;
        };
        if let Err(error) = source.read(frame) {
            self.source = None;
            self.tell_lost(&error, true);
            return false;
        }
        amplify(frame, self.controls.loudness.get().input);
        self.controls.meter.input(frame);
        true
    }

    /// Says a frame to the far side, and lets the recording hear both sides.
    pub(crate) fn say(&mut self, now: Instant, frame: &[i16]) {
        for part in frame.chunks(self.session.config().frame_samples()) {
            if self.session.push(now, part, &mut self.packet) {
                // A datagram that cannot be sent is lost, as on the way; the peer's reports tell.
                let _ = self.rtp.send_to(&self.packet, self.addresses.rtp_target());
            }
        }
        let talks = self.talks();
        if let Some(tap) = &mut self.tap {
            tap.take(talks.then_some(frame), &self.heard);
        }
    }

    fn send_rtcp(&self, packet: &[u8]) {
        // As with RTP, loss is what reports are made for.
        let _ = self.rtcp.send_to(packet, self.addresses.rtcp_target());
    }

    fn tell_lost(&self, error: &DeviceError, input: bool) {
        (self.events)(MediaEvent::DeviceLost {
            reason: error.to_string(),
            input,
        });
    }
}

/// Errors of a socket that say something of an earlier datagram or of a signal, not of the socket.
fn passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}
