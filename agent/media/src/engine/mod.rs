//! Sessions at work: sockets, devices and the one media thread.
//!
//! Owns the thread, which begins with the first session and ends after the last. While no call
//! is, nothing of this module runs and nothing is open.

mod conference;
pub(crate) mod event;
pub(crate) mod handle;
pub(crate) mod port;
pub(crate) mod remote;
mod running;
pub(crate) mod start;
mod worker;

use std::io;
use std::net::UdpSocket;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Instant;

use handle::MediaHandle;
use running::Running;
use start::{MediaError, StartSession};
use worker::{Command, Failure, Worker};

use crate::meter::Meter;
use crate::session::Session;
use crate::volume::{Loudness, Volume};

/// Most sessions at a time: far more than a person or a bench needs, and the poll's tokens stay
/// small.
pub(crate) const MAX_SESSIONS: usize = 256;

/// Runs media sessions. Clones share the one thread.
#[derive(Clone, Default)]
pub struct MediaEngine {
    shared: Arc<Shared>,
}

/// What engine, handles and thread share. The lock is held only to look up or change the thread,
/// never while anything waits.
#[derive(Default)]
pub(crate) struct Shared {
    thread: Mutex<Option<Thread>>,
    controls: Arc<Controls>,
}

/// What the owner of the engine sets and reads while sessions run, without a lock.
#[derive(Default)]
pub(crate) struct Controls {
    pub(crate) loudness: Loudness,
    pub(crate) meter: Meter,
}

/// The way to the media thread.
pub(crate) struct Thread {
    commands: mpsc::Sender<Command>,
    waker: Arc<mio::Waker>,
    join: JoinHandle<()>,
    next_id: usize,
}

impl MediaEngine {
    /// An engine without a thread.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a session, and the media thread when it is the first.
    ///
    /// # Errors
    /// [`MediaError`]: parameters, sockets or the thread.
    pub fn start(&self, start: StartSession) -> Result<MediaHandle, MediaError> {
        let session = Session::new(start.config, Instant::now())?;
        let rtp = socket(start.rtp)?;
        let rtcp = socket(start.rtcp)?;
        let devices = (start.source, start.sink);
        let controls = Arc::clone(&self.shared.controls);
        let running = Running::new(
            session,
            (rtp, rtcp),
            start.remote,
            devices,
            start.events,
            controls,
        );
        self.shared.add(running, &self.shared)
    }

    /// Sets how loud all sessions are, those that run and those to come.
    pub fn set_volume(&self, volume: Volume) {
        self.shared.controls.loudness.set(volume);
    }

    /// How loud all sessions are.
    #[must_use]
    pub fn volume(&self) -> Volume {
        self.shared.controls.loudness.get()
    }

    /// The level meters of all sessions.
    #[must_use]
    pub fn meter(&self) -> Meter {
        self.shared.controls.meter.clone()
    }

    /// Whether the media thread is alive: it is while a session runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        let thread = self.shared.lock();
        thread
            .as_ref()
            .is_some_and(|thread| !thread.join.is_finished())
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Thread>> {
        // Nothing that can panic runs under the lock; a poisoned one is as good.
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, running: Running, shared: &Arc<Self>) -> Result<MediaHandle, MediaError> {
        let mut slot = self.lock();
        if slot.as_ref().is_none_or(|thread| thread.join.is_finished()) {
            *slot = Some(spawn(Arc::clone(shared))?);
        }
        let Some(thread) = slot.as_mut() else {
            return Err(MediaError::Over(None));
        };
        let id = thread.next_id;
        thread.next_id += 1;
        let (reply, answer) = mpsc::channel();
        let failure = Failure::default();
        let command = Command::Add {
            id,
            running: Box::new(running),
            failure: Arc::clone(&failure),
            reply,
        };
        thread
            .commands
            .send(command)
            .map_err(|_| MediaError::Over(None))?;
        let commands = thread.commands.clone();
        let waker = Arc::clone(&thread.waker);
        drop(slot);
        wake(&waker)?;
        answer.recv().map_err(|_| MediaError::Over(None))??;
        Ok(MediaHandle::new(id, commands, waker, failure))
    }

    /// Called by the thread when it has no session left: the command that came meanwhile, or
    /// nothing, and then the thread must end. Sessions are sent under the same lock, so none is
    /// sent to a thread that ends.
    fn last_command(&self, inbox: &mpsc::Receiver<Command>) -> Option<Command> {
        let mut slot = self.lock();
        let command = inbox.try_recv().ok();
        if command.is_none() {
            self.controls.meter.rest();
            *slot = None;
        }
        command
    }
}

fn spawn(shared: Arc<Shared>) -> Result<Thread, MediaError> {
    let poll = mio::Poll::new().map_err(MediaError::Thread)?;
    let waker = mio::Waker::new(poll.registry(), worker::WAKE).map_err(MediaError::Thread)?;
    let (commands, inbox) = mpsc::channel();
    let join = std::thread::Builder::new()
        .name("media".to_owned())
        .stack_size(512 * 1024)
        .spawn(move || Worker::new(poll, inbox, shared).run())
        .map_err(MediaError::Thread)?;
    Ok(Thread {
        commands,
        waker: Arc::new(waker),
        join,
        next_id: 0,
    })
}

fn wake(waker: &mio::Waker) -> Result<(), MediaError> {
    waker.wake().map_err(MediaError::Thread)
}

fn socket(socket: UdpSocket) -> Result<mio::net::UdpSocket, MediaError> {
    let prepare = || -> io::Result<mio::net::UdpSocket> {
        socket.set_nonblocking(true)?;
        Ok(mio::net::UdpSocket::from_std(socket))
    };
    prepare().map_err(MediaError::Socket)
}
