//! The history of the local API.

use carillon_schemas::Problem;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::json as object;

use super::api::{Answer, json};
use super::port::AgentPort;
use super::query::{Query, bad};
use crate::desktop::history::{self, ExportError, Format, Kind, LedgerError, Outcome};
use crate::event::AgentEvent;

/// How many are shown when nobody says.
const USUAL: u32 = 50;
/// What narrows a list or export down.
const NARROWING: [&str; 5] = ["search", "kind", "outcome", "before", "limit"];

/// `GET /v1/history?search=&kind=&outcome=&before=&limit=`
pub(super) async fn list(query: Option<&str>, port: &AgentPort) -> Answer {
    let query = wanted(&Query::read(query, &NARROWING)?)?;
    let ledger = &port.books.history;
    let page = ledger.run(move |ledger| ledger.page(&query)).await;
    tell_trouble(port);
    json(StatusCode::OK, &page.map_err(|error| failed(&error))?)
}

/// `GET /v1/history/export?format=csv|json`, with the same narrowing.
pub(super) async fn export(query: Option<&str>, port: &AgentPort) -> Answer {
    let known: Vec<_> = NARROWING.into_iter().chain(["format"]).collect();
    let query = Query::read(query, &known)?;
    let format = query.text("format").unwrap_or("csv");
    let format = Format::of(format).ok_or_else(|| bad("format must be csv or json".into()))?;
    let wanted = wanted(&query)?;
    let ledger = port.books.history.clone();
    let exported = tokio::task::spawn_blocking(move || history::export(&ledger, &wanted, format))
        .await
        .map_err(|error| failed(&LedgerError::Thread(error.to_string())))?
        .map_err(|error| match error {
            ExportError::Ledger(error) => failed(&error),
            ExportError::TooLarge => Problem::new(
                413,
                "export-too-large",
                "The history is too large for one export",
                error.to_string(),
            ),
            ExportError::Json(_) => Problem::new(500, "unexpected", "No export", error.to_string()),
        })?;
    let mut response = Response::new(Full::<Bytes>::from(exported));
    let file = match format {
        Format::Csv => "attachment; filename=\"history.csv\"",
        Format::Json => "attachment; filename=\"history.json\"",
    };
    for (name, value) in [
        (CONTENT_TYPE, format.content_type()),
        (CONTENT_DISPOSITION, file),
        (CACHE_CONTROL, "no-store"),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

/// `DELETE /v1/history` and `DELETE /v1/history/{id}`
pub(super) async fn forget(id: Option<&str>, port: &AgentPort) -> Answer {
    let id = id
        .map(|id| id.parse::<i64>().map_err(|_| no_such_entry(id)))
        .transpose()?;
    let forgotten = port
        .books
        .history
        .run(move |ledger| ledger.forget(id))
        .await
        .map_err(|error| failed(&error))?;
    tell_trouble(port);
    if let (Some(id), 0) = (id, forgotten) {
        return Err(no_such_entry(&id.to_string()));
    }
    port.tell.do_send(AgentEvent::HistoryChanged);
    json(StatusCode::OK, &object!({ "forgotten": forgotten }))
}

fn wanted(query: &Query) -> Result<history::Query, Problem> {
    let word = |name: &str| query.text(name).map(str::to_owned);
    let kind = word("kind")
        .map(|word| Kind::of(&word).ok_or_else(|| bad("kind must be call or message".into())))
        .transpose()?;
    let outcome = word("outcome")
        .map(|word| {
            Outcome::of(&word).ok_or_else(|| {
                bad("outcome must be one that entries have, such as missed or answered".into())
            })
        })
        .transpose()?;
    Ok(history::Query {
        search: word("search"),
        kind,
        outcome,
        before: query.value("before")?,
        limit: query.value("limit")?.unwrap_or(USUAL),
    })
}

/// What a reader found broken is told to everybody.
fn tell_trouble(port: &AgentPort) {
    if let Some(text) = port.books.history.take_trouble() {
        port.tell.do_send(AgentEvent::HistoryTrouble { text });
    }
}

fn failed(error: &LedgerError) -> Problem {
    Problem::new(
        500,
        "history-unusable",
        "The history cannot be used now",
        error.to_string(),
    )
}

fn no_such_entry(id: &str) -> Problem {
    let id: String = id.chars().take(40).collect();
    Problem::new(
        404,
        "no-such-entry",
        "Not in the history",
        format!("there is no entry {id:?}; it may be too old to be kept"),
    )
}
