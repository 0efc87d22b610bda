//! Asking the running server, through its admin API.
//!
//! Where it runs and which key its certificate has, the server itself has left in the data folder: that key is
//! pinned, whoever signed the certificate, so that the token goes to this very server.

use std::sync::Arc;
use std::time::Duration;

use carillon_pinned_tls::client_config;
use carillon_schemas::Problem;
use reqwest::{Method, RequestBuilder, Response};
use rustls::ClientConfig;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

use super::Failure;
use crate::data_folder::DataFolder;

/// How long one answer may take: a large `apply` is sealed and signed desk by desk.
const PATIENCE: Duration = Duration::from_secs(300);
/// The largest error that is read, in bytes.
const MAX_ERROR: usize = 1 << 20;

/// Where the running server is found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Running {
    /// Its URL on this machine.
    pub(super) url: String,
    /// The pin of its certificate's key.
    pub(super) pin: String,
    /// Its process.
    pub(super) pid: u32,
}

/// A way to the running server.
pub(super) struct Client {
    http: reqwest::Client,
    url: String,
    token: Zeroizing<String>,
    start: String,
}

impl Client {
    pub(super) fn connect(data: &DataFolder) -> Result<Self, Failure> {
        let start = format!(
            "start it with 'carillon-server --data {} serve'",
            data.path().display()
        );
        if !data.database().exists() {
            return Err(Failure::unreachable(format!(
                "{} holds no fleet",
                data.path().display()
            ))
            .advise(format!(
                "name the data folder with --data, or found a fleet with 'carillon-server --data {} init --name NAME'",
                data.path().display()
            )));
        }
        let not_running = || {
            Failure::unreachable(format!(
                "the server of {} is not running",
                data.path().display()
            ))
            .advise(start.clone())
        };
        let running = std::fs::read(data.running()).map_err(|_| not_running())?;
        let running: Running = serde_json::from_slice(&running).map_err(|_| not_running())?;
        let token = std::fs::read_to_string(data.admin_token()).map_err(|e| {
            Failure::failed(format!(
                "cannot read the admin token {}: {e}",
                data.admin_token().display()
            ))
            .advise("run this as the user who runs the server")
        })?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(pinned(&running.pin)?)
            .no_proxy()
            .timeout(PATIENCE)
            .connect_timeout(Duration::from_secs(5))
            .build()
            .map_err(|e| Failure::failed(format!("cannot set up HTTPS: {e}")))?;
        Ok(Self {
            http,
            url: running.url,
            token: Zeroizing::new(token.trim().to_owned()),
            start,
        })
    }

    /// Looks.
    pub(super) async fn get(&self, path: &[&str]) -> Result<Value, Failure> {
        self.json(self.request(Method::GET, path)).await
    }

    /// Changes, with a document.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &[&str],
        body: &Value,
    ) -> Result<Value, Failure> {
        self.json(self.request(method, path).json(body)).await
    }

    /// Changes, without one.
    pub(super) async fn order(&self, method: Method, path: &[&str]) -> Result<Value, Failure> {
        self.json(self.request(method, path)).await
    }

    /// Sends a text.
    pub(super) async fn send_text(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        text: String,
    ) -> Result<Value, Failure> {
        let query: Vec<String> = query.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let url = format!("{}?{}", self.address(path), query.join("&"));
        let request = self
            .http
            .request(Method::POST, url)
            .header("Content-Type", "application/yaml")
            .body(text);
        self.json(request).await
    }

    /// Reads a text.
    pub(super) async fn text(&self, path: &[&str]) -> Result<String, Failure> {
        let answer = self.ask(self.request(Method::GET, path)).await?;
        answer.text().await.map_err(|e| self.unreachable(&e))
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        self.http.request(method, self.address(path))
    }

    fn address(&self, path: &[&str]) -> String {
        let path: Vec<String> = path.iter().map(|part| encoded(part)).collect();
        format!("{}/v1/admin/{}", self.url, path.join("/"))
    }

    async fn json(&self, request: RequestBuilder) -> Result<Value, Failure> {
        let answer = self.ask(request).await?;
        let body = answer.bytes().await.map_err(|e| self.unreachable(&e))?;
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&body).map_err(|_| self.no_carillon_server())
    }

    async fn ask(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let answer = request
            .bearer_auth(&*self.token)
            .send()
            .await
            .map_err(|e| self.unreachable(&e))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let body = answer.bytes().await.map_err(|e| self.unreachable(&e))?;
        let problem = (body.len() <= MAX_ERROR)
            .then(|| serde_json::from_slice::<Problem>(&body).ok())
            .flatten();
        Err(problem.map_or_else(|| self.no_carillon_server(), Failure::from))
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let mut why = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            why = cause.to_string();
            source = cause.source();
        }
        Failure::unreachable(format!("the server at {} does not answer: {why}", self.url))
            .advise(format!("if it is not running, {}", self.start))
    }

    fn no_carillon_server(&self) -> Failure {
        Failure::unreachable(format!(
            "what answers at {} is no provisioning server, or one of another version",
            self.url
        ))
        .advise("restart the server with the program of this version")
    }
}

/// One part of a path, percent-encoded (RFC 3986 §2.3).
fn encoded(part: &str) -> String {
    part.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

fn pinned(pin: &str) -> Result<ClientConfig, Failure> {
    // A command lives for milliseconds: aws-lc would spend 45 of them gathering entropy of its own first.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    pin.parse()
        .map_err(|e| {
            Failure::failed(format!(
                "the pin in the data folder's running.json is wrong: {e}"
            ))
        })
        .and_then(|pin| {
            client_config(pin, provider)
                .map_err(|e| Failure::failed(format!("cannot set up TLS: {e}")))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_one_part_of_the_path() {
        assert_eq!(encoded("3F/12 a"), "3F%2F12%20a");
        assert_eq!(encoded("ü"), "%C3%BC");
    }
}
