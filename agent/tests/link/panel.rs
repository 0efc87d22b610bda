//! The panel from outside: its files, the way in, and who stays out.

use serde_json::{Value, json};

use crate::control::{Stage, set, word};
use crate::desk::in_system;

/// What a browser that was let in sends with each request.
struct Browser {
    origin: String,
    cookie: String,
    key: String,
}

impl Browser {
    /// Opens the address that the agent gave, as a browser does.
    async fn enter(stage: &Stage) -> (Self, String) {
        let (status, answer) = stage.ask("POST", "/v1/panel/sessions", "").await;
        assert_eq!(status, 201, "{answer}");
        let url = answer["url"].as_str().unwrap();
        let (page, code) = url.split_once('#').unwrap();
        assert_eq!(
            page,
            format!("http://{}/panel/enter", stage.address.address)
        );
        let origin = format!("http://{}", stage.address.address);
        let (status, head, body) = trade(stage, code, &format!("Origin: {origin}\r\n")).await;
        assert_eq!(status, 200, "{body}");
        let cookie = head
            .lines()
            .find_map(|line| line.strip_prefix("set-cookie: "))
            .unwrap();
        assert!(
            cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"),
            "{cookie}"
        );
        let answer: Value = serde_json::from_str(&body).unwrap();
        let browser = Self {
            origin,
            cookie: cookie.split(';').next().unwrap().to_owned(),
            key: answer["key"].as_str().unwrap().to_owned(),
        };
        (browser, code.to_owned())
    }

    fn get(&self, stage: &Stage, path: &str) -> String {
        format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nOrigin: {}\r\nSec-Fetch-Site: same-origin\r\n\
             Cookie: {}\r\ncarillon-panel: {}\r\n\r\n",
            stage.address.address, self.origin, self.cookie, self.key
        )
    }
}

async fn trade(stage: &Stage, code: &str, more: &str) -> (u16, String, String) {
    let body = json!({ "code": code }).to_string();
    let request = format!(
        "POST /panel/session HTTP/1.1\r\nHost: {}\r\n{more}Content-Length: {}\r\n\r\n{body}",
        stage.address.address,
        body.len()
    );
    stage.whole(request).await
}

#[test]
fn a_code_lets_one_browser_in_and_nobody_else() {
    in_system(async {
        let stage = set().await;
        let (browser, code) = Browser::enter(&stage).await;
        let good = browser.get(&stage, "/v1/status");
        assert_eq!(stage.raw(good.clone()).await.0, 200);
        // The code is spent, whoever found it in a history or over a shoulder.
        let own = format!("Origin: {}\r\n", browser.origin);
        let (status, head, body) = trade(&stage, &code, &own).await;
        assert_eq!(status, 403);
        assert!(body.contains("code-spent") && !head.contains("set-cookie"));
        let host = format!("Host: {}", stage.address.address);
        let origin = format!("Origin: {}", browser.origin);
        for (request, status, why) in [
            (good.replace(&browser.cookie, "x=y"), 401, "signed-out"),
            (good.replace(&browser.key, "guessed"), 401, "signed-out"),
            (
                good.replace(&origin, "Origin: https://evil.example"),
                403,
                "foreign-origin",
            ),
            (
                good.replace(&origin, "Origin: http://127.0.0.1:1"),
                403,
                "foreign-origin",
            ),
            (
                good.replace("same-origin", "same-site"),
                403,
                "foreign-origin",
            ),
            (
                good.replace(&host, "Host: rebound.example"),
                403,
                "host-not-local",
            ),
        ] {
            let (found, body) = stage.raw(request).await;
            let problem: Value = serde_json::from_str(&body).unwrap();
            assert_eq!((found, word(&problem)), (status, why));
        }
        // A page cannot let another browser in.
        let invite = good
            .replace("GET /v1/status", "POST /v1/panel/sessions")
            .replace("\r\n\r\n", "\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(stage.raw(invite).await.0, 404);
    });
}

#[test]
fn only_the_panels_own_page_trades_a_code() {
    in_system(async {
        let stage = set().await;
        for more in [
            "",
            "Origin: https://evil.example\r\n",
            "Sec-Fetch-Site: cross-site\r\n",
        ] {
            let (_, answer) = stage.ask("POST", "/v1/panel/sessions", "").await;
            let code = answer["url"].as_str().unwrap().split_once('#').unwrap().1;
            let (status, head, _) = trade(&stage, code, more).await;
            assert_eq!(status, 403, "{more}");
            assert!(!head.contains("set-cookie"));
        }
        let nobody = format!(
            "POST /v1/panel/sessions HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\n\r\n",
            stage.address.address
        );
        assert_eq!(stage.raw(nobody).await.0, 401);
    });
}

#[test]
fn signing_out_ends_the_session() {
    in_system(async {
        let stage = set().await;
        let (browser, _) = Browser::enter(&stage).await;
        let good = browser.get(&stage, "/v1/status");
        let leave = good.replace("GET /v1/status", "DELETE /panel/session");
        assert_eq!(stage.raw(leave).await.0, 204);
        assert_eq!(stage.raw(good).await.0, 401);
    });
}

#[test]
fn every_answer_keeps_others_out() {
    in_system(async {
        let stage = set().await;
        for (path, status) in [
            ("/panel", 308),
            ("/panel/", 200),
            ("/panel/enter", 200),
            ("/panel/panel.js", 200),
            ("/panel/../v1/status", 404),
            ("/panelv1", 404),
        ] {
            let request = |host: &str| format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
            let (found, head, _) = stage
                .whole(request(&stage.address.address.to_string()))
                .await;
            assert_eq!(found, status, "{path}");
            for header in [
                "content-security-policy: default-src 'none'; script-src 'self';",
                "frame-ancestors 'none'",
                "x-content-type-options: nosniff",
                "cache-control: no-store",
            ] {
                assert!(head.contains(header), "{path} lacks {header}: {head}");
            }
            assert!(!head.contains("unsafe"));
            let (rebound, _, _) = stage.whole(request("rebound.example")).await;
            assert_eq!(rebound, 403, "{path}");
        }
    });
}
