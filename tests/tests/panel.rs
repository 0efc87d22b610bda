//! The desk's panel in a real browser, through real calls at Kamailio; examined by axe-core, in light and dark, wide and narrow.
//!
//! `CARILLON_PANEL_PICTURES=docs` has the pictures of the README taken on the way.

#![expect(
    clippy::unwrap_used,
    reason = "a suite ends where its world is not as it should be"
)]

use std::path::Path;
use std::time::Duration;

use carillon_tests::baresip::{Baresip, Setup};
use carillon_tests::binaries::workspace;
use carillon_tests::desk::Desk;
use carillon_tests::kamailio::Kamailio;
use carillon_tests::pair::SOON;
use carillon_tests::section::Section;
use carillon_tests::{axe, patience};
use carillon_webdriver::{Browser, Look};
use serde_json::Value;

/// A caller who tries to be more than text.
const HOSTILE: &str = "Zoë <b>Example</b>";
const OURS: &str = "sip:1001@127.0.0.1";
const WIDE: (u32, u32) = (1180, 800);
const NARROW: (u32, u32) = (320, 720);
const VIEWS: [&str; 6] = ["phone", "history", "contacts", "messages", "sound", "desk"];

/// Our desk (1001), Zoë's phone (1002), and one more (1003).
struct World {
    desk: Desk,
    zoe: Baresip,
    carol: Baresip,
    kamailio: Kamailio,
}

impl World {
    fn start(zoe: &str) -> Self {
        let users = [
            ("1001", "ours"),
            ("1002", "zoe"),
            ("1003", "carol"),
            ("1004", "friend"),
            ("1005", "friend"),
        ];
        let kamailio = Kamailio::start(&users).unwrap();
        let port = kamailio.port();
        let phone = |user, password, name| {
            let mut setup = Setup::new(user, password, port);
            setup.record = false;
            setup.display_name = Some(name);
            let phone = Baresip::start(&setup).unwrap();
            kamailio.wait_registered(user, SOON).unwrap();
            phone
        };
        let zoe = phone("1002", "zoe", zoe);
        let carol = phone("1003", "carol", "Carol");
        let more = "contacts:\n  - {name: Anna Berger, number: '1009'}\n  - {name: Carol Danvers, number: '1003'}\n";
        let desk = standalone("1001", "ours", port, more);
        Self {
            desk,
            zoe,
            carol,
            kamailio,
        }
    }

    /// One more desk of ours.
    fn friend(&self, user: &str) -> Desk {
        standalone(user, "friend", self.kamailio.port(), "")
    }

    fn panel(&self, look: Look) -> Browser {
        let browser = Browser::start_with(look).unwrap();
        browser.open(&self.desk.panel_url().unwrap()).unwrap();
        browser.wait_text("Registered", SOON).unwrap();
        browser
    }

    /// Waits until the calls of our desk satisfy `done`.
    fn wait_calls(&self, what: &str, done: impl Fn(&[Value]) -> bool) {
        patience::until(what, SOON, || {
            let status = self.desk.status().map_err(|e| e.to_string())?;
            match status["calls"].as_array() {
                Some(calls) if done(calls) => Ok(()),
                _ => Err(status.to_string()),
            }
        })
        .unwrap();
    }

    /// A call that Zoë places and our panel takes.
    fn incoming(&mut self, browser: &Browser) {
        self.zoe.dial(OURS).unwrap();
        browser.wait_for(".ringing", SOON).unwrap();
    }
}

/// A desk without a server, registered.
fn standalone(user: &str, password: &str, port: u16, more: &str) -> Desk {
    standalone_with(user, password, port, "", more)
}

/// The same with another account.
fn standalone_with(user: &str, password: &str, port: u16, account: &str, more: &str) -> Desk {
    let mut desk = Desk::new(user).unwrap();
    std::fs::create_dir_all(desk.state()).unwrap();
    let yaml = format!(
        "accounts:\n  - id: main\n    label: Reception\n    address: sip:{user}@127.0.0.1\n    password: {password}\n    \
         registrar: 127.0.0.1:{port}\n    outbound_proxy: 127.0.0.1:{port}\n\
         {account}media: {{input: 'tone:440', output: 'null'}}\nnotifications: off\n{more}"
    );
    std::fs::write(desk.state().join("agent.yaml"), yaml).unwrap();
    desk.run().unwrap();
    desk.wait_account("main", "registered", SOON).unwrap();
    desk
}

