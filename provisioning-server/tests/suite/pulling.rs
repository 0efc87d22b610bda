//! The long poll: what wakes it, what it answers, and whose token it takes.

use std::time::{Duration, Instant};

use carillon_schemas::{Problem, Timestamp};
use reqwest::{Method, StatusCode};

use crate::lab::{Keys, Lab, now, token};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_new_is_said_with_a_signed_freshness() {
    let lab = Lab::start().await;
    let desk = lab.desk("desk", "secret").await;
    let polled = desk.poll(Some(1), 0).await;
    assert_eq!(polled.status, StatusCode::NOT_MODIFIED);
    assert_eq!(polled.freshness.desk, desk.id);
    assert_eq!(polled.freshness.generation.0, 1);
    assert_eq!(polled.freshness.root_version, 1);
    assert!(polled.freshness.expires > now());
    let polled = desk.poll(Some(1), 1).await;
    assert_eq!(polled.status, StatusCode::NOT_MODIFIED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publish_wakes_the_desk_it_is_for_and_no_other() {
    let lab = Lab::start().await;
    let one = lab.desk("one", "secret").await;
    let other = lab.desk("other", "secret").await;
    let (news, nothing, ()) = tokio::join!(one.poll(Some(1), 60), other.poll(Some(1), 2), async {
        lab.waiting(2).await;
        lab.set_password("one", "changed").await;
    });
    assert_eq!(news.etag, "\"2\"");
    let config = news.config.unwrap();
    assert_eq!(one.password(&config).as_deref(), Some("changed"));
    assert_eq!(other.password(&config), None);
    assert_eq!(nothing.status, StatusCode::NOT_MODIFIED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_changes_nothing_is_no_generation() {
    let lab = Lab::start().await;
    let desk = lab.desk("desk", "secret").await;
    let account = serde_json::json!({ "id": "main", "address": "sip:1001@127.0.0.1" });
    let row = lab
        .admin(Method::PUT, "desks/desk/accounts/main", Some(account))
        .await;
    assert_eq!(row["wanted"], 1);
    let config = desk.poll(None, 0).await.config.unwrap();
    assert_eq!(desk.password(&config).as_deref(), Some("secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_taken_once() {
    let lab = Lab::start().await;
    let desk = lab.desk("desk", "secret").await;
    let once = desk.token();
    assert_eq!(desk.ask(&once, None, 0).await.status(), StatusCode::OK);
    let (status, word) = desk.refused(&once).await;
    assert_eq!(
        (status, word.as_str()),
        (StatusCode::UNAUTHORIZED, "token-replayed")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn another_desks_key_another_fleet_and_another_time_are_refused() {
    let lab = Lab::start().await;
    let desk = lab.desk("desk", "secret").await;
    let thief = lab.desk("thief", "secret").await;
    let (_, word) = desk.refused(&token(&desk.claims(), &thief.keys)).await;
    assert_eq!(word, "token-bad");
    let (_, word) = desk.refused(&token(&desk.claims(), &Keys::new())).await;
    assert_eq!(word, "token-bad");
    let mut elsewhere = desk.claims();
    elsewhere.aud = "another fleet".into();
    let (_, word) = desk.refused(&token(&elsewhere, &desk.keys)).await;
    assert_eq!(word, "token-bad");
    let mut late = desk.claims();
    late.iat = Timestamp(late.iat.0 - 200);
    late.exp = Timestamp(late.iat.0 + 60);
    let (_, word) = desk.refused(&token(&late, &desk.keys)).await;
    assert_eq!(word, "token-out-of-time");
    let (status, word) = desk.refused("junk").await;
    assert_eq!(
        (status, word.as_str()),
        (StatusCode::UNAUTHORIZED, "token-bad")
    );
    let mut nobody = desk.claims();
    nobody.iss = "00000000000000000000000000000000".parse().unwrap();
    let (_, word) = desk.refused(&token(&nobody, &desk.keys)).await;
    assert_eq!(word, "desk-unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn revoking_and_removing_a_desk_end_its_poll_at_once() {
    let lab = Lab::start().await;
    for (name, method, path, status, word) in [
        (
            "one",
            Method::POST,
            "desks/one/revoke",
            StatusCode::FORBIDDEN,
            "desk-revoked",
        ),
        (
            "two",
            Method::DELETE,
            "desks/two",
            StatusCode::UNAUTHORIZED,
            "desk-unknown",
        ),
    ] {
        let desk = lab.desk(name, "secret").await;
        let own = desk.token();
        let (answer, ()) = tokio::join!(desk.ask(&own, Some(1), 60), async {
            lab.waiting(1).await;
            lab.admin(method, path, None).await;
        });
        assert_eq!(answer.status(), status);
        assert_eq!(answer.json::<Problem>().await.unwrap().word(), word);
        let (_, later) = desk.refused(&desk.token()).await;
        assert_eq!(later, word);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_answers_the_polls_that_wait() {
    let mut lab = Lab::start().await;
    let desk = lab.desk("desk", "secret").await;
    let poll = tokio::spawn(async move { desk.poll(Some(1), 300).await.status });
    lab.waiting(1).await;
    lab.stop().await;
    assert_eq!(poll.await.unwrap(), StatusCode::NOT_MODIFIED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_desk_holds_few_polls_and_one_that_has_gone_holds_none() {
    let lab = Lab::start().await;
    let desk = std::sync::Arc::new(lab.desk("desk", "secret").await);
    let mut polls = Vec::new();
    for waiting in [1, 2, 2] {
        let desk = std::sync::Arc::clone(&desk);
        polls.push(tokio::spawn(
            async move { desk.poll(Some(1), 300).await.status },
        ));
        lab.waiting(waiting).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let first = polls.remove(0).await.unwrap();
    assert_eq!(first, StatusCode::NOT_MODIFIED);
    for poll in polls {
        poll.abort();
    }
    drop(desk);
    lab.waiting(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_root_is_public_and_the_one_that_tickets_pin() {
    let lab = Lab::start().await;
    let ticket = lab.ticket(serde_json::json!({})).await;
    let get = |n: &str| {
        lab.http
            .get(lab.url(&format!("/v1/trust/roots/{n}")))
            .send()
    };
    let envelope: carillon_schemas::Envelope = get("1").await.unwrap().json().await.unwrap();
    let payload = envelope.unverified_payload().unwrap();
    assert_eq!(
        carillon_schemas::trust::root_fingerprint(&payload),
        ticket.root
    );
    for none in ["2", "x", "-1"] {
        assert_eq!(get(none).await.unwrap().status(), StatusCode::NOT_FOUND);
    }
}

/// Says how long it takes on this machine; asserts nothing about it.
#[tokio::test(flavor = "multi_thread")]
async fn how_long_from_the_admins_call_to_the_polls_answer() {
    let lab = Lab::start().await;
    let desk = lab.desk("desk", "secret").await;
    let mut took = Vec::new();
    for generation in 1..=40 {
        let (at_desk, asked) = tokio::join!(
            async {
                let polled = desk.poll(Some(generation), 60).await;
                assert_eq!(polled.config.unwrap().generation.0, generation + 1);
                Instant::now()
            },
            async {
                lab.waiting(1).await;
                let asked = Instant::now();
                lab.set_password("desk", &format!("secret {generation}"))
                    .await;
                asked
            }
        );
        took.push(at_desk.duration_since(asked));
    }
    took.sort();
    println!(
        "publish: from the admin's call to the configuration verified at the desk: median {:?}, 95 % {:?}, longest {:?}",
        took[took.len() / 2],
        took[took.len() * 95 / 100],
        took[took.len() - 1]
    );
}
