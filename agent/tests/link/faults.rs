//! Servers that are none, or broken, or someone else's: each gets its own clear error, in bounded size and time.

use std::sync::Mutex;

use carillon_agent::provisioning::enrol::{EnrolError, Options, enrol};
use carillon_agent::provisioning::http::LinkError;
use carillon_agent::provisioning::identity::Identity;
use carillon_agent::vault::VaultKind;
use carillon_schemas::Ticket;

use crate::desk::{PATIENCE, desk_id, enrol_with, enrolled, in_system, state, ticket};
use crate::forge::Fleet;
use crate::server::{Manner, Reply, Server};

fn error_of(reply: Reply) -> EnrolError {
    let server = Server::start(move |_| reply.clone());
    let (_temporary, folder) = state();
    let ticket = ticket(&server, &Fleet::new());
    let error = in_system(enrol_with(&folder, &ticket)).unwrap_err();
    assert!(
        Identity::load(&folder).unwrap().is_none(),
        "nothing is kept"
    );
    assert!(!error.to_string().contains("token"), "{error}");
    error
}

#[test]
fn a_page_is_no_answer() {
    for reply in [
        Reply::new(200, "text/html", "<html>Welcome</html>"),
        Reply::new(200, "application/json", "  <!doctype html>"),
        Reply::new(502, "text/html", "<h1>Bad gateway</h1>"),
        Reply::new(404, "text/plain", "not found"),
        Reply::json("{\"hello\": 1}"),
        Reply::json("\u{0}\u{1}"),
    ] {
        let error = error_of(reply);
        assert!(
            error.to_string().contains("is this URL a Carillon server?"),
            "{error}"
        );
        assert_eq!(error.word(), "server-unreachable");
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let reply = Reply::new(302, "text/html", "").with("location", "https://evil.example/");
    let error = error_of(reply);
    assert!(
        matches!(error, EnrolError::Link(LinkError::Redirected { .. })),
        "{error}"
    );
}

#[test]
fn a_drip_a_flood_and_a_cut_end() {
    let drip = error_of(Reply::json("x".repeat(4_000)).manner(Manner::Drip));
    assert!(
        matches!(drip, EnrolError::Link(LinkError::TooSlow { .. })),
        "{drip}"
    );
    let flood = error_of(Reply::json("").manner(Manner::Flood(100 << 20)));
    assert!(
        matches!(flood, EnrolError::Link(LinkError::TooLarge { .. })),
        "{flood}"
    );
    let announced = Reply::json("").with("content-length", "100000000");
    let announced = error_of(announced.manner(Manner::Flood(0)));
    assert!(
        matches!(announced, EnrolError::Link(LinkError::TooLarge { .. })),
        "{announced}"
    );
    let cut = error_of(Reply::json("{\"desk\": \"0123\"}").manner(Manner::Cut));
    assert!(
        matches!(cut, EnrolError::Link(LinkError::Unreachable { .. })),
        "{cut}"
    );
}

#[test]
fn a_problem_is_told_and_bounded() {
    let error = error_of(Reply::problem(403, "ticket-expired"));
    assert_eq!(error.word(), "ticket-refused");
    assert!(error.to_string().contains("because"), "{error}");
    let error = error_of(Reply::problem(503, "overloaded"));
    assert_eq!(error.word(), "server-unreachable");
    let mut problem = carillon_schemas::Problem::new(400, "x", "t", "y".repeat(50_000));
    problem.title = "a\u{1b}[2Jb".into();
    let body = serde_json::to_vec(&problem).unwrap();
    let error = error_of(Reply::new(
        400,
        carillon_schemas::problem::CONTENT_TYPE,
        body,
    ));
    let text = error.to_string();
    assert!(text.len() < 2_000 && !text.contains('\u{1b}'));
}

#[test]
fn another_key_than_the_pinned_one_is_refused() {
    let fleet = Fleet::new();
    let server = Server::start(|_| Reply::json("{}"));
    let other = Server::start(|_| Reply::json("{}"));
    let (_temporary, folder) = state();
    let wrong = Ticket::new(
        server.url(),
        "token".into(),
        fleet.fingerprint(),
        Some(other.pin.clone()),
    );
    let error = in_system(enrol_with(&folder, &wrong)).unwrap_err();
    assert!(
        matches!(error, EnrolError::Link(LinkError::NotTrusted { .. })),
        "{error}"
    );
    assert!(
        server.requests("/v1/enrol").is_empty(),
        "the token was not sent"
    );
}

#[test]
fn nobody_there_is_said() {
    let fleet = Fleet::new();
    let server = Server::start(|_| Reply::json("{}"));
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", free.local_addr().unwrap());
    drop(free);
    let (_temporary, folder) = state();
    let ticket = Ticket::new(
        url,
        "token".into(),
        fleet.fingerprint(),
        Some(server.pin.clone()),
    );
    let error = in_system(enrol_with(&folder, &ticket)).unwrap_err();
    assert!(
        matches!(error, EnrolError::Link(LinkError::Unreachable { .. })),
        "{error}"
    );
}

#[test]
fn a_root_that_the_ticket_does_not_pin_is_refused() {
    let (ours, mut theirs) = (Fleet::new(), Fleet::new());
    theirs.director = crate::forge::Key::new(50);
    let server = Server::start(move |request| enrolled(request, &theirs, &Mutex::default()));
    let (_temporary, folder) = state();
    let error = in_system(enrol_with(&folder, &ticket(&server, &ours))).unwrap_err();
    assert_eq!(error.word(), "ticket-of-another-fleet", "{error}");
    assert!(Identity::load(&folder).unwrap().is_none());
}

#[test]
fn enrolment_that_lost_its_answer_offers_the_same_keys_again() {
    let fleet = Fleet::new();
    let served = fleet.clone();
    let answers = Mutex::new(0);
    let server = Server::start(move |request| {
        let mut answers = answers.lock().unwrap();
        *answers += 1;
        let reply = enrolled(request, &served, &Mutex::default());
        if *answers == 1 {
            reply.manner(Manner::Cut)
        } else {
            reply
        }
    });
    let (_temporary, folder) = state();
    let ticket = ticket(&server, &fleet);
    in_system(async {
        enrol_with(&folder, &ticket).await.unwrap_err();
        let done = enrol_with(&folder, &ticket).await.unwrap();
        assert_eq!((done.desk, done.already), (desk_id(), false));
        let again = enrol_with(&folder, &ticket).await.unwrap();
        assert!(again.already);
        let other = Ticket::new(
            server.url(),
            "other".into(),
            fleet.fingerprint(),
            Some(server.pin.clone()),
        );
        let error = enrol_with(&folder, &other).await.unwrap_err();
        assert_eq!(error.word(), "already-enrolled");
        let before = std::fs::read_dir(folder.place("vault")).unwrap().count();
        let options = Options {
            replace: true,
            vault: Some(VaultKind::File),
            patience: PATIENCE,
            ..Options::default()
        };
        assert!(!enrol(&folder, &other, options).await.unwrap().already);
        let after = std::fs::read_dir(folder.place("vault")).unwrap().count();
        assert_eq!((before, after), (1, 1), "the former keys are gone");
    });
    let keys: Vec<_> = server
        .requests("/v1/enrol")
        .iter()
        .map(|request| {
            let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
            body["keys"].clone()
        })
        .collect();
    assert_eq!(keys.len(), 3);
    assert!(keys[0] == keys[1] && keys[1] != keys[2]);
}
