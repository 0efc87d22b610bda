//! The streams that keep pages true.

use std::time::Duration;

use carillon_schemas::status::AccountState;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Response, StatusCode};

use crate::house::{House, actor};

const SOON: Duration = Duration::from_secs(20);

/// Reads on until the stream has said something; gives all that was read.
async fn until(stream: &mut Response, wanted: &str) -> String {
    let mut read = String::new();
    let reading = async {
        while !read.contains(wanted) {
            let chunk = stream.chunk().await.unwrap().expect("the stream goes on");
            read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    };
    assert!(
        tokio::time::timeout(SOON, reading).await.is_ok(),
        "{wanted:?} did not come: {read}"
    );
    read
}

#[tokio::test]
async fn a_change_comes_as_one_row() {
    let house = House::open().await;
    let visit = house.sign_in().await;
    let mut desk = house.enrolled_desk("Reception").await;
    house.enrolled_desk("Room 2").await;
    let mut stream = house.get("/portal/events", Some(&visit)).await;
    assert!(
        stream.headers()[CONTENT_TYPE]
            .to_str()
            .unwrap()
            .starts_with("text/event-stream")
    );
    let first = until(&mut stream, "</section>\n\n").await;
    assert!(first.contains("data: counts\n") && first.contains("data: list\n"));
    assert!(first.contains("Reception"));
    desk.report_account(&house, AccountState::Failed, Some("403 Forbidden"))
        .await;
    let row = format!("event: swap\ndata: desk-{}\ndata: <tr", desk.id);
    let news = until(&mut stream, "</tr>\n\n").await;
    assert!(news.contains(&row), "{news}");
    assert!(
        news.contains("failed") && !news.contains("Room 2"),
        "{news}"
    );
}

#[tokio::test]
async fn a_desks_page_hears_of_that_desk_and_of_its_end() {
    let house = House::open().await;
    let visit = house.sign_in().await;
    let mut desk = house.enrolled_desk("Reception").await;
    let mut stream = house
        .get(&format!("/portal/events/{}", desk.id), Some(&visit))
        .await;
    until(&mut stream, "data: desk-events\n").await;
    house.service().add_desk(&actor(), "Another").await.unwrap();
    desk.report_call(&house, "sip:201@pbx.example.org").await;
    let news = until(&mut stream, "ringing").await;
    assert!(!news.contains("Another"), "{news}");
    let which = carillon_server::store::DeskRef::Id(&desk.id);
    house.service().remove_desk(&actor(), which).await.unwrap();
    until(&mut stream, "event: ended\n").await;
}

#[tokio::test]
async fn a_stream_ends_with_its_session_and_none_begins_without() {
    let house = House::open().await;
    let mut none = house.get("/portal/events", None).await;
    until(&mut none, "event: ended\n").await;
    assert!(none.chunk().await.unwrap().is_none());

    let visit = house.sign_in().await;
    let mut stream = house.get("/portal/events", Some(&visit)).await;
    until(&mut stream, "data: list\n").await;
    house
        .post("/sign-out", Some(&visit), &[("csrf", &visit.csrf)])
        .await;
    house
        .service()
        .add_desk(&actor(), "Secret name")
        .await
        .unwrap();
    let last = until(&mut stream, "event: ended\n").await;
    assert!(!last.contains("Secret name"));
}

#[tokio::test]
async fn streams_are_bounded_and_one_that_closes_makes_room() {
    let house = House::open().await;
    let visit = house.sign_in().await;
    let mut open = Vec::new();
    let refused = loop {
        let answer = house.get("/portal/events", Some(&visit)).await;
        if answer.status() != StatusCode::OK {
            break answer;
        }
        open.push(answer);
        assert!(open.len() < 2_000, "no bound was met");
    };
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key(RETRY_AFTER));
    assert_eq!(
        house.get("/desks", Some(&visit)).await.status(),
        StatusCode::OK,
        "pages go on"
    );
    drop(open);
    let again = async {
        loop {
            house
                .service()
                .add_desk(&actor(), &format!("Desk {:?}", std::time::Instant::now()))
                .await
                .unwrap();
            if house.get("/portal/events", Some(&visit)).await.status() == StatusCode::OK {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    assert!(
        tokio::time::timeout(SOON, again).await.is_ok(),
        "no room was made"
    );
}
