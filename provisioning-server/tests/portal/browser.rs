//! The portal in a real browser: live without reloading, whole without JavaScript, clean of policy violations.

use std::time::{Duration, Instant};

use carillon_schemas::status::{AccountState, Level};
use carillon_webdriver::{Browser, Look};

use crate::house::{ADMIN, Desk, House, PASSWORD, actor};

const DESKTOP: (u32, u32) = (1280, 860);
const PHONE: (u32, u32) = (360, 780);
/// How long a text may take to appear.
const SOON: Duration = Duration::from_secs(30);

fn browser(javascript: bool, dark: bool, size: (u32, u32)) -> Browser {
    let look = Look {
        javascript,
        dark,
        size,
    };
    Browser::start_with(look).unwrap()
}

/// A picture of the page, when `CARILLON_SCREENSHOTS` names a folder.
fn picture(browser: &Browser, name: &str) {
    if let Some(folder) = std::env::var_os("CARILLON_SCREENSHOTS") {
        browser.picture(folder.as_ref(), name).unwrap();
    }
}

async fn sign_in(browser: &Browser, house: &House) {
    browser.open(&house.url("/")).unwrap();
    browser.wait_text("Sign in", SOON).unwrap();
    browser.type_into("#name", ADMIN).unwrap();
    browser.type_into("#password", PASSWORD).unwrap();
    browser.click("main button").unwrap();
    browser.wait_text("Desks", SOON).unwrap();
}

