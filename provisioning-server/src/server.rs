//! The running server: listener, workers, and how it comes up and goes down.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::{self, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, ResponseError as _};
use carillon_schemas::Problem;
use tokio::task::JoinHandle;

use crate::data_folder::DataFolder;
use crate::desk_api::authorization::bearer;
use crate::metrics::{self, Metrics};
use crate::problem_answer::ProblemAnswer;
use crate::service::{Place, Service, ServiceError};
use crate::store::{SqliteStore, StoreError};
use crate::trust::TrustError;
use crate::trust::director::{Director, SigningKey};
use crate::trust::vault::Vault;
use crate::{admin_api, desk_api, portal, trust};

/// Connections that one worker holds: a desk's poll is one.
const MAX_CONNECTIONS: usize = 100_000;
/// TLS handshakes that one worker does at once.
const MAX_HANDSHAKES: usize = 4_096;
/// Connections that the system holds for us before we take them.
const BACKLOG: u32 = 4_096;
/// How long requests in work may take after the order to stop.
const GRACE_SECONDS: u64 = 10;

/// How to serve.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The data folder.
    pub data: DataFolder,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Certificate chain and key (PEM); the self-made ones of the data folder when absent.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Where desks reach this server; `https://` and the address when absent.
    pub public_url: Option<String>,
}

/// Why the server does not come up.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// `init` was not run.
    #[error("{0} holds no fleet")]
    NoFleet(PathBuf),
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// Keys.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The database.
    #[error("the database {path}: {source}")]
    Store {
        /// Its file.
        path: PathBuf,
        /// Why.
        source: StoreError,
    },
    /// What is stored does not fit.
    #[error(transparent)]
    Service(#[from] ServiceError),
}

/// A server that runs.
pub struct Server {
    address: SocketAddr,
    pin: String,
    service: Arc<Service>,
    handle: ServerHandle,
    running: JoinHandle<std::io::Result<()>>,
}

impl Server {
    /// Opens the data folder and listens.
    ///
    /// # Errors
    /// What is missing or in the way.
    pub async fn start(settings: Settings) -> Result<Self, ServeError> {
        let data = &settings.data;
        if !data.database().exists() {
            return Err(ServeError::NoFleet(data.path().to_owned()));
        }
        let (cert, key) = settings
            .tls
            .clone()
            .unwrap_or_else(|| (data.tls_cert(), data.tls_key()));
        let certified = trust::tls::load(&cert, &key)?;
        let director = Director::new(SigningKey::open(&data.director())?);
        let vault = Vault::open(&data.vault())?;
        let listener = listen(settings.listen)?;
        let address = listener.local_addr().unwrap_or(settings.listen);
        let store = SqliteStore::open(&data.database())
            .await
            .map_err(|source| ServeError::Store {
                path: data.database(),
                source,
            })?;
        let place = Place {
            public_url: settings
                .public_url
                .clone()
                .unwrap_or_else(|| default_url(address)),
            tls_pin: settings.tls.is_none().then(|| certified.pin.clone()),
        };
        let service = Service::start(Arc::new(store), director, vault, place).await?;
        let (handle, running) = run(listener, certified.config, Arc::clone(&service))
            .map_err(|source| ServeError::Listen { address, source })?;
        Ok(Self {
            address,
            pin: certified.pin,
            service,
            handle,
            running,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where this machine reaches it.
    pub fn local_url(&self) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(match address {
                SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            });
        }
        format!("https://{address}")
    }

    /// The pin of its certificate's key.
    pub fn pin(&self) -> &str {
        &self.pin
    }

    /// Its use cases.
    pub fn service(&self) -> &Arc<Service> {
        &self.service
    }

    /// Answers the polls that wait, lets requests in work end, writes what is to be written, and stops.
    pub async fn stop(self) {
        self.service.release_waiting();
        self.handle.stop(true).await;
        if let Ok(Err(error)) = self.running.await {
            tracing::error!(%error, "the listener ended with an error");
        }
        self.service.stop().await;
    }
}

fn run(
    listener: TcpListener,
    tls: rustls::ServerConfig,
    service: Arc<Service>,
) -> std::io::Result<(ServerHandle, JoinHandle<std::io::Result<()>>)> {
    let service = Data::from(service);
    let metrics = Data::new(Metrics::default());
    let server = HttpServer::new(move || {
        App::new()
            .app_data(service.clone())
            .app_data(metrics.clone())
            .configure(desk_api::configure)
            .configure(admin_api::configure)
            .route("/metrics", web::get().to(show_metrics))
            .service(web::scope("/v1").default_service(web::to(async || {
                ProblemAnswer::no_such_address().error_response()
            })))
            .configure(portal::configure)
    })
    // Without it, small answers wait for the far side's delayed acknowledgement.
    .tcp_nodelay(true)
    // A desk that has gone must not hold its place in the queue of polls.
    .h1_allow_half_closed(false)
    .max_connections(MAX_CONNECTIONS)
    .max_connection_rate(MAX_HANDSHAKES)
    .keep_alive(Duration::from_secs(75))
    .client_request_timeout(Duration::from_secs(10))
    .shutdown_timeout(GRACE_SECONDS)
    .disable_signals()
    .listen_rustls_0_23(listener, tls)?
    .run();
    let handle = server.handle();
    Ok((handle, tokio::spawn(server)))
}

fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let open = || {
        let domain = socket2::Domain::for_address(address);
        let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None)?;
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(i32::try_from(BACKLOG).unwrap_or(i32::MAX))?;
        Ok(TcpListener::from(socket))
    };
    open().map_err(|source| ServeError::Listen { address, source })
}

/// A URL that means this machine alone: without a public one, tickets are for desks here.
fn default_url(address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        String::new()
    } else {
        format!("https://{address}")
    }
}

/// `GET /metrics`: for this machine, or with an admin token. What comes through a proxy is not of this machine.
async fn show_metrics(
    request: HttpRequest,
    service: Data<Service>,
    metrics: Data<Metrics>,
) -> Result<HttpResponse, ProblemAnswer> {
    let near = request
        .peer_addr()
        .is_some_and(|address| address.ip().to_canonical().is_loopback());
    let proxied = ["forwarded", "x-forwarded-for", "via"]
        .iter()
        .any(|header| request.headers().contains_key(*header));
    let allowed = match bearer(&request) {
        Some(token) => service.admin_token(token).await?.is_some(),
        None => near && !proxied,
    };
    if !allowed {
        return Err(Problem::new(
            401,
            "admin-token-bad",
            "An admin token is needed",
            "metrics are for this machine, or for the holder of an admin token",
        )
        .advise("make one with 'carillon-server admin token new --scope read'")
        .into());
    }
    Ok(HttpResponse::Ok()
        .content_type(metrics::CONTENT_TYPE)
        .body(metrics.text(&service).await?))
}
