//! `serve`: the server in the foreground.

use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;

use carillon_schemas::strict;
use clap::Args;
use serde::{Deserialize, Serialize};

use super::client::Running;
use super::{Failure, say};
use crate::data_folder::DataFolder;
use crate::server::{ServeError, Server, Settings};

/// Where it listens when nothing else is said.
const DEFAULT_LISTEN: &str = "127.0.0.1:8443";
/// The largest `server.yaml`, in bytes.
const MAX_SETTINGS: usize = 64 << 10;

#[derive(Args)]
pub(super) struct Serve {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// The certificate chain (PEM); self-made without it
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Where desks reach this server: https://HOST[:PORT]
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
}

/// `server.yaml`: the same, for good.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ServeFile {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) listen: Option<SocketAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) public_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tls_cert: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tls_key: Option<PathBuf>,
}

impl ServeFile {
    pub(super) fn to_yaml(&self) -> Result<String, Failure> {
        serde_yaml::to_string(self)
            .map_err(|e| Failure::failed(format!("cannot write server.yaml: {e}")))
    }

    fn read(data: &DataFolder) -> Result<Self, Failure> {
        let path = data.settings();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(e) => {
                return Err(Failure::invalid(format!(
                    "cannot read {}: {e}",
                    path.display()
                )));
            }
        };
        strict::from_yaml(&text, MAX_SETTINGS).map_err(|e| {
            Failure::invalid(format!("{}: {e}", path.display())).advise("correct the file")
        })
    }
}

impl Serve {
    pub(super) async fn run(self, data: DataFolder) -> Result<(), Failure> {
        let level = std::env::var("CARILLON_LOG")
            .ok()
            .and_then(|level| level.parse().ok())
            .unwrap_or(tracing::level_filters::LevelFilter::INFO);
        tracing_subscriber::fmt()
            .with_max_level(level)
            .with_writer(std::io::stderr)
            .with_ansi(false)
            .init();
        if !data.database().exists() {
            return Err(failure(ServeError::NoFleet(data.path().to_owned()), &data));
        }
        let _lock = lock(&data)?;
        let settings = self.settings(&data)?;
        let server = Server::start(settings)
            .await
            .map_err(|error| failure(error, &data))?;
        leave_word(&data, &server)?;
        let address = server.address();
        say(&format!(
            "{:?} is served on https://{address}",
            server.service().fleet_name()
        ));
        tracing::info!(%address, "serving");
        let why = told_to_stop().await;
        tracing::info!(why, "stopping");
        // The next server finds the file gone or writes its own.
        let _ = std::fs::remove_file(data.running());
        server.stop().await;
        Ok(())
    }

    fn settings(self, data: &DataFolder) -> Result<Settings, Failure> {
        let file = ServeFile::read(data)?;
        let tls = match self.tls_cert.zip(self.tls_key) {
            Some(given) => Some(given),
            None => match (file.tls_cert, file.tls_key) {
                (Some(cert), Some(key)) => Some((cert, key)),
                (None, None) => None,
                _ => {
                    return Err(Failure::invalid(format!(
                        "{}: tls_cert and tls_key go together",
                        data.settings().display()
                    )));
                }
            },
        };
        let public_url = self.public_url.or(file.public_url);
        if let Some(url) = &public_url {
            check_public_url(url)?;
        }
        let listen = match self.listen.or(file.listen) {
            Some(listen) => listen,
            None => DEFAULT_LISTEN
                .parse()
                .map_err(|e| Failure::failed(format!("{DEFAULT_LISTEN}: {e}")))?,
        };
        Ok(Settings {
            data: data.clone(),
            listen,
            tls,
            public_url: public_url.map(|url| url.trim_end_matches('/').to_owned()),
        })
    }
}

/// Whether desks can be sent there.
pub(super) fn check_public_url(url: &str) -> Result<(), Failure> {
    let good = reqwest::Url::parse(url).is_ok_and(|url| {
        url.scheme() == "https"
            && url.host_str().is_some()
            && url.path() == "/"
            && url.query().is_none()
            && url.username().is_empty()
    });
    if good {
        Ok(())
    } else {
        Err(
            Failure::invalid(format!("{url:?} is no address for desks to reach"))
                .advise("write https://HOST or https://HOST:PORT"),
        )
    }
}

/// Held until the process ends, however it ends.
fn lock(data: &DataFolder) -> Result<File, Failure> {
    let path = data.lock();
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|e| Failure::failed(format!("cannot open {}: {e}", path.display())))?;
    file.try_lock().map_err(|e| {
        Failure::failed(format!(
            "cannot have {} for itself: {e}",
            data.path().display()
        ))
        .advise("another server runs on this data folder: stop it first")
    })?;
    Ok(file)
}

/// Leaves word for the command line.
fn leave_word(data: &DataFolder, server: &Server) -> Result<(), Failure> {
    let running = Running {
        url: server.local_url(),
        pin: server.pin().to_owned(),
        pid: std::process::id(),
    };
    let write = || {
        let text = serde_json::to_vec(&running)?;
        let new = data.running().with_extension("new");
        std::fs::write(&new, text)?;
        std::fs::rename(&new, data.running())
    };
    write().map_err(|e: std::io::Error| {
        Failure::failed(format!("cannot write {}: {e}", data.running().display()))
    })
}

fn failure(error: ServeError, data: &DataFolder) -> Failure {
    let failure = Failure::failed(format!("cannot serve: {error}"));
    match error {
        ServeError::NoFleet(_) => failure.advise(format!(
            "found one with 'carillon-server --data {} init --name NAME'",
            data.path().display()
        )),
        ServeError::Listen { .. } => {
            failure.advise("choose another address or port with --listen, or stop what has it")
        }
        ServeError::Trust(_) | ServeError::Service(_) => {
            failure.advise("the files of the data folder belong together: restore them together")
        }
        ServeError::Store { .. } => {
            failure.advise("check that the disk is not full and the folder is the server's own")
        }
    }
}

#[cfg(unix)]
async fn told_to_stop() -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        // Ctrl-C still works.
        let _ = tokio::signal::ctrl_c().await;
        return "interrupted";
    };
    tokio::select! {
        _ = terminate.recv() => "told to terminate",
        _ = tokio::signal::ctrl_c() => "interrupted",
    }
}

#[cfg(not(unix))]
async fn told_to_stop() -> &'static str {
    // Without a handler the process ends by itself.
    let _ = tokio::signal::ctrl_c().await;
    "interrupted"
}
