//! The lab proves itself on peers alone: what later judges our agent must first judge known phones.

use std::time::Duration;

use carillon_tests::baresip::{Baresip, Setup};
use carillon_tests::capture::Capture;
use carillon_tests::kamailio::Kamailio;
use carillon_tests::relay::{Passed, Relay};
use carillon_tests::section::Section;
use carillon_tests::sipp::{Load, Sipp};
use carillon_webdriver::Browser;

const SOON: Duration = Duration::from_secs(10);

#[test]
fn two_phones_talk_through_kamailio_and_the_tone_is_clean() {
    let section = Section::begin("two baresips through Kamailio");
    let kamailio = Kamailio::start(&[("alice", "first"), ("bob", "second")]).unwrap();
    let mut alice = Baresip::start(&Setup::new("alice", "first", kamailio.port())).unwrap();
    let mut bob = Baresip::start(&Setup::new("bob", "second", kamailio.port())).unwrap();
    for user in ["alice", "bob"] {
        let contact = kamailio.wait_registered(user, SOON).unwrap();
        section.note(format!("{user} is registered as {}", contact.uri));
    }
    let capture = Capture::start().unwrap();
    alice.dial("sip:bob@127.0.0.1").unwrap();
    bob.wait_event("CALL_INCOMING", SOON).unwrap();
    bob.answer().unwrap();
    alice.wait_event("CALL_ESTABLISHED", SOON).unwrap();
    bob.wait_event("CALL_ESTABLISHED", SOON).unwrap();
    std::thread::sleep(Duration::from_secs(3));
    alice.send_digits("42#").unwrap();
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(bob.heard_digits(), "42#");
    alice.hang_up().unwrap();
    bob.wait_event("CALL_CLOSED", SOON).unwrap();
    let streams = capture.streams(&bob.rtp_ports()).unwrap();
    for stream in &streams {
        section.note(format!("{stream:?}"));
    }
    let verdict = bob.spoke().unwrap().tone().unwrap();
    section.note(format!("bob spoke {verdict}"));
    let heard = bob.heard().unwrap();
    let verdict = heard.between(0.2, 2.8).tone().unwrap();
    section.note(format!("bob heard {verdict}"));
    assert!(verdict.is_clean(440.0, 2.0), "{verdict}");
}

#[test]
fn a_password_changed_in_sqlite_holds_for_the_next_register() {
    let kamailio = Kamailio::start(&[("carol", "old")]).unwrap();
    let keys = |password| [("user", "carol"), ("password", password)];
    Sipp::start("register", kamailio.port(), Load::ONCE, &keys("old"))
        .unwrap()
        .finish(SOON)
        .unwrap();
    assert_eq!(kamailio.saved("carol"), 1);
    kamailio.set_password("carol", "new").unwrap();
    assert!(
        Sipp::start("register", kamailio.port(), Load::ONCE, &keys("old"))
            .unwrap()
            .finish(SOON)
            .is_err()
    );
    Sipp::start("register", kamailio.port(), Load::ONCE, &keys("new"))
        .unwrap()
        .finish(SOON)
        .unwrap();
    assert_eq!(kamailio.saved("carol"), 2);
    assert!(kamailio.challenged("carol") >= 4);
}

#[test]
fn sipp_pings_the_registrar() {
    let kamailio = Kamailio::start(&[]).unwrap();
    let load = Load {
        calls: 50,
        rate: 50,
    };
    Sipp::start("options", kamailio.port(), load, &[])
        .unwrap()
        .finish(Duration::from_secs(30))
        .unwrap();
}

#[test]
fn a_registration_is_seen_on_the_wire_through_the_relay() {
    let kamailio = Kamailio::start(&[("dave", "secret")]).unwrap();
    let relay = Relay::start(kamailio.port()).unwrap();
    let phone = Baresip::start(&Setup::new("dave", "secret", relay.port())).unwrap();
    relay
        .wait_for("the 200", SOON, Passed::is_registered)
        .unwrap();
    assert_eq!(
        relay
            .passed()
            .iter()
            .filter(|packet| packet.is_register())
            .count(),
        2
    );
    assert_eq!(kamailio.contacts("dave").unwrap().len(), 1);
    phone.quit().unwrap();
    assert!(kamailio.contacts("dave").unwrap().is_empty());
}

#[test]
fn sipp_and_a_phone_call_each_other() {
    let kamailio = Kamailio::start(&[("erin", "secret")]).unwrap();
    let mut phone = Baresip::start(&Setup::new("erin", "secret", kamailio.port())).unwrap();
    kamailio.wait_registered("erin", SOON).unwrap();
    let call = Sipp::start("call", phone.sip_port(), Load::ONCE, &[("user", "erin")]).unwrap();
    phone.wait_event("CALL_INCOMING", SOON).unwrap();
    phone.answer().unwrap();
    call.finish(SOON).unwrap();
    phone.wait_event("CALL_CLOSED", SOON).unwrap();

    let answer = Sipp::start("answer", 9, Load::ONCE, &[]).unwrap();
    // SIPp itself stands where the registrar would.
    let mut setup = Setup::new("erin", "secret", answer.port());
    setup.register_every = 0;
    let mut phone = Baresip::start(&setup).unwrap();
    phone.dial("sip:sipp@127.0.0.1").unwrap();
    phone.wait_event("CALL_ESTABLISHED", SOON).unwrap();
    answer.finish(SOON).unwrap();
    phone.wait_event("CALL_CLOSED", SOON).unwrap();
}

#[test]
fn the_browser_reads_a_page_with_and_without_scripts() {
    let page = "data:text/html,<title>x</title><p>plain</p><noscript>off</noscript>\
                <script>document.body.append('scripted'); console.error('a complaint')</script>";
    let browser = Browser::start(true).unwrap();
    browser.open(page).unwrap();
    browser.wait_text("scripted", SOON).unwrap();
    assert!(
        browser
            .complaints()
            .unwrap()
            .iter()
            .any(|line| line.contains("a complaint"))
    );
    assert_eq!(browser.run("return document.title").unwrap(), "x");
    let browser = Browser::start(false).unwrap();
    browser.open(page).unwrap();
    assert_eq!(browser.text().unwrap(), "plain");
}