fn light(size: (u32, u32)) -> Look {
    Look {
        size,
        ..Look::default()
    }
}

fn picture(browser: &Browser, name: &str) {
    if let Some(folder) = std::env::var_os("CARILLON_PANEL_PICTURES") {
        // Notes go by themselves; a picture shows what stays.
        browser
            .run("document.querySelectorAll('[data-act=dismiss]').forEach((b) => b.click())")
            .unwrap();
        std::thread::sleep(Duration::from_millis(300));
        let folder = workspace().join(Path::new(&folder));
        browser.picture(&folder, name).unwrap();
    }
}

/// Clicks what is on the page, or will be in a moment.
fn click(browser: &Browser, selector: &str) {
    browser.wait_for(selector, SOON).unwrap();
    browser.click(selector).unwrap();
}

fn go(browser: &Browser, view: &str) {
    browser.run(&format!("location.hash = '#{view}'")).unwrap();
    let here = format!("#app[data-view='{view}']");
    browser.wait_for(&here, SOON).unwrap();
}

/// Neither axe-core nor the browser's console has anything to say, and nothing needs scrolling sideways.
fn examine(browser: &Browser, what: &str) {
    let found = browser.run(axe::EXAMINE).unwrap();
    let violations = axe::violations(&found);
    assert!(violations.is_empty(), "{what}: {violations:#?}");
    let width = browser
        .run("return [document.documentElement.scrollWidth, innerWidth]")
        .unwrap();
    assert!(width[0].as_u64() <= width[1].as_u64(), "{what}: {width}");
    let cut = browser
        .run(
            "return [...document.querySelectorAll('.views [aria-current] span')]
                .filter((label) => label.scrollWidth > label.clientWidth).map((label) => label.textContent)",
        )
        .unwrap();
    assert_eq!(cut, serde_json::json!([]), "{what}: a label is cut");
}

