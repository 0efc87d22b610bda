//! The local API from outside: who gets in, what a caller may take up, what it says.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use actix::{Actor as _, Addr};
use carillon_agent::agent::Agent;
use carillon_agent::control::{AgentPort, Control, ControlAddress, SOCKET, Setup, Visitors};
use carillon_agent::desktop::Books;
use carillon_agent::provisioning::LinkBoard;
use carillon_agent::session::SessionParts;
use carillon_agent::state_folder::StateFolder;
use serde_json::Value;

use crate::desk::{in_system, state, until};

pub(crate) struct Stage {
    folder: StateFolder,
    pub(crate) address: ControlAddress,
    _control: Addr<Control>,
    _agent: Addr<Agent>,
    _temporary: tempfile::TempDir,
}

pub(crate) async fn set() -> Stage {
    let (temporary, folder) = state();
    let agent = Agent::new("test", vec![]).start();
    let setup = Setup {
        folder: folder.clone(),
        listen: Some(([127, 0, 0, 1], 0).into()),
        socket: Some(folder.place(SOCKET)),
        visitors: Visitors::default(),
        sessions: SessionParts::default(),
        port: AgentPort::new(&agent, LinkBoard::default(), Books::default()),
    };
    let control = Control::new(setup).start();
    until("it listens", || folder.place("control.json").exists()).await;
    let address = ControlAddress::load(&folder).unwrap().unwrap();
    Stage {
        folder,
        address,
        _control: control,
        _agent: agent,
        _temporary: temporary,
    }
}

impl Stage {
    /// Sends bytes as they are; gives status and body.
    pub(crate) async fn raw(&self, request: String) -> (u16, String) {
        let (status, _, body) = self.whole(request).await;
        (status, body)
    }

    /// The same with the head.
    pub(crate) async fn whole(&self, request: String) -> (u16, String, String) {
        let address = self.address.address;
        let asked = tokio::task::spawn_blocking(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            stream
                .set_read_timeout(Some(Duration::from_secs(30)))
                .unwrap();
            // One who is refused before the end of a large request may find the connection closed.
            let _ = stream.write_all(request.as_bytes());
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
            String::from_utf8(answer).unwrap()
        });
        let answer = asked.await.unwrap();
        let status = answer
            .split(' ')
            .nth(1)
            .and_then(|s| s.parse().ok())
            .unwrap_or(0);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        (status, head.to_owned(), body.to_owned())
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let (status, body) = self.raw(self.request(method, path, body, "")).await;
        (status, serde_json::from_str(&body).unwrap_or_default())
    }

    fn request(&self, method: &str, path: &str, body: &str, more: &str) -> String {
        format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n{more}\
             Content-Length: {}\r\n\r\n{body}",
            self.address.address,
            self.address.token(),
            body.len()
        )
    }
}

pub(crate) fn word(problem: &Value) -> &str {
    problem["type"]
        .as_str()
        .unwrap()
        .rsplit(':')
        .next()
        .unwrap()
}

#[test]
fn the_owner_is_served_and_the_token_is_the_owners_alone() {
    in_system(async {
        let stage = set().await;
        let mode = std::fs::metadata(stage.folder.place("control.json")).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o600);
        assert_eq!(stage.address.token().len(), 64);
        let (status, view) = stage.ask("GET", "/v1/status", "").await;
        assert_eq!(status, 200);
        assert_eq!(view["accounts"], Value::Array(vec![]));
        assert_eq!(view["link"]["server"], Value::Null);
    });
}

#[test]
fn strangers_pages_and_rebound_names_stay_out() {
    in_system(async {
        let stage = set().await;
        let good = stage.request("GET", "/v1/status", "", "");
        let address = stage.address.address.to_string();
        for (request, status) in [
            (good.replace(stage.address.token(), &"0".repeat(64)), 401),
            (
                good.replace(&format!("Host: {address}"), "Host: rebound.example"),
                403,
            ),
            (
                stage.request("GET", "/v1/status", "", "Origin: https://evil.example\r\n"),
                403,
            ),
            (
                stage.request("GET", "/v1/events", "", "Sec-Fetch-Site: cross-site\r\n"),
                403,
            ),
        ] {
            let (found, body) = stage.raw(request).await;
            assert_eq!(found, status, "{body}");
            assert!(body.contains("urn:carillon:problem:"), "{body}");
            assert!(!body.contains(stage.address.token()));
        }
    });
}

