//! Fetching a phonebook: at most so many bytes, within so many seconds, and only when it changed.

use std::error::Error as _;
use std::time::Duration;

use reqwest::header::{ETAG, HeaderMap, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};

use crate::provisioning::tls::{ServerTrust, TlsError, client_config};

/// The largest phonebook, in bytes.
pub const MAX_BYTES: usize = 5 << 20;
/// How long connecting may take, TLS included.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the whole may take.
pub const LIMIT: Duration = Duration::from_secs(30);
/// The longest entity tag or date that is kept, in bytes.
const MAX_TAG: usize = 256;

/// By what the server tells whether it changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Version {
    /// `ETag`.
    pub(super) etag: Option<String>,
    /// `Last-Modified`.
    pub(super) modified: Option<String>,
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Fetched {
    /// The same as before.
    Same,
    /// Another.
    New(Version, Vec<u8>),
}

/// Why there is no phonebook.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// No connection, or it broke.
    #[error("it cannot be fetched: {0} (is the address right, and its server up?)")]
    Unreachable(String),
    /// Anything but 200 and 304.
    #[error("its server answered {0} (look at the address)")]
    Status(u16),
    /// Above the limit.
    #[error("it has more than {} MB, which is the limit", MAX_BYTES >> 20)]
    TooLarge,
    /// It dripped, or never ended.
    #[error("it did not end within {} s", LIMIT.as_secs())]
    TooSlow,
}

/// Fetches a phonebook, unless it is of that version still.
///
/// # Errors
/// Everything that is no phonebook in time.
pub(super) async fn fetch(url: &str, known: &Version) -> Result<Fetched, FetchError> {
    tokio::time::timeout(LIMIT, fetch_unbounded(url, known))
        .await
        .unwrap_or(Err(FetchError::TooSlow))
}

async fn fetch_unbounded(url: &str, known: &Version) -> Result<Fetched, FetchError> {
    // Made for one fetch: they are rare, and a client that waits holds memory.
    let client = Client::builder()
        .tls_backend_preconfigured(client_config(&ServerTrust::Platform)?)
        .http1_only()
        .redirect(Policy::limited(3))
        .referer(false)
        .user_agent(concat!("carillon/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        .pool_max_idle_per_host(0)
        .build()
        .map_err(|e| unreachable(&e))?;
    let mut request = client.get(url);
    for (name, value) in [
        (IF_NONE_MATCH, &known.etag),
        (IF_MODIFIED_SINCE, &known.modified),
    ] {
        if let Some(value) = value {
            request = request.header(name, value);
        }
    }
    let mut response = request.send().await.map_err(|e| unreachable(&e))?;
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NOT_MODIFIED => return Ok(Fetched::Same),
        status => return Err(FetchError::Status(status.as_u16())),
    }
    let length = response.content_length().unwrap_or(0);
    if length > MAX_BYTES as u64 {
        return Err(FetchError::TooLarge);
    }
    let version = Version {
        etag: tag(response.headers(), ETAG.as_str()),
        modified: tag(response.headers(), LAST_MODIFIED.as_str()),
    };
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| unreachable(&e))? {
        if body.len() + chunk.len() > MAX_BYTES {
            return Err(FetchError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Fetched::New(version, body))
}

fn tag(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    (value.len() <= MAX_TAG).then(|| value.to_owned())
}

/// The innermost cause says most.
fn unreachable(error: &reqwest::Error) -> FetchError {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = inner.to_string();
        cause = inner.source();
    }
    FetchError::Unreachable(text.chars().take(200).collect())
}
