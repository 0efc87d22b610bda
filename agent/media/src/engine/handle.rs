//! The owner's side of a running session.

use std::sync::{Arc, mpsc};

use super::remote::Remote;
use super::start::MediaError;
use super::worker::{Command, Failure, Remains, Request};
use crate::device::{AudioSink, AudioSource};
use crate::recorder::Tap;
use crate::session::config::SessionConfig;
use crate::session::statistics::Statistics;

/// A running session. Dropped, it stops the session and discards errors.
///
/// Every method but [`MediaHandle::mute`] and [`MediaHandle::confer`] waits for the media thread's
/// answer, which comes within a millisecond or two, and never for sound or network.
pub struct MediaHandle {
    wire: Wire,
    stopped: bool,
}

/// The way to a session on the media thread.
#[derive(Clone)]
struct Wire {
    id: usize,
    commands: mpsc::Sender<Command>,
    waker: Arc<mio::Waker>,
    failure: Failure,
}

/// Exchanges the devices of a session from another thread, since opening and closing a sound card
/// may wait for the sound system. Holds no session alive.
#[derive(Clone)]
pub struct DeviceExchange {
    wire: Wire,
}

impl MediaHandle {
    pub(crate) fn new(
        id: usize,
        commands: mpsc::Sender<Command>,
        waker: Arc<mio::Waker>,
        failure: Failure,
    ) -> Self {
        let wire = Wire {
            id,
            commands,
            waker,
            failure,
        };
        Self {
            wire,
            stopped: false,
        }
    }

    /// Applies a new offer and answer: direction, codec, peer. Our stream's SSRC, sequence numbers
    /// and timestamps go on.
    ///
    /// # Errors
    /// [`MediaError::Config`], with the old parameters still at work; [`MediaError::Over`].
    pub fn update(&self, remote: Remote, config: SessionConfig) -> Result<(), MediaError> {
        self.wire
            .ask(|reply| Request::Update(remote, Box::new(config), reply))?
            .map_err(MediaError::Config)
    }

    /// Queues digits to send as telephone events.
    ///
    /// # Errors
    /// [`MediaError::Dtmf`], with none queued; [`MediaError::Over`].
    pub fn dtmf(&self, digits: &str) -> Result<(), MediaError> {
        self.wire
            .ask(|reply| Request::Dtmf(digits.to_owned(), reply))?
            .map_err(MediaError::Dtmf)
    }

    /// Sends silence instead of the source, or the source again.
    ///
    /// # Errors
    /// [`MediaError::Over`].
    pub fn mute(&self, muted: bool) -> Result<(), MediaError> {
        self.wire.send(Request::Mute(muted))
    }

    /// Takes the session into the engine's conference, or out of it. Everybody in it hears everybody
    /// else and the microphone; the devices of one member serve them all.
    ///
    /// # Errors
    /// [`MediaError::Over`].
    pub fn confer(&self, confer: bool) -> Result<(), MediaError> {
        self.wire.send(Request::Confer(confer))
    }

    /// Lets a recording hear the session, in place of one before it, or no more.
    ///
    /// # Errors
    /// [`MediaError::Over`].
    pub fn record(&self, tap: Option<Tap>) -> Result<(), MediaError> {
        // The old one is closed on this thread.
        drop(self.wire.ask(|reply| Request::Record(tap, reply))?);
        Ok(())
    }

    /// What exchanges the devices.
    #[must_use]
    pub fn devices(&self) -> DeviceExchange {
        DeviceExchange {
            wire: self.wire.clone(),
        }
    }

    /// As [`DeviceExchange::set_source`].
    ///
    /// # Errors
    /// As there.
    pub fn set_source(&self, source: Box<dyn AudioSource>) -> Result<(), MediaError> {
        self.devices().set_source(source)
    }

    /// As [`DeviceExchange::set_sink`].
    ///
    /// # Errors
    /// As there.
    pub fn set_sink(&self, sink: Box<dyn AudioSink>) -> Result<(), MediaError> {
        self.devices().set_sink(sink)
    }

    /// The counters of the session.
    ///
    /// # Errors
    /// [`MediaError::Over`].
    pub fn statistics(&self) -> Result<Statistics, MediaError> {
        self.wire.ask(Request::Statistics)
    }

    /// Ends the session: RTCP BYE goes out, the sink is finished, devices and sockets are closed.
    /// The media thread ends with its last session.
    ///
    /// # Errors
    /// [`MediaError::Over`] with the reason when a fault ended the session before;
    /// [`MediaError::Device`] when the sink could not be finished.
    pub fn stop(mut self) -> Result<Statistics, MediaError> {
        self.end()
    }

    fn end(&mut self) -> Result<Statistics, MediaError> {
        self.stopped = true;
        let Remains {
            statistics,
            source,
            sink,
        } = self.wire.ask(Request::Stop)?;
        // Closing a sound card may wait for the sound system: here, not on the media thread.
        drop(source);
        finish(sink)?;
        Ok(statistics)
    }
}

impl DeviceExchange {
    /// Exchanges the source. The old one is closed on the calling thread.
    ///
    /// # Errors
    /// [`MediaError::Over`].
    pub fn set_source(&self, source: Box<dyn AudioSource>) -> Result<(), MediaError> {
        drop(self.wire.ask(|reply| Request::Source(source, reply))?);
        Ok(())
    }

    /// Exchanges the sink. The old one is finished and closed on the calling thread.
    ///
    /// # Errors
    /// [`MediaError::Over`], or what the old sink says when it is finished.
    pub fn set_sink(&self, sink: Box<dyn AudioSink>) -> Result<(), MediaError> {
        let old = self.wire.ask(|reply| Request::Sink(sink, reply))?;
        finish(old)
    }
}

impl Wire {
    fn ask<T>(&self, request: impl FnOnce(mpsc::Sender<T>) -> Request) -> Result<T, MediaError> {
        let (reply, answer) = mpsc::channel();
        self.send(request(reply))?;
        // A session that failed drops the request, and with it the reply.
        answer.recv().map_err(|_| self.over())
    }

    fn over(&self) -> MediaError {
        MediaError::Over(self.failure.get().cloned())
    }

    fn send(&self, request: Request) -> Result<(), MediaError> {
        self.commands
            .send(Command::Session {
                id: self.id,
                request,
            })
            .map_err(|_| self.over())?;
        super::wake(&self.waker)
    }
}

impl Drop for MediaHandle {
    fn drop(&mut self) {
        if !self.stopped {
            // Who drops a handle does not ask how it went.
            let _ = self.end();
        }
    }
}

fn finish(sink: Option<Box<dyn AudioSink>>) -> Result<(), MediaError> {
    match sink {
        Some(mut sink) => sink.finish().map_err(MediaError::Device),
        None => Ok(()),
    }
}