#[test]
fn what_cannot_be_read_is_refused_with_its_reason() {
    in_system(async {
        let stage = set().await;
        let large = format!("{{\"target\": \"{}\"}}", "1".repeat(65 << 10));
        for (method, path, body, status, wanted) in [
            ("POST", "/v1/calls", large.as_str(), 413, "bad-request"),
            ("POST", "/v1/calls", "{", 400, "bad-request"),
            (
                "POST",
                "/v1/calls",
                "{\"target\": \"1\", \"acount\": \"x\"}",
                400,
                "bad-request",
            ),
            ("POST", "/v1/calls/x/hangup", "", 400, "bad-request"),
            ("POST", "/v1/calls/7/hangup", "", 404, "no-such-call"),
            (
                "POST",
                "/v1/calls",
                "{\"target\": \"1002\"}",
                409,
                "no-account",
            ),
            (
                "POST",
                "/v1/accounts/none/restart",
                "",
                404,
                "no-such-account",
            ),
            (
                "POST",
                "/v1/enrol",
                "{\"ticket\": \"carillon1.secret\"}",
                422,
                "ticket-invalid",
            ),
            ("DELETE", "/v1/calls", "", 404, "no-such-route"),
        ] {
            let (found, problem) = stage.ask(method, path, body).await;
            assert_eq!((found, word(&problem)), (status, wanted), "{method} {path}");
            assert!(!problem.to_string().contains("secret"));
        }
        let (status, _) = stage
            .raw(format!(
                "GET / HTTP/1.1\r\nHost: {}\r\n\r\n",
                "x".repeat(40_000)
            ))
            .await;
        assert!(status == 431 || status == 0, "a head without end: {status}");
    });
}

#[test]
fn connections_and_listeners_are_bounded_and_come_back() {
    in_system(async {
        let stage = set().await;
        let address = stage.address.address;
        let listen = stage.request("GET", "/v1/events", "", "");
        let open = move || {
            let mut stream = TcpStream::connect(address).unwrap();
            stream
                .set_read_timeout(Some(Duration::from_secs(30)))
                .unwrap();
            stream.write_all(listen.as_bytes()).unwrap();
            let mut head = [0; 12];
            stream.read_exact(&mut head).unwrap();
            (stream, String::from_utf8_lossy(&head[9..12]).into_owned())
        };
        let opened =
            tokio::task::spawn_blocking(move || (0..9).map(|_| open()).collect::<Vec<_>>());
        let mut opened = opened.await.unwrap();
        let statuses: Vec<_> = opened.iter().map(|(_, status)| status.as_str()).collect();
        assert_eq!(statuses.iter().filter(|s| **s == "200").count(), 8);
        assert_eq!(statuses.iter().filter(|s| **s == "429").count(), 1);
        // Silent connections take up the rest; one more is closed, and all are let go in time.
        for _ in 0..40 {
            opened.push((TcpStream::connect(address).unwrap(), String::new()));
        }
        let (status, _) = stage.ask("GET", "/v1/status", "").await;
        assert_eq!(status, 0, "no room");
        drop(opened);
        for _ in 0..100 {
            if stage.ask("GET", "/v1/status", "").await.0 == 200 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("room never came back");
    });
}

#[test]
fn on_the_socket_the_system_says_who_asks_and_no_token_is_needed() {
    in_system(async {
        let stage = set().await;
        let path = stage.folder.place(SOCKET);
        until("the socket is there", || path.exists()).await;
        let ask = |request: &'static str| {
            let path = path.clone();
            tokio::task::spawn_blocking(move || {
                let mut stream = std::os::unix::net::UnixStream::connect(path).unwrap();
                let patience = Some(Duration::from_secs(30));
                stream.set_read_timeout(patience).unwrap();
                stream.write_all(request.as_bytes()).unwrap();
                let mut answer = [0; 12];
                stream.read_exact(&mut answer).unwrap();
                String::from_utf8(answer.to_vec()).unwrap()
            })
        };
        for (request, answer) in [
            (
                "GET /v1/status HTTP/1.0\r\nHost: localhost\r\n\r\n",
                "HTTP/1.0 200",
            ),
            (
                "GET /v1/nothing HTTP/1.0\r\nHost: localhost\r\n\r\n",
                "HTTP/1.0 404",
            ),
            (
                "GET /v1/session HTTP/1.0\r\nHost: localhost\r\n\r\n",
                "HTTP/1.0 426",
            ),
            (
                "GET /v1/session HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
                 Upgrade: carillon-session/1\r\n\r\n",
                "HTTP/1.1 101",
            ),
        ] {
            assert_eq!(ask(request).await.unwrap(), answer, "{request}");
        }
        // By the token nobody is vouched for, so that no session part is attached there.
        let upgrade = stage.request(
            "GET",
            "/v1/session",
            "",
            "Connection: Upgrade\r\nUpgrade: carillon-session/1\r\n",
        );
        let (status, body) = stage.raw(upgrade).await;
        assert_eq!(status, 403, "{body}");
        assert!(body.contains("no-user"), "{body}");
    });
}

