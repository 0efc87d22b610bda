//! HTTP to the server, with every answer bounded in size and time, and everything that is no Carillon
//! server's answer told apart.
//!
//! Owns the two HTTP clients (one connection that waits, one for brief requests, sharing TLS sessions). Never
//! follows a redirect, never decompresses, never keeps a cookie.

use std::error::Error;
use std::time::Duration;

use carillon_schemas::{Problem, Timestamp, problem};
use reqwest::header::{CONTENT_TYPE, DATE, ETAG, HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response};

use super::http_date;
use super::tls::{ServerTrust, TlsError, client_config};

/// The header that carries a freshness statement.
const FRESHNESS: &str = "carillon-freshness";
/// The largest answer that is no configuration, in bytes.
pub const MAX_ANSWER_BYTES: usize = 128 << 10;
/// The longest text of a stranger that is shown, in characters.
const SHOWN: usize = 200;

/// How long each step may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// To connect, TLS included.
    pub connect: Duration,
    /// For an answer to begin, beyond what the request asked the server to wait.
    pub answer: Duration,
    /// For a body to arrive whole.
    pub body: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(20),
            body: Duration::from_secs(20),
        }
    }
}

/// A way to one server.
#[derive(Debug, Clone)]
pub struct Http {
    base: String,
    patience: Patience,
    waiting: Client,
    brief: Client,
}

/// An answer with status 2xx or 304.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The entity tag as sent, quotes and all.
    pub etag: Option<String>,
    /// The freshness statement, still encoded.
    pub freshness: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why there is no answer to work with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// The address is none.
    #[error("{url:?} is no address of a server: {why} (it looks like https://host:port)")]
    BadUrl {
        /// The address.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// TLS cannot be set up on this side.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// No connection, or it broke.
    #[error("the server {url} cannot be reached: {why}")]
    Unreachable {
        /// Which.
        url: String,
        /// Why.
        why: String,
    },
    /// Connected, and it is not who it must be.
    #[error(
        "the server {url} is not trusted: {why} (if the server's key was changed on purpose, ask for a new ticket)"
    )]
    NotTrusted {
        /// Which.
        url: String,
        /// Why.
        why: String,
    },
    /// It took too long to begin, or dripped.
    #[error("the server {url} did not finish its answer in time")]
    TooSlow {
        /// Which.
        url: String,
    },
    /// More than the limit.
    #[error("the server {url} sent more than {limit} bytes, which no answer here has")]
    TooLarge {
        /// Which.
        url: String,
        /// The limit.
        limit: usize,
    },
    /// It pointed elsewhere.
    #[error(
        "the server {url} redirects to {to:?}, which is not followed (a ticket names the server itself)"
    )]
    Redirected {
        /// Which.
        url: String,
        /// Where to.
        to: String,
    },
    /// HTML, or anything else that the API never says.
    #[error("{url} answered {status} with {found}: is this URL a Carillon server?")]
    NotCarillon {
        /// Which.
        url: String,
        /// The status.
        status: u16,
        /// What came.
        found: String,
        /// `Retry-After`: a balancer in front may send it.
        retry_after: Option<Duration>,
    },
    /// The server said what is wrong.
    #[error("the server says: {problem}")]
    Problem {
        /// What it said.
        problem: Box<Problem>,
        /// `Retry-After`.
        retry_after: Option<Duration>,
        /// The server's clock.
        date: Option<Timestamp>,
    },
}

impl LinkError {
    /// How long the server asked to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::NotCarillon { retry_after, .. } | Self::Problem { retry_after, .. } => {
                *retry_after
            }
            _ => None,
        }
    }

    /// Whether something answered, in good health by its own word, and not as a Carillon server does: a sign-in page, a
    /// proxy, a flood. A gateway's word that the server behind it is down (5xx) is none of it.
    pub fn is_strange(&self) -> bool {
        match self {
            Self::NotCarillon { status, .. } => *status < 500,
            Self::TooLarge { .. } | Self::Redirected { .. } => true,
            _ => false,
        }
    }

    /// The server's problem, when it stated one.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem { problem, .. } => Some(problem),
            _ => None,
        }
    }
}