/// A small fleet in all the states that a list shows.
async fn fleet(house: &House) -> Vec<Desk> {
    let mut desks = Vec::new();
    for name in ["Reception", "Room 2", "Room 10", "Workshop"] {
        let mut desk = house.enrolled_desk(name).await;
        desk.report_account(house, AccountState::Registered, None)
            .await;
        desk.report_event(house, Level::Info, "config_applied", "generation 1 runs")
            .await;
        desks.push(desk);
    }
    desks[1]
        .report_call(house, "\"Zoë Example\" <sip:201@pbx.example.org>")
        .await;
    desks[3]
        .report_account(
            house,
            AccountState::Failed,
            Some("403 Forbidden: wrong password"),
        )
        .await;
    desks[3]
        .report_event(
            house,
            Level::Error,
            "registration_failed",
            "main: 403 Forbidden: wrong password",
        )
        .await;
    house.service().add_desk(&actor(), "Spare").await.unwrap();
    desks
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_appears_without_reloading_and_nothing_breaks_the_policy() {
    let house = House::open().await;
    let mut desks = fleet(&house).await;
    let browser = browser(true, false, DESKTOP);
    sign_in(&browser, &house).await;
    for text in ["Reception", "Spare", "Not enrolled", "registered", "Live"] {
        browser.wait_text(text, SOON).unwrap();
    }
    browser.run("window.sameDocument = true").unwrap();
    picture(&browser, "desks");
    let row = format!("#desk-{}", desks[0].id);
    desks[0]
        .report_account(&house, AccountState::Registering, None)
        .await;
    browser.wait_text("registering", SOON).unwrap();
    assert_eq!(
        browser.run("return window.sameDocument").unwrap(),
        true,
        "the page was loaded anew"
    );
    assert!(browser.has(&row).unwrap());

    // Typing filters, `/` goes to the search, and the address follows.
    browser.run("document.activeElement.blur()").unwrap();
    browser.press("/").unwrap();
    browser.press("work").unwrap();
    let start = Instant::now();
    while browser.has(&row).unwrap() {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "the filter did not work"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(
        browser.url().unwrap().ends_with("/desks?q=work"),
        "{}",
        browser.url().unwrap()
    );
    // The filtered list is live too.
    desks[3]
        .report_account(&house, AccountState::Registered, None)
        .await;
    browser.wait_text("registered", SOON).unwrap();
    assert_eq!(browser.run("return window.sameDocument").unwrap(), true);

    browser
        .open(&house.url(&format!("/desks/{}", desks[3].id)))
        .unwrap();
    browser.wait_text("Live", SOON).unwrap();
    browser.run("window.sameDocument = true").unwrap();
    desks[3]
        .report_event(
            &house,
            Level::Warning,
            "actor_restarted",
            "the account was restarted",
        )
        .await;
    browser
        .wait_text("the account was restarted", SOON)
        .unwrap();
    desks[3]
        .report_call(&house, "<img src=x onerror=\"window.hacked=1\">")
        .await;
    browser.wait_text("<img src=x", SOON).unwrap();
    assert_eq!(
        browser
            .run("return [window.sameDocument, window.hacked]")
            .unwrap(),
        serde_json::json!([true, null])
    );
    picture(&browser, "desk");
    assert_eq!(browser.complaints().unwrap(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_works_with_javascript_off() {
    let house = House::open().await;
    let mut desk = house.enrolled_desk("Reception").await;
    desk.report_account(&house, AccountState::Registered, None)
        .await;
    let browser = browser(false, true, DESKTOP);
    browser.open(&house.url("/desks")).unwrap();
    browser.wait_text("Sign in", SOON).unwrap();
    picture(&browser, "sign-in-dark");
    browser.type_into("#name", ADMIN).unwrap();
    browser.type_into("#password", "wrong").unwrap();
    browser.click("main button").unwrap();
    browser
        .wait_text("The name or the password is wrong.", SOON)
        .unwrap();
    browser.type_into("#password", PASSWORD).unwrap();
    browser.click("main button").unwrap();
    browser.wait_text("Reception", SOON).unwrap();
    browser.wait_text("Reload for news", SOON).unwrap();
    picture(&browser, "desks-dark");

    browser.click("a[href='/desks/new']").unwrap();
    browser.wait_for("#desk", SOON).unwrap();
    browser.type_into("#desk", "Room 12").unwrap();
    browser
        .type_into("#address", "sip:212@pbx.example.org")
        .unwrap();
    browser.type_into("#password", "sip secret").unwrap();
    picture(&browser, "new-desk-dark");
    browser.click("main form button").unwrap();
    browser.wait_text("The desk is added.", SOON).unwrap();
    browser.click("form[action$='/ticket'] button").unwrap();
    browser
        .wait_text("carillon enrol carillon1.", SOON)
        .unwrap();
    picture(&browser, "ticket-dark");

    browser
        .open(&house.url(&format!("/desks/{}", desk.id)))
        .unwrap();
    browser
        .type_into("#new-password", "another secret")
        .unwrap();
    browser.click("form[action$='/password'] button").unwrap();
    browser
        .wait_text("The new password is on its way", SOON)
        .unwrap();
    desk.report_account(&house, AccountState::Failed, Some("timeout"))
        .await;
    browser.reload().unwrap();
    browser.wait_text("failed", SOON).unwrap();
    picture(&browser, "desk-dark");

    browser.open(&house.url("/desks?sort=-name")).unwrap();
    browser.type_into("#q", "room").unwrap();
    browser.click("form[role=search] button").unwrap();
    browser.wait_for("#q[value=room]", SOON).unwrap();
    assert!(
        browser.url().unwrap().contains("q=room") && browser.url().unwrap().contains("sort=-name")
    );
    assert!(!browser.text().unwrap().contains("Reception"));
    browser.click(".who button").unwrap();
    browser.wait_text("You are signed out.", SOON).unwrap();
    // The browser itself writes down the refused sign-in.
    let mut complaints = browser.complaints().unwrap();
    complaints.retain(|complaint| !complaint.contains("status of 401"));
    assert_eq!(complaints, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_narrow_screen_shows_all_without_scrolling_sideways() {
    let house = House::open().await;
    let desks = fleet(&house).await;
    let browser = browser(true, false, PHONE);
    sign_in(&browser, &house).await;
    for (name, path) in [
        ("desks-narrow", "/desks".to_owned()),
        ("desk-narrow", format!("/desks/{}", desks[3].id)),
        ("new-desk-narrow", "/desks/new".into()),
    ] {
        browser.open(&house.url(&path)).unwrap();
        let width = browser
            .run("return [document.documentElement.scrollWidth, window.innerWidth]")
            .unwrap();
        assert!(width[0].as_u64() <= width[1].as_u64(), "{path}: {width}");
        picture(&browser, name);
    }
    let focusable = browser.attribute("#address", "maxlength").unwrap();
    assert!(focusable.is_some());
}
