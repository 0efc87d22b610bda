//! Facts posted to a host, signed.
//!
//! `Carillon-Signature: t=SECONDS,v1=HEX` where HEX is the HMAC-SHA256 of `SECONDS.BODY` under the key that desk and
//! receiver share; `Carillon-Id` names the post, the same at every try. Redirects are not followed: what the desk
//! knows goes to the host that its owner wrote down. Nothing stays open between posts.

use std::time::{Duration, SystemTime};

use carillon_schemas::identifier::hex;
use carillon_schemas::{Secret, Timestamp};
use reqwest::header::CONTENT_TYPE;
use ring::hmac;

use crate::provisioning::tls::{ServerTrust, client_config};

/// The header of the signature.
pub const SIGNATURE: &str = "Carillon-Signature";
/// The header of the post's name.
const ID: &str = "Carillon-Id";
/// How often a post is tried.
const TRIES: u32 = 5;
/// The wait after the first try; doubled after each.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// What is posted where.
pub(super) struct Post {
    /// The address.
    pub url: String,
    /// Who may say that it is the host.
    pub trust: ServerTrust,
    /// The key.
    pub secret: Secret,
    /// The post's name, random.
    pub id: String,
    /// The facts.
    pub body: String,
    /// How long a try may take.
    pub limit: Duration,
}

/// A post that was not taken. Says nothing of what was posted.
#[derive(Debug, thiserror::Error)]
pub(super) enum PostError {
    /// TLS cannot be set up.
    #[error("{url} cannot be posted to: {why}")]
    Setup {
        /// Where to.
        url: String,
        /// Why.
        why: String,
    },
    /// The host points elsewhere.
    #[error(
        "{url} answered {status}, a redirection, which is not followed (write the address itself)"
    )]
    Redirected {
        /// Where to.
        url: String,
        /// The status.
        status: u16,
    },
    /// The host does not want it.
    #[error("{url} answered {status}")]
    Refused {
        /// Where to.
        url: String,
        /// The status.
        status: u16,
    },
    /// No try got through.
    #[error("{url} was not reached in {TRIES} tries: {why}")]
    Unreachable {
        /// Where to.
        url: String,
        /// What came of the last.
        why: String,
    },
}

/// What came of one try.
enum Tried {
    Taken,
    Redirected(u16),
    Refused(u16),
    /// It may go better next time.
    Again(String),
}

/// Posts, and tries again where that may help.
///
/// # Errors
/// When the host does not take it.
pub(super) async fn deliver(post: &Post) -> Result<(), PostError> {
    let url = || post.url.clone();
    let client = client(post).map_err(|why| PostError::Setup { url: url(), why })?;
    let mut wait = FIRST_WAIT;
    let mut last = String::new();
    for number in 1..=TRIES {
        match attempt(&client, post).await {
            Tried::Taken => return Ok(()),
            Tried::Redirected(status) => {
                return Err(PostError::Redirected { url: url(), status });
            }
            Tried::Refused(status) => return Err(PostError::Refused { url: url(), status }),
            Tried::Again(why) => last = why,
        }
        if number < TRIES {
            tokio::time::sleep(jittered(wait)).await;
            wait *= 2;
        }
    }
    Err(PostError::Unreachable {
        url: url(),
        why: last,
    })
}

/// The value of the signature's header.
pub(super) fn signature(secret: &Secret, at: Timestamp, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
    let tag = hmac::sign(&key, format!("{}.{body}", at.0).as_bytes());
    format!("t={},v1={}", at.0, hex(tag.as_ref()))
}

fn client(post: &Post) -> Result<reqwest::Client, String> {
    let tls = client_config(&post.trust).map_err(|e| e.to_string())?;
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .http1_only()
        .https_only(true)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .user_agent(concat!("carillon/", env!("CARGO_PKG_VERSION")))
        .timeout(post.limit)
        .pool_max_idle_per_host(0)
        .build()
        .map_err(|e| e.to_string())
}

async fn attempt(client: &reqwest::Client, post: &Post) -> Tried {
    let now = Timestamp::of(SystemTime::now());
    let sent = client
        .post(&post.url)
        .header(CONTENT_TYPE, "application/json")
        .header(SIGNATURE, signature(&post.secret, now, &post.body))
        .header(ID, &post.id)
        .body(post.body.clone())
        .send()
        .await;
    // The answer's body is nobody's: it is dropped unread with the connection.
    match sent.map(|response| response.status().as_u16()) {
        Ok(200..=299) => Tried::Taken,
        Ok(status @ 300..=399) => Tried::Redirected(status),
        Ok(status @ (408 | 425 | 429 | 500..=599)) => Tried::Again(format!("it answered {status}")),
        Ok(status) => Tried::Refused(status),
        Err(error) if error.is_timeout() => {
            Tried::Again(format!("no answer within {} s", post.limit.as_secs()))
        }
        Err(error) => Tried::Again(innermost(&error)),
    }
}

/// 'Connection refused' says more than 'error sending request'.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string().chars().take(200).collect()
}

/// Between half of it and all of it.
fn jittered(wait: Duration) -> Duration {
    let share = getrandom::u32().map_or(1.0, |chance| f64::from(chance) / f64::from(u32::MAX));
    wait.mul_f64(0.5 + share / 2.0)
}

#[cfg(test)]
#[path = "webhook_tests.rs"]
mod tests;
