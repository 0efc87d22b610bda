//! Reading a request's body: bounded in size and in time, before anything is made of it.

use std::time::Duration;

use actix_web::web::{BytesMut, Payload};
use carillon_schemas::Problem;
use futures_util::StreamExt as _;
use serde::de::DeserializeOwned;

use crate::problem_answer::ProblemAnswer;

/// The longest time a body may take, however slowly it drips.
pub const MAX_TIME: Duration = Duration::from_secs(30);

/// The whole body.
///
/// # Errors
/// When it is larger than `limit`, too slow, or cut off.
pub async fn read(payload: Payload, limit: usize) -> Result<BytesMut, ProblemAnswer> {
    match tokio::time::timeout(MAX_TIME, gather(payload, limit)).await {
        Ok(body) => body,
        Err(_) => Err(Problem::new(
            408,
            "body-too-slow",
            "The body came too slowly",
            format!("it was not there within {} s", MAX_TIME.as_secs()),
        )
        .into()),
    }
}

/// The body as JSON; unknown keys are ignored, as a newer desk may send them.
///
/// # Errors
/// As [`read`], or when it is no such JSON.
pub async fn read_json<T: DeserializeOwned>(
    payload: Payload,
    limit: usize,
) -> Result<T, ProblemAnswer> {
    let body = read(payload, limit).await?;
    serde_json::from_slice(&body).map_err(|e| {
        // The place, not the text: it could hold a secret.
        Problem::new(
            400,
            "body-unreadable",
            "The body cannot be read",
            format!(
                "it is not the JSON wanted here, at line {} column {}",
                e.line(),
                e.column()
            ),
        )
        .into()
    })
}

async fn gather(mut payload: Payload, limit: usize) -> Result<BytesMut, ProblemAnswer> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk
            .map_err(|e| Problem::new(400, "body-cut", "The body was cut off", e.to_string()))?;
        if body.len() + chunk.len() > limit {
            return Err(Problem::new(
                413,
                "body-too-large",
                "The body is too large",
                format!("at most {limit} bytes are read here"),
            )
            .into());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
