//! The panel's routes: its files, the way in, the way out.
//!
//! Only these are served without a session: files that hold nothing, and the exchange of a code for a session.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use carillon_schemas::Problem;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue, LOCATION, SET_COOKIE};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::api::{Answer, json, problem_response, read};
use super::guard::{Sender, cookie_of, local_host, sender};
use crate::panel::{Entry, Presence, Sessions, file, guarded};

/// The panel: who is signed in, and where it is. Cheap to clone: all clones are one.
#[derive(Clone, Default)]
pub(super) struct Panel {
    sessions: Sessions,
    address: Arc<OnceLock<SocketAddr>>,
}

/// `POST /panel/session`. No `Debug`: the code is the way in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CodeBody {
    code: String,
}

impl Panel {
    /// It is at this address from now on.
    pub(super) fn opens_at(&self, address: SocketAddr) {
        // It opens once in the life of its listener.
        let _ = self.address.set(address);
    }

    /// The cookie's name. Cookies know no port, so their name does.
    fn cookie(&self) -> String {
        let port = self.address.get().map_or(0, SocketAddr::port);
        format!("carillon-panel-{port}")
    }

    /// Lets a request of the API in; see [`super::guard`].
    pub(super) fn admit(
        &self,
        headers: &HeaderMap,
        token: &str,
    ) -> Result<Option<Presence>, Problem> {
        super::guard::admit(headers, token, &self.sessions, &self.cookie())
    }

    /// `POST /v1/panel/sessions`: an address that lets one browser in, once, within a minute.
    pub(super) fn invite(&self) -> Answer {
        let address = self.address.get().ok_or_else(|| {
            Problem::new(
                409,
                "no-panel",
                "There is no panel",
                "browsers reach the agent by loopback, where it does not listen",
            )
            .advise("take 'listen: off' out of control in agent.yaml")
        })?;
        let code = self.sessions.invite(Instant::now()).map_err(no_random)?;
        let url = format!("http://{}/panel/enter#{}", address, code.as_str());
        json(StatusCode::CREATED, &json!({ "url": url }))
    }

    /// Answers what is below `/panel`.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let answered = self.route(request).await;
        guarded(answered.unwrap_or_else(|problem| problem_response(&problem)))
    }

    async fn route(&self, request: Request<Incoming>) -> Answer {
        local_host(request.headers())?;
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/panel") => {
                let mut response = Response::new(Full::default());
                *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
                let there = HeaderValue::from_static("/panel/");
                response.headers_mut().insert(LOCATION, there);
                Ok(response)
            }
            (&Method::POST, "/panel/session") => {
                own_page(request.headers())?;
                let CodeBody { code } = read(request.into_body()).await?;
                let entry = self.sessions.enter(&code, Instant::now());
                let entry = entry.map_err(no_random)?.ok_or_else(|| {
                    Problem::new(
                        403,
                        "code-spent",
                        "This way in is closed",
                        "the code is used, or older than a minute",
                    )
                    .advise("open the panel again with 'carillon open'")
                })?;
                self.welcome(&entry)
            }
            (&Method::DELETE, "/panel/session") => {
                own_page(request.headers())?;
                if let Some(cookie) = cookie_of(request.headers(), &self.cookie()) {
                    self.sessions.leave(cookie, Instant::now());
                }
                let mut response = Response::new(Full::default());
                *response.status_mut() = StatusCode::NO_CONTENT;
                self.set_cookie(&mut response, "gone", "; Max-Age=0")?;
                Ok(response)
            }
            (&Method::GET, path) => {
                let found = path
                    .strip_prefix("/panel/")
                    .and_then(file)
                    .ok_or_else(no_such_file)?;
                let mut response = Response::new(Full::from(found.body));
                let kind = HeaderValue::from_static(found.kind);
                response.headers_mut().insert(CONTENT_TYPE, kind);
                Ok(response)
            }
            _ => Err(no_such_file()),
        }
    }

    fn welcome(&self, entry: &Entry) -> Answer {
        let mut response = json(StatusCode::OK, &json!({ "key": entry.key.as_str() }))?;
        self.set_cookie(&mut response, &entry.cookie, "")?;
        Ok(response)
    }

    /// A cookie that ends with the browser, or with the session, whichever is first.
    fn set_cookie<T>(
        &self,
        response: &mut Response<T>,
        value: &str,
        more: &str,
    ) -> Result<(), Problem> {
        let cookie = format!(
            "{}={value}; Path=/; HttpOnly; SameSite=Strict{more}",
            self.cookie()
        );
        let mut cookie = HeaderValue::try_from(cookie).map_err(|e| {
            Problem::new(
                500,
                "unexpected",
                "The answer cannot be written",
                e.to_string(),
            )
        })?;
        cookie.set_sensitive(true);
        response.headers_mut().insert(SET_COOKIE, cookie);
        Ok(())
    }
}

fn own_page(headers: &HeaderMap) -> Result<(), Problem> {
    match sender(headers)? {
        Sender::OwnPage => Ok(()),
        Sender::Program => Err(Problem::new(
            403,
            "not-the-panel",
            "Not sent by the panel",
            "this is for the panel's own page; programs have the token of control.json",
        )),
    }
}

fn no_random(error: getrandom::Error) -> Problem {
    let why = format!("the system gives no random numbers: {error}");
    Problem::new(500, "unexpected", "No session can be made", why)
}

fn no_such_file() -> Problem {
    Problem::new(
        404,
        "no-such-route",
        "Not part of the panel",
        "the panel has no such page",
    )
    .advise("the panel is at /panel/")
}
