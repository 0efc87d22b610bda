//! The local API is what its document says: every route, every answer, every event. And it is nobody else's.

#![expect(
    clippy::unwrap_used,
    reason = "a suite ends where its world is not as it should be"
)]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::mpsc;
use std::time::Duration;

use carillon_tests::binaries::workspace;
use carillon_tests::desk::Desk;
use carillon_tests::pair::SOON;
use carillon_tests::ports;
use carillon_tests::section::Section;
use carillon_tests::sources;
use serde_json::{Value, json};

/// Only for the tests of supervision, in no program that is handed out.
const INJECTION: &str = "POST /v1/accounts/{}/panic";

fn document() -> Value {
    let file = workspace().join("agent/openapi.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// `GET /v1/calls/{}` and so on, in the document.
fn documented(document: &Value) -> BTreeSet<String> {
    let mut routes = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let plain: Vec<_> = path
            .split('/')
            .map(|step| if step.starts_with('{') { "{}" } else { step })
            .collect();
        for method in methods.as_object().unwrap().keys() {
            routes.insert(format!("{} {}", method.to_uppercase(), plain.join("/")));
        }
    }
    routes
}

/// The same, as the code dispatches: arms like `(&Method::GET, ["v1", "calls", call, verb @ ("hold" | "resume")])`.
/// An arm that ends in `..` hands on to the file of its name, whose arms go on from there.
fn dispatched() -> BTreeSet<String> {
    let mut routes = BTreeSet::new();
    let of_api: Vec<_> = sources::with_endings(&["rs"])
        .unwrap()
        .into_iter()
        .filter(|source| source.is_in("agent/src/control") || source.is_in("agent/src/panel"))
        .collect();
    let mut handed_on = Vec::new();
    for source in &of_api {
        let code: String = source
            .code()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        // What is no plain answer is told apart before: `request.method() == Method::GET && …path() == "/v1/events"`.
        for (at, end) in code.match_indices("uri().path() == \"/v1/") {
            let path = code[at + end.len() - 4..].split('"').next().unwrap();
            let before = code[..at].rsplit("Method::").next().unwrap();
            let method = before
                .split(|c: char| !c.is_ascii_uppercase())
                .next()
                .unwrap();
            routes.insert(format!("{method} {path}"));
        }
        for (at, end) in code.match_indices(", \"/v1/") {
            let path = code[at + end.len() - 4..].split('"').next().unwrap();
            for method in methods_before(&code[..at + 2]) {
                routes.insert(format!("{method} {path}"));
            }
        }
        for (at, _) in code.match_indices("[\"v1\",") {
            let pattern = &code[at..];
            let end = pattern.find(']').unwrap();
            let steps = steps(&pattern[1..end]);
            if pattern[..end].contains("..") {
                let name = steps[0][1].clone();
                handed_on.push((format!("/v1/{name}"), name));
                continue;
            }
            for method in methods_before(&code[..at]) {
                for path in &steps {
                    routes.insert(format!("{method} /{}", path.join("/")));
                }
            }
        }
    }
    for (prefix, name) in handed_on {
        let file = format!("{name}.rs");
        let source = of_api
            .iter()
            .find(|source| source.path.ends_with(&file))
            .unwrap();
        let code: String = source
            .code()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        for (at, _) in code.match_indices("(&Method::") {
            let arm = &code[at..];
            let Some((open, close)) = arm.find('[').zip(arm.find(']')) else {
                continue;
            };
            if !arm[..open].ends_with(", ") || arm[open..close].starts_with("[\"v1\"") {
                continue;
            }
            for method in methods_before(&arm[..open]) {
                for path in steps(&arm[open + 1..close]) {
                    let below = path.join("/");
                    let slash = if below.is_empty() { "" } else { "/" };
                    routes.insert(format!("{method} {prefix}{slash}{below}"));
                }
            }
        }
    }
    routes
}

/// The methods that stand right before a pattern: `(&Method::GET, `.
fn methods_before(code: &str) -> Vec<String> {
    let Some(tuple) = code
        .rsplit('(')
        .next()
        .filter(|tuple| tuple.ends_with(", "))
    else {
        return Vec::new();
    };
    let names = tuple.trim_end_matches(", ").split('|');
    names
        .filter_map(|name| name.trim().strip_prefix("&Method::"))
        .map(str::to_owned)
        .collect()
}

/// The paths of a pattern: names become `{}`, alternatives several paths.
fn steps(pattern: &str) -> Vec<Vec<String>> {
    let mut paths = vec![Vec::new()];
    for step in pattern
        .split(", ")
        .map(str::trim)
        .filter(|step| !step.is_empty())
    {
        let words: Vec<_> = step.split('"').skip(1).step_by(2).collect();
        let words = if words.is_empty() { vec!["{}"] } else { words };
        paths = paths
            .iter()
            .flat_map(|path| {
                words.iter().map(|word| {
                    let mut longer = path.clone();
                    longer.push((*word).to_owned());
                    longer
                })
            })
            .collect();
    }
    paths
}

#[test]
fn document_and_routes_are_equal() {
    let (written, mut answered) = (documented(&document()), dispatched());
    answered.remove(INJECTION);
    let missing: Vec<_> = answered.difference(&written).collect();
    let extra: Vec<_> = written.difference(&answered).collect();
    assert!(
        missing.is_empty() && extra.is_empty(),
        "agent/openapi.json lacks {missing:#?}, and has {extra:#?} that agent/src/control does not answer"
    );
    assert!(
        answered.len() > 15,
        "the arms are read wrong: {answered:#?}"
    );
}

/// An answer of the local API.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

fn control(desk: &Desk) -> (String, String) {
    let file = std::fs::read_to_string(desk.state().join("control.json")).unwrap();
    let control: Value = serde_json::from_str(&file).unwrap();
    let text = |key: &str| control[key].as_str().unwrap().to_owned();
    (text("address"), text("token"))
}

/// Sends a head as it is, and a body.
fn send(address: &str, head: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let length = body.len();
    let text = format!("{head}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    stream.write_all(text.as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while reader.read_line(&mut head).unwrap() > 2 {}
    let mut body = String::new();
    if !head.to_lowercase().contains("text/event-stream") {
        reader.read_to_string(&mut body).unwrap();
    }
    let status = head.split_whitespace().nth(1).unwrap().parse().unwrap();
    Answer { status, head, body }
}

fn ask(desk: &Desk, method: &str, path: &str, body: &str) -> Answer {
    let (address, token) = control(desk);
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
    );
    send(&address, &head, body)
}

/// Fails unless a value is as a schema of the document says.
fn assert_valid(document: &Value, schema: &Value, value: &Value, what: &str) {
    let whole = json!({ "components": document["components"], "allOf": [schema] });
    let validator = jsonschema::draft202012::new(&whole).unwrap();
    let errors: Vec<_> = validator
        .iter_errors(value)
        .map(|e| format!("{}: {e}", e.instance_path()))
        .collect();
    assert!(
        errors.is_empty(),
        "{what} is not as agent/openapi.json says: {errors:#?}\n{value:#}"
    );
}

/// Asks one operation and judges the answer by the document. Returns the status.
fn judge(desk: &Desk, document: &Value, method: &str, path: &str, body: &str) -> u16 {
    let plain = path.split('?').next().unwrap();
    let steps: Vec<_> = plain.split('/').collect();
    let (_, item) = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(known, item)| {
            let known: Vec<_> = known.split('/').collect();
            item.get(method.to_lowercase()).is_some()
                && known.len() == steps.len()
                && known
                    .iter()
                    .zip(&steps)
                    .all(|(k, s)| k.starts_with('{') || k == s)
        })
        .max_by_key(|(known, _)| usize::MAX - known.matches('{').count())
        .unwrap_or_else(|| panic!("{method} {path} is not in the document"));
    let what = format!("the answer to {method} {path} {body}");
    let responses = &item[method.to_lowercase()]["responses"];
    let answer = ask(desk, method, path, body);
    let value = || {
        serde_json::from_str::<Value>(&answer.body)
            .unwrap_or_else(|e| panic!("{what}: {e}: {answer:?}"))
    };
    match responses.get(answer.status.to_string()) {
        Some(described) => match described["content"].as_object() {
            None => assert_eq!(answer.body, "", "{what}"),
            Some(content) => {
                let (kind, described) = content
                    .iter()
                    .find(|(kind, _)| answer.head.contains(kind.as_str()))
                    .unwrap_or_else(|| panic!("{what}: {answer:?}"));
                if kind == "application/json" {
                    assert_valid(document, &described["schema"], &value(), &what);
                }
            }
        },
        None => {
            assert!(answer.status >= 400, "{what}: {answer:?}");
            let problem = value();
            let schema = json!({ "$ref": "#/components/schemas/Problem" });
            assert_valid(document, &schema, &problem, &what);
            assert!(!answer.body.contains("no-such-route"), "{what}: {answer:?}");
        }
    }
    answer.status
}

