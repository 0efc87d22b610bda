//! The listening side: the actor, its connections, and their limits.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext as _, AsyncContext as _, Context, Handler, WrapFuture as _};
use carillon_schemas::Problem;
use futures_util::{Stream, StreamExt as _, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};

use super::address::ControlAddress;
use super::api::{answer, problem_response};
use super::entrance::{Entrance, Peer};
use super::events::happening;
use super::levels::levels;
use super::panel::Panel;
#[cfg(windows)]
use super::pipe::LocalPipe;
use super::port::AgentPort;
use super::quality;
use super::session::attach;
#[cfg(unix)]
use super::socket::{LocalSocket, SocketError};
use super::sound;
use super::visitors::{Caller, Visitors};
use crate::command::Subscribe;
use crate::event::AgentEvent;
use crate::panel::Presence;
use crate::session::SessionParts;
use crate::state_folder::StateFolder;

/// The socket's name in the state folder.
pub const SOCKET: &str = "control.sock";

/// The most connections at once.
const MAX_CONNECTIONS: usize = 32;
/// The most of them that are not the owner's, whom guests shall not keep out.
const MAX_GUESTS: usize = 16;
/// The most of them that listen to events.
const MAX_LISTENERS: usize = 8;
/// How long a request's head may take.
const HEAD_PATIENCE: Duration = Duration::from_secs(5);
/// The most bytes of a request's head.
const MAX_HEAD: usize = 16 << 10;
/// Events that a listener may lag behind before it loses some.
const BACKLOG: usize = 256;
/// How long to wait before listening is tried again.
const RETRY: Duration = Duration::from_secs(10);

type Body = UnsyncBoxBody<Bytes, std::convert::Infallible>;

/// What the actor works with. Cheap to clone: a restart is made from the same.
#[derive(Clone)]
pub struct Setup {
    /// Where `control.json` goes.
    pub folder: StateFolder,
    /// Where to listen on loopback, if at all.
    pub listen: Option<SocketAddr>,
    /// Where to listen on a Unix socket or a named pipe, if at all.
    pub socket: Option<PathBuf>,
    /// Who may come in there besides the owner.
    pub visitors: Visitors,
    /// Whom to ask.
    pub port: AgentPort,
    /// Where session parts are attached.
    pub sessions: SessionParts,
}

/// The actor.
pub struct Control {
    setup: Setup,
    events: broadcast::Sender<String>,
}

/// What every connection shares.
#[derive(Clone)]
struct Door {
    /// With the token, where one is asked for.
    address: Option<Arc<ControlAddress>>,
    visitors: Arc<Visitors>,
    port: AgentPort,
    sessions: SessionParts,
    events: broadcast::Sender<String>,
    connections: Arc<Semaphore>,
    guests: Arc<Semaphore>,
    listeners: Arc<Semaphore>,
    panel: Panel,
}

impl Control {
    /// An actor that is not started yet.
    pub fn new(setup: Setup) -> Self {
        Self {
            setup,
            events: broadcast::Sender::new(BACKLOG),
        }
    }
}

impl Actor for Control {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(1_024);
        self.setup
            .port
            .subscribe
            .do_send(Subscribe(ctx.address().recipient()));
        ctx.spawn(serve(self.setup.clone(), self.events.clone()).into_actor(self));
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        if let Err(error) = ControlAddress::remove(&self.setup.folder) {
            tracing::warn!("{error}");
        }
    }
}

impl Handler<AgentEvent> for Control {
    type Result = ();

    fn handle(&mut self, event: AgentEvent, ctx: &mut Self::Context) {
        if self.events.receiver_count() > 0 {
            // None listens any more when this fails.
            let _ = self.events.send(happening(&event).frame());
        }
        if event == AgentEvent::ShuttingDown {
            ctx.stop();
        }
    }
}

