//! Links from web pages, as the local API takes them: handed over, listed, decided on.

use hyper::body::Incoming;
use hyper::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use super::api::{Answer, ask, json, no_such_route, read, refused};
use super::port::AgentPort;
use crate::command::{FollowLink, Linked, QueryLinks, SettleLink};

/// `POST /v1/links`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkBody {
    /// As the page wrote it.
    pub link: String,
}

/// `POST /v1/links/{id}`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettleBody {
    /// Whether to place the call.
    pub allow: bool,
}

/// Answers `/v1/links` and what is below it.
pub(super) async fn answer(
    method: &Method,
    below: &[&str],
    body: Incoming,
    port: &AgentPort,
) -> Answer {
    match (method, below) {
        (&Method::GET, []) => json(StatusCode::OK, &ask(&port.links, QueryLinks).await?),
        (&Method::POST, []) => {
            let LinkBody { link } = read(body).await?;
            let linked = ask(&port.follow_link, FollowLink { link }).await?;
            let linked = linked.map_err(refused)?;
            let status = match linked {
                Linked::Asked { .. } => StatusCode::ACCEPTED,
                Linked::Placed(_) => StatusCode::CREATED,
            };
            json(status, &linked)
        }
        (&Method::POST, [id]) => {
            let id = id
                .parse()
                .map_err(|_| no_such_route(method, "/v1/links/"))?;
            let SettleBody { allow } = read(body).await?;
            let settled = ask(&port.settle_link, SettleLink { id, allow }).await?;
            json(StatusCode::OK, &settled.map_err(refused)?)
        }
        _ => Err(no_such_route(method, "/v1/links")),
    }
}
