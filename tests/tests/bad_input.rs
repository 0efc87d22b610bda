//! What people get wrong: each has its own clear error, and what runs goes on.

use carillon_tests::command_line::Ended;
use carillon_tests::desk::Desk;
use carillon_tests::https::pinned_client;
use carillon_tests::pair::{Pair, SOON};
use carillon_tests::patience;
use carillon_tests::server::Server;

/// A refusal: the exit code, and every word somewhere in what it said.
fn assert_refused(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!(ended.code, Some(code), "{ended:#?}");
    let said = ended.stderr.to_lowercase();
    for word in words {
        assert!(said.contains(word), "{word:?} is not said in {ended:#?}");
    }
    assert!(!said.contains("panicked"), "{ended:#?}");
}

#[test]
fn tickets_that_do_not_enrol() {
    let server = Server::start().unwrap();
    server.run(&["desk", "add", "first"]).unwrap();
    let ticket = server.ticket("first").unwrap();
    let desk = Desk::new("first").unwrap();

    assert_refused(
        &desk.enrol(&ticket[..ticket.len() - 7]).unwrap(),
        5,
        &["ticket", "cut"],
    );
    assert_refused(&desk.enrol("carillon1.").unwrap(), 5, &["ticket"]);
    assert_refused(&desk.enrol("hello").unwrap(), 5, &["no ticket"]);

    desk.enrol(&ticket).unwrap().success().unwrap();
    let late = Desk::new("late").unwrap();
    assert_refused(&late.enrol(&ticket).unwrap(), 5, &["used"]);

    server.run(&["desk", "add", "second"]).unwrap();
    let short = server
        .run(&["ticket", "new", "--desk", "second", "--expires", "1s"])
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(2_100));
    assert_refused(&late.enrol(short.trim()).unwrap(), 5, &["expired"]);
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let mut server = Server::start().unwrap();
    server.run(&["desk", "add", "first"]).unwrap();
    let ticket = server.ticket("first").unwrap();
    server.stop().unwrap();
    let desk = Desk::new("first").unwrap();
    assert_refused(&desk.enrol(&ticket).unwrap(), 6, &["127.0.0.1"]);
}

#[test]
fn a_fleet_file_with_a_slip_changes_nothing_and_says_where() {
    let server = Server::start().unwrap();
    server
        .apply("desks:\n  - name: good\n")
        .unwrap()
        .success()
        .unwrap();
    let before = server.run(&["desk", "list"]).unwrap();
    let account = |line: &str| {
        format!("desks:\n  - name: other\n    accounts:\n      - id: main\n        {line}\n")
    };
    let slips = [
        (
            "desks:\n  - nmae: other\n".to_owned(),
            vec!["unknown key desks[0].nmae", "\"name\"", "line 2"],
        ),
        (
            "desks:\n  - name: other\n    name: again\n".to_owned(),
            vec!["name"],
        ),
        (
            "desks:\n  - name: other\n  - name: other\n".to_owned(),
            vec!["other", "already"],
        ),
        (
            account("adress: sip:x@example.org"),
            vec!["unknown key", "adress", "\"address\"", "line 5"],
        ),
        (
            account("address: sip:x@example.org\n        lable: x"),
            vec!["lable", "label"],
        ),
        ("dekss: []\n".to_owned(), vec!["dekss", "desks"]),
        (account("address: not a sip address"), vec!["address"]),
        (
            account("address: sip:x@example.org\n        registrar: \"host:99999\""),
            vec!["registrar"],
        ),
        ("desks: [".to_owned(), vec![]),
    ];
    for (yaml, words) in slips {
        let ended = server.apply(&yaml).unwrap();
        assert_ne!(ended.code, Some(0), "{yaml} was taken");
        assert!(!ended.stderr.contains("panicked"), "{ended:#?}");
        for word in words {
            assert!(
                ended.stderr.contains(word),
                "{word:?} is not said of {yaml}: {ended:#?}"
            );
        }
        assert_eq!(server.run(&["desk", "list"]).unwrap(), before);
    }
}

#[test]
fn a_password_is_never_shown_again() {
    let server = Server::start().unwrap();
    let secret = "correct-horse-battery";
    server.add_desk("first", "1001", secret, 5_060).unwrap();
    for args in [
        &["desk", "show", "first", "--json"][..],
        &["export"],
        &["desk", "show", "first"],
    ] {
        let said = server.run(args).unwrap();
        assert!(!said.contains(secret), "{args:?} shows the password");
    }
    assert!(!server.said().contains(secret));
    let slip = "desks:\n  - name: x\n    accounts:\n      - id: main\n        pasword: \"correct-horse-battery\"\n";
    let ended = server.apply(slip).unwrap();
    assert_ne!(ended.code, Some(0));
}

