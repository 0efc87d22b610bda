//! Enrolment: what a ticket gives, to whom, how often; and what a stranger gets.

use carillon_schemas::enrolment::MAX_ENROL_BYTES;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::lab::{Keys, Lab, enrolment, word};

#[tokio::test(flavor = "multi_thread")]
async fn a_desk_gets_its_waiting_accounts_with_the_first_generation() {
    let lab = Lab::start().await;
    let desk = lab.desk("3F-12", "correct horse").await;
    let polled = desk.poll(None, 0).await;
    assert_eq!(
        (polled.status, polled.etag.as_str()),
        (StatusCode::OK, "\"1\"")
    );
    let config = polled.config.unwrap();
    assert_eq!(config.desk, desk.id);
    assert_eq!(config.name, "3F-12");
    assert_eq!(desk.password(&config).as_deref(), Some("correct horse"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_without_a_desk_makes_a_desk_for_each_host() {
    let lab = Lab::start().await;
    let ticket = lab.ticket(json!({ "uses": 2 })).await;
    let (one, other) = (lab.enrol(&ticket).await, lab.enrol(&ticket).await);
    assert_ne!(one.id, other.id);
    let desks = lab.admin(Method::GET, "desks", None).await;
    let names: Vec<_> = desks
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d["name"].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), 2);
    assert!(
        names.iter().all(|name| name.starts_with("host-1")),
        "{names:?}"
    );
    assert!(one.poll(None, 0).await.config.unwrap().accounts.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_enrolment_again_gives_the_same_desk_and_no_second_use() {
    let lab = Lab::start().await;
    let ticket = lab.ticket(json!({})).await;
    let keys = Keys::new();
    let (first, answer) = lab.try_enrol(&ticket, &keys).await;
    let (second, again) = lab.try_enrol(&ticket, &keys).await;
    assert_eq!((first, second), (StatusCode::CREATED, StatusCode::OK));
    assert_eq!(answer, again);
    let (status, refused) = lab.try_enrol(&ticket, &Keys::new()).await;
    assert_eq!(
        (status, word(&refused)),
        (StatusCode::FORBIDDEN, "ticket-used-up")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_use_is_one_desk_however_many_ask_at_once() {
    let lab = Lab::start().await;
    let ticket = lab.ticket(json!({ "uses": 3 })).await;
    let all = (0..12).map(|_| async {
        let keys = Keys::new();
        lab.try_enrol(&ticket, &keys).await
    });
    let answers = futures_util::future::join_all(all).await;
    let enrolled = answers
        .iter()
        .filter(|(s, _)| *s == StatusCode::CREATED)
        .count();
    assert_eq!(enrolled, 3, "{answers:?}");
    for (_, refused) in answers.iter().filter(|(s, _)| *s != StatusCode::CREATED) {
        assert!(
            ["ticket-used-up", "conflict"].contains(&word(refused)),
            "{refused}"
        );
    }
    let desks = lab.admin(Method::GET, "desks", None).await;
    assert_eq!(desks.as_array().unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_expired_and_unproved_each_have_their_own_word() {
    let lab = Lab::start().await;
    let ticket = lab.ticket(json!({ "expires_in": 1, "uses": 9 })).await;
    let keys = Keys::new();
    let mut stolen = enrolment(ticket.token(), &keys);
    stolen.keys = Keys::new().public;
    let (status, refused) = lab.send_enrolment(&stolen).await;
    assert_eq!(
        (status, word(&refused)),
        (StatusCode::FORBIDDEN, "proof-bad")
    );
    let mut junk = enrolment(ticket.token(), &keys);
    junk.keys.sealing = "junk".into();
    let (status, refused) = lab.send_enrolment(&junk).await;
    assert_eq!(
        (status, word(&refused)),
        (StatusCode::UNPROCESSABLE_ENTITY, "key-bad")
    );
    let (status, refused) = lab.send_enrolment(&enrolment("no such token", &keys)).await;
    assert_eq!(
        (status, word(&refused)),
        (StatusCode::FORBIDDEN, "ticket-unknown")
    );
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let (status, refused) = lab.try_enrol(&ticket, &keys).await;
    assert_eq!(
        (status, word(&refused)),
        (StatusCode::FORBIDDEN, "ticket-expired")
    );
    assert!(!refused.to_string().contains(ticket.token()));
    let log = lab.admin(Method::GET, "audit", None).await;
    let noted: Vec<_> = log
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["action"] == "enrolment_refused")
        .map(|entry| entry["detail"].as_str().unwrap())
        .collect();
    assert_eq!(noted.len(), 3, "{noted:?}");
    for (detail, reason) in noted.iter().zip(["proof-bad", "key-bad", "ticket-expired"]) {
        assert!(
            detail.contains(reason) && detail.contains("host-1"),
            "{detail}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_bounded_and_junk_is_not_echoed() {
    let lab = Lab::start().await;
    let send = |body: String| lab.http.post(lab.url("/v1/enrol")).body(body).send();
    let large = send(" ".repeat(MAX_ENROL_BYTES + 1)).await.unwrap();
    assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let junk = send(r#"{"token": ["hunter2"]}"#.into()).await.unwrap();
    assert_eq!(junk.status(), StatusCode::BAD_REQUEST);
    assert_eq!(junk.headers()["content-type"], "application/problem+json");
    assert!(!junk.text().await.unwrap().contains("hunter2"));
    let wrong = lab.http.get(lab.url("/v1/enrol")).send().await.unwrap();
    assert_eq!(wrong.status(), StatusCode::METHOD_NOT_ALLOWED);
    let nowhere = lab.http.get(lab.url("/v1/nowhere")).send().await.unwrap();
    assert_eq!(nowhere.status(), StatusCode::NOT_FOUND);
    assert_eq!(
        nowhere.headers()["content-type"],
        "application/problem+json"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_fails_too_often_must_wait() {
    let lab = Lab::start().await;
    let keys = Keys::new();
    let mut last = StatusCode::OK;
    for _ in 0..200 {
        let answer = lab
            .http
            .post(lab.url("/v1/enrol"))
            .json(&enrolment("guess", &keys))
            .send()
            .await
            .unwrap();
        last = answer.status();
        if last == StatusCode::SERVICE_UNAVAILABLE {
            assert!(answer.headers().contains_key("retry-after"));
            return;
        }
    }
    panic!("200 guesses were answered, the last with {last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_ticket_for_an_enrolled_desk_voids_the_old_keys() {
    let lab = Lab::start().await;
    let old = lab.desk("desk", "secret").await;
    let ticket = lab.ticket(json!({ "desk": "desk" })).await;
    let new = lab.enrol(&ticket).await;
    assert_eq!(old.id, new.id);
    let (status, refused) = old.refused(&old.token()).await;
    assert_eq!(
        (status, refused.as_str()),
        (StatusCode::UNAUTHORIZED, "token-bad")
    );
    let config = new.poll(None, 0).await.config.unwrap();
    assert_eq!(config.generation.0, 2);
    assert_eq!(new.password(&config).as_deref(), Some("secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn rotated_keys_take_over_and_the_next_generation_is_sealed_to_them() {
    let lab = Lab::start().await;
    let mut desk = lab.desk("desk", "secret").await;
    let new = Keys::new();
    let body = json!({ "keys": new.public, "proof": Keys::new().proof(desk.id.as_str()) });
    let (status, refused) = desk.send(Method::POST, "/v1/desk/keys", body).await;
    assert_eq!(
        (status, word(&refused)),
        (StatusCode::FORBIDDEN, "proof-bad")
    );
    let body = json!({ "keys": new.public, "proof": new.proof(desk.id.as_str()) });
    let (status, _) = desk.send(Method::POST, "/v1/desk/keys", body).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (_, refused) = desk.refused(&desk.token()).await;
    assert_eq!(refused, "token-bad");
    desk.keys = new;
    let config = desk.poll(Some(1), 0).await.config.unwrap();
    assert_eq!(config.generation.0, 2);
    assert_eq!(desk.password(&config).as_deref(), Some("secret"));
}
