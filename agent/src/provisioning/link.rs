//! The desk's side of the desk API: who asks is shown anew with each request by a token signed with the desk's key.
//!
//! Owns the notion of how far the server's clock is off. Believes nothing it brings: that is `verify`'s part.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use carillon_schemas::config::MAX_CONFIG_BYTES;
use carillon_schemas::desk_token::{Claims, make};
use carillon_schemas::identifier::hex;
use carillon_schemas::status::{StatusAnswer, StatusReport};
use carillon_schemas::{DeskId, Envelope, Timestamp};
use reqwest::RequestBuilder;
use reqwest::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, IF_NONE_MATCH};

use super::clock::Clock;
use super::http::{Answer, Http, LinkError, MAX_ANSWER_BYTES};
use super::keys::{KeyError, PrivateKeys};
use super::trust::MAX_ROOT_BYTES;

/// How long a token lives, in seconds.
const TOKEN_LIFE: Duration = Duration::from_secs(120);
/// The problem's word for a token that the server's clock does not like.
const OUT_OF_TIME: &str = "token-out-of-time";

/// One desk's way to its server.
pub struct Link {
    http: Http,
    desk: DeskId,
    fleet: String,
    keys: Arc<PrivateKeys>,
    clock: Arc<Clock>,
    /// Seconds that the server's clock is ahead of ours, once it complained.
    ahead: AtomicI64,
}

/// What a request came to.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The server, or the way to it.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The desk's own keys.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl RequestError {
    /// How long the server asked to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Link(error) => error.retry_after(),
            Self::Key(_) => None,
        }
    }
}

/// What a poll brought.
#[derive(Debug)]
pub struct Poll {
    /// The newest configuration with its tag; `None`: nothing newer.
    pub news: Option<News>,
    /// The freshness statement, still encoded.
    pub freshness: Option<String>,
}

/// A configuration, believed by nobody yet.
#[derive(Debug)]
pub struct News {
    /// Its tag, quotes and all.
    pub etag: Option<String>,
    /// The envelope.
    pub body: Vec<u8>,
}

impl Link {
    /// A link of that desk.
    pub fn new(
        http: Http,
        desk: DeskId,
        fleet: String,
        keys: Arc<PrivateKeys>,
        clock: Arc<Clock>,
    ) -> Self {
        Self {
            http,
            desk,
            fleet,
            keys,
            clock,
            ahead: AtomicI64::new(0),
        }
    }

    /// The server's address.
    pub fn url(&self) -> &str {
        self.http.base()
    }

    /// Asks for news over `tag`, for which the server may wait. `last` lets go of the connection afterwards: what answers
    /// on it may not be what a new one leads to.
    ///
    /// # Errors
    /// When there is no answer, or none of the API.
    pub async fn poll(
        &self,
        tag: Option<&str>,
        wait: Duration,
        last: bool,
    ) -> Result<Poll, RequestError> {
        let answer = self
            .asked(MAX_CONFIG_BYTES, wait, || {
                let request = self
                    .http
                    .waiting_get("/v1/desk/config")
                    .header("prefer", format!("wait={}", wait.as_secs()));
                let request = if last {
                    request.header(CONNECTION, "close")
                } else {
                    request
                };
                match tag {
                    Some(tag) => request.header(IF_NONE_MATCH, tag),
                    None => request,
                }
            })
            .await?;
        let news = match answer.status {
            304 => None,
            200 => Some(News {
                etag: answer.etag,
                body: answer.body,
            }),
            other => {
                let found = "no configuration";
                return Err(self.http.not_carillon(other, found).into());
            }
        };
        Ok(Poll {
            news,
            freshness: answer.freshness,
        })
    }

    /// Sends a status report.
    ///
    /// # Errors
    /// When the server did not take it.
    pub async fn report(&self, report: &StatusReport) -> Result<StatusAnswer, RequestError> {
        let body = serde_json::to_vec(report).unwrap_or_default();
        let answer = self
            .asked(MAX_ANSWER_BYTES, Duration::ZERO, || {
                self.http
                    .put("/v1/desk/status")
                    .header(CONTENT_TYPE, "application/json")
                    .body(body.clone())
            })
            .await?;
        serde_json::from_slice(&answer.body).map_err(|_| {
            let found = "no answer to a report";
            self.http.not_carillon(answer.status, found).into()
        })
    }

    /// The trust root of a version; `None` when the server has none.
    ///
    /// # Errors
    /// When there is no answer, or none of the API.
    pub async fn root(&self, version: u64) -> Result<Option<Envelope>, LinkError> {
        let request = self.http.get(&format!("/v1/trust/roots/{version}"));
        let answer = match self
            .http
            .answer(request, MAX_ROOT_BYTES, Duration::ZERO)
            .await
        {
            Err(LinkError::Problem { problem, .. }) if problem.status == 404 => return Ok(None),
            other => other?,
        };
        Envelope::from_json(&answer.body)
            .map(Some)
            .map_err(|_| self.http.not_carillon(answer.status, "no trust root"))
    }

    /// Sends a request with a fresh token; once more with the server's time, when that was the trouble.
    async fn asked(
        &self,
        limit: usize,
        wait: Duration,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<Answer, RequestError> {
        let first = self.with_token(limit, wait, request()).await;
        let Err(RequestError::Link(LinkError::Problem {
            problem,
            date: Some(date),
            ..
        })) = &first
        else {
            return first;
        };
        if problem.word() != OUT_OF_TIME {
            return first;
        }
        let ahead = i64::try_from(date.0).unwrap_or(i64::MAX)
            - i64::try_from(self.clock.now().0).unwrap_or(i64::MAX);
        tracing::warn!(
            seconds = ahead,
            "the server's clock differs from this desk's"
        );
        self.ahead.store(ahead, Ordering::Relaxed);
        self.with_token(limit, wait, request()).await
    }

    async fn with_token(
        &self,
        limit: usize,
        wait: Duration,
        request: RequestBuilder,
    ) -> Result<Answer, RequestError> {
        let request = request.header(AUTHORIZATION, format!("Bearer {}", self.token()?));
        Ok(self.http.answer(request, limit, wait).await?)
    }

    fn token(&self) -> Result<String, KeyError> {
        let ahead = self.ahead.load(Ordering::Relaxed);
        let iat = Timestamp(self.clock.now().0.saturating_add_signed(ahead));
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).map_err(|_| KeyError::NoRandomness)?;
        let claims = Claims {
            iss: self.desk.clone(),
            aud: self.fleet.clone(),
            iat,
            exp: iat.after(TOKEN_LIFE),
            jti: hex(&nonce),
        };
        make(&claims, |message| self.keys.sign(message))
    }
}
