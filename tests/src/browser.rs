//! A headless Chromium, driven by WebDriver (W3C) through Debian's chromedriver.
//!
//! Speaks plain HTTP/1.1 to the driver on loopback; a page's console is kept, so that a breach of a
//! content security policy is seen.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::Process;
use crate::{Fault, Outcome, patience, ports};

/// How long one command may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(30);
/// The key under which WebDriver hands over an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with one window.
#[derive(Debug)]
pub struct Browser {
    session: String,
    port: u16,
    _driver: Process,
    _folder: TempDir,
}

/// An element of the page it was found on.
#[derive(Debug, Clone)]
pub struct Element(String);

impl Browser {
    /// Starts a browser that takes self-made certificates; with or without JavaScript.
    ///
    /// # Errors
    /// [`Fault::Missing`] without chromedriver, [`Fault::Refused`] when Chromium does not start.
    pub fn start(javascript: bool) -> Outcome<Self> {
        let folder = TempDir::with_prefix("carillon-browser-")
            .map_err(|e| Fault::system("make a folder for the browser", e))?;
        let port = ports::free()?;
        let driver = Process::start(
            "chromedriver",
            Path::new("chromedriver"),
            [format!("--port={port}")],
            folder.path(),
        )?;
        patience::until("chromedriver", Duration::from_secs(15), || {
            TcpStream::connect((Ipv4Addr::LOCALHOST, port))
                .map(drop)
                .map_err(|e| e.to_string())
        })?;
        let mut browser = Self {
            session: String::new(),
            port,
            _driver: driver,
            _folder: folder,
        };
        let profile = browser._folder.path().join("profile");
        let mut options = json!({
            "args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--no-first-run", "--window-size=1280,900",
                format!("--user-data-dir={}", profile.display()),
            ],
        });
        if !javascript {
            options["prefs"] = json!({"profile.managed_default_content_settings.javascript": 2});
        }
        let answer = browser.ask(
            "POST",
            "/session",
            &json!({"capabilities": {"alwaysMatch": {
                "browserName": "chrome",
                "acceptInsecureCerts": true,
                "goog:chromeOptions": options,
                "goog:loggingPrefs": {"browser": "ALL"},
            }}}),
        )?;
        browser.session = answer["sessionId"].as_str().unwrap_or_default().to_owned();
        Ok(browser)
    }

    /// Opens a page.
    ///
    /// # Errors
    /// [`Fault::Refused`] when it does not load.
    pub fn open(&self, url: &str) -> Outcome<()> {
        self.command("POST", "url", &json!({"url": url})).map(drop)
    }

    /// The address of the page.
    ///
    /// # Errors
    /// [`Fault::Refused`].
    pub fn url(&self) -> Outcome<String> {
        Ok(self
            .command("GET", "url", &Value::Null)?
            .as_str()
            .unwrap_or_default()
            .to_owned())
    }

    /// Loads the page anew.
    ///
    /// # Errors
    /// [`Fault::Refused`].
    pub fn reload(&self) -> Outcome<()> {
        self.command("POST", "refresh", &json!({})).map(drop)
    }

    /// The first element that a CSS selector fits.
    ///
    /// # Errors
    /// [`Fault::Refused`] when there is none.
    pub fn find(&self, selector: &str) -> Outcome<Element> {
        let answer = self.command(
            "POST",
            "element",
            &json!({"using": "css selector", "value": selector}),
        )?;
        answer[ELEMENT]
            .as_str()
            .map(|id| Element(id.to_owned()))
            .ok_or_else(|| Fault::refused("the page", selector, answer.to_string()))
    }

    /// Types into the first element that a CSS selector fits.
    ///
    /// # Errors
    /// [`Fault::Refused`] when there is none.
    pub fn type_into(&self, selector: &str, text: &str) -> Outcome<()> {
        let Element(id) = self.find(selector)?;
        self.command(
            "POST",
            &format!("element/{id}/value"),
            &json!({"text": text}),
        )
        .map(drop)
    }

    /// Clicks the first element that a CSS selector fits.
    ///
    /// # Errors
    /// [`Fault::Refused`] when there is none.
    pub fn click(&self, selector: &str) -> Outcome<()> {
        let Element(id) = self.find(selector)?;
        self.command("POST", &format!("element/{id}/click"), &json!({}))
            .map(drop)
    }

    /// What a reader sees of the page.
    ///
    /// # Errors
    /// [`Fault::Refused`] when there is no page.
    pub fn text(&self) -> Outcome<String> {
        let Element(id) = self.find("body")?;
        let text = self.command("GET", &format!("element/{id}/text"), &Value::Null)?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until the page shows a text.
    ///
    /// # Errors
    /// [`Fault::TooLate`] with what it shows.
    pub fn wait_text(&self, wanted: &str, limit: Duration) -> Outcome<()> {
        patience::until(&format!("{wanted:?} on the page"), limit, || {
            let text = self.text().map_err(|e| e.to_string())?;
            if text.contains(wanted) {
                Ok(())
            } else {
                Err(text)
            }
        })
    }

    /// Runs a script in the page and gives what it returns.
    ///
    /// # Errors
    /// [`Fault::Refused`] when it throws.
    pub fn run(&self, script: &str) -> Outcome<Value> {
        self.command(
            "POST",
            "execute/sync",
            &json!({"script": script, "args": []}),
        )
    }

    /// What the console has complained of since the last call: errors and warnings.
    ///
    /// # Errors
    /// [`Fault::Refused`].
    pub fn complaints(&self) -> Outcome<Vec<String>> {
        let log = self.command("POST", "se/log", &json!({"type": "browser"}))?;
        Ok(log
            .as_array()
            .into_iter()
            .flatten()
            .filter(|entry| matches!(entry["level"].as_str(), Some("SEVERE" | "WARNING")))
            .map(|entry| entry["message"].as_str().unwrap_or_default().to_owned())
            .collect())
    }

    fn command(&self, method: &str, path: &str, body: &Value) -> Outcome<Value> {
        self.ask(method, &format!("/session/{}/{path}", self.session), body)
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Outcome<Value> {
        let tried = format!("{method} {path}");
        let fault = |e: std::io::Error| Fault::system(format!("talk to chromedriver: {tried}"), e);
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).map_err(fault)?;
        stream
            .set_read_timeout(Some(COMMAND_LIMIT))
            .map_err(fault)?;
        stream
            .write_all(
                format!(
                    "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\
                     Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                )
                .as_bytes(),
            )
            .map_err(fault)?;
        let text = response_body(&mut stream).map_err(fault)?;
        let answer: Value = serde_json::from_str(&text)
            .map_err(|e| Fault::refused("chromedriver", &tried, format!("{e}: {text}")))?;
        let value = answer["value"].clone();
        match value["error"].as_str() {
            Some(error) => {
                let message = value["message"].as_str().unwrap_or_default();
                Err(Fault::refused(
                    "the browser",
                    tried,
                    format!("{error}: {message}"),
                ))
            }
            None => Ok(value),
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends Chromium; the driver itself goes with its guard.
        let _ = self.ask(
            "DELETE",
            &format!("/session/{}", self.session),
            &Value::Null,
        );
    }
}

/// Reads one response; the driver keeps its connection open now and then, whatever it is asked.
fn response_body(stream: &mut impl Read) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 16_384];
    loop {
        let read = stream.read(&mut chunk)?;
        bytes.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.trim().parse::<usize>().ok())?
            });
            if read == 0 || length.is_some_and(|length| body.len() >= length) {
                return Ok(body.to_owned());
            }
        } else if read == 0 {
            return Ok(String::new());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_ends_where_its_length_says() {
        let mut whole = &b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcdIGNORED"[..];
        assert_eq!(response_body(&mut whole).unwrap(), "abcdIGNORED");
        let mut cut = &b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"[..];
        assert_eq!(response_body(&mut cut).unwrap(), "abc");
    }
}