#[test]
fn a_call_is_led_from_the_panel() {
    let section = Section::begin("the panel");
    let mut world = World::start(HOSTILE);
    let browser = world.panel(light(WIDE));
    let address = browser.url().unwrap();
    assert!(address.ends_with("/panel/"), "the code stays in {address}");

    browser.press("1002").unwrap();
    browser.press("\u{e007}").unwrap();
    world.zoe.wait_event("CALL_INCOMING", SOON).unwrap();
    world.zoe.answer().unwrap();
    browser.wait_for(".call.on:not(.held)", SOON).unwrap();
    section.note("dialled");

    click(&browser, "[data-act=open][data-what=keypad]");
    browser.wait_for(".drawer .keys", SOON).unwrap();
    for key in ["4", "2"] {
        click(&browser, &format!(".drawer [data-digit='{key}']"));
    }
    patience::until("the digits at the other side", SOON, || {
        match world.zoe.heard_digits().as_str() {
            "42" => Ok(()),
            heard => Err(heard.to_owned()),
        }
    })
    .unwrap();
    section.note("keys pressed");

    click(&browser, "[data-act=open][data-what=sound]");
    browser.wait_text("The connection is good", SOON).unwrap();
    section.note("quality shown");

    click(&browser, "[data-act=mute]");
    browser.wait_text("Microphone muted", SOON).unwrap();
    world.wait_calls("a muted call", |calls| calls[0]["muted"] == true);
    click(&browser, "[data-act=mute]");
    browser
        .wait_for("[data-act=mute][aria-pressed=false]", SOON)
        .unwrap();
    section.note("muted");

    click(&browser, "[data-act=hold]");
    browser.wait_for(".call.held", SOON).unwrap();
    world.wait_calls("a held call", |calls| calls[0]["on_hold"] == true);
    click(&browser, "[data-act=hold]");
    browser.wait_for(".call.on:not(.held)", SOON).unwrap();
    section.note("held and taken back");

    click(&browser, "[data-act=open][data-what=transfer]");
    browser.wait_for("[id^=to-]", SOON).unwrap();
    browser.type_into("[id^=to-]", "1003").unwrap();
    browser.press("\u{e007}").unwrap();
    world.carol.wait_event("CALL_INCOMING", SOON).unwrap();
    world.carol.answer().unwrap();
    world.carol.wait_event("CALL_ESTABLISHED", SOON).unwrap();
    world.wait_calls("the end of our call", <[Value]>::is_empty);
    world.carol.hang_up().unwrap();
    world.zoe.wait_event("CALL_CLOSED", SOON).unwrap();
    section.note("transferred blindly");

    // Somebody types while it begins to ring: the call takes neither the focus nor the keys.
    click(&browser, "#number");
    browser.press("17").unwrap();
    world.incoming(&browser);
    browser.press("3ad").unwrap();
    let typed = browser
        .run("return [document.activeElement.id, document.getElementById('number').value]")
        .unwrap();
    assert_eq!(typed, serde_json::json!(["number", "173ad"]));
    let shown = browser.text().unwrap();
    assert!(shown.contains(HOSTILE), "{shown}");
    let said = browser
        .run("return document.getElementById('announce').textContent")
        .unwrap();
    assert!(said.as_str().unwrap().starts_with("Zoë"), "{said}");
    click(&browser, "[data-act=answer]");
    browser.wait_for(".call.on:not(.held)", SOON).unwrap();
    section.note("answered");

    click(&browser, "[data-act=hangup]");
    world.wait_calls("the end", <[Value]>::is_empty);
    browser
        .run("document.getElementById('number').value = ''")
        .unwrap();

    // Desks of ours on the other sides: baresip does not follow a transfer that names a call.
    let friends = [world.friend("1004"), world.friend("1005")];
    for (count, friend) in friends.iter().enumerate() {
        if count > 0 {
            click(&browser, "[data-act=hold]");
            browser.wait_for(".call.held", SOON).unwrap();
        }
        let number = format!("100{}\u{e007}", 4 + count);
        browser.type_into("#number", &number).unwrap();
        friend.wait_call("ringing", SOON).unwrap();
        friend.answer().unwrap();
        world.wait_calls("a call more", |calls| {
            calls.len() == count + 1 && calls.iter().all(|call| call["state"] == "established")
        });
        browser.wait_for(".call.on:not(.held)", SOON).unwrap();
    }
    click(&browser, ".call.held [data-act=open][data-what=transfer]");
    click(&browser, "[data-act=attend]");
    world.wait_calls("the end of both calls", <[Value]>::is_empty);
    for friend in &friends {
        friend.wait_call("established", SOON).unwrap();
    }
    friends[0].hang_up().unwrap();
    section.note("transferred with a word before");

    // By keys alone: answer, then hang up.
    browser.run("document.activeElement.blur()").unwrap();
    world.incoming(&browser);
    std::thread::sleep(Duration::from_millis(1_000));
    browser.press("a").unwrap();
    browser.wait_for(".call.on:not(.held)", SOON).unwrap();
    browser.press("x").unwrap();
    world.wait_calls("the end", <[Value]>::is_empty);

    world.incoming(&browser);
    click(&browser, "[data-act=hangup]");
    world.wait_calls("the end", <[Value]>::is_empty);
    world.incoming(&browser);
    world.zoe.hang_up().unwrap();
    browser.wait_text("Missed call from Zoë", SOON).unwrap();
    section.note("declined and missed");

    browser.press("q").unwrap();
    browser.wait_text("Do not disturb is on", SOON).unwrap();
    world.desk.cli(&["dnd", "off"]).unwrap().success().unwrap();
    browser
        .wait_for("[data-act=quiet][aria-pressed=false]", SOON)
        .unwrap();
    section.note("do not disturb, switched here and at the command line");

    books(&world, &browser);
    section.note("contacts, history, messages, devices");
    assert_eq!(browser.complaints().unwrap(), Vec::<String>::new());
}

