//! What every visitor meets: headers, the way to sign in, and pages that hold whatever a desk says.

use reqwest::StatusCode;
use reqwest::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};

use carillon_schemas::Generation;
use carillon_schemas::status::{AccountState, ConfigStatus, Level, Refusal, StatusReport};

use crate::house::{House, actor, agent, now};

const HOSTILE: &str = "'\"></td></title><script>alert(1)</script><img src=x onerror=alert(1)>";

#[tokio::test]
async fn every_answer_forbids_what_is_not_ours() {
    let house = House::open().await;
    let visit = house.sign_in().await;
    let paths = [
        "/",
        "/sign-in",
        "/desks",
        "/desks/new",
        "/desks/0123",
        "/nowhere",
        "/static/0/portal.js",
        "/portal/events",
    ];
    for path in paths {
        let answer = house.get(path, Some(&visit)).await;
        let header = |name: &str| {
            answer
                .headers()
                .get(name)
                .and_then(|v| v.to_str().ok())
                .unwrap_or("none")
        };
        let policy = header("content-security-policy");
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(
            !policy.contains("unsafe") && !policy.contains("http"),
            "{path}: {policy}"
        );
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("x-frame-options"), "DENY", "{path}");
        assert_eq!(header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(header("cache-control"), "no-store", "{path}");
    }
}

#[tokio::test]
async fn a_page_names_its_files_by_their_content_and_they_may_be_kept() {
    let house = House::open().await;
    let page = house.get("/sign-in", None).await.text().await.unwrap();
    let mut found = 0;
    for part in page.split('"').filter(|part| part.starts_with("/static/")) {
        let answer = house.get(part, None).await;
        assert_eq!(answer.status(), StatusCode::OK, "{part}");
        assert!(
            answer.headers()[CACHE_CONTROL]
                .to_str()
                .unwrap()
                .contains("immutable")
        );
        assert!(answer.headers().contains_key(CONTENT_TYPE));
        assert!(answer.headers().contains_key("content-security-policy"));
        found += 1;
    }
    assert!(found >= 3, "{page}");
}

#[tokio::test]
async fn without_a_session_every_page_leads_to_the_sign_in_and_back() {
    let house = House::open().await;
    let id = "0123456789abcdef0123456789abcdef";
    for (path, next) in [
        ("/desks".to_owned(), "/sign-in".to_owned()),
        (
            "/desks?q=a%20b".into(),
            "/sign-in?next=%2Fdesks%3Fq%3Da%2520b".into(),
        ),
        (
            format!("/desks/{id}"),
            format!("/sign-in?next=%2Fdesks%2F{id}"),
        ),
        ("/desks/new".into(), "/sign-in?next=%2Fdesks%2Fnew".into()),
    ] {
        let answer = house.get(&path, None).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{path}");
        assert_eq!(answer.headers()[LOCATION].to_str().unwrap(), next, "{path}");
    }
    let fields = [
        ("name", "admin"),
        ("password", crate::house::PASSWORD),
        ("next", "/desks?q=a%20b"),
    ];
    let answer = house.post("/sign-in", None, &fields).await;
    assert_eq!(answer.headers()[LOCATION], "/desks?q=a%20b");
}

#[tokio::test]
async fn an_address_without_a_page_says_so() {
    let house = House::open().await;
    let visit = house.sign_in().await;
    for path in [
        "/nowhere",
        "/desks/0123",
        "/desks/0123456789abcdef0123456789abcdef",
        "/desks/%00",
        "/portal/events/x",
    ] {
        let answer = house.get(path, Some(&visit)).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        assert!(
            answer.text().await.unwrap().contains("Nothing here"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn what_a_desk_says_stays_text() {
    let house = House::open().await;
    let visit = house.sign_in().await;
    let name = "<b onmouseover=alert(1)>\"'&";
    let mut desk = house.enrolled_desk(name).await;
    desk.report_account(&house, AccountState::Failed, Some(HOSTILE))
        .await;
    desk.report_call(&house, HOSTILE).await;
    desk.report_event(&house, Level::Error, HOSTILE, HOSTILE)
        .await;
    let mut hostile_agent = agent();
    hostile_agent.version = HOSTILE.into();
    hostile_agent.host = HOSTILE.into();
    hostile_agent.given_up = vec![HOSTILE.into()];
    let refused = Refusal {
        generation: Some(Generation(9)),
        reason: HOSTILE.into(),
        at: now(),
    };
    let report = StatusReport {
        agent: Some(hostile_agent),
        config: Some(ConfigStatus {
            applied: Generation(1),
            applied_at: None,
            refused: Some(refused),
            stale: true,
        }),
        ..StatusReport::default()
    };
    desk.report(&house, report).await;
    for path in [
        "/desks".to_owned(),
        format!("/desks/{}", desk.id),
        "/desks?q=%3Cscript%3Ealert(1)%3C/script%3E%22".into(),
    ] {
        let page = house.get(&path, Some(&visit)).await.text().await.unwrap();
        for alive in ["<script>alert", "<img src=x", "<b onmouseover"] {
            assert!(!page.contains(alive), "{path}: {alive}");
        }
        assert!(page.contains("&#60;"), "{path}");
    }
    let page = house
        .get(&format!("/desks/{}", desk.id), Some(&visit))
        .await
        .text()
        .await
        .unwrap();
    for word in [
        "failed",
        "ringing",
        "Refused",
        "Stale",
        "Given up",
        "Needs attention",
    ] {
        assert!(page.contains(word), "{word}");
    }
}

#[tokio::test]
async fn the_list_is_searched_filtered_ordered_and_paged_by_the_server() {
    let house = House::open().await;
    let visit = house.sign_in().await;
    let empty = house
        .get("/desks", Some(&visit))
        .await
        .text()
        .await
        .unwrap();
    assert!(empty.contains("Add the first desk"));
    for n in 1..=53 {
        house
            .service()
            .add_desk(&actor(), &format!("Room {n}"))
            .await
            .unwrap();
    }
    let page = async |query: &str| {
        house
            .get(&format!("/desks{query}"), Some(&visit))
            .await
            .text()
            .await
            .unwrap()
    };
    let first = page("").await;
    assert_eq!(first.matches("<tr id=\"desk-").count(), 50);
    assert!(first.contains("1–50 of 53") && first.contains("href=\"/desks?page=2\""));
    assert!(first.find(">Room 2<").unwrap() < first.find(">Room 10<").unwrap());
    let second = page("?page=2").await;
    assert_eq!(second.matches("<tr id=\"desk-").count(), 3);
    let last_first = page("?sort=-name").await;
    assert!(last_first.contains(">Room 53<") && !last_first.contains(">Room 3<"));
    assert!(last_first.contains("aria-sort=\"descending\""));
    assert_eq!(
        page("?q=room+53").await.matches("<tr id=\"desk-").count(),
        1
    );
    assert_eq!(
        page("?state=not-enrolled&q=room+1")
            .await
            .matches("<tr id=\"desk-")
            .count(),
        15
    );
    assert!(page("?state=offline").await.contains("No desk matches"));
}
