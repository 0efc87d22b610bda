//! A server that comes back has forgotten nothing; keys that do not belong to it are noticed.

use carillon_server::fleet::audit::{self, GENESIS};
use carillon_server::server::{Server, Settings};
use reqwest::StatusCode;
use serde_json::json;

use crate::lab::Lab;

#[tokio::test(flavor = "multi_thread")]
async fn desks_tickets_reports_and_the_log_outlive_a_restart() {
    let mut lab = Lab::start().await;
    let desk = lab.desk("desk", "secret").await;
    let body = json!({ "boot": "b", "sequence": 1, "config": { "applied": 1 } });
    desk.send(reqwest::Method::PUT, "/v1/desk/status", body)
        .await;
    let ticket = lab.ticket(json!({ "uses": 2 })).await;
    let address = lab.server.as_ref().unwrap().address();
    lab.stop().await;
    assert!(lab.http.get(lab.url("/metrics")).send().await.is_err());
    // The same port, as a desk would find it.
    lab.server = Some(
        Server::start(Settings {
            data: lab.data(),
            listen: address,
            tls: None,
            public_url: None,
        })
        .await
        .unwrap(),
    );
    let polled = desk.poll(Some(1), 0).await;
    assert_eq!(polled.status, StatusCode::NOT_MODIFIED);
    let page = lab.admin(reqwest::Method::GET, "desks/desk", None).await;
    assert_eq!(page["row"]["applied"], 1);
    lab.enrol(&ticket).await;
    lab.set_password("desk", "other").await;
    let config = desk.poll(Some(1), 0).await.config.unwrap();
    assert_eq!(desk.password(&config).as_deref(), Some("other"));
    let service = lab.server.as_ref().unwrap().service();
    audit::verify(1, GENESIS, &service.audit(0, 1_000).await.unwrap()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_another_fleet_are_noticed_before_a_desk_would() {
    let mut lab = Lab::start().await;
    let other = Lab::start().await;
    lab.stop().await;
    let settings = Settings {
        data: lab.data(),
        listen: "127.0.0.1:0".parse().unwrap(),
        tls: None,
        public_url: None,
    };
    std::fs::copy(other.data().director(), lab.data().director()).unwrap();
    let error = Server::start(settings.clone())
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("director"), "{error}");
    std::fs::write(lab.data().vault(), "junk").unwrap();
    let error = Server::start(settings).await.err().unwrap().to_string();
    assert!(error.contains("vault.key"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_named() {
    let lab = Lab::start().await;
    let address = lab.server.as_ref().unwrap().address();
    let error = Server::start(Settings {
        data: lab.data(),
        listen: address,
        tls: None,
        public_url: None,
    })
    .await
    .err()
    .unwrap()
    .to_string();
    assert!(error.contains(&address.to_string()), "{error}");
}
