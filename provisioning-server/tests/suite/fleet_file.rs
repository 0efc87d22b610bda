//! `fleet.yaml` in and out.

use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::lab::Lab;

const FLEET: &str = "
defaults:
  media: { ptime_ms: 20 }
  contacts: [{ name: Reception, number: '100' }]
desks:
  - name: one
    accounts:
      - { id: main, address: 'sip:1001@pbx', password: first-secret }
      - { id: second, address: 'sip:1003@pbx' }
  - name: two
    accounts: [{ id: main, address: 'sip:1002@pbx', password: other-secret }]
    media: { ptime_ms: 10 }
";

async fn apply(lab: &Lab, query: &str, yaml: &str) -> (StatusCode, Value) {
    let answer = lab
        .http
        .post(lab.url(&format!("/v1/admin/apply?{query}")))
        .bearer_auth(lab.admin_token())
        .body(yaml.to_owned())
        .send()
        .await
        .unwrap();
    (answer.status(), answer.json().await.unwrap())
}

fn changes(applied: &Value) -> Vec<String> {
    let changes = applied["diff"]["changes"].as_array().unwrap();
    changes
        .iter()
        .map(|c| {
            let part = |key: &str| c[key].as_str().unwrap_or_default().to_owned();
            format!("{} {} {}", part("kind"), part("desk"), part("path"))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_has_no_password_and_applies_without_a_change() {
    let lab = Lab::start().await;
    let (status, applied) = apply(&lab, "", FLEET).await;
    assert_eq!(status, StatusCode::OK, "{applied}");
    let ticket = lab.ticket(serde_json::json!({ "desk": "two" })).await;
    let desk = lab.enrol(&ticket).await;
    let exported = lab.admin(Method::GET, "export", None).await;
    let exported = exported.as_str().unwrap();
    assert!(
        exported.contains("sip:1002@pbx") && !exported.contains("secret"),
        "{exported}"
    );
    let (status, applied) = apply(&lab, "prune=true", exported).await;
    assert_eq!(status, StatusCode::OK, "{applied}");
    assert!(changes(&applied).is_empty(), "{applied}");
    let (_, applied) = apply(&lab, "", FLEET).await;
    assert!(changes(&applied).is_empty(), "{applied}");
    let config = desk.poll(None, 0).await.config.unwrap();
    assert_eq!(config.generation.0, 1);
    assert_eq!((config.media.ptime_ms(), config.contacts.len()), (10, 1));
    assert_eq!(desk.password(&config).as_deref(), Some("other-secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_deletions_first_and_does_nothing() {
    let lab = Lab::start().await;
    apply(&lab, "", FLEET).await;
    let next = FLEET
        .replace("      - { id: second, address: 'sip:1003@pbx' }\n", "")
        .replace("other-secret", "new-secret")
        .replace("name: one", "name: three");
    let (_, dry) = apply(&lab, "dry_run=true&prune=true", &next).await;
    let told = changes(&dry);
    assert_eq!(told[0], "removed one ", "{told:?}");
    assert!(
        told.contains(&"changed two accounts[main].password".to_owned()),
        "{told:?}"
    );
    assert!(told.contains(&"added three ".to_owned()), "{told:?}");
    assert!(!dry.to_string().contains("secret"), "{dry}");
    let names = |desks: &Value| -> Vec<String> {
        desks
            .as_array()
            .unwrap()
            .iter()
            .map(|d| d["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        names(&lab.admin(Method::GET, "desks", None).await),
        ["one", "two"]
    );
    let (_, done) = apply(&lab, "", &next).await;
    assert!(
        !changes(&done).iter().any(|c| c.starts_with("removed")),
        "{done}"
    );
    assert_eq!(
        names(&lab.admin(Method::GET, "desks", None).await),
        ["one", "three", "two"]
    );
    let (_, done) = apply(&lab, "prune=true", &next).await;
    assert_eq!(changes(&done), ["removed one "]);
    assert_eq!(
        names(&lab.admin(Method::GET, "desks", None).await),
        ["three", "two"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn new_defaults_reach_every_enrolled_desk_at_once() {
    let lab = Lab::start().await;
    apply(&lab, "", FLEET).await;
    let mut desks = Vec::new();
    for name in ["one", "two"] {
        let ticket = lab.ticket(serde_json::json!({ "desk": name })).await;
        desks.push(lab.enrol(&ticket).await);
    }
    let next = FLEET.replace("number: '100'", "number: '200'");
    let (one, two, applied) = tokio::join!(
        desks[0].poll(Some(1), 60),
        desks[1].poll(Some(1), 60),
        async {
            lab.waiting(2).await;
            apply(&lab, "", &next).await.1
        }
    );
    assert_eq!(applied["published"], 2);
    for polled in [one, two] {
        assert_eq!(polled.config.unwrap().contacts[0].number, "200");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_a_mistake_changes_nothing_and_says_where() {
    let lab = Lab::start().await;
    for (wrong, said) in [
        (
            FLEET.replace("password: other", "pasword: other"),
            "did you mean \"password\"",
        ),
        (FLEET.replace("name: two", "name: one"), "already the name"),
        (
            FLEET.replace("ptime_ms: 10", "ptime_ms: 11"),
            "media.ptime_ms",
        ),
        (FLEET.replace("desks:", "desks: []\ndesks:"), "duplicate"),
        ("desks: [".into(), "line"),
    ] {
        let (status, refused) = apply(&lab, "", &wrong).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{refused}");
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.contains(said), "{detail}");
        assert!(!detail.contains("secret"), "{detail}");
    }
    let desks = lab.admin(Method::GET, "desks", None).await;
    assert_eq!(desks.as_array().unwrap().len(), 0);
}
