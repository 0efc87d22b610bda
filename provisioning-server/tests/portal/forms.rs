//! What a visitor can change, and who is not let.

use reqwest::StatusCode;
use reqwest::header::{LOCATION, RETRY_AFTER, SET_COOKIE};

use crate::house::{ADMIN, House, PASSWORD, Visit, actor};

#[tokio::test]
async fn a_session_is_a_strict_cookie_made_anew_at_every_sign_in() {
    let house = House::open().await;
    let fields = [("name", ADMIN), ("password", PASSWORD)];
    let answer = house.post("/sign-in", None, &fields).await;
    let cookie = answer.headers()[SET_COOKIE].to_str().unwrap().to_owned();
    for part in ["__Host-", "Secure", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Domain"));
    let first = house.sign_in().await;
    let again = house.post("/sign-in", Some(&first), &fields).await;
    let second = again.headers()[SET_COOKIE]
        .to_str()
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    assert_ne!(first.cookie, second);
    assert_eq!(
        house.get("/desks", Some(&first)).await.status(),
        StatusCode::SEE_OTHER,
        "the old session is over"
    );
    let second = Visit {
        cookie: second,
        csrf: String::new(),
    };
    assert_eq!(
        house.get("/desks", Some(&second)).await.status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn signing_out_ends_the_session_at_the_server() {
    let house = House::open().await;
    let visit = house.sign_in().await;
    let answer = house
        .post("/sign-out", Some(&visit), &[("csrf", &visit.csrf)])
        .await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert!(
        answer.headers()[SET_COOKIE]
            .to_str()
            .unwrap()
            .contains("Max-Age=0")
    );
    assert_eq!(
        house.get("/desks", Some(&visit)).await.headers()[LOCATION],
        "/sign-in"
    );
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_too_many_have_to_wait() {
    let house = House::open().await;
    let mut waited = false;
    for _ in 0..20 {
        let answer = house
            .post("/sign-in", None, &[("name", ADMIN), ("password", "guess")])
            .await;
        assert!(answer.headers().get(SET_COOKIE).is_none());
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            assert!(
                answer.headers()[RETRY_AFTER]
                    .to_str()
                    .unwrap()
                    .parse::<u64>()
                    .unwrap()
                    >= 1
            );
            assert!(
                answer
                    .text()
                    .await
                    .unwrap()
                    .contains("Too many failed sign-ins: try again in")
            );
            waited = true;
            break;
        }
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        let page = answer.text().await.unwrap();
        assert!(
            page.contains("The name or the password is wrong.") && page.contains("value=\"admin\"")
        );
        assert!(!page.contains("guess"));
    }
    assert!(waited);
}

#[tokio::test]
async fn a_form_of_another_site_or_session_changes_nothing() {
    let house = House::open().await;
    let visit = house.sign_in().await;
    let stranger = house.sign_in().await;
    let id = house
        .service()
        .add_desk(&actor(), "Reception")
        .await
        .unwrap()
        .id;
    let desk = [("desk", "Evil"), ("address", "sip:1@evil.example")];
    let with = |csrf| [&[("csrf", csrf)], &desk[..]].concat();
    let forged = [
        house
            .post_from(
                "https://evil.example",
                "/desks/new",
                Some(&visit),
                &with(visit.csrf.as_str()),
            )
            .await,
        house
            .post_from(
                "null",
                "/desks/new",
                Some(&visit),
                &with(visit.csrf.as_str()),
            )
            .await,
        house
            .post("/desks/new", Some(&visit), &with(stranger.csrf.as_str()))
            .await,
        house.post("/desks/new", Some(&visit), &with("")).await,
        house
            .post(
                &format!("/desks/{id}/ticket"),
                Some(&visit),
                &[("csrf", "x")],
            )
            .await,
        house
            .post(
                &format!("/desks/{id}/password"),
                Some(&visit),
                &[("csrf", "x"), ("account", "a"), ("password", "b")],
            )
            .await,
        house
            .post("/sign-out", Some(&visit), &[("csrf", "x")])
            .await,
        house
            .post_from(
                "https://evil.example",
                "/sign-in",
                None,
                &[("name", ADMIN), ("password", PASSWORD)],
            )
            .await,
    ];
    for answer in forged {
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{}", answer.url());
        assert!(answer.text().await.unwrap().contains("nothing was changed"));
    }
    assert_eq!(house.service().desks().await.unwrap().len(), 1);
    assert!(house.service().tickets().await.unwrap().is_empty());
    assert_eq!(
        house.get("/desks", Some(&visit)).await.status(),
        StatusCode::OK,
        "still signed in"
    );
}

#[tokio::test]
async fn a_form_that_is_cut_or_too_large_is_refused() {
    let house = House::open().await;
    let visit = house.sign_in().await;
    let long = "x".repeat(32 << 10);
    let csrf = visit.csrf.as_str();
    for fields in [
        vec![],
        vec![("csrf", csrf)],
        vec![
            ("csrf", csrf),
            ("desk", &long),
            ("address", "sip:1@a.example"),
        ],
    ] {
        let answer = house.post("/desks/new", Some(&visit), &fields).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        assert!(answer.text().await.unwrap().contains("Not understood"));
    }
}

#[tokio::test]
async fn a_desk_is_added_with_its_account_by_form_alone() {
    let house = House::open().await;
    let visit = house.sign_in().await;
    let csrf = visit.csrf.as_str();
    let fields = [
        ("csrf", csrf),
        ("desk", " Room 12 "),
        ("address", "212@pbx.example.org"),
        ("display_name", "Zoë"),
        ("username", ""),
        ("password", "sip secret"),
        ("registrar", "10.0.0.1:5062"),
    ];
    let answer = house.post("/desks/new", Some(&visit), &fields).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let location = answer.headers()[LOCATION].to_str().unwrap().to_owned();
    let page = house
        .get(&location, Some(&visit))
        .await
        .text()
        .await
        .unwrap();
    assert!(
        page.contains("Room 12")
            && page.contains("sip:212@pbx.example.org")
            && page.contains("The desk is added.")
    );
    assert!(!page.contains("sip secret"));
    let desk = &house.service().desks().await.unwrap()[0];
    assert_eq!(desk.name, "Room 12");
    assert!(desk.accounts[0].has_password);

    // The same name again: refused with what was filled in, but for the password.
    let answer = house.post("/desks/new", Some(&visit), &fields).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = answer.text().await.unwrap();
    assert!(
        page.contains("Not added")
            && page.contains("value=\"212@pbx.example.org\"")
            && !page.contains("sip secret")
    );

    // Another account; then the same once more, which must not replace it.
    let add = format!("/desks/{}/accounts/new", desk.id);
    let second = [("csrf", csrf), ("address", "sip:213@pbx.example.org")];
    assert_eq!(
        house.post(&add, Some(&visit), &second).await.status(),
        StatusCode::SEE_OTHER
    );
    assert_eq!(
        house.post(&add, Some(&visit), &second).await.status(),
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert_eq!(house.service().desks().await.unwrap()[0].accounts.len(), 2);
}

#[tokio::test]
async fn what_cannot_be_a_desk_is_refused_and_nothing_is_added() {
    let house = House::open().await;
    let visit = house.sign_in().await;
    for (desk, address, registrar) in [
        ("", "sip:1@a.example", ""),
        ("Desk", "", ""),
        ("Desk", "nonsense", ""),
        ("Desk", "sip:1@a.example", "a b c"),
        ("Desk\nwith lines", "sip:1@a.example", ""),
    ] {
        let fields = [
            ("csrf", visit.csrf.as_str()),
            ("desk", desk),
            ("address", address),
            ("registrar", registrar),
        ];
        let answer = house.post("/desks/new", Some(&visit), &fields).await;
        assert_eq!(
            answer.status(),
            StatusCode::UNPROCESSABLE_ENTITY,
            "{desk:?} {address:?}"
        );
        assert!(answer.text().await.unwrap().contains("Not added"));
    }
    assert!(house.service().desks().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_ticket_is_shown_once_and_enrols() {
    let house = House::open().await;
    let visit = house.sign_in().await;
    let id = house
        .service()
        .add_desk(&actor(), "Reception")
        .await
        .unwrap()
        .id;
    let answer = house
        .post(
            &format!("/desks/{id}/ticket"),
            Some(&visit),
            &[("csrf", &visit.csrf)],
        )
        .await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let page = answer.text().await.unwrap();
    let (_, rest) = page.split_once("carillon enrol ").unwrap();
    let ticket: carillon_schemas::Ticket = rest.split('<').next().unwrap().trim().parse().unwrap();
    assert!(ticket.url.starts_with("https://127.0.0.1:"));
    let made = house.service().tickets().await.unwrap();
    assert_eq!(made.len(), 1);
    assert_eq!((made[0].desk.as_ref(), made[0].uses), (Some(&id), 1));
    let page = house
        .get(&format!("/desks/{id}"), Some(&visit))
        .await
        .text()
        .await
        .unwrap();
    assert!(!page.contains("carillon1."));
    let again = house
        .get(&format!("/desks/{id}/ticket"), Some(&visit))
        .await;
    assert_eq!(again.headers()[LOCATION], format!("/desks/{id}").as_str());
    assert_eq!(house.service().tickets().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_new_password_becomes_the_next_generation() {
    let house = House::open().await;
    let visit = house.sign_in().await;
    let desk = house.enrolled_desk("Reception").await;
    let before = house
        .service()
        .desk_row(&desk.id)
        .await
        .unwrap()
        .unwrap()
        .wanted;
    let path = format!("/desks/{}/password", desk.id);
    let fields = |account, password| {
        [
            ("csrf", visit.csrf.as_str()),
            ("account", account),
            ("password", password),
        ]
    };
    let answer = house
        .post(&path, Some(&visit), &fields("main", "another secret"))
        .await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(
        answer.headers()[LOCATION],
        format!("/desks/{}?done=password", desk.id).as_str()
    );
    let after = house
        .service()
        .desk_row(&desk.id)
        .await
        .unwrap()
        .unwrap()
        .wanted;
    assert!(after > before);
    for (account, password) in [("main", ""), ("main", "a\nb")] {
        let answer = house
            .post(&path, Some(&visit), &fields(account, password))
            .await;
        assert_eq!(
            answer.status(),
            StatusCode::UNPROCESSABLE_ENTITY,
            "{password:?}"
        );
        assert!(answer.text().await.unwrap().contains("Not changed"));
    }
    assert_eq!(
        house
            .post(&path, Some(&visit), &fields("other", "x"))
            .await
            .status(),
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        house
            .service()
            .desk_row(&desk.id)
            .await
            .unwrap()
            .unwrap()
            .wanted,
        after
    );
}
