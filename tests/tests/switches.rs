//! MicroSIP's command line, row by row, against real calls through Kamailio; and the verbs beside it.

#![expect(
    clippy::unwrap_used,
    reason = "a step that fails ends the test, with what it failed on"
)]

use std::time::Duration;

use carillon_tests::command_line::Ended;
use carillon_tests::desk::Desk;
use carillon_tests::events::Events;
use carillon_tests::kamailio::Kamailio;
use carillon_tests::pair::SOON;
use carillon_tests::patience;
use carillon_tests::section::Section;
use serde_json::Value;

/// Two desks at one registrar. A calls; B has two people, who answer to nobody but the test.
struct Office {
    a: Desk,
    b: Desk,
    kamailio: Kamailio,
}

fn account(id: &str, user: &str, port: u16) -> String {
    format!(
        "  - id: {id}\n    address: sip:{user}@127.0.0.1\n    password: secret-{user}\n    registrar: 127.0.0.1:{port}\n    \
         outbound_proxy: 127.0.0.1:{port}\n    accept_from: anyone\n"
    )
}

fn desk(name: &str, yaml: &str) -> Desk {
    let mut desk = Desk::alone(name, yaml).unwrap();
    desk.run().unwrap();
    desk
}

impl Office {
    fn open() -> Self {
        let users = ["1001", "1002", "1003", "1004"].map(|user| (user, format!("secret-{user}")));
        let users: Vec<(&str, &str)> = users.iter().map(|(user, p)| (*user, p.as_str())).collect();
        let kamailio = Kamailio::start(&users).unwrap();
        let port = kamailio.port();
        let sound = "media:\n  input: \"null\"\n  output: \"null\"\n";
        let a = desk(
            "a",
            &format!(
                "accounts:\n{}{}  - id: direct\n    address: sip:a@127.0.0.1\n    register: false\n{sound}",
                account("main", "1001", port),
                account("second", "1004", port),
            ),
        );
        let b = desk(
            "b",
            &format!(
                "accounts:\n{}{}{sound}",
                account("main", "1002", port),
                account("other", "1003", port),
            ),
        );
        for (desk, account) in [(&a, "main"), (&a, "second"), (&b, "main"), (&b, "other")] {
            desk.wait_account(account, "registered", SOON).unwrap();
        }
        Self { a, b, kamailio }
    }

    fn calls(desk: &Desk) -> Vec<Value> {
        desk.status().unwrap()["calls"].as_array().unwrap().clone()
    }

    /// Ends every call, whatever a row left.
    fn silence(&self) {
        for desk in [&self.a, &self.b] {
            desk.cli(&["hangup", "--all"]).unwrap();
        }
        for desk in [&self.a, &self.b] {
            desk.wait_no_call(SOON).unwrap();
        }
    }

    /// A call from A to B that stands.
    fn talk(&self) {
        done(&self.a.cli(&["1002"]).unwrap());
        self.b.wait_call("ringing", SOON).unwrap();
        done(&self.b.cli(&["/answer"]).unwrap());
        for desk in [&self.a, &self.b] {
            desk.wait_call("established", SOON).unwrap();
        }
    }
}

