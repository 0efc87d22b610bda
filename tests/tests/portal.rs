//! The portal in a real browser: live without reloading, whole without JavaScript, clean of complaints.

#![expect(
    clippy::unwrap_used,
    reason = "a suite ends where its world is not as it should be"
)]

use carillon_tests::baresip::{Baresip, Setup};
use carillon_tests::pair::{Pair, SOON};
use carillon_tests::section::Section;
use carillon_tests::server::Server;
use carillon_webdriver::Browser;

fn sign_in(browser: &Browser, server: &Server) {
    let (name, password) = server.portal_login().unwrap();
    browser.open(&format!("{}/", server.url())).unwrap();
    browser.wait_text("Sign in", SOON).unwrap();
    browser.type_into("#name", &name).unwrap();
    browser.type_into("#password", &password).unwrap();
    browser.click("form button").unwrap();
    browser.wait_text("Desks", SOON).unwrap();
}

fn desk_page(server: &Server, desk: &str) -> String {
    let shown = server.desk(desk).unwrap();
    let id = shown["id"]
        .as_str()
        .or_else(|| shown["row"]["id"].as_str())
        .unwrap();
    format!("{}/desks/{id}", server.url())
}

#[test]
fn the_list_and_a_desks_page_are_live() {
    let section = Section::begin("the portal, live");
    let pair = Pair::start().unwrap();
    let browser = Browser::start(true).unwrap();
    sign_in(&browser, &pair.server);
    for text in [
        "desk-a",
        "desk-b",
        "sip:1001@127.0.0.1",
        "registered",
        "Live",
    ] {
        browser.wait_text(text, SOON).unwrap();
    }
    // A mark in the page's memory: it is gone should the page reload.
    browser.run("window.neverReloaded = true").unwrap();
    pair.server.set_password("desk-b", "main", "wrong").unwrap();
    browser.wait_text("failed", SOON).unwrap();
    section.note("a failed registration shows by itself");
    pair.server
        .set_password("desk-b", "main", "first-b")
        .unwrap();
    pair.b.wait_account("main", "registered", SOON).unwrap();
    assert_eq!(
        browser.run("return window.neverReloaded === true").unwrap(),
        true
    );

    browser.open(&desk_page(&pair.server, "desk-b")).unwrap();
    browser.wait_text("Events", SOON).unwrap();
    browser.run("window.neverReloaded = true").unwrap();
    pair.call().unwrap();
    browser.wait_text("talking", SOON).unwrap();
    section.note("a call shows by itself");
    pair.a.hang_up().unwrap();
    pair.b.wait_no_call(SOON).unwrap();
    assert_eq!(
        browser.run("return window.neverReloaded === true").unwrap(),
        true
    );
    let complaints = browser.complaints().unwrap();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn everything_works_without_javascript() {
    let pair = Pair::start().unwrap();
    let browser = Browser::start(false).unwrap();
    sign_in(&browser, &pair.server);
    for text in ["desk-a", "desk-b", "registered"] {
        browser.reload().unwrap();
        browser.wait_text(text, SOON).unwrap();
    }
    browser.open(&desk_page(&pair.server, "desk-b")).unwrap();
    pair.kamailio.set_password("1002", "by-the-portal").unwrap();
    let before = pair.b.status().unwrap()["generation"].as_u64();
    browser.type_into("#new-password", "by-the-portal").unwrap();
    browser.click("form[action$='/password'] button").unwrap();
    carillon_tests::patience::until("the new generation", SOON, || {
        let status = pair.b.status().map_err(|e| e.to_string())?;
        if status["generation"].as_u64() > before {
            Ok(())
        } else {
            Err(status.to_string())
        }
    })
    .unwrap();
    pair.b.wait_account("main", "registered", SOON).unwrap();
    browser
        .open(&format!("{}/desks/new", pair.server.url()))
        .unwrap();
    browser.type_into("#desk", "Made by hand").unwrap();
    browser.type_into("#address", "sip:1009@127.0.0.1").unwrap();
    browser.type_into("#password", "something").unwrap();
    browser.click("form[action='/desks/new'] button").unwrap();
    browser.wait_text("Made by hand", SOON).unwrap();
    let complaints = browser.complaints().unwrap();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn a_wrong_password_and_a_page_without_a_session_lead_to_the_sign_in() {
    let server = Server::start().unwrap();
    let browser = Browser::start(true).unwrap();
    browser.open(&format!("{}/desks", server.url())).unwrap();
    browser.wait_text("Sign in", SOON).unwrap();
    browser.type_into("#name", "admin").unwrap();
    browser.type_into("#password", "guessed").unwrap();
    browser.click("form button").unwrap();
    browser.wait_text("Sign in", SOON).unwrap();
    assert!(
        browser.has("#problem").unwrap(),
        "{}",
        browser.text().unwrap()
    );
}

#[test]
fn what_a_caller_says_of_itself_is_shown_as_text() {
    let pair = Pair::start().unwrap();
    let browser = Browser::start(true).unwrap();
    sign_in(&browser, &pair.server);
    browser.open(&desk_page(&pair.server, "desk-b")).unwrap();
    browser.run("window.hacked = false").unwrap();
    let mut setup = Setup::new("1001", "first-a", pair.kamailio.port());
    setup.register_every = 0;
    setup.display_name = Some("<img src=x onerror=hacked=true>");
    let mut caller = Baresip::start(&setup).unwrap();
    caller.dial("sip:1002@127.0.0.1").unwrap();
    pair.b.wait_call("ringing", SOON).unwrap();
    browser.wait_text("ringing", SOON).unwrap();
    assert_eq!(browser.run("return window.hacked").unwrap(), false);
    assert_eq!(
        browser
            .run("return document.querySelectorAll('main img').length")
            .unwrap(),
        0
    );
    caller.hang_up().unwrap();
    pair.b.wait_no_call(SOON).unwrap();
}
