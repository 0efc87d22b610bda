//! Keeps a page true while it is looked at: one stream of server-sent events a page (WHATWG HTML §9.2).
//!
//! Each event replaces one element: its id on the first line of the data, then the element, rendered by the template
//! that rendered it in the page. What was sent before is remembered and not sent again; changes that come close
//! together are sent as one. A stream ends with its session. Streams are bounded in number, and each holds no more
//! than one page of rows.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_ENCODING, ContentEncoding, RETRY_AFTER};
use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use carillon_schemas::DeskId;
use futures_util::{Stream, stream};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};
use tokio::time::{Instant as Deadline, sleep, timeout_at};

use super::clock::Clock;
use super::desk_view::DeskView;
use super::fleet_snapshot::FleetSnapshot;
use super::headers;
use super::list_query::ListQuery;
use super::list_view::{CountsPartial, ListPartial, ListView};
use super::row_view::RowPartial;
use super::session::SignedIn;
use super::trouble::Trouble;
use crate::service::{FleetChange, Service, ServiceError};

/// The most streams of one worker at once. A hidden tab holds none.
const MAX_STREAMS: usize = 100;
/// The longest silence of a stream: what proxies and a half-open connection need, and when "offline" is looked at anew.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// Pause between two sendings of one desk.
const DESK_PACE: Duration = Duration::from_millis(150);
/// Tells the page that its session or its desk is no more: it loads itself again.
const ENDED: &str = "event: ended\ndata: ended\n\n";

/// How many streams may still open.
pub(super) struct Streams(Arc<Semaphore>);

impl Default for Streams {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_STREAMS)))
    }
}

/// `GET /portal/events?…`: the list of desks as the query shows it.
pub(super) async fn list_events(
    request: HttpRequest,
    service: Data<Service>,
    fleet: Data<FleetSnapshot>,
    streams: Data<Streams>,
) -> Result<HttpResponse, Trouble> {
    let query = ListQuery::read(request.query_string());
    let seen = ListSeen {
        service: Data::clone(&service),
        fleet,
        query,
        before: None,
    };
    open(&request, service, &streams, None, Seen::List(seen)).await
}

/// `GET /portal/events/{desk}`: one desk.
pub(super) async fn desk_events(
    request: HttpRequest,
    service: Data<Service>,
    streams: Data<Streams>,
    desk: Path<String>,
) -> Result<HttpResponse, Trouble> {
    let desk: DeskId = desk.parse().map_err(|_| Trouble::NotFound)?;
    let seen = DeskSeen {
        service: Data::clone(&service),
        desk: desk.clone(),
        before: None,
    };
    open(
        &request,
        service,
        &streams,
        Some(desk),
        Seen::Desk(Box::new(seen)),
    )
    .await
}

async fn open(
    request: &HttpRequest,
    service: Data<Service>,
    streams: &Streams,
    desk: Option<DeskId>,
    seen: Seen,
) -> Result<HttpResponse, Trouble> {
    // Signed up before the first look, so that no change falls between.
    let changes = service.subscribe();
    let Some(session) = SignedIn::of(request, &service).await? else {
        return Ok(event_stream(stream::iter([Ok(Bytes::from_static(
            ENDED.as_bytes(),
        ))])));
    };
    let Ok(permit) = Arc::clone(&streams.0).try_acquire_owned() else {
        return Ok(headers::answer(StatusCode::SERVICE_UNAVAILABLE)
            .insert_header((RETRY_AFTER, "30"))
            .body("Too many pages are open at once. This one is not live; reload it for news."));
    };
    let watch = Watch {
        service,
        session,
        changes,
        desk,
        seen,
        pace: Duration::ZERO,
        over: false,
        _permit: permit,
    };
    let queue = VecDeque::from([Bytes::from_static(b": the stream begins\n\n")]);
    Ok(event_stream(stream::unfold(
        (watch, queue, true),
        |(mut watch, mut queue, first)| async move {
            if let Some(next) = queue.pop_front() {
                return Some((Ok(next), (watch, queue, first)));
            }
            let sent = watch.next(first).await?;
            Some((Ok(sent), (watch, queue, false)))
        },
    )))
}

fn event_stream(
    events: impl Stream<Item = Result<Bytes, actix_web::Error>> + 'static,
) -> HttpResponse {
    headers::answer(StatusCode::OK)
        .content_type("text/event-stream; charset=utf-8")
        // A compressor or a buffering proxy would hold events back.
        .insert_header((CONTENT_ENCODING, ContentEncoding::Identity))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(events)
}

/// One open stream.
struct Watch {
    service: Data<Service>,
    session: SignedIn,
    changes: broadcast::Receiver<FleetChange>,
    /// The one desk that matters; all, when absent.
    desk: Option<DeskId>,
    seen: Seen,
    pace: Duration,
    over: bool,
    _permit: OwnedSemaphorePermit,
}

impl Watch {
    /// The next piece of the stream; `None` when it is over.
    async fn next(&mut self, first: bool) -> Option<Bytes> {
        if self.over {
            return None;
        }
        if !first {
            self.news().await?;
        }
        match self.session.still_holds(&self.service).await {
            Ok(true) => {}
            Ok(false) => return Some(self.end()),
            Err(error) => return self.fail(&error),
        }
        let looked = match &mut self.seen {
            Seen::List(list) => list.look().await,
            Seen::Desk(desk) => desk.look().await,
        };
        match looked {
            Ok(Look::Swaps { text, pace }) => {
                self.pace = pace;
                // Nothing changed: a comment, so that a dead connection is found out.
                Some(Bytes::from(if text.is_empty() {
                    ": quiet\n\n".to_owned()
                } else {
                    text
                }))
            }
            Ok(Look::Gone) => Some(self.end()),
            Err(error) => self.fail(&error),
        }
    }