/// Listens for as long as the actor lives.
async fn serve(setup: Setup, events: broadcast::Sender<String>) {
    let door = Door {
        address: None,
        visitors: Arc::new(setup.visitors.clone()),
        port: setup.port.clone(),
        sessions: setup.sessions.clone(),
        events,
        connections: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
        guests: Arc::new(Semaphore::new(MAX_GUESTS)),
        listeners: Arc::new(Semaphore::new(MAX_LISTENERS)),
        panel: Panel::default(),
    };
    tokio::join!(on_loopback(&setup, door.clone()), on_socket(&setup, door));
}

async fn on_loopback(setup: &Setup, door: Door) {
    let Some(listen) = setup.listen else { return };
    let (listener, address) = loop {
        match open(listen, &setup.folder).await {
            Ok(opened) => break opened,
            Err(why) => {
                tracing::error!(%listen, "the local API does not listen: {why}");
                tokio::time::sleep(RETRY).await;
            }
        }
    };
    door.panel.opens_at(address.address);
    let address = Some(Arc::new(address));
    take_in(listener, Door { address, ..door }).await;
}

#[cfg(unix)]
async fn on_socket(setup: &Setup, door: Door) {
    let Some(path) = &setup.socket else { return };
    let socket = loop {
        match LocalSocket::bind(path) {
            Ok(socket) => break socket,
            Err(error) => {
                tracing::error!("the local API has no socket: {error}");
                if matches!(error, SocketError::PathTooLong(_)) {
                    return;
                }
                tokio::time::sleep(RETRY).await;
            }
        }
    };
    take_in(socket, door).await;
}

#[cfg(windows)]
async fn on_socket(setup: &Setup, door: Door) {
    let Some(name) = &setup.socket else { return };
    let name = name.to_string_lossy();
    let pipe = loop {
        match LocalPipe::bind(&name, setup.visitors.group.clone()) {
            Ok(pipe) => break pipe,
            Err(error) => {
                tracing::error!("the local API has no pipe {name}: {error}");
                tokio::time::sleep(RETRY).await;
            }
        }
    };
    take_in(pipe, door).await;
}

async fn take_in<E: Entrance>(mut entrance: E, door: Door) {
    loop {
        // Out of file descriptors, say: it passes, and must not spin.
        let Ok((stream, peer)) = entrance.accept().await else {
            tokio::time::sleep(Duration::from_millis(200)).await;
            continue;
        };
        // Above the limit the connection is closed at once.
        if let Ok(permit) = door.connections.clone().try_acquire_owned() {
            actix_rt::spawn(connection(stream, peer, door.clone(), permit));
        }
    }
}

async fn open(
    listen: SocketAddr,
    folder: &StateFolder,
) -> Result<(TcpListener, ControlAddress), String> {
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|e| format!("{e} (choose another address as control.listen in agent.yaml)"))?;
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    let address = ControlAddress::new(address).map_err(|e| e.to_string())?;
    address.store(folder).map_err(|e| e.to_string())?;
    Ok((listener, address))
}

