//! Something answers at a real server's address, with its TLS key, and is not it: once the server is back, its portal
//! tells what the desk met.

use carillon_tests::desk::Desk;
use carillon_tests::pair::SOON;
use carillon_tests::patience;
use carillon_tests::section::Section;
use carillon_tests::server::Server;
use carillon_webdriver::Browser;

use crate::impostor::Impostor;

#[test]
fn what_answered_in_the_servers_place_is_told_at_the_portal() {
    let section = Section::begin("a page, junk and a flood in the server's place");
    let mut server = Server::start().unwrap();
    server.run(&["desk", "add", "victim"]).unwrap();
    let port = server.url().rsplit(':').next().unwrap().parse().unwrap();
    let mut desk = Desk::new("victim").unwrap();
    desk.enrol(&server.ticket("victim").unwrap())
        .unwrap()
        .success()
        .unwrap();
    desk.run().unwrap();
    wait_seen(&server);

    let flood = vec![b' '; 100_000_000];
    let page = b"<html><body>Please sign in</body></html>".to_vec();
    for (kind, body, told) in [
        ("text/html", page, "answered 200 with text/html (40 bytes)"),
        ("application/json", b"junk".to_vec(), "the envelope"),
        ("application/json", flood, "sent more than 1048576 bytes"),
    ] {
        server.stop().unwrap();
        let impostor = Impostor::before(&server.data(), port);
        impostor.answer_all(Some((kind, body)));
        patience::until(&format!("{told:?} at the desk"), 4 * SOON, || {
            let status = desk.status().map_err(|e| e.to_string())?;
            let refused = status["link"]["refused"]["reason"].as_str();
            match refused {
                Some(reason) if reason.contains(told) => Ok(()),
                _ => Err(status.to_string()),
            }
        })
        .unwrap();
        drop(impostor);
        server.serve().unwrap();
        patience::until(&format!("{told:?} at the server"), 4 * SOON, || {
            let shown = server.desk("victim").map_err(|e| e.to_string())?;
            let events = shown["events"].as_array().cloned().unwrap_or_default();
            let found = events.iter().any(|event| {
                event["kind"] == "config_refused"
                    && event["text"]
                        .as_str()
                        .is_some_and(|text| text.contains(told))
            });
            found.then_some(()).ok_or(shown.to_string())
        })
        .unwrap();
        section.note(format!("told: {told}"));
    }

    let browser = Browser::start(true).unwrap();
    let (name, password) = server.portal_login().unwrap();
    let shown = server.desk("victim").unwrap();
    let id = shown["row"]["id"].as_str().unwrap();
    browser
        .open(&format!("{}/desks/{id}", server.url()))
        .unwrap();
    browser.wait_text("Sign in", SOON).unwrap();
    browser.type_into("#name", &name).unwrap();
    browser.type_into("#password", &password).unwrap();
    browser.click("form button").unwrap();
    for text in [
        "with text/html (40 bytes)",
        "a signed configuration",
        "1048576 bytes",
    ] {
        browser.wait_text(text, SOON).unwrap();
    }
}

/// Waits until the server has a report of the desk.
fn wait_seen(server: &Server) {
    patience::until("a report of the desk", 2 * SOON, || {
        let shown = server.desk("victim").map_err(|e| e.to_string())?;
        match &shown["row"]["agent_version"] {
            serde_json::Value::String(_) => Ok(()),
            _ => Err(shown.to_string()),
        }
    })
    .unwrap();
}