#[test]
fn accounts_links_recordings_and_a_conference_are_led_from_the_panel() {
    let section = Section::begin("the rest of the panel");
    let mut world = World::start("Zoë Example");
    let port = world.kamailio.port();
    let second = format!(
        "  - id: second\n    label: Hotline\n    address: sip:1004@127.0.0.1\n    password: friend\n    \
         registrar: 127.0.0.1:{port}\n    outbound_proxy: 127.0.0.1:{port}\n"
    );
    let desk = standalone_with("1005", "friend", port, &second, "");
    desk.wait_account("second", "registered", SOON).unwrap();
    world.desk = desk;
    let browser = Browser::start_with(light(WIDE)).unwrap();
    browser.open(&world.desk.panel_url().unwrap()).unwrap();
    browser.wait_text("2 accounts registered", SOON).unwrap();

    go(&browser, "desk");
    click(&browser, "[data-act=use][data-account=second]");
    browser
        .wait_for("[data-act=use][data-account=main]", SOON)
        .unwrap();
    let status = world.desk.status().unwrap();
    assert_eq!(status["accounts"][1]["preferred"], true, "{status}");
    section.note("the account for calls chosen");

    let of_busy =
        || world.desk.ask("POST", "/v1/features", "{}").unwrap()[0]["forward_busy"].clone();
    for (target, said) in [
        ("1003", "When busy: forwarded to 1003"),
        ("", "Not forwarded any more"),
    ] {
        browser
            .run("document.querySelector('.forwards [name=busy]').value = ''")
            .unwrap();
        browser
            .type_into(".forwards [name=busy]", &format!("{target}\u{e007}"))
            .unwrap();
        browser.wait_text(said, SOON).unwrap();
        assert_eq!(of_busy().as_str().unwrap_or(""), target);
    }
    section.note("forwarded, and no more");

    for allow in ["no", "yes"] {
        let asked = world.desk.cli(&["link", "tel:1002"]).unwrap();
        asked.success().unwrap();
        browser.wait_text("A link asks", SOON).unwrap();
        click(&browser, &format!("[data-act=settle][data-allow={allow}]"));
        browser.wait_for(".phone:not(:has(.ask))", SOON).unwrap();
        let placed = if allow == "yes" { 1 } else { 0 };
        world.wait_calls("what was said of the link", |calls| calls.len() == placed);
    }
    world.zoe.wait_event("CALL_INCOMING", SOON).unwrap();
    world.zoe.answer().unwrap();
    browser.wait_for(".call.on:not(.held)", SOON).unwrap();
    section.note("a link ignored, and one called");

    click(&browser, "[data-act=record]");
    browser.wait_text("Recording", SOON).unwrap();
    let file = world.desk.status().unwrap()["calls"][0]["recording"].clone();
    std::thread::sleep(Duration::from_millis(500));
    click(&browser, "[data-act=record]");
    browser
        .wait_for("[data-act=record][aria-pressed=false]", SOON)
        .unwrap();
    let length = std::fs::metadata(file.as_str().unwrap()).unwrap().len();
    // Half a second of two voices, at least half of it.
    assert!(length > 8_000, "{length} bytes");
    section.note("recorded");

    go(&browser, "phone");
    click(&browser, "[data-act=hold]");
    browser.wait_for(".call.held", SOON).unwrap();
    browser.type_into("#number", "1003\u{e007}").unwrap();
    world.carol.wait_event("CALL_INCOMING", SOON).unwrap();
    world.carol.answer().unwrap();
    click(&browser, "[data-act=join]");
    let joined = |wanted: bool| {
        move |calls: &[Value]| {
            calls.len() == 2 && calls.iter().all(|call| call["conference"] == wanted)
        }
    };
    world.wait_calls("a conference", joined(true));
    browser.wait_text("In conference", SOON).unwrap();
    click(&browser, "[data-act=part]");
    world.wait_calls("two calls again", joined(false));
    for left in [1, 0] {
        click(&browser, "[data-act=hangup]");
        world.wait_calls("one call less", |calls| calls.len() == left);
    }
    section.note("joined in a conference, and parted");
    assert_eq!(browser.complaints().unwrap(), Vec::<String>::new());
}

