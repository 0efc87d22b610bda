//! The listening side: the actor, its connections, and their limits.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext as _, AsyncContext as _, Context, Handler, WrapFuture as _};
use carillon_schemas::Problem;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};

use super::address::ControlAddress;
use super::api::{answer, problem_response};
use super::events::happening;
use super::guard::admit;
use super::port::AgentPort;
use crate::command::Subscribe;
use crate::event::AgentEvent;
use crate::state_folder::StateFolder;

/// The most connections at once.
const MAX_CONNECTIONS: usize = 32;
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
    /// Where to listen; loopback.
    pub listen: SocketAddr,
    /// Whom to ask.
    pub port: AgentPort,
}

/// The actor.
pub struct Control {
    setup: Setup,
    events: broadcast::Sender<String>,
}

/// What every connection shares.
#[derive(Clone)]
struct Door {
    address: Arc<ControlAddress>,
    port: AgentPort,
    events: broadcast::Sender<String>,
    listeners: Arc<Semaphore>,
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
    let (listener, door) = loop {
        match open(&setup, &events).await {
            Ok(opened) => break opened,
            Err(why) => {
                tracing::error!(listen = %setup.listen, "the local API does not listen: {why}");
                tokio::time::sleep(RETRY).await;
            }
        }
    };
    let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        // Out of file descriptors, say: it passes, and must not spin.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(200)).await;
            continue;
        };
        // Above the limit the connection is closed at once.
        if let Ok(permit) = connections.clone().try_acquire_owned() {
            actix_rt::spawn(connection(stream, door.clone(), permit));
        }
    }
}

async fn open(
    setup: &Setup,
    events: &broadcast::Sender<String>,
) -> Result<(TcpListener, Door), String> {
    let listener = TcpListener::bind(setup.listen)
        .await
        .map_err(|e| format!("{e} (choose another address as control.listen in agent.yaml)"))?;
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    let address = ControlAddress::new(address).map_err(|e| e.to_string())?;
    address.store(&setup.folder).map_err(|e| e.to_string())?;
    let door = Door {
        address: Arc::new(address),
        port: setup.port.clone(),
        events: events.clone(),
        listeners: Arc::new(Semaphore::new(MAX_LISTENERS)),
    };
    Ok((listener, door))
}

async fn connection(stream: TcpStream, door: Door, _permit: OwnedSemaphorePermit) {
    // Small answers must not wait for the peer's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let door = door.clone();
        async move { Ok::<_, std::convert::Infallible>(respond(request, door).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .max_buf_size(MAX_HEAD)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!("a connection to the local API ended: {error}");
    }
}

async fn respond(request: Request<Incoming>, door: Door) -> Response<Body> {
    let answered = match admit(request.headers(), door.address.token()) {
        Err(problem) => Err(problem),
        Ok(()) if request.method() == Method::GET && request.uri().path() == "/v1/events" => {
            return match listen(&door) {
                Ok(response) => response,
                Err(problem) => problem_response(&problem).map(|body| body.boxed_unsync()),
            };
        }
        Ok(()) => answer(request, &door.port).await,
    };
    answered
        .unwrap_or_else(|problem| problem_response(&problem))
        .map(|body| body.boxed_unsync())
}

/// A stream of events that lasts until the listener leaves or the agent does.
fn listen(door: &Door) -> Result<Response<Body>, Problem> {
    let permit = door.listeners.clone().try_acquire_owned().map_err(|_| {
        Problem::new(
            429,
            "too-many-listeners",
            "Too many listen to events",
            format!("{MAX_LISTENERS} connections listen already"),
        )
        .advise("close one of them")
    })?;
    let events = door.events.subscribe();
    // A comment at once, so that the listener knows it will miss nothing from now on.
    let hello = stream::iter([": listening\n\n".to_owned()]);
    let frames = stream::unfold((events, permit), |(mut events, permit)| async move {
        let frame = match events.recv().await {
            Ok(frame) => frame,
            Err(RecvError::Lagged(count)) => happening(&AgentEvent::EventsMissed { count }).frame(),
            Err(RecvError::Closed) => return None,
        };
        Some((frame, (events, permit)))
    });
    let frames = futures_util::StreamExt::chain(hello, frames);
    let body = futures_util::StreamExt::map(frames, |text| Ok(Frame::data(Bytes::from(text))));
    let mut response = Response::new(StreamBody::new(body).boxed_unsync());
    for (name, value) in [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}