#[test]
fn the_routes_for_sound_answer_and_refuse() {
    in_system(async {
        let stage = set().await;
        let (status, volume) = stage.ask("GET", "/v1/volume", "").await;
        assert_eq!((status, &volume["input"]), (200, &Value::from(100)));
        let (status, volume) = stage.ask("POST", "/v1/volume", r#"{"output":150}"#).await;
        assert_eq!((status, &volume["output"]), (200, &Value::from(150)));
        for (method, path, body, status) in [
            ("POST", "/v1/volume", r#"{"output":201}"#, 422),
            ("POST", "/v1/volume", r#"{"loud":1}"#, 400),
            ("POST", "/v1/calls/any/mute", r#"{"muted":true}"#, 409),
            ("POST", "/v1/calls/7/record", r#"{"on":true}"#, 404),
            ("POST", "/v1/conference", r#"{"calls":[]}"#, 409),
            ("DELETE", "/v1/conference", "", 409),
            ("PUT", "/v1/conference", "", 404),
            ("GET", "/v1/devices", "", 200),
            ("POST", "/v1/devices", r#"{"output":"tone:440"}"#, 422),
            ("POST", "/v1/devices", r#"{"input":"no such thing"}"#, 409),
            (
                "POST",
                "/v1/devices",
                r#"{"input":"tone:1000","ring":"null"}"#,
                200,
            ),
        ] {
            let (got, answer) = stage.ask(method, path, body).await;
            assert_eq!(got, status, "{method} {path}: {answer}");
        }
        let (_, devices) = stage.ask("GET", "/v1/devices", "").await;
        assert_eq!(devices["input"], "tone:1000");
        assert_eq!(devices["output"], "default");
        assert_eq!(devices["ring"], "null");
    });
}

#[test]
fn levels_come_while_somebody_listens() {
    in_system(async {
        let stage = set().await;
        let chosen = r#"{"input":"tone:1000"}"#;
        assert_eq!(stage.ask("POST", "/v1/devices", chosen).await.0, 200);
        let request = stage.request("GET", "/v1/levels", "", "");
        let address = stage.address.address;
        let read = tokio::task::spawn_blocking(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            stream
                .set_read_timeout(Some(Duration::from_secs(20)))
                .unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            let (mut text, mut part) = (String::new(), [0; 512]);
            while text.matches("event: levels").count() < 4 {
                let count = stream.read(&mut part).unwrap();
                assert!(count > 0, "it ended: {text}");
                text.push_str(std::str::from_utf8(&part[..count]).unwrap());
            }
            text
        });
        let text = read.await.unwrap();
        assert!(text.contains("text/event-stream"), "{text}");
        // The tone is 10 dB below full scale, and nothing is played.
        assert!(text.contains(r#"{"input":-10.0,"output":-96.0}"#), "{text}");
    });
}