impl Http {
    /// A way to the server at `url`, by that trust. Connects to nothing yet.
    ///
    /// # Errors
    /// [`LinkError::BadUrl`], [`LinkError::Tls`].
    pub fn new(url: &str, trust: &ServerTrust, patience: Patience) -> Result<Self, LinkError> {
        let bad = |why: String| LinkError::BadUrl {
            url: url.chars().take(SHOWN).collect(),
            why,
        };
        let parsed = reqwest::Url::parse(url).map_err(|e| bad(e.to_string()))?;
        if parsed.scheme() != "https" || !parsed.has_host() {
            return Err(bad("only https:// is used".into()));
        }
        if parsed.query().is_some() || parsed.fragment().is_some() || !parsed.username().is_empty()
        {
            return Err(bad("it has more than host, port and path".into()));
        }
        let tls = client_config(trust)?;
        let client = |idle: usize| {
            Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .http1_only()
                .https_only(true)
                .redirect(reqwest::redirect::Policy::none())
                .referer(false)
                .user_agent(concat!("carillon/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(patience.connect)
                // No timer runs for a connection that is idle or not kept at all.
                .pool_idle_timeout(None)
                .pool_max_idle_per_host(idle)
                .build()
                .map_err(|e| LinkError::Tls(TlsError::Library(reason(&e))))
        };
        Ok(Self {
            base: parsed.as_str().trim_end_matches('/').to_owned(),
            patience,
            waiting: client(1)?,
            brief: client(0)?,
        })
    }

    /// The server's address without a slash at its end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A `GET` on the connection that waits.
    pub fn waiting_get(&self, path: &str) -> RequestBuilder {
        self.waiting.get(format!("{}{path}", self.base))
    }

    /// A brief `GET`.
    pub fn get(&self, path: &str) -> RequestBuilder {
        self.brief.get(format!("{}{path}", self.base))
    }

    /// A brief `POST`.
    pub fn post(&self, path: &str) -> RequestBuilder {
        self.brief.post(format!("{}{path}", self.base))
    }

    /// A brief `PUT`.
    pub fn put(&self, path: &str) -> RequestBuilder {
        self.brief.put(format!("{}{path}", self.base))
    }

    /// Sends a request and reads the whole answer: at most `limit` bytes, and in time when the server was
    /// asked to wait for `wait` first.
    ///
    /// # Errors
    /// Everything that is not an answer of 2xx or 304.
    pub async fn answer(
        &self,
        request: RequestBuilder,
        limit: usize,
        wait: Duration,
    ) -> Result<Answer, LinkError> {
        let patience = self.patience;
        let begin = wait + patience.connect + patience.answer;
        let response = tokio::time::timeout(begin, request.send())
            .await
            .map_err(|_| self.too_slow())?
            .map_err(|e| self.failed(&e))?;
        tokio::time::timeout(patience.body, self.read(response, limit))
            .await
            .map_err(|_| self.too_slow())?
    }

    async fn read(&self, response: Response, limit: usize) -> Result<Answer, LinkError> {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        if status == 304 {
            return Ok(Answer::of(status, &headers, Vec::new()));
        }
        if (300..400).contains(&status) {
            return Err(LinkError::Redirected {
                url: self.base.clone(),
                to: shown(&headers, LOCATION.as_str()).unwrap_or_default(),
            });
        }
        let good = (200..300).contains(&status);
        let limit = if good {
            limit
        } else {
            limit.min(MAX_ANSWER_BYTES)
        };
        let body = self.body(response, limit).await?;
        if good && !is_html(&headers, &body) {
            return Ok(Answer::of(status, &headers, body));
        }
        Err(self.refused(status, &headers, &body))
    }

    async fn body(&self, mut response: Response, limit: usize) -> Result<Vec<u8>, LinkError> {
        let too_large = || LinkError::TooLarge {
            url: self.base.clone(),
            limit,
        };
        if response.content_length().is_some_and(|n| n > limit as u64) {
            return Err(too_large());
        }
        // Grows with what comes, never with what is announced.
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.failed(&e))? {
            if body.len() + chunk.len() > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn refused(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> LinkError {
        let retry_after = retry_after(headers);
        let kind = shown(headers, CONTENT_TYPE.as_str());
        let problem = kind
            .as_deref()
            .is_some_and(|kind| kind.starts_with(problem::CONTENT_TYPE))
            .then(|| serde_json::from_slice::<Problem>(body).ok())
            .flatten();
        match problem {
            Some(problem) => LinkError::Problem {
                problem: Box::new(bounded(problem)),
                retry_after,
                date: date(headers),
            },
            None => LinkError::NotCarillon {
                url: self.base.clone(),
                status,
                found: format!(
                    "{} ({} bytes)",
                    kind.as_deref().unwrap_or("no content type"),
                    body.len()
                ),
                retry_after,
            },
        }
    }

    /// An answer that came whole and is not what was asked for.
    pub fn not_carillon(&self, status: u16, found: impl Into<String>) -> LinkError {
        LinkError::NotCarillon {
            url: self.base.clone(),
            status,
            found: found.into(),
            retry_after: None,
        }
    }

    fn too_slow(&self) -> LinkError {
        LinkError::TooSlow {
            url: self.base.clone(),
        }
    }

    fn failed(&self, error: &reqwest::Error) -> LinkError {
        if error.is_timeout() {
            return self.too_slow();
        }
        let (url, why) = (self.base.clone(), reason(error));
        if is_trust(error) {
            LinkError::NotTrusted { url, why }
        } else {
            LinkError::Unreachable { url, why }
        }
    }
}

impl Answer {
    fn of(status: u16, headers: &HeaderMap, body: Vec<u8>) -> Self {
        let text = |name: &str, limit: usize| {
            headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .filter(|text| text.len() <= limit)
                .map(str::to_owned)
        };
        Self {
            status,
            etag: text(ETAG.as_str(), 64),
            freshness: text(FRESHNESS, 2 * super::verify::MAX_FRESHNESS_BYTES),
            body,
        }
    }
}

/// A page where JSON should be: a login portal, a proxy, another product.
fn is_html(headers: &HeaderMap, body: &[u8]) -> bool {
    shown(headers, CONTENT_TYPE.as_str()).is_some_and(|kind| kind.starts_with("text/"))
        || body.trim_ascii_start().first() == Some(&b'<')
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    // A date is measured against the server's own clock.
    Some(http_date::read(text)?.since(date(headers)?))
}

fn date(headers: &HeaderMap) -> Option<Timestamp> {
    http_date::read(headers.get(DATE)?.to_str().ok()?)
}

fn shown(headers: &HeaderMap, name: &str) -> Option<String> {
    let text = headers.get(name)?.to_str().ok()?;
    Some(text.chars().take(SHOWN).collect())
}

/// A server, or whoever plays one, does not fill our logs.
fn bounded(problem: Problem) -> Problem {
    let cut = |text: String| -> String {
        text.chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(2 * SHOWN)
            .collect()
    };
    Problem {
        kind: cut(problem.kind),
        title: cut(problem.title),
        detail: cut(problem.detail),
        advice: problem.advice.map(cut),
        ..problem
    }
}

/// The innermost cause: 'connection refused' says more than 'error sending request'.
fn reason(error: &reqwest::Error) -> String {
    let mut cause: &(dyn Error + 'static) = error;
    while let Some(inner) = within(cause) {
        cause = inner;
    }
    let text = cause.to_string();
    let text = text.strip_prefix("unexpected error: ").unwrap_or(&text);
    text.chars().take(2 * SHOWN).collect()
}

/// Whether the TLS certificate was the trouble.
fn is_trust(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return matches!(
                tls,
                rustls::Error::InvalidCertificate(_) | rustls::Error::General(_)
            );
        }
        cause = within(error);
    }
    false
}

/// What an error stems from; `source` of an I/O error leaves out the error that it wraps.
fn within<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref)
    {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}
