//! The portal in a real browser: live without reloading, whole without JavaScript, clean of policy violations.

use std::time::{Duration, Instant};

use carillon_schemas::status::{AccountState, Level};

use crate::house::{ADMIN, Desk, House, PASSWORD, actor};
use crate::webdriver::Browser;

const DESKTOP: (u32, u32) = (1280, 860);
const PHONE: (u32, u32) = (360, 780);

async fn sign_in(browser: &Browser, house: &House) {
    browser.go(&house.url("/")).await;
    browser.wait_for("Sign in").await;
    browser.fill("#name", ADMIN).await;
    browser.fill("#password", PASSWORD).await;
    browser.click("main button").await;
    browser.wait_for("Desks").await;
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

#[tokio::test]
async fn a_change_appears_without_reloading_and_nothing_breaks_the_policy() {
    let house = House::open().await;
    let mut desks = fleet(&house).await;
    let browser = Browser::open(true, false, DESKTOP).await;
    sign_in(&browser, &house).await;
    for text in ["Reception", "Spare", "Not enrolled", "registered", "Live"] {
        browser.wait_for(text).await;
    }
    browser.run("window.sameDocument = true").await;
    browser.picture("desks").await;
    let row = format!("#desk-{}", desks[0].id);
    desks[0]
        .report_account(&house, AccountState::Registering, None)
        .await;
    browser.wait_for("registering").await;
    assert_eq!(
        browser.run("return window.sameDocument").await,
        true,
        "the page was loaded anew"
    );
    assert!(browser.has(&row).await);

    // Typing filters, `/` goes to the search, and the address follows.
    browser.run("document.activeElement.blur()").await;
    browser.press("/").await;
    browser.press("work").await;
    let start = Instant::now();
    while browser.has(&row).await {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "the filter did not work"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(
        browser.address().await.ends_with("/desks?q=work"),
        "{}",
        browser.address().await
    );
    // The filtered list is live too.
    desks[3]
        .report_account(&house, AccountState::Registered, None)
        .await;
    browser.wait_for("registered").await;
    assert_eq!(browser.run("return window.sameDocument").await, true);

    browser
        .go(&house.url(&format!("/desks/{}", desks[3].id)))
        .await;
    browser.wait_for("Live").await;
    browser.run("window.sameDocument = true").await;
    desks[3]
        .report_event(
            &house,
            Level::Warning,
            "actor_restarted",
            "the account was restarted",
        )
        .await;
    browser.wait_for("the account was restarted").await;
    desks[3]
        .report_call(&house, "<img src=x onerror=\"window.hacked=1\">")
        .await;
    browser.wait_for("<img src=x").await;
    assert_eq!(
        browser
            .run("return [window.sameDocument, window.hacked]")
            .await,
        serde_json::json!([true, null])
    );
    browser.picture("desk").await;
    assert_eq!(browser.complaints(&[]).await, Vec::<String>::new());
}

#[tokio::test]
async fn everything_works_with_javascript_off() {
    let house = House::open().await;
    let mut desk = house.enrolled_desk("Reception").await;
    desk.report_account(&house, AccountState::Registered, None)
        .await;
    let browser = Browser::open(false, true, DESKTOP).await;
    browser.go(&house.url("/desks")).await;
    browser.wait_for("Sign in").await;
    browser.picture("sign-in-dark").await;
    browser.fill("#name", ADMIN).await;
    browser.fill("#password", "wrong").await;
    browser.click("main button").await;
    browser.wait_for("The name or the password is wrong.").await;
    browser.fill("#password", PASSWORD).await;
    browser.click("main button").await;
    browser.wait_for("Reception").await;
    browser.wait_for("Reload for news").await;
    browser.picture("desks-dark").await;

    browser.click("a[href='/desks/new']").await;
    browser.fill("#desk", "Room 12").await;
    browser.fill("#address", "sip:212@pbx.example.org").await;
    browser.fill("#password", "sip secret").await;
    browser.picture("new-desk-dark").await;
    browser.click("main form button").await;
    browser.wait_for("The desk is added.").await;
    browser.click("form[action$='/ticket'] button").await;
    browser.wait_for("carillon enrol carillon1.").await;
    browser.picture("ticket-dark").await;

    browser.go(&house.url(&format!("/desks/{}", desk.id))).await;
    browser.fill("#new-password", "another secret").await;
    browser.click("form[action$='/password'] button").await;
    browser.wait_for("The new password is on its way").await;
    desk.report_account(&house, AccountState::Failed, Some("timeout"))
        .await;
    browser.reload().await;
    browser.wait_for("failed").await;
    browser.picture("desk-dark").await;

    browser.go(&house.url("/desks?sort=-name")).await;
    browser.fill("#q", "room").await;
    browser.click("form[role=search] button").await;
    assert!(
        browser.address().await.contains("q=room")
            && browser.address().await.contains("sort=-name")
    );
    assert!(!browser.text().await.contains("Reception"));
    browser.click(".who button").await;
    browser.wait_for("You are signed out.").await;
    // The browser itself writes down the refused sign-in.
    assert_eq!(
        browser.complaints(&["status of 401"]).await,
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn a_narrow_screen_shows_all_without_scrolling_sideways() {
    let house = House::open().await;
    let desks = fleet(&house).await;
    let browser = Browser::open(true, false, PHONE).await;
    sign_in(&browser, &house).await;
    for (name, path) in [
        ("desks-narrow", "/desks".to_owned()),
        ("desk-narrow", format!("/desks/{}", desks[3].id)),
        ("new-desk-narrow", "/desks/new".into()),
    ] {
        browser.go(&house.url(&path)).await;
        let width = browser
            .run("return [document.documentElement.scrollWidth, window.innerWidth]")
            .await;
        assert!(width[0].as_u64() <= width[1].as_u64(), "{path}: {width}");
        browser.picture(name).await;
    }
    let focusable = browser.attribute("#address", "maxlength").await;
    assert!(focusable.is_some());
}
