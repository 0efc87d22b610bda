//! `GET /v1/session`: a session part changes from HTTP to frames and is attached.
//!
//! Only where the system says who connects: whose sound it may have, must not be the caller's own word.

use carillon_schemas::Problem;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, HeaderValue, UPGRADE};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt as _;

use super::api::Answer;
use super::entrance::Peer;
use super::visitors::user_of;
use crate::session::frame::{Frame, PROTOCOL};
use crate::session::{MAX_PARTS, SessionParts};

/// Attaches the sender as the session part of the user that it is.
pub(super) async fn attach(
    mut request: Request<Incoming>,
    peer: Peer,
    parts: &SessionParts,
) -> Answer {
    let asked = request.headers().get(UPGRADE);
    if asked.is_none_or(|asked| asked.as_bytes() != PROTOCOL.as_bytes()) {
        return Err(Problem::new(
            426,
            "upgrade-required",
            "Not for browsing",
            format!("a session part asks with 'Upgrade: {PROTOCOL}'"),
        ));
    }
    // The user database may wait for a directory server.
    let user = tokio::task::spawn_blocking(move || user_of(&peer)).await;
    let Some(user) = user.ok().flatten() else {
        return Err(Problem::new(
            403,
            "no-user",
            "Nobody vouches for the user",
            "a session part attaches by the agent's socket, where the system says whose it is",
        )
        .advise("leave control.socket in agent.yaml on, and connect there"));
    };
    let Some((attached, mut frames)) = parts.attach(user) else {
        return Err(Problem::new(
            429,
            "too-many-sessions",
            "Too many session parts",
            format!("{MAX_PARTS} are attached already"),
        ));
    };
    let upgrade = hyper::upgrade::on(&mut request);
    actix_rt::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let (mut reads, mut writes) = tokio::io::split(TokioIo::new(upgraded));
        let writing = async {
            while let Some(frame) = frames.recv().await {
                writes.write_all(&frame.encode()).await?;
            }
            Ok(())
        };
        let reading = async {
            while let Some(frame) = Frame::read(&mut reads).await? {
                attached.heard(frame);
            }
            Ok(())
        };
        let ended: std::io::Result<()> = tokio::select! {
            ended = writing => ended,
            ended = reading => ended,
        };
        if let Err(error) = ended {
            tracing::debug!("a session part broke off: {error}");
        }
    });
    let mut response = Response::new(Full::<Bytes>::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    for (name, value) in [(CONNECTION, "upgrade"), (UPGRADE, PROTOCOL)] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}