    /// Waits for a change that matters, or the heartbeat; `None` when the service is gone.
    async fn news(&mut self) -> Option<()> {
        let end = Deadline::now() + HEARTBEAT;
        loop {
            match timeout_at(end, self.changes.recv()).await {
                Err(_) => return Some(()),
                Ok(Err(RecvError::Closed)) => return None,
                Ok(Ok(change)) if self.desk.as_ref().is_some_and(|desk| *desk != change.desk) => {}
                // Who lags looks at everything anew, which is what follows.
                Ok(Ok(_) | Err(RecvError::Lagged(_))) => break,
            }
        }
        sleep(self.pace).await;
        // What came meanwhile is part of the same look.
        self.changes = self.changes.resubscribe();
        Some(())
    }

    fn end(&mut self) -> Bytes {
        self.over = true;
        Bytes::from_static(ENDED.as_bytes())
    }

    /// Ends the stream without a word: the page tries again after a while.
    fn fail(&mut self, error: &dyn std::error::Error) -> Option<Bytes> {
        tracing::warn!(%error, "a live page could not be looked at anew");
        self.over = true;
        None
    }
}

/// What a stream shows.
enum Seen {
    List(ListSeen),
    Desk(Box<DeskSeen>),
}

/// What came of looking.
enum Look {
    /// What differs from before.
    Swaps { text: String, pace: Duration },
    /// The desk is no more.
    Gone,
}

/// Why looking failed.
#[derive(Debug, thiserror::Error)]
enum LookError {
    #[error(transparent)]
    Service(#[from] ServiceError),
    #[error(transparent)]
    Template(#[from] askama::Error),
}

struct ListSeen {
    service: Data<Service>,
    fleet: Data<FleetSnapshot>,
    query: ListQuery,
    before: Option<ListView>,
}

impl ListSeen {
    async fn look(&mut self) -> Result<Look, LookError> {
        let (rows, pace) = self.fleet.rows(&self.service, Instant::now()).await?;
        let now = Clock::now();
        let list = ListView::of(&rows, self.query.clone(), now.time());
        let text = list_swaps(self.before.as_ref(), &list, now)?;
        self.before = Some(list);
        Ok(Look::Swaps { text, pace })
    }
}

struct DeskSeen {
    service: Data<Service>,
    desk: DeskId,
    before: Option<DeskView>,
}

impl DeskSeen {
    async fn look(&mut self) -> Result<Look, LookError> {
        let Some(page) = self.service.desk(&self.desk).await? else {
            return Ok(Look::Gone);
        };
        let now = Clock::now();
        let desk = DeskView::of(&page, now.time());
        let mut text = String::new();
        for (id, html) in desk.changed_sections(self.before.as_ref(), now)? {
            swap(&mut text, id, &html);
        }
        self.before = Some(desk);
        Ok(Look::Swaps {
            text,
            pace: DESK_PACE,
        })
    }
}

/// The events that turn one view of the list into the next.
fn list_swaps(before: Option<&ListView>, list: &ListView, now: Clock) -> askama::Result<String> {
    let mut text = String::new();
    if !before.is_some_and(|before| before.has_same_counts(list)) {
        swap(&mut text, "counts", &CountsPartial { list }.render()?);
    }
    match before.filter(|before| before.has_same_desks(list)) {
        None => swap(&mut text, "list", &ListPartial { list, now }.render()?),
        Some(before) => {
            for (_, row) in before
                .rows
                .iter()
                .zip(&list.rows)
                .filter(|(old, new)| old != new)
            {
                swap(
                    &mut text,
                    &row.element_id(),
                    &RowPartial { row, now }.render()?,
                );
            }
        }
    }
    Ok(text)
}

/// Writes one event. Every line of the data is its own field, whatever ends it: text from a desk cannot begin another.
fn swap(out: &mut String, id: &str, html: &str) {
    out.push_str("event: swap\ndata: ");
    out.push_str(id);
    out.push('\n');
    for line in html.trim().split(['\n', '\r']) {
        out.push_str("data: ");
        out.push_str(line);
        out.push('\n');
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portal::samples::{self, NOW};

    #[test]
    fn a_row_that_changed_is_sent_alone() {
        let now = Clock::at(NOW);
        let mut fleet = vec![samples::row("A"), samples::row("B")];
        let view =
            |fleet: &[crate::service::DeskRow]| ListView::of(fleet, ListQuery::read(""), NOW);
        let first = view(&fleet);
        let all = list_swaps(None, &first, now).unwrap();
        assert_eq!(all.matches("event: swap").count(), 2);
        assert!(all.contains("data: counts\n") && all.contains("data: list\n"));
        assert_eq!(list_swaps(Some(&first), &first, now).unwrap(), "");

        fleet[1].calls.clear();
        let second = view(&fleet);
        let changed = list_swaps(Some(&first), &second, now).unwrap();
        assert!(changed.contains(&format!(
            "event: swap\ndata: {}\ndata: <tr",
            second.rows[1].element_id()
        )));
        assert!(!changed.contains(&second.rows[0].element_id()));

        fleet.push(samples::row("C"));
        assert!(
            list_swaps(Some(&second), &view(&fleet), now)
                .unwrap()
                .contains("data: list\n")
        );
    }

    #[test]
    fn no_text_can_begin_an_event_of_its_own() {
        let mut out = String::new();
        swap(
            &mut out,
            "desk-head",
            "<p>a\r\nevent: ended\n\ndata: x\rid: 7</p>",
        );
        assert_eq!(out.matches("\n\n").count(), 1);
        assert!(
            out.lines()
                .skip(1)
                .all(|line| line.is_empty() || line.starts_with("data: ")),
            "{out}"
        );
    }
}
