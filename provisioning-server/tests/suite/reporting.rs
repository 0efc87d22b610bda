//! Status reports: taken in order, shown, bounded.

use carillon_schemas::status::MAX_STATUS_BYTES;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::lab::{Desk, Lab, word};

fn full(sequence: u64, applied: u64) -> Value {
    json!({
        "boot": "boot-1", "sequence": sequence,
        "agent": {
            "version": "0.1.0", "os": "Debian 12", "host": "pc-7", "started": 1_000, "restarts": 2
        },
        "config": { "applied": applied },
        "accounts": [{
            "id": "main", "address": "sip:1001@127.0.0.1", "state": "registered", "since": 1_001
        }],
        "calls": [{
            "id": "1", "account": "main", "direction": "incoming", "state": "established",
            "peer": "sip:1002@127.0.0.1", "since": 1_002
        }],
        "events": [{ "at": 1_003, "level": "info", "kind": "registered", "text": "main" }],
        "a_key_of_a_newer_agent": true,
    })
}

async fn report(desk: &Desk, body: Value) -> (StatusCode, Value) {
    desk.send(Method::PUT, "/v1/desk/status", body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_shows_with_its_account_call_and_event() {
    let lab = Lab::start().await;
    let desk = lab.desk("desk", "secret").await;
    let mut changes = lab.server.as_ref().unwrap().service().subscribe();
    let (status, answer) = report(&desk, full(1, 1)).await;
    assert_eq!(
        (status, &answer),
        (StatusCode::OK, &json!({ "send_all": false }))
    );
    assert_eq!(changes.recv().await.unwrap().desk, desk.id);
    let page = lab.admin(Method::GET, "desks/desk", None).await;
    let row = &page["row"];
    assert_eq!(row["applied"], 1);
    assert_eq!(row["accounts"][0]["status"]["state"], "registered");
    assert_eq!(row["calls"][0]["peer"], "sip:1002@127.0.0.1");
    assert_eq!(
        (&row["host"], &row["restarts"]),
        (&json!("pc-7"), &json!(2))
    );
    assert_eq!(page["events"][0]["kind"], "registered");
    let metrics = lab.http.get(lab.url("/metrics")).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    for line in [
        "carillon_sip_registrations{state=\"registered\"} 1",
        "carillon_calls_active 1",
        "carillon_desks{state=\"enrolled\"} 1",
        "carillon_enrolments_total{result=\"ok\"} 1",
        "carillon_status_reports_total{result=\"ok\"} 1",
        "carillon_config_fetch_total{result=\"ok\"} 0",
    ] {
        assert!(
            metrics.lines().any(|l| l == line),
            "{line} is not in\n{metrics}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_report_changes_nothing_and_a_new_start_is_asked_for_all() {
    let lab = Lab::start().await;
    let desk = lab.desk("desk", "secret").await;
    report(&desk, full(5, 1)).await;
    let mut old = full(4, 9);
    old["events"][0]["kind"] = json!("never");
    assert_eq!(report(&desk, old).await.0, StatusCode::OK);
    let page = lab.admin(Method::GET, "desks/desk", None).await;
    assert_eq!(page["row"]["applied"], 1);
    assert!(!page["events"].to_string().contains("never"));
    let (_, answer) = report(&desk, json!({ "boot": "boot-2", "sequence": 1 })).await;
    assert_eq!(answer["send_all"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_at_once_are_all_acknowledged_and_the_newest_stays() {
    let lab = Lab::start().await;
    let desk = lab.desk("desk", "secret").await;
    let other = lab.desk("other", "secret").await;
    report(&desk, full(1, 1)).await;
    let many = (2..60).map(|n| {
        let desk = if n % 2 == 0 { &desk } else { &other };
        report(desk, full(n, n))
    });
    for (status, answer) in futures_util::future::join_all(many).await {
        assert_eq!(status, StatusCode::OK, "{answer}");
    }
    let page = lab.admin(Method::GET, "desks/desk", None).await;
    assert_eq!(page["row"]["applied"], 58);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_desk_may_send_and_leave_behind_is_bounded() {
    let lab = Lab::start().await;
    let desk = lab.desk("desk", "secret").await;
    let mut long = full(1, 1);
    long["agent"]["host"] = json!("x".repeat(10_000));
    let (status, refused) = report(&desk, long).await;
    assert_eq!(
        (status, word(&refused)),
        (StatusCode::UNPROCESSABLE_ENTITY, "report-bad")
    );
    let mut large = full(1, 1);
    large["more"] = json!("x".repeat(MAX_STATUS_BYTES));
    let (status, refused) = report(&desk, large).await;
    assert_eq!(
        (status, word(&refused)),
        (StatusCode::PAYLOAD_TOO_LARGE, "body-too-large")
    );
    for sequence in 1..=4 {
        let events: Vec<Value> = (0..200)
            .map(|n| json!({ "at": n, "level": "error", "kind": "k", "text": format!("{sequence}.{n}") }))
            .collect();
        let mut body = full(sequence, 1);
        body["events"] = events.into();
        assert_eq!(report(&desk, body).await.0, StatusCode::OK);
    }
    let page = lab.admin(Method::GET, "desks/desk", None).await;
    let events = page["events"].as_array().unwrap();
    assert_eq!(events.len(), 500);
    assert_eq!(events[0]["text"], "4.199");
}