async fn connection<S>(stream: S, peer: Peer, door: Door, _permit: OwnedSemaphorePermit)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let caller = identify(peer.clone(), &door.visitors).await;
    let _guest = match caller {
        Caller::Unknown | Caller::Owner => None,
        Caller::Guest(_) | Caller::Stranger(_) => {
            let Ok(permit) = door.guests.clone().try_acquire_owned() else {
                return;
            };
            Some(permit)
        }
    };
    let service = service_fn(move |request| {
        let (door, caller, peer) = (door.clone(), caller.clone(), peer.clone());
        async move { Ok::<_, std::convert::Infallible>(respond(request, door, caller, peer).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .max_buf_size(MAX_HEAD)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
    if let Err(error) = served {
        tracing::debug!("a connection to the local API ended: {error}");
    }
}

/// Who that is; where the user database has to be asked, off this thread.
async fn identify(peer: Peer, visitors: &Arc<Visitors>) -> Caller {
    if let Some(caller) = Visitors::known(&peer) {
        return caller;
    }
    let visitors = Arc::clone(visitors);
    tokio::task::spawn_blocking(move || visitors.caller(&peer))
        .await
        .unwrap_or(Caller::Unknown)
}

/// Lets a request in by what the system says of its sender, else by its token or the panel's session.
fn let_in(
    request: &Request<Incoming>,
    door: &Door,
    caller: &Caller,
) -> Result<Option<Presence>, Problem> {
    match (caller, &door.address) {
        (Caller::Unknown, Some(address)) => door.panel.admit(request.headers(), address.token()),
        (Caller::Unknown, None) => Caller::Stranger("unknown".to_owned())
            .may(request.method(), request.uri().path())
            .map(|()| None),
        (known, _) => known
            .may(request.method(), request.uri().path())
            .map(|()| None),
    }
}

async fn respond(
    request: Request<Incoming>,
    door: Door,
    caller: Caller,
    peer: Peer,
) -> Response<Body> {
    // Browsers come by loopback alone.
    if door.address.is_some() && request.uri().path().starts_with("/panel") {
        return door.panel.answer(request).await.map(BodyExt::boxed_unsync);
    }
    let answered = match let_in(&request, &door, &caller) {
        Ok(present) => route(request, &door, peer, present).await,
        Err(problem) => Err(problem),
    };
    answered.unwrap_or_else(|problem| problem_response(&problem).map(BodyExt::boxed_unsync))
}

/// Answers a request that was let in.
async fn route(
    request: Request<Incoming>,
    door: &Door,
    peer: Peer,
    present: Option<Presence>,
) -> Result<Response<Body>, Problem> {
    let answered = match (request.method(), request.uri().path()) {
        (&Method::GET, "/v1/events") => return listen(door, present),
        (&Method::GET, "/v1/levels") => return look(door, present).await,
        (&Method::GET, "/v1/quality") => return listen_to_quality(door, present),
        // A page cannot let another in: the way leads through the token.
        (&Method::POST, "/v1/panel/sessions") if present.is_none() => door.panel.invite(),
        (&Method::GET, "/v1/session") => attach(request, peer, &door.sessions).await,
        _ => answer(request, &door.port).await,
    };
    answered.map(|response| response.map(BodyExt::boxed_unsync))
}

/// A stream of events that lasts until the listener leaves or the agent does.
fn listen(door: &Door, present: Option<Presence>) -> Result<Response<Body>, Problem> {
    let held = (seat(door)?, present);
    let events = door.events.subscribe();
    // A comment at once, so that the listener knows it will miss nothing from now on.
    let hello = stream::iter([": listening\n\n".to_owned()]);
    let frames = stream::unfold((events, held), |(mut events, held)| async move {
        let frame = match events.recv().await {
            Ok(frame) => frame,
            Err(RecvError::Lagged(count)) => happening(&AgentEvent::EventsMissed { count }).frame(),
            Err(RecvError::Closed) => return None,
        };
        Some((frame, (events, held)))
    });
    Ok(event_stream(hello.chain(frames)))
}

/// How calls sound, for as long as one stands and the listener stays.
fn listen_to_quality(door: &Door, present: Option<Presence>) -> Result<Response<Body>, Problem> {
    let held = (seat(door)?, present);
    let frames = quality::frames(door.port.query.clone());
    Ok(event_stream(frames.map(move |frame| {
        // For as long as the stream lasts.
        let _ = &held;
        frame
    })))
}

/// Levels of microphone and loudspeaker, for as long as the listener stays.
async fn look(door: &Door, present: Option<Presence>) -> Result<Response<Body>, Problem> {
    let held = (seat(door)?, present);
    let meters = sound::meters(&door.port.sound).await?;
    Ok(event_stream(levels(meters, held)))
}

/// The place of one more listener.
fn seat(door: &Door) -> Result<OwnedSemaphorePermit, Problem> {
    door.listeners.clone().try_acquire_owned().map_err(|_| {
        Problem::new(
            429,
            "too-many-listeners",
            "Too many listen to events",
            format!("{MAX_LISTENERS} connections listen already"),
        )
        .advise("close one of them")
    })
}

fn event_stream(frames: impl Stream<Item = String> + Send + 'static) -> Response<Body> {
    let body = frames.map(|text| Ok(Frame::data(Bytes::from(text))));
    let mut response = Response::new(StreamBody::new(body).boxed_unsync());
    for (name, value) in [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}