/// What is known and remembered, and the devices.
fn books(world: &World, browser: &Browser) {
    go(browser, "contacts");
    browser.wait_text("Anna Berger", SOON).unwrap();
    click(browser, ".adding summary");
    browser
        .type_into(".adding [name=name]", "Dora Egger")
        .unwrap();
    browser
        .type_into(".adding [name=number]", "+43 1 2345\u{e007}")
        .unwrap();
    browser
        .wait_text("Dora Egger is a contact now", SOON)
        .unwrap();
    browser
        .wait_for("[data-act=forget][aria-label='Remove Dora Egger']", SOON)
        .unwrap();
    click(browser, "[data-act=forget]");
    browser
        .wait_text("Dora Egger is no contact any more", SOON)
        .unwrap();

    go(browser, "history");
    for text in [HOSTILE, "Outgoing", "Missed", "Put through"] {
        browser.wait_text(text, SOON).unwrap();
    }

    // To oneself: the proxy brings it back.
    go(browser, "messages");
    browser.type_into("#to", "1001\u{e007}").unwrap();
    browser.wait_for("#text", SOON).unwrap();
    browser.type_into("#text", "Lunch <i>now</i>?").unwrap();
    click(browser, "[data-act=send] button");
    browser.wait_for(".thread .ours", SOON).unwrap();
    browser.wait_for(".thread .theirs", SOON).unwrap();
    browser.wait_text("Lunch <i>now</i>?", SOON).unwrap();

    go(browser, "sound");
    browser.wait_for("[data-which=input]", SOON).unwrap();
    let choose = "const field = document.querySelector('select[data-which=output]'); field.value = 'default'; \
                  field.dispatchEvent(new Event('change', {bubbles: true}))";
    browser.run(choose).unwrap();
    patience::until("the chosen device", SOON, || {
        let devices = world
            .desk
            .ask("GET", "/v1/devices", "")
            .map_err(|e| e.to_string())?;
        if devices["output"] == "default" {
            Ok(())
        } else {
            Err(devices.to_string())
        }
    })
    .unwrap();
}

/// Every view at rest, in a call and while it rings.
fn every_view(world: &mut World, browser: &Browser, what: &str, pictures: &[(&str, &str)]) {
    let take = |moment: &str| {
        for (at, name) in pictures {
            if *at == moment {
                picture(browser, name);
            }
        }
    };
    browser.run(&axe::engine().unwrap()).unwrap();
    for view in VIEWS {
        go(browser, view);
        examine(browser, &format!("{view}, {what}"));
        take(view);
    }
    browser
        .run("document.querySelector('[data-act=help]').click()")
        .unwrap();
    examine(browser, &format!("help, {what}"));
    browser
        .run("document.querySelector('[data-act=closeHelp]').click()")
        .unwrap();
    go(browser, "phone");
    world.incoming(browser);
    examine(browser, &format!("ringing, {what}"));
    take("ringing");
    click(browser, "[data-act=answer]");
    browser.wait_for(".call.on:not(.held)", SOON).unwrap();
    for drawer in ["keypad", "transfer", "sound"] {
        click(browser, &format!("[data-act=open][data-what={drawer}]"));
        browser.wait_for(".drawer", SOON).unwrap();
        examine(browser, &format!("{drawer}, {what}"));
    }
    take("call");
    click(browser, "[data-act=hangup]");
    world.wait_calls("the end", <[Value]>::is_empty);
    assert_eq!(browser.complaints().unwrap(), Vec::<String>::new());
}

#[test]
fn every_view_is_for_everyone() {
    let section = Section::begin("the panel, examined by axe-core");
    let mut world = World::start("Zoë Example");
    let browser = world.panel(light(WIDE));
    every_view(
        &mut world,
        &browser,
        "light and wide",
        &[("call", "panel-call")],
    );
    section.note("light and wide");
    drop(browser);
    let dark = |size| Look {
        dark: true,
        ..light(size)
    };
    for (look, what) in [
        (dark(WIDE), "dark and wide"),
        (light(NARROW), "light and narrow"),
    ] {
        let browser = world.panel(look);
        every_view(&mut world, &browser, what, &[]);
        section.note(what);
    }
    let browser = world.panel(dark(NARROW));
    every_view(
        &mut world,
        &browser,
        "dark and narrow",
        &[("ringing", "panel-narrow"), ("contacts", "panel-contacts")],
    );
    section.note("dark and narrow");
}

#[test]
fn tabs_share_a_stream_and_a_stranger_sees_nothing() {
    let world = World::start("Zoë Example");
    let browser = world.panel(light(WIDE));
    // A browser opens six connections to one address: with a stream each, the seventh tab would wait for ever.
    let address = browser.url().unwrap();
    for _ in 0..7 {
        browser.open_tab(&address).unwrap();
        browser.wait_text("Registered", SOON).unwrap();
    }
    world.desk.cli(&["dnd", "on"]).unwrap().success().unwrap();
    browser.wait_text("Do not disturb is on", SOON).unwrap();
    browser.run("localStorage.clear()").unwrap();
    browser.reload().unwrap();
    browser.wait_text("carillon open", SOON).unwrap();
    assert!(!browser.text().unwrap().contains("Registered"));
}