#[test]
fn commands_that_cannot_be_done_say_why() {
    let mut pair = Pair::start().unwrap();
    let a = &pair.a;
    assert_refused(&a.cli(&["answer"]).unwrap(), 4, &["call"]);
    assert_refused(&a.cli(&["hangup"]).unwrap(), 4, &["call"]);
    assert_refused(&a.cli(&["dtmf", "1"]).unwrap(), 4, &["call"]);
    for target in ["sip:", "sip:@", "sip:a b@c", "http://example.org", ""] {
        let ended = a.cli(&["dial", target]).unwrap();
        assert!(matches!(ended.code, Some(2 | 4)), "{target:?}: {ended:?}");
        assert!(
            !ended.stderr.trim().is_empty() && !ended.stderr.contains("panicked"),
            "{ended:?}"
        );
    }
    assert_refused(
        &a.cli(&["dial", "sip:1002@127.0.0.1", "--account", "ghost"])
            .unwrap(),
        4,
        &["ghost"],
    );
    // A word that is no verb is a name to call, but not one that is a verb but for a slip.
    assert_refused(&a.cli(&["hangpu"]).unwrap(), 2, &["carillon hangup"]);
    assert_refused(&a.cli(&["dial"]).unwrap(), 2, &["target"]);
    pair.a.stop().unwrap();
    assert_refused(&pair.a.cli(&["status"]).unwrap(), 3, &["no agent runs"]);
    assert_refused(
        &pair.a.cli(&["dial", "sip:1002@127.0.0.1"]).unwrap(),
        3,
        &["no agent runs"],
    );
}

#[test]
fn a_device_that_is_not_there_is_named_and_the_desk_goes_on() {
    let pair = Pair::start().unwrap();
    let yaml = format!(
        "desks:\n  - name: desk-a\n    accounts:\n      - id: main\n        address: sip:1001@127.0.0.1\n        \
         password: first-a\n        registrar: 127.0.0.1:{port}\n        outbound_proxy: 127.0.0.1:{port}\n    \
         media:\n      input: \"The Great Bell\"\n      output: \"null\"\n  - name: desk-b\n    accounts:\n      \
         - id: main\n        address: sip:1002@127.0.0.1\n        password: first-b\n        \
         registrar: 127.0.0.1:{port}\n        outbound_proxy: 127.0.0.1:{port}\n    media:\n      \
         input: \"null\"\n      output: \"null\"\n",
        port = pair.kamailio.port()
    );
    let before = pair.a.status().unwrap()["generation"].as_u64();
    pair.server.apply(&yaml).unwrap().success().unwrap();
    patience::until("the new generation, applied or refused", SOON, || {
        let status = pair.a.status().map_err(|e| e.to_string())?;
        let shown = pair
            .server
            .desk("desk-a")
            .map_err(|e| e.to_string())?
            .to_string();
        if status["generation"].as_u64() > before || shown.contains("The Great Bell") {
            Ok(())
        } else {
            Err(status.to_string())
        }
    })
    .unwrap();
    let _ = pair.a.cli(&["dial", "sip:1002@127.0.0.1"]).unwrap();
    patience::until("the missing device at the server", SOON, || {
        let shown = pair
            .server
            .desk("desk-a")
            .map_err(|e| e.to_string())?
            .to_string();
        if shown.contains("The Great Bell") {
            Ok(())
        } else {
            Err(shown)
        }
    })
    .unwrap();
    pair.a.wait_account("main", "registered", SOON).unwrap();
}

#[test]
fn a_wrong_admin_token_is_refused_and_named() {
    let server = Server::start().unwrap();
    server.run(&["desk", "add", "first"]).unwrap();
    let ticket: carillon_schemas::Ticket = server.ticket("first").unwrap().parse().unwrap();
    let client = pinned_client(ticket.tls_pin.as_deref().unwrap(), SOON).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let url = format!("{}/v1/admin/desks", server.url());
        for token in [None, Some("wrong"), Some("")] {
            let mut request = client.get(&url);
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 401, "token {token:?}");
            let problem: carillon_schemas::Problem = response.json().await.unwrap();
            assert!(!problem.detail.is_empty());
        }
        let good = client
            .get(&url)
            .bearer_auth(server.admin_token().unwrap())
            .send()
            .await
            .unwrap();
        assert_eq!(good.status(), 200);
    });
}
