//! `GET /v1/desk/config`: the long poll.
//!
//! `If-None-Match: "GENERATION"` says what the desk has, `Prefer: wait=SECONDS` (RFC 7240 §4.3) how long it would
//! wait for another. Every answer carries `Carillon-Freshness`: a signed 'this is the newest', in base64.

use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, IF_NONE_MATCH};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use carillon_schemas::Generation;

use super::authorization::desk_of;
use crate::metrics::{Metrics, Outcome};
use crate::problem_answer::ProblemAnswer;
use crate::service::Service;

/// The header of the freshness statement.
pub(super) const FRESHNESS: &str = "Carillon-Freshness";

pub(super) async fn config(
    request: HttpRequest,
    service: Data<Service>,
    metrics: Data<Metrics>,
) -> Result<HttpResponse, ProblemAnswer> {
    let done = answer(&request, &service).await;
    metrics.config_fetched(Outcome::of_status(match &done {
        Ok(answer) => answer.status().as_u16(),
        Err(error) => error.problem().status,
    }));
    done
}

async fn answer(request: &HttpRequest, service: &Service) -> Result<HttpResponse, ProblemAnswer> {
    let desk = desk_of(request, service).await?;
    let (has, wait) = (generation_held(request.headers()), wait(request.headers()));
    let pulled = service.pull(&desk.id, has, wait).await?;
    let mut answer = match &pulled.config {
        Some(_) => HttpResponse::Ok(),
        None => HttpResponse::NotModified(),
    };
    answer
        .insert_header((ETAG, format!("\"{}\"", pulled.generation)))
        .insert_header((FRESHNESS, pulled.freshness))
        .insert_header((CACHE_CONTROL, "no-store"));
    Ok(match pulled.config {
        Some(config) => answer
            .insert_header((CONTENT_TYPE, "application/json"))
            .body(config.envelope.to_string()),
        None => answer.finish(),
    })
}

/// The generation in `If-None-Match`; `None` when there is none that is ours.
fn generation_held(headers: &HeaderMap) -> Option<Generation> {
    let text = headers.get(IF_NONE_MATCH)?.to_str().ok()?.trim();
    let text = text.strip_prefix("W/").unwrap_or(text);
    let number = text.strip_prefix('"')?.strip_suffix('"')?;
    number.parse().ok().map(Generation)
}

/// The wait in `Prefer`; none without.
fn wait(headers: &HeaderMap) -> Duration {
    let seconds = headers
        .get_all("Prefer")
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|preference| {
            let (name, value) = preference.split(';').next()?.split_once('=')?;
            let value = value.trim().trim_matches('"');
            name.trim()
                .eq_ignore_ascii_case("wait")
                .then(|| value.parse::<u32>().ok())?
        });
    Duration::from_secs(u64::from(seconds.unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    fn headers(name: &'static str, value: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let name: HeaderName = name.parse().unwrap();
        headers.insert(name, HeaderValue::from_static(value));
        headers
    }

    #[test]
    fn what_the_desk_has_and_how_long_it_waits_are_read_leniently() {
        let held = |value| generation_held(&headers("if-none-match", value));
        assert_eq!(held("\"7\""), Some(Generation(7)));
        assert_eq!(held("W/\"7\""), Some(Generation(7)));
        for none in ["7", "*", "\"x\"", "\"-1\"", "\"99999999999999999999\""] {
            assert_eq!(held(none), None, "{none}");
        }
        let wait = |value| wait(&headers("prefer", value)).as_secs();
        assert_eq!(wait("wait=240"), 240);
        assert_eq!(wait("respond-async, Wait = \"10\"; x=1"), 10);
        for none in ["", "wait", "wait=-1", "wait=x", "waiting=5"] {
            assert_eq!(wait(none), 0, "{none}");
        }
    }
}
