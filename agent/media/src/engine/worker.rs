//! The media thread: waits for the next frame, a datagram or a command, and serves all sessions.
//!
//! Owns the sessions while they run. A panic in one session ends that session, is told to its
//! owner, and touches no other.

use std::any::Any;
use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock, mpsc};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use super::conference::Conference;
use super::remote::Remote;
use super::running::Running;
use super::start::MediaError;
use super::{MAX_SESSIONS, Shared};
use crate::device::{AudioSink, AudioSource};
use crate::dtmf::digit::DtmfError;
use crate::recorder::Tap;
use crate::session::config::{ConfigError, SessionConfig};
use crate::session::statistics::Statistics;

/// Token of the waker; sockets have two tokens a session, from 0.
pub(crate) const WAKE: Token = Token(usize::MAX);

/// Why a session failed; written once by the thread, read by the handle.
pub(crate) type Failure = Arc<OnceLock<String>>;

pub(crate) enum Command {
    Add {
        id: usize,
        running: Box<Running>,
        failure: Failure,
        reply: mpsc::Sender<Result<(), MediaError>>,
    },
    Session {
        id: usize,
        request: Request,
    },
}

pub(crate) enum Request {
    Update(
        Remote,
        Box<SessionConfig>,
        mpsc::Sender<Result<(), ConfigError>>,
    ),
    Dtmf(String, mpsc::Sender<Result<(), DtmfError>>),
    Mute(bool),
    Confer(bool),
    Record(Option<Tap>, mpsc::Sender<Option<Tap>>),
    Source(
        Box<dyn AudioSource>,
        mpsc::Sender<Option<Box<dyn AudioSource>>>,
    ),
    Sink(Box<dyn AudioSink>, mpsc::Sender<Option<Box<dyn AudioSink>>>),
    Statistics(mpsc::Sender<Statistics>),
    Stop(mpsc::Sender<Remains>),
}

/// What is left of a session: its owner finishes and closes the devices.
pub(crate) struct Remains {
    pub(crate) statistics: Statistics,
    pub(crate) source: Option<Box<dyn AudioSource>>,
    pub(crate) sink: Option<Box<dyn AudioSink>>,
}

pub(crate) struct Worker {
    poll: Poll,
    inbox: mpsc::Receiver<Command>,
    shared: Arc<Shared>,
    sessions: BTreeMap<usize, Slot>,
    /// Sockets whose burst was cut: they are read on without waiting for news of them.
    unread: Vec<Token>,
    conference: Conference,
    /// Reused at every turn: the sessions to serve in it.
    turn: Vec<usize>,
}

struct Slot {
    running: Box<Running>,
    failure: Failure,
}

impl Worker {
    pub(crate) fn new(poll: Poll, inbox: mpsc::Receiver<Command>, shared: Arc<Shared>) -> Self {
        Self {
            poll,
            inbox,
            shared,
            sessions: BTreeMap::new(),
            unread: Vec::new(),
            conference: Conference::default(),
            turn: Vec::new(),
        }
    }