fn done(ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{ended:#?}");
}

/// A refusal with its exit code and the words that help.
fn refused(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!(ended.code, Some(code), "{ended:#?}");
    for word in words {
        assert!(
            ended.stderr.contains(word),
            "{word:?} is not said in {ended:#?}"
        );
    }
    assert!(!ended.stderr.contains("panicked"), "{ended:#?}");
}

#[test]
fn every_switch_of_microsip_works_on_real_calls() {
    let section = Section::begin("MicroSIP's switches");
    let office = Office::open();

    // Who is called, in every way there is to write it; how the call is ended, in every way there is.
    for (dial, end) in [
        ("1002", "/hangupall"),
        ("10 (0)2", "-hangup"),
        ("tel:1002;phone-context=x;ext=9", "/hangup"),
        ("sip:1002@127.0.0.1?Replaces=x", "/hangupcalling"),
        ("sip:1002", "-hangupcalling"),
        ("callto:1002", "msip:hangupall"),
        ("dial:1002", "/HangupAll"),
        ("dialpad:1002", "/hangupall"),
        ("/dial:1002", "/hangupall"),
        ("-dial:1002", "/hangupall"),
        ("msip:1002", "/hangupall"),
    ] {
        done(&office.a.cli(&[dial]).unwrap());
        office.b.wait_call("ringing", SOON).unwrap();
        let call = &Office::calls(&office.b)[0];
        assert!(
            call["peer"].as_str().unwrap().contains("1001@"),
            "{dial}: {call}"
        );
        done(&office.a.cli(&[end]).unwrap());
        office.b.wait_no_call(SOON).unwrap();
        office.a.wait_no_call(SOON).unwrap();
    }
    section.note("eleven ways to dial, six to hang up");

    // The called side declines; what fits no call is refused.
    done(&office.a.cli(&["1002"]).unwrap());
    office.b.wait_call("ringing", SOON).unwrap();
    refused(
        &office.b.cli(&["/hangupcalling"]).unwrap(),
        4,
        &["no calling call"],
    );
    done(&office.b.cli(&["/hangupincoming"]).unwrap());
    office.a.wait_no_call(SOON).unwrap();
    refused(&office.b.cli(&["/answer"]).unwrap(), 4, &["ringing"]);

    // Two accounts, by place and by name; the choice lasts.
    done(&office.a.cli(&["/account:2", "1002"]).unwrap());
    office.b.wait_call("ringing", SOON).unwrap();
    let call = &Office::calls(&office.b)[0];
    assert!(call["peer"].as_str().unwrap().contains("1004@"), "{call}");
    office.silence();
    let accounts = office.a.cli(&["accounts", "--json"]).unwrap().json();
    assert_eq!(accounts.unwrap()[1]["preferred"], true);
    done(&office.a.cli(&["/account:main"]).unwrap());
    refused(
        &office.a.cli(&["/account:9"]).unwrap(),
        4,
        &["main, second"],
    );

    // A call that stands: keys, hold, transfer.
    office.talk();
    let mut events = Events::of(&office.b.state()).unwrap();
    done(&office.a.cli(&["/dtmf:7"]).unwrap());
    events
        .wait_data("dtmf_received", SOON, |data| data["digit"] == "7")
        .unwrap();
    done(&office.a.cli(&["msip:hold"]).unwrap());
    assert_eq!(Office::calls(&office.a)[0]["on_hold"], true);
    done(&office.a.cli(&["resume"]).unwrap());
    for (switch, target) in [("/transfer:1003", "1003"), ("msip:transfer_1003", "1003")] {
        done(&office.a.cli(&[switch]).unwrap());
        patience::until("the transferred call at B", SOON, || {
            let calls = Office::calls(&office.b);
            let arrived = calls
                .iter()
                .any(|call| call["account"] == "other" && call["state"] == "ringing");
            if arrived { Ok(()) } else { Err(calls) }
        })
        .unwrap_or_else(|fault| panic!("{switch} to {target}: {fault}"));
        office.silence();
        if switch.starts_with('/') {
            office.talk();
        }
    }
    section.note("keys, hold, transfer");

    // Straight to a phone's address, on the account that registers nowhere.
    let contact = office.kamailio.contacts("1002").unwrap()[0].uri.clone();
    let (_, place) = contact.split_once('@').unwrap();
    let port = place.split([':', ';']).nth(1).unwrap();
    for address in [
        format!("127.0.0.1:{port}"),
        format!("sip:1002@127.0.0.1:{port}"),
    ] {
        done(&office.a.cli(&[&address]).unwrap());
        assert_eq!(Office::calls(&office.a)[0]["account"], "direct");
        office.b.wait_call("ringing", SOON).unwrap();
        office.silence();
    }

    // A message, in one word.
    let mut events = Events::of(&office.b.state()).unwrap();
    done(&office.a.cli(&["1002 on my way"]).unwrap());
    events
        .wait_data("text_received", SOON, |data| data["text"] == "on my way")
        .unwrap();

    // What is not done says why, and nothing is done.
    for (line, words) in [
        (vec!["/account:2", "/password:hunter2"], vec!["agent.yaml"]),
        (vec!["/reset"], vec!["nothing is reset"]),
        (vec!["/resetnoask"], vec!["nothing is reset"]),
        (vec!["/i:microsip.ini"], vec!["carillon import"]),
        (vec!["/i:other.yaml", "1002"], vec!["alone"]),
        (vec!["%number%"], vec!["%number%", "not replaced"]),
        (vec!["dial", "%number%"], vec!["%number%", "not replaced"]),
        (vec!["/frobnicate"], vec!["--help"]),
        (vec!["hangpu"], vec!["carillon hangup"]),
    ] {
        let ended = office.a.cli(&line).unwrap();
        let code = if line[0] == "dial" { 4 } else { 2 };
        refused(&ended, code, &words);
        assert!(!ended.stderr.contains("hunter2"), "{ended:#?}");
    }
    assert!(Office::calls(&office.a).is_empty());
    done(&office.a.cli(&["msip:minimize"]).unwrap());
    section.note("peers, messages, refusals");
}

#[test]
fn sound_is_steered_from_the_command_line() {
    let office = Office::open();
    office.talk();
    for (switch, muted) in [("msip:micmute", true), ("msip:micunmute", false)] {
        done(&office.a.cli(&[switch]).unwrap());
        assert_eq!(Office::calls(&office.a)[0]["muted"], muted, "{switch}");
    }
    for (switch, which, level) in [
        ("msip:speakmute", "output", 0),
        ("msip:speakunmute", "output", 100),
        ("msip:speakdown", "output", 90),
        ("msip:speakup", "output", 100),
        ("msip:micup", "input", 110),
        ("msip:micdown", "input", 100),
    ] {
        done(&office.a.cli(&[switch]).unwrap());
        let volume = office.a.cli(&["volume", "--json"]).unwrap().json().unwrap();
        assert_eq!(volume[which], level, "{switch}: {volume}");
    }
    refused(
        &office.a.cli(&["volume", "--input", "201"]).unwrap(),
        2,
        &["0 to 200"],
    );

    let file = office.a.folder().join("call.wav");
    let path = file.to_str().unwrap();
    done(&office.a.cli(&["record", "--path", path]).unwrap());
    assert_eq!(Office::calls(&office.a)[0]["recording"], path);
    std::thread::sleep(Duration::from_millis(300));
    done(&office.a.cli(&["record", "off"]).unwrap());
    assert!(
        file.metadata().unwrap().len() > 44,
        "the recording is empty"
    );

    done(&office.a.cli(&["dial", "1003"]).unwrap());
    office.b.wait_call("established", SOON).unwrap();
    patience::until_true("the second call at B", SOON, || {
        Office::calls(&office.b).len() == 2
    })
    .unwrap();
    done(&office.b.cli(&["answer", "--wait"]).unwrap());
    patience::until_true("two calls that stand", SOON, || {
        let calls = Office::calls(&office.a);
        calls.len() == 2 && calls.iter().all(|call| call["state"] == "established")
    })
    .unwrap();
    refused(&office.a.cli(&["mute"]).unwrap(), 4, &["name one"]);
    done(&office.a.cli(&["conference"]).unwrap());
    let calls = Office::calls(&office.a);
    assert!(
        calls.iter().all(|call| call["conference"] == true),
        "{calls:?}"
    );
    done(&office.a.cli(&["conference", "--end"]).unwrap());
    let calls = Office::calls(&office.a);
    assert!(
        calls.iter().all(|call| call["conference"] == false),
        "{calls:?}"
    );

    done(
        &office
            .a
            .cli(&["devices", "--input", "tone:440", "--ring", "null"])
            .unwrap(),
    );
    let devices = office
        .a
        .cli(&["devices", "--output", "no such card"])
        .unwrap();
    assert_ne!(devices.code, Some(0), "{devices:#?}");
    office.silence();
}

#[test]
fn one_agent_runs_and_everyone_else_gets_an_answer() {
    let mut office = Office::open();
    let pid = office.a.pid().unwrap().to_string();
    for line in [vec!["run"], vec!["/i:other.yaml"]] {
        let ended = office.a.cli(&line).unwrap();
        refused(&ended, 9, &["already runs", &format!("process {pid}")]);
    }
    for line in [vec!["/minimized"], vec!["run", "--if-needed"]] {
        done(&office.a.cli(&line).unwrap());
    }

    // Events as they come, until one.
    std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            office.b.cli(&[
                "watch",
                "--json",
                "--until",
                "call-ended",
                "--timeout",
                "30",
            ])
        });
        // It may take a moment until it listens.
        while !watching.is_finished() {
            let called = office.a.cli(&["dial", "1002", "--json"]).unwrap();
            assert_eq!(called.json().unwrap()["state"], "calling");
            office.b.wait_call("ringing", SOON).unwrap();
            done(&office.a.cli(&["hangup", "--calling", "--wait"]).unwrap());
            assert!(Office::calls(&office.a).is_empty());
            office.b.wait_no_call(SOON).unwrap();
        }
        let watched = watching.join().unwrap().unwrap();
        done(&watched);
        let last: Value = serde_json::from_str(watched.stdout.lines().last().unwrap()).unwrap();
        assert_eq!(last["event"], "call_ended");
        assert_eq!(last["data"]["cause"], "missed");
    });
    let ended = office
        .a
        .cli(&["watch", "--until", "never", "--timeout", "1"])
        .unwrap();
    refused(&ended, 10, &["did not come in time"]);

    // Nobody answers: whoever waits learns why.
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| office.a.cli(&["dial", "1002", "--wait", "--json"]));
        office.b.wait_call("ringing", SOON).unwrap();
        done(&office.b.cli(&["hangup", "--incoming"]).unwrap());
        let ended = waiting.join().unwrap().unwrap();
        assert_eq!(ended.code, Some(4), "{ended:#?}");
        let error: Value = serde_json::from_str(&ended.stderr).unwrap();
        assert_eq!(error["error"]["exit"], 4, "{error}");
    });
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| office.a.cli(&["dial", "1002", "--wait"]));
        office.b.wait_call("ringing", SOON).unwrap();
        done(&office.b.cli(&["answer", "--wait"]).unwrap());
        done(&waiting.join().unwrap().unwrap());
    });
    let ended = office.a.cli(&["hangup", "999"]).unwrap();
    refused(&ended, 4, &["no call 999"]);
    office.silence();

    // The choice of an account outlasts the agent; without one, everyone is told how to start it.
    done(&office.a.cli(&["accounts", "use", "second"]).unwrap());
    done(&office.a.cli(&["/exit"]).unwrap());
    patience::until_true("the end of the agent", SOON, || !office.a.is_running()).unwrap();
    for line in [
        vec!["1002"],
        vec!["/answer"],
        vec!["status"],
        vec!["watch"],
        vec!["link", "tel:1002"],
        vec!["open", "--print"],
        vec!["stop"],
    ] {
        refused(&office.a.cli(&line).unwrap(), 3, &["carillon run"]);
    }
    office.a.run().unwrap();
    let accounts = office.a.cli(&["accounts", "--json"]).unwrap().json();
    assert_eq!(accounts.unwrap()[1]["preferred"], true);
}

