//! A headless Chromium of our own for one test, driven by WebDriver (W3C) over plain HTTP.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);
/// How WebDriver names a reference to an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser window. Its processes and its profile go with it.
pub(crate) struct Browser {
    driver: Child,
    client: reqwest::Client,
    session: String,
    _profile: TempDir,
}

impl Browser {
    /// Opens a window of a size in CSS pixels.
    pub(crate) async fn open(javascript: bool, dark: bool, size: (u32, u32)) -> Self {
        let profile = TempDir::with_prefix("carillon-chromium-").unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver runs (Debian: chromium-driver)");
        let base = format!("http://127.0.0.1:{port}");
        let mut browser = Self {
            driver,
            client: reqwest::Client::new(),
            session: String::new(),
            _profile: profile,
        };
        let start = Instant::now();
        while browser
            .client
            .get(format!("{base}/status"))
            .send()
            .await
            .is_err()
        {
            assert!(start.elapsed() < PATIENCE, "chromedriver does not answer");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let mut flags = vec![
            "--headless=new".to_owned(),
            "--no-sandbox".into(),
            "--disable-gpu".into(),
            "--disable-quic".into(),
            "--disable-dev-shm-usage".into(),
            "--no-first-run".into(),
            "--disable-background-networking".into(),
            "--disable-component-update".into(),
            "--disable-sync".into(),
            format!("--window-size={},{}", size.0, size.1),
            format!("--user-data-dir={}", browser._profile.path().display()),
        ];
        if dark {
            flags.push("--blink-settings=preferredColorScheme=0".into());
        }
        let allowed = if javascript { 1 } else { 2 };
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "acceptInsecureCerts": true,
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": {
                "args": flags,
                "mobileEmulation": { "deviceMetrics": { "width": size.0, "height": size.1, "pixelRatio": 1.0, "mobile": false, "touch": false } },
                "prefs": { "profile.managed_default_content_settings.javascript": allowed },
            },
        }}});
        let answer: Value = browser
            .client
            .post(format!("{base}/session"))
            .json(&wanted)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let id = answer["value"]["sessionId"]
            .as_str()
            .unwrap_or_else(|| panic!("no session: {answer}"));
        browser.session = format!("{base}/session/{id}");
        browser
    }

    pub(crate) async fn go(&self, url: &str) {
        self.post("url", json!({ "url": url })).await;
    }

    pub(crate) async fn reload(&self) {
        self.post("refresh", json!({})).await;
    }

    pub(crate) async fn address(&self) -> String {
        self.get("url").await.as_str().unwrap().to_owned()
    }

    /// The text that is seen; none while the next page is on its way.
    pub(crate) async fn text(&self) -> String {
        let Some(body) = self.find("body").await else {
            return String::new();
        };
        let text = self.get(&format!("element/{body}/text")).await;
        text.as_str().unwrap_or_default().to_owned()
    }

    pub(crate) async fn has(&self, selector: &str) -> bool {
        self.find(selector).await.is_some()
    }

    pub(crate) async fn attribute(&self, selector: &str, name: &str) -> Option<String> {
        let element = self.find(selector).await?;
        self.get(&format!("element/{element}/attribute/{name}"))
            .await
            .as_str()
            .map(str::to_owned)
    }

    pub(crate) async fn fill(&self, selector: &str, text: &str) {
        let element = self
            .find(selector)
            .await
            .unwrap_or_else(|| panic!("no {selector}"));
        self.post(&format!("element/{element}/value"), json!({ "text": text }))
            .await;
    }

    pub(crate) async fn click(&self, selector: &str) {
        let element = self
            .find(selector)
            .await
            .unwrap_or_else(|| panic!("no {selector}"));
        self.post(&format!("element/{element}/click"), json!({}))
            .await;
    }

    /// Presses keys wherever the focus is.
    pub(crate) async fn press(&self, keys: &str) {
        let element = self.get("element/active").await[ELEMENT]
            .as_str()
            .unwrap()
            .to_owned();
        self.post(&format!("element/{element}/value"), json!({ "text": keys }))
            .await;
    }

    /// Runs a script of the test (not of the page: the page's policy does not hold for it).
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.post("execute/sync", json!({ "script": script, "args": [] }))
            .await
    }

    /// Waits until a text is seen.
    pub(crate) async fn wait_for(&self, wanted: &str) {
        let start = Instant::now();
        loop {
            let text = self.text().await;
            if text.contains(wanted) {
                return;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "{wanted:?} did not appear:\n{text}"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What the page's console warned of since the last time, but for what `expected` is in.
    pub(crate) async fn complaints(&self, expected: &[&str]) -> Vec<String> {
        let log = self.post("se/log", json!({ "type": "browser" })).await;
        let said = log.as_array().cloned().unwrap_or_default();
        said.iter()
            .filter(|entry| matches!(entry["level"].as_str(), Some("WARNING" | "SEVERE")))
            .filter_map(|entry| entry["message"].as_str().map(str::to_owned))
            .filter(|message| !expected.iter().any(|part| message.contains(part)))
            .collect()
    }

    /// A picture of the whole page, when `CARILLON_SCREENSHOTS` names a folder.
    pub(crate) async fn picture(&self, name: &str) {
        let Some(folder) = std::env::var_os("CARILLON_SCREENSHOTS") else {
            return;
        };
        let picture = self.get("screenshot").await;
        let bytes = STANDARD.decode(picture.as_str().unwrap()).unwrap();
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(Path::new(&folder).join(format!("{name}.png")), bytes).unwrap();
    }

    async fn find(&self, selector: &str) -> Option<String> {
        let wanted = json!({ "using": "css selector", "value": selector });
        let found = self.post("elements", wanted).await;
        found[0][ELEMENT].as_str().map(str::to_owned)
    }

    async fn get(&self, command: &str) -> Value {
        let answer = self
            .client
            .get(format!("{}/{command}", self.session))
            .send()
            .await
            .unwrap();
        answer.json::<Value>().await.unwrap()["value"].take()
    }

    async fn post(&self, command: &str, body: Value) -> Value {
        let answer = self
            .client
            .post(format!("{}/{command}", self.session))
            .json(&body)
            .send()
            .await
            .unwrap();
        let mut answer: Value = answer.json().await.unwrap();
        assert!(answer["value"]["error"].is_null(), "{command}: {answer}");
        answer["value"].take()
    }
}

impl Drop for Browser {
    /// Ends Chromium, then its driver, also after a test that failed: a driver that is killed first leaves it running.
    fn drop(&mut self) {
        if let Some((host, path)) = self
            .session
            .strip_prefix("http://")
            .and_then(|url| url.split_once('/'))
        {
            let request =
                format!("DELETE /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            if let Ok(mut stream) = TcpStream::connect(host) {
                // The answer comes when Chromium has ended.
                let _ = stream.set_read_timeout(Some(PATIENCE));
                let _ = stream.write_all(request.as_bytes());
                let _ = stream.read(&mut [0; 64]);
            }
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