/// Two desks that call each other without a registrar.
fn peers() -> (Desk, Desk, u16) {
    let (first, second) = (ports::free().unwrap(), ports::free().unwrap());
    let [a, b] = [("a", first), ("b", second)].map(|(name, port)| {
        let mut desk = Desk::new(name).unwrap();
        std::fs::create_dir_all(desk.state()).unwrap();
        let yaml = format!(
            "accounts: [{{id: main, address: 'sip:{name}@127.0.0.1:{port}', register: false, display_name: Desk {name}}}]\n\
             media: {{input: 'null', output: 'null'}}\n\
             hooks: [{{'on': ended, run: [/bin/false]}}]\n"
        );
        std::fs::write(desk.state().join("agent.yaml"), yaml).unwrap();
        desk.run().unwrap();
        desk
    });
    (a, b, second)
}

/// What comes on a desk's stream of events, name and data each, until it ends.
fn listen(desk: &Desk) -> mpsc::Receiver<(String, Value)> {
    let (address, token) = control(desk);
    let mut stream = TcpStream::connect(&address).unwrap();
    let head = format!(
        "GET /v1/events HTTP/1.0\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut lines = BufReader::new(stream).lines();
    // The comment: from here on nothing is missed.
    while lines.next().unwrap().unwrap() != ": listening" {}
    let (told, events) = mpsc::channel();
    std::thread::spawn(move || {
        let mut name = String::new();
        for line in lines.map_while(Result::ok) {
            if let Some(event) = line.strip_prefix("event: ") {
                event.clone_into(&mut name);
            } else if let Some(data) = line.strip_prefix("data: ") {
                let data = serde_json::from_str(data).unwrap_or_default();
                if told.send((name.clone(), data)).is_err() {
                    return;
                }
            }
        }
    });
    events
}

#[test]
fn every_answer_and_every_event_is_as_the_document_says() {
    let section = Section::begin("the local API by its document");
    let document = document();
    let (a, b, port) = peers();
    let events = [listen(&a), listen(&b)];
    let target = json!({ "target": format!("sip:b@127.0.0.1:{port}") }).to_string();
    let good = |desk: &Desk, method: &str, path: &str, body: &str| {
        let status = judge(desk, &document, method, path, body);
        assert!((200..300).contains(&status), "{method} {path}: {status}");
    };

    // Once at rest, once in a call: every operation, with the document's own example.
    let mut asked = 0;
    for established in [false, true] {
        if established {
            good(&a, "POST", "/v1/calls", &target);
            b.wait_call("ringing", SOON).unwrap();
            good(&b, "POST", "/v1/calls/any/answer", "");
            a.wait_call("established", SOON).unwrap();
        }
        for (path, item) in document["paths"].as_object().unwrap() {
            // What ends the call or the agent comes last.
            if path.contains("hangup") || path.contains("shutdown") || path.contains("/restart") {
                continue;
            }
            let steps: Vec<_> = path
                .split('/')
                .map(|step| match step {
                    "{call}" => "any",
                    "{account}" => "main",
                    _ if step.starts_with('{') => "1",
                    _ => step,
                })
                .collect();
            let path = steps.join("/");
            for (method, operation) in item.as_object().unwrap() {
                let example = &operation["requestBody"]["content"]["application/json"]["example"];
                let body = match operation.get("requestBody") {
                    None => String::new(),
                    Some(_) if example.is_null() => "{}".to_owned(),
                    Some(_) => example.to_string(),
                };
                judge(&a, &document, &method.to_uppercase(), &path, &body);
                asked += 1;
            }
        }
    }
    for (method, path, body) in [
        ("GET", "/v1/status", ""),
        ("GET", "/v1/accounts", ""),
        ("GET", "/v1/calls", ""),
        ("GET", "/v1/trace", ""),
        ("GET", "/v1/trace/main", ""),
        ("GET", "/v1/openapi.json", ""),
        ("POST", "/v1/features", "{\"forward\":[\"busy\",\"1002\"]}"),
        ("POST", "/v1/calls/1/dtmf", "{\"digits\":\"1#\"}"),
    ] {
        good(&a, method, path, body);
    }
    let message = json!({ "target": format!("sip:b@127.0.0.1:{port}"), "text": "hello" });
    good(&a, "POST", "/v1/messages", &message.to_string());
    good(&a, "POST", "/v1/calls/any/hangup", "");
    good(&a, "POST", "/v1/accounts/main/restart", "");
    section.note(format!("{asked} operations asked"));

    let schemas = &document["x-events"];
    let mut names = BTreeSet::new();
    let wanted = [
        "account_changed",
        "call_changed",
        "call_ended",
        "text_received",
        "hook_failed",
    ];
    for stream in &events {
        while let Ok((name, data)) = stream.recv_timeout(Duration::from_secs(2)) {
            let schema = schemas.get(&name);
            let schema = schema
                .unwrap_or_else(|| panic!("event {name} is not among x-events of the document"));
            assert_valid(&document, schema, &data, &format!("event {name}"));
            names.insert(name);
        }
    }
    for name in wanted {
        assert!(names.contains(name), "{name} did not come: {names:?}");
    }
    section.note(format!("events: {names:?}"));
}

/// What a browser adds to a page's request, and no page can take away.
fn refused(desk: &Desk, headers: &str, host: Option<&str>) -> String {
    let (address, token) = control(desk);
    let host = host.unwrap_or(&address);
    let head = format!(
        "POST /v1/calls HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n{headers}"
    );
    let answer = send(&address, &head, "{\"target\":\"sip:x@127.0.0.1:9\"}");
    assert!(answer.status == 403 || answer.status == 401, "{answer:?}");
    let grants = answer.head.to_lowercase().contains("access-control-allow");
    assert!(!grants, "a page is let in: {answer:?}");
    answer.body
}

#[test]
fn attack_b_a_page_of_another_origin_calls_nobody() {
    let (a, _b, _) = peers();
    for headers in [
        "Origin: https://evil.example\r\nContent-Type: text/plain\r\n",
        "Origin: null\r\n",
        "Origin: http://127.0.0.1:8000\r\nSec-Fetch-Site: same-site\r\n",
        "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n",
    ] {
        assert!(
            refused(&a, headers, None).contains("foreign-origin"),
            "{headers}"
        );
    }
    // A browser asks before it sends what is not simple: no leave is given either.
    let (address, _) = control(&a);
    let preflight = format!(
        "OPTIONS /v1/calls HTTP/1.1\r\nHost: {address}\r\nOrigin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n"
    );
    let answer = send(&address, &preflight, "");
    assert!(answer.status >= 400 && !answer.head.to_lowercase().contains("access-control-allow"));
    assert_eq!(a.status().unwrap()["calls"], json!([]));
}

#[test]
fn attack_b_a_rebinding_name_calls_nobody() {
    let (a, _b, _) = peers();
    for host in [
        "rebound.evil.example",
        "127.0.0.1.evil.example:80",
        "127.0.0.1@evil.example",
        "localhost.evil.example",
        "0.0.0.0:80",
        "",
    ] {
        assert!(
            refused(&a, "", Some(host)).contains("host-not-local"),
            "{host}"
        );
    }
    // Without the token loopback alone opens nothing.
    let (address, _) = control(&a);
    let head = format!("GET /v1/status HTTP/1.1\r\nHost: {address}\r\n");
    assert_eq!(send(&address, &head, "").status, 401);
    assert_eq!(a.status().unwrap()["calls"], json!([]));
}

#[test]
fn attack_b_hostile_links_only_ask_and_call_nobody() {
    let (a, _b, _) = peers();
    let long = format!("tel:{}", "9".repeat(10_240));
    let mut asked = 0;
    for link in [
        "tel:+43-1-2345",
        "tel:+431%0d%0aX-Evil:%201",
        "tel:1\r\nContact: <sip:evil@example>",
        "tel:%00",
        "tel:\u{202e}100",
        "tel:$(reboot)",
        "tel:*21*0900123456%23",
        "callto:-rf",
        "callto:\" & calc.exe & \"",
        "sip:1001@pbx.example?Route=%3Csip:evil.example%3E&Replaces=x",
        "sip:1001@pbx.example;transport=tcp;maddr=evil.example",
        "sip:user:password@pbx.example",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "msip:hangupall",
        long.as_str(),
        "",
    ] {
        let answer = ask(
            &a,
            "POST",
            "/v1/links",
            &json!({ "link": link }).to_string(),
        );
        match answer.status {
            202 => asked += 1,
            400 | 413 | 422 | 429 => {
                assert!(answer.body.contains("urn:carillon:problem:"), "{answer:?}")
            }
            _ => panic!("{link:?}: {answer:?}"),
        }
    }
    let asks = ask(&a, "GET", "/v1/links", "");
    let asks: Vec<Value> = serde_json::from_str(&asks.body).unwrap();
    assert!(
        (1..=asked).contains(&asks.len()) && asks.len() <= 16,
        "{asks:#?}"
    );
    for ask in &asks {
        let target = ask["target"].as_str().unwrap();
        let hidden = |c: char| c.is_control() || "?\"\u{202e} ".contains(c);
        assert!(
            target.len() <= 1_024 && !target.contains(hidden),
            "{target}"
        );
        for word in ["password", "maddr", "Replaces", "Route"] {
            assert!(!target.contains(word), "{target}");
        }
    }
    assert_eq!(a.status().unwrap()["calls"], json!([]));
}
