//! More than the server can write: what waits is bounded, what is too much is told to come again, nothing is lost.

use std::time::Duration;

use carillon_schemas::DeskId;
use carillon_schemas::status::StatusReport;
use carillon_server::service::ServiceError;
use carillon_server::store::{SessionRecord, SqliteStore, Store as _};
use reqwest::StatusCode;
use serde_json::json;
use sqlx::{Connection as _, Executor as _, SqliteConnection};

use crate::lab::{Keys, Lab, now, word};

/// Keeps the server from writing.
async fn hold(lab: &Lab) -> SqliteConnection {
    let path = lab.data().database();
    let url = format!("sqlite://{}", path.display());
    let mut other = SqliteConnection::connect(&url).await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    other
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_that_find_the_queue_full_are_told_so_and_the_others_are_stored() {
    let lab = Lab::start().await;
    let desk = lab.desk("desk", "secret").await;
    let service = lab.server.as_ref().unwrap().service();
    let mut other = hold(&lab).await;
    let all = (1..=12_000).map(|sequence| {
        let report = StatusReport {
            boot: "b".into(),
            sequence,
            ..StatusReport::default()
        };
        service.report(&desk.id, report)
    });
    let (answers, ()) = tokio::join!(futures_util::future::join_all(all), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        other.execute("ROLLBACK").await.unwrap();
    });
    let busy = answers
        .iter()
        .filter(|answer| matches!(answer, Err(ServiceError::Busy { .. })))
        .count();
    let stored = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!(busy > 0, "12,000 reports were queued");
    assert_eq!(busy + stored, 12_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn enrolments_at_once_are_bounded() {
    let lab = Lab::start().await;
    let ticket = lab.ticket(json!({ "uses": 1_000 })).await;
    let mut other = hold(&lab).await;
    let all = (0..100).map(|_| async {
        let keys = Keys::new();
        lab.try_enrol(&ticket, &keys).await
    });
    let (answers, ()) = tokio::join!(futures_util::future::join_all(all), async {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        other.execute("ROLLBACK").await.unwrap();
    });
    let busy: Vec<_> = answers
        .iter()
        .filter(|(status, _)| *status == StatusCode::SERVICE_UNAVAILABLE)
        .collect();
    assert!(!busy.is_empty() && busy.iter().all(|(_, answer)| word(answer) == "busy"));
    let enrolled = answers
        .iter()
        .filter(|(status, _)| *status == StatusCode::CREATED)
        .count();
    assert!(enrolled >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_has_so_many_sessions_and_the_newest_is_among_them() {
    let lab = Lab::start().await;
    let store = SqliteStore::open(&lab.data().database()).await.unwrap();
    let session = |n: u32| SessionRecord {
        hash: format!("{:04}", 1_000 - n),
        user: "admin".into(),
        csrf: String::new(),
        expires: carillon_schemas::Timestamp(now().0 + 1_000),
    };
    for n in 0..30 {
        store.open_session(session(n)).await.unwrap();
        let open = store.session(&session(n).hash, now()).await.unwrap();
        assert!(open.is_some(), "session {n}");
    }
    let mut open = 0;
    for n in 0..30 {
        let found = store.session(&session(n).hash, now()).await.unwrap();
        open += usize::from(found.is_some());
    }
    assert_eq!(open, 20);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_of_a_desk_that_was_removed_meanwhile_is_refused() {
    let lab = Lab::start().await;
    let service = lab.server.as_ref().unwrap().service();
    let nobody: DeskId = "00000000000000000000000000000000".parse().unwrap();
    let report = StatusReport {
        boot: "b".into(),
        sequence: 1,
        ..StatusReport::default()
    };
    let refused = service.report(&nobody, report).await.unwrap_err();
    assert!(matches!(refused, ServiceError::DeskUnknown(_)), "{refused}");
}