    /// Runs until the last session is gone.
    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(64);
        loop {
            match self.poll.poll(&mut events, self.patience()) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.fail_all(&error.to_string());
                    return;
                }
            }
            let now = Instant::now();
            let mut readable = std::mem::take(&mut self.unread);
            for event in &events {
                if event.token() != WAKE && !readable.contains(&event.token()) {
                    readable.push(event.token());
                }
            }
            for token in readable {
                self.read(token, now);
            }
            while let Ok(command) = self.inbox.try_recv() {
                self.obey(command);
            }
            self.serve();
            if self.sessions.is_empty() {
                match self.shared.last_command(&self.inbox) {
                    Some(command) => self.obey(command),
                    None => return,
                }
            }
        }
    }

    /// Does what is due for every session.
    fn serve(&mut self) {
        let mut turn = std::mem::take(&mut self.turn);
        turn.clear();
        turn.extend(self.sessions.keys());
        for id in &turn {
            self.guard(*id, |running| running.advance(Instant::now()));
        }
        turn.retain(|id| {
            let session = self.sessions.get(id);
            session.is_some_and(|slot| slot.running.is_conferring())
        });
        let mut conference = std::mem::take(&mut self.conference);
        conference.advance(self, &turn, Instant::now());
        self.conference = conference;
        self.turn = turn;
    }

    /// How long nothing is due; without end while the first session is on its way.
    fn patience(&self) -> Option<Duration> {
        if !self.unread.is_empty() {
            return Some(Duration::ZERO);
        }
        let due = self.sessions.values().map(|slot| slot.running.next_frame());
        due.min()
            .map(|due| due.saturating_duration_since(Instant::now()))
    }

    fn read(&mut self, token: Token, now: Instant) {
        let (id, rtcp) = (token.0 / 2, token.0 % 2 == 1);
        let more = self.guard(id, |running| {
            if rtcp {
                running.receive_rtcp(now)
            } else {
                running.receive_rtp(now)
            }
        });
        if more == Some(true) {
            self.unread.push(token);
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Add {
                id,
                running,
                failure,
                reply,
            } => {
                // An owner who has gone away drops the session with the answer's sender.
                let _ = reply.send(self.add(id, running, failure));
            }
            Command::Session {
                id,
                request: Request::Stop(reply),
            } => self.stop(id, &reply),
            Command::Session { id, request } => {
                self.guard(id, |running| answer(running, request));
            }
        }
    }

    fn add(
        &mut self,
        id: usize,
        mut running: Box<Running>,
        failure: Failure,
    ) -> Result<(), MediaError> {
        if self.sessions.len() >= MAX_SESSIONS {
            return Err(MediaError::TooMany(self.sessions.len()));
        }
        let registry = self.poll.registry();
        let tokens = (Token(id * 2), Token(id * 2 + 1));
        registry
            .register(&mut running.rtp, tokens.0, Interest::READABLE)
            .and_then(|()| registry.register(&mut running.rtcp, tokens.1, Interest::READABLE))
            .map_err(MediaError::Socket)?;
        // What came before the registration is announced by nobody.
        self.unread.extend([tokens.0, tokens.1]);
        self.sessions.insert(id, Slot { running, failure });
        Ok(())
    }

    fn stop(&mut self, id: usize, reply: &mpsc::Sender<Remains>) {
        let remains = self.guard(id, |running| running.end(Instant::now()));
        self.sessions.remove(&id);
        if let Some(remains) = remains {
            // Nobody waits: the devices are closed with the message.
            let _ = reply.send(remains);
        }
    }

    /// Runs something on a session and ends the session if it panics.
    pub(super) fn guard<T>(&mut self, id: usize, run: impl FnOnce(&mut Running) -> T) -> Option<T> {
        let slot = self.sessions.get_mut(&id)?;
        match catch_unwind(AssertUnwindSafe(|| run(&mut slot.running))) {
            Ok(value) => Some(value),
            Err(panic) => {
                self.fail(
                    id,
                    &format!("a fault in the media session: {}", text(&*panic)),
                );
                None
            }
        }
    }

    fn fail(&mut self, id: usize, reason: &str) {
        let Some(slot) = self.sessions.remove(&id) else {
            return;
        };
        // A session fails once, so the slot is empty.
        let _ = slot.failure.set(reason.to_owned());
        tracing::error!(reason, "a media session failed");
        // The owner's callback and the devices' drops are not ours: they may panic again.
        let _ = catch_unwind(AssertUnwindSafe(|| slot.running.tell_failure(reason)));
        let _ = catch_unwind(AssertUnwindSafe(|| drop(slot)));
    }

    fn fail_all(&mut self, reason: &str) {
        while let Some(id) = self.sessions.keys().next().copied() {
            self.fail(id, reason);
        }
    }
}

fn answer(running: &mut Running, request: Request) {
    let now = Instant::now();
    // An answer nobody waits for any more is dropped, devices with it.
    match request {
        Request::Update(remote, config, reply) => {
            let _ = reply.send(running.update(now, remote, *config));
        }
        Request::Dtmf(digits, reply) => {
            let _ = reply.send(running.session().dtmf(&digits));
        }
        Request::Mute(muted) => running.mute(muted),
        Request::Confer(confer) => running.confer(confer),
        Request::Record(tap, reply) => {
            let _ = reply.send(running.exchange_tap(tap));
        }
        Request::Source(source, reply) => {
            let _ = reply.send(running.exchange_source(source));
        }
        Request::Sink(sink, reply) => {
            let _ = reply.send(running.exchange_sink(sink));
        }
        Request::Statistics(reply) => {
            let _ = reply.send(running.session().statistics(now));
        }
        Request::Stop(reply) => {
            let _ = reply.send(running.end(now));
        }
    }
}

fn text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("unknown")
}