#[test]
fn attack_b_a_link_from_a_page_only_asks() {
    let office = Office::open();
    let mut events = Events::of(&office.a.state()).unwrap();
    let asked = office
        .a
        .cli(&["link", "tel:%2B1-002?x=y", "--json"])
        .unwrap();
    let asked = asked.json().unwrap()["asked"].as_u64().unwrap().to_string();
    let ask = events.wait_data("link_asked", SOON, |_| true).unwrap();
    assert_eq!(ask["target"], "+1002");
    done(&office.a.cli(&["link", "--deny", &asked]).unwrap());
    let settled = events.wait_data("link_settled", SOON, |_| true).unwrap();
    assert_eq!(settled["outcome"], "denied");
    refused(
        &office.a.cli(&["link", "--allow", &asked]).unwrap(),
        4,
        &["does not ask"],
    );
    assert!(Office::calls(&office.a).is_empty(), "a link dialled");

    // Allowed, it is called; whoever waits learns it.
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| office.a.cli(&["link", "sip:1002@127.0.0.1", "--wait"]));
        events.wait("link_asked", SOON).unwrap();
        let list = office.a.cli(&["link", "--list", "--json"]).unwrap();
        let id = list.json().unwrap()[0]["id"].as_u64().unwrap().to_string();
        done(&office.a.cli(&["link", "--allow", &id]).unwrap());
        done(&waiting.join().unwrap().unwrap());
    });
    office.b.wait_call("ringing", SOON).unwrap();
    office.silence();

    // A page that clicks for itself gets no further than the bound; other schemes get nowhere.
    let mut codes = Vec::new();
    for number in 0..10 {
        let link = format!("tel:55{number}");
        codes.push(office.a.cli(&["link", &link]).unwrap().code);
    }
    assert_eq!(codes[..8], [Some(0); 8]);
    assert_eq!(codes[8..], [Some(4); 2]);
    for link in [
        "javascript:alert(1)",
        "msip:hangupall",
        "tel:%0d%0a",
        "1002",
    ] {
        refused(&office.a.cli(&["link", link]).unwrap(), 4, &["link"]);
    }

    // The desk's own word lets links dial, but never a feature code.
    let yaml = std::fs::read_to_string(office.a.state().join("agent.yaml")).unwrap();
    let mut events = Events::of(&office.a.state()).unwrap();
    std::fs::write(
        office.a.state().join("agent.yaml"),
        format!("{yaml}links:\n  dial: now\n  schemes: [tel]\n"),
    )
    .unwrap();
    events.wait("config_applied", SOON).unwrap();
    let denied = office.a.cli(&["link", "sip:1002@127.0.0.1"]).unwrap();
    refused(&denied, 4, &["taken are tel"]);
    let placed = office.a.cli(&["link", "tel:1002", "--json"]).unwrap();
    assert_eq!(placed.json().unwrap()["state"], "calling");
    office.b.wait_call("ringing", SOON).unwrap();
    office.silence();
    let list = office.a.cli(&["link", "--list", "--json"]).unwrap();
    let first = list.json().unwrap()[0]["id"].to_string();
    done(&office.a.cli(&["link", "--deny", &first]).unwrap());
    let coded = office
        .a
        .cli(&["link", "tel:*21*1003%23", "--json"])
        .unwrap();
    assert!(coded.json().unwrap()["asked"].is_u64());
    assert!(
        Office::calls(&office.a).is_empty(),
        "a feature code dialled"
    );
}
