//! The admin API: who may, what is refused and how, and that no secret comes back.

use carillon_server::fleet::AuditEntry;
use carillon_server::fleet::audit::{self, GENESIS};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::lab::{Lab, word};

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_described_is_there_and_wants_a_token() {
    let lab = Lab::start().await;
    let document = lab.admin(Method::GET, "openapi.json", None).await;
    let mut operations = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            operations += 1;
            let method: Method = method.to_uppercase().parse().unwrap();
            for token in ["", "wrong"] {
                let mut request = lab.http.request(method.clone(), lab.url(path));
                if !token.is_empty() {
                    request = request.bearer_auth(token);
                }
                let answer = request.send().await.unwrap();
                assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{method} {path}");
                let problem: Value = answer.json().await.unwrap();
                assert_eq!(word(&problem), "admin-token-bad", "{method} {path}");
            }
        }
    }
    assert!(operations >= 17, "{operations}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_to_read_changes_nothing_and_one_withdrawn_opens_nothing() {
    let lab = Lab::start().await;
    let wanted = json!({ "name": "prometheus", "scope": "read" });
    let made = lab.admin(Method::POST, "tokens", Some(wanted)).await;
    let token = made["token"].as_str().unwrap();
    let ask = |method, path: &str| {
        lab.http
            .request(method, lab.url(&format!("/v1/admin/{path}")))
            .bearer_auth(token)
            .json(&json!({ "name": "desk" }))
            .send()
    };
    assert_eq!(
        ask(Method::GET, "desks").await.unwrap().status(),
        StatusCode::OK
    );
    let refused = ask(Method::POST, "desks").await.unwrap();
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    let through_a_proxy = |token: Option<&str>| {
        let request = lab
            .http
            .get(lab.url("/metrics"))
            .header("X-Forwarded-For", "192.0.2.1");
        match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
        .send()
    };
    assert_eq!(
        through_a_proxy(Some(token)).await.unwrap().status(),
        StatusCode::OK
    );
    assert_eq!(
        through_a_proxy(None).await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
    let listed = lab.admin(Method::GET, "tokens", None).await;
    assert!(!listed.to_string().contains(token));
    let path = format!("tokens/{}", made["record"]["id"].as_str().unwrap());
    lab.admin(Method::DELETE, &path, None).await;
    assert_eq!(
        ask(Method::GET, "desks").await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
    let (status, _) = lab.try_admin(Method::DELETE, &path, None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_comes_back_in_no_answer_and_lies_in_no_file() {
    let lab = Lab::start().await;
    let desk = lab.desk("desk", "c0rrect-h0rse").await;
    lab.set_password("desk", "batt3ry-st4ple").await;
    let config = desk.poll(None, 0).await.config.unwrap();
    assert_eq!(desk.password(&config).as_deref(), Some("batt3ry-st4ple"));
    let secrets = ["c0rrect-h0rse", "batt3ry-st4ple"];
    for path in ["desks", "desks/desk", "audit", "export", "tickets", "fleet"] {
        let answer = lab.admin(Method::GET, path, None).await.to_string();
        assert!(
            secrets.iter().all(|s| !answer.contains(s)),
            "{path}: {answer}"
        );
    }
    let mut files = 0;
    for entry in std::fs::read_dir(lab.data().path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        files += 1;
        for secret in secrets {
            let found = bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
            assert!(!found);
        }
    }
    assert!(files > 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_admin_sends_is_read_strictly() {
    let lab = Lab::start().await;
    lab.admin(Method::POST, "desks", Some(json!({ "name": "desk" })))
        .await;
    let put = |body| lab.try_admin(Method::PUT, "desks/desk/accounts/main", Some(body));
    let (status, refused) = put(json!({
        "id": "main", "address": "sip:1001@pbx", "pasword": "x"
    }))
    .await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        refused["detail"]
            .as_str()
            .unwrap()
            .contains("did you mean \"password\""),
        "{refused}"
    );
    let (status, refused) = put(json!({ "id": "main", "address": "1001" })).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        refused["detail"].as_str().unwrap().contains("1001"),
        "{refused}"
    );
    let (status, _) = put(json!({ "id": "other", "address": "sip:1001@pbx" })).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let (status, _) = lab
        .try_admin(Method::POST, "desks", Some(json!({ "name": " x" })))
        .await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let (status, taken) = lab
        .try_admin(Method::POST, "desks", Some(json!({ "name": "desk" })))
        .await;
    assert_eq!(
        (status, word(&taken)),
        (StatusCode::CONFLICT, "desk-exists")
    );
    let path = "desks/desk/accounts/none/password";
    let (status, none) = lab
        .try_admin(Method::PUT, path, Some(json!({ "password": "x" })))
        .await;
    assert_eq!(
        (status, word(&none)),
        (StatusCode::NOT_FOUND, "account-not-found")
    );
    for wanted in [
        json!({ "expires_in": 0 }),
        json!({ "uses": 0 }),
        json!({ "desk": "desk", "uses": 2 }),
    ] {
        let (status, _) = lab.try_admin(Method::POST, "tickets", Some(wanted)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let (status, _) = lab
        .try_admin(Method::POST, "tickets", Some(json!({ "desk": "none" })))
        .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_desk_may_have_any_name_and_be_found_by_it() {
    let lab = Lab::start().await;
    for (name, path) in [
        ("3F/12 ü", "desks/3F%2F12%20%C3%BC"),
        ("a%2Fb", "desks/a%252Fb"),
    ] {
        lab.admin(Method::POST, "desks", Some(json!({ "name": name })))
            .await;
        let page = lab.admin(Method::GET, path, None).await;
        assert_eq!(page["row"]["name"], name);
        lab.admin(Method::DELETE, path, None).await;
        assert_eq!(
            lab.try_admin(Method::GET, path, None).await.0,
            StatusCode::NOT_FOUND
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_done_is_in_the_audit_log_and_the_log_holds_together() {
    let lab = Lab::start().await;
    let desk = lab.desk("desk", "secret").await;
    lab.set_password("desk", "other").await;
    lab.admin(Method::DELETE, "desks/desk/accounts/main", None)
        .await;
    lab.admin(Method::POST, "desks/desk/revoke", None).await;
    lab.admin(Method::DELETE, "desks/desk", None).await;
    let service = lab.server.as_ref().unwrap().service();
    let entries: Vec<AuditEntry> = service.audit(0, 1_000).await.unwrap();
    audit::verify(1, GENESIS, &entries).unwrap();
    let actions: Vec<_> = entries.iter().map(|e| e.action.as_str()).collect();
    assert_eq!(
        actions,
        [
            "fleet_founded",
            "desk_added",
            "account_set",
            "ticket_made",
            "desk_enrolled",
            "password_set",
            "account_removed",
            "desk_revoked",
            "desk_removed"
        ]
    );
    assert!(entries[4].actor.starts_with("ticket:"));
    assert_eq!(entries[4].address.as_deref(), Some("127.0.0.1"));
    assert!(entries[4].detail.contains(desk.id.as_str()));
    let page = lab.admin(Method::GET, "audit?after=7&limit=1", None).await;
    assert_eq!(page[0]["seq"], 8);
    let (status, _) = lab.try_admin(Method::GET, "audit?aftr=7", None).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread")]
async fn admins_at_the_same_desk_at_once_lose_nothing() {
    let lab = Lab::start().await;
    let desk = lab.desk("desk", "secret").await;
    let all = (0..4).map(|n| {
        let account = json!({ "id": format!("line{n}"), "address": format!("sip:{n}@127.0.0.1") });
        let lab = &lab;
        async move {
            let path = format!("desks/desk/accounts/line{n}");
            lab.admin(Method::PUT, &path, Some(account)).await;
        }
    });
    futures_util::future::join_all(all).await;
    let config = desk.poll(None, 0).await.config.unwrap();
    assert_eq!((config.accounts.len(), config.generation.0), (5, 5));
}
