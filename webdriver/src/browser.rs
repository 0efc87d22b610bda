//! A browser with one window.
//!
//! The page's console is kept, so that a breach of a content security policy is seen.

use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::driver::Driver;
use crate::{BrowserError, Desktop};

/// The key under which WebDriver hands over an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// The pause between two looks at a page.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What a command comes to.
type Outcome<T> = Result<T, BrowserError>;

/// How a browser looks at pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Whether scripts run.
    pub javascript: bool,
    /// Whether the user prefers dark pages.
    pub dark: bool,
    /// Width and height of the window in CSS pixels.
    pub size: (u32, u32),
}

impl Default for Look {
    fn default() -> Self {
        Self {
            javascript: true,
            dark: false,
            size: (1280, 900),
        }
    }
}

/// A browser. Its processes and its profile go with it.
#[derive(Debug)]
pub struct Browser {
    session: String,
    driver: Driver,
    _profile: TempDir,
}

impl Browser {
    /// Starts a browser that takes self-made certificates; with or without JavaScript.
    ///
    /// # Errors
    /// [`BrowserError::NoDriver`] without chromedriver, [`BrowserError::Refused`] when Chromium does not start.
    pub fn start(javascript: bool) -> Outcome<Self> {
        Self::start_with(Look {
            javascript,
            ..Look::default()
        })
    }

    /// Starts a browser that looks at pages in some way.
    ///
    /// # Errors
    /// As [`Browser::start`].
    pub fn start_with(look: Look) -> Outcome<Self> {
        let profile = profile()?;
        let driver = Driver::start(&[])?;
        let (width, height) = look.size;
        let mut flags = flags(&profile);
        flags.push("--headless=new".into());
        flags.push(format!("--window-size={width},{height}"));
        if look.dark {
            flags.push("--blink-settings=preferredColorScheme=0".into());
        }
        let scripts = if look.javascript { 1 } else { 2 };
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "acceptInsecureCerts": true,
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {
                "args": flags,
                "mobileEmulation": {"deviceMetrics": {
                    "width": width, "height": height, "pixelRatio": 1.0, "mobile": false, "touch": false
                }},
                "prefs": {"profile.managed_default_content_settings.javascript": scripts},
            },
        }}});
        Self::with(driver, profile, &wanted)
    }

    /// Starts a browser with a window on a desktop. Links of these schemes on pages of `origin` are opened without a
    /// question, as after the tick at 'always allow'.
    ///
    /// # Errors
    /// As [`Browser::start`].
    pub fn start_on(desktop: &Desktop, origin: &str, schemes: &[&str]) -> Outcome<Self> {
        let profile = profile()?;
        let driver = Driver::start(&desktop.environment)?;
        let allowed: serde_json::Map<_, _> = schemes
            .iter()
            .map(|scheme| ((*scheme).to_owned(), Value::Bool(true)))
            .collect();
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {
                "args": flags(&profile),
                "prefs": {"protocol_handler": {"allowed_origin_protocol_pairs": {origin: allowed}}},
            },
        }}});
        Self::with(driver, profile, &wanted)
    }

    fn with(driver: Driver, profile: TempDir, wanted: &Value) -> Outcome<Self> {
        let answer = driver.ask("POST", "/session", wanted)?;
        let session = answer["sessionId"].as_str().unwrap_or_default().to_owned();
        Ok(Self {
            session,
            driver,
            _profile: profile,
        })
    }

    /// Opens a page.
    ///
    /// # Errors
    /// [`BrowserError::Refused`] when it does not load.
    pub fn open(&self, url: &str) -> Outcome<()> {
        self.post("url", &json!({"url": url})).map(drop)
    }

    /// Opens a page in one more tab, which is looked at from now on.
    ///
    /// # Errors
    /// [`BrowserError::Refused`] when it does not load.
    pub fn open_tab(&self, url: &str) -> Outcome<()> {
        let tab = self.post("window/new", &json!({"type": "tab"}))?;
        self.post("window", &json!({"handle": tab["handle"]}))?;
        self.open(url)
    }

    /// The address of the page.
    ///
    /// # Errors
    /// [`BrowserError::Refused`].
    pub fn url(&self) -> Outcome<String> {
        let url = self.get("url")?;
        Ok(url.as_str().unwrap_or_default().to_owned())
    }

    /// Loads the page anew.
    ///
    /// # Errors
    /// [`BrowserError::Refused`].
    pub fn reload(&self) -> Outcome<()> {
        self.post("refresh", &json!({})).map(drop)
    }

    /// Whether a CSS selector fits something.
    ///
    /// # Errors
    /// [`BrowserError::Refused`] when it is none.
    pub fn has(&self, selector: &str) -> Outcome<bool> {
        self.find(selector).map(|found| found.is_some())
    }

    /// An attribute of the first element that a CSS selector fits; `None` when it has none.
    ///
    /// # Errors
    /// [`BrowserError::Refused`] when there is no such element.
    pub fn attribute(&self, selector: &str, name: &str) -> Outcome<Option<String>> {
        let element = self.first(selector)?;
        let value = self.get(&format!("element/{element}/attribute/{name}"))?;
        Ok(value.as_str().map(str::to_owned))
    }

    /// Types into the first element that a CSS selector fits.
    ///
    /// # Errors
    /// [`BrowserError::Refused`] when there is none.
    pub fn type_into(&self, selector: &str, text: &str) -> Outcome<()> {
        let element = self.first(selector)?;
        self.post(&format!("element/{element}/value"), &json!({"text": text}))
            .map(drop)
    }

    /// Presses keys wherever the focus is.
    ///
    /// # Errors
    /// [`BrowserError::Refused`].
    pub fn press(&self, keys: &str) -> Outcome<()> {
        let focused = self.get("element/active")?;
        let element = focused[ELEMENT].as_str().unwrap_or_default();
        self.post(&format!("element/{element}/value"), &json!({"text": keys}))
            .map(drop)
    }

    /// Clicks the first element that a CSS selector fits.
    ///
    /// # Errors
    /// [`BrowserError::Refused`] when there is none.
    pub fn click(&self, selector: &str) -> Outcome<()> {
        let element = self.first(selector)?;
        self.post(&format!("element/{element}/click"), &json!({}))
            .map(drop)
    }

    /// What a reader sees of the page; nothing while the next one is on its way.
    ///
    /// # Errors
    /// [`BrowserError::Refused`].
    pub fn text(&self) -> Outcome<String> {
        let Some(body) = self.find("body")? else {
            return Ok(String::new());
        };
        let text = self.get(&format!("element/{body}/text"))?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until the page shows a text.
    ///
    /// # Errors
    /// [`BrowserError::TooLate`] with what it shows.
    pub fn wait_text(&self, wanted: &str, limit: Duration) -> Outcome<()> {
        let begun = Instant::now();
        loop {
            // An element that goes with its page while it is read is no reason to give up.
            let shown = self.text().unwrap_or_else(|error| error.to_string());
            if shown.contains(wanted) {
                return Ok(());
            }
            if begun.elapsed() >= limit {
                return Err(BrowserError::TooLate {
                    wanted: wanted.to_owned(),
                    after: limit,
                    shown,
                });
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Waits until a CSS selector fits something.
    ///
    /// # Errors
    /// [`BrowserError::TooLate`] with what the page shows.
    pub fn wait_for(&self, selector: &str, limit: Duration) -> Outcome<()> {
        let begun = Instant::now();
        while !self.has(selector)? {
            if begun.elapsed() >= limit {
                return Err(BrowserError::TooLate {
                    wanted: selector.to_owned(),
                    after: limit,
                    shown: self.text().unwrap_or_default(),
                });
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// Runs a script and gives what it returns. The page's policy does not hold for it.
    ///
    /// # Errors
    /// [`BrowserError::Refused`] when it throws.
    pub fn run(&self, script: &str) -> Outcome<Value> {
        self.post("execute/sync", &json!({"script": script, "args": []}))
    }

    /// What the console has complained of since the last call: errors and warnings.
    ///
    /// # Errors
    /// [`BrowserError::Refused`].
    pub fn complaints(&self) -> Outcome<Vec<String>> {
        let log = self.post("se/log", &json!({"type": "browser"}))?;
        Ok(log
            .as_array()
            .into_iter()
            .flatten()
            .filter(|entry| matches!(entry["level"].as_str(), Some("SEVERE" | "WARNING")))
            .map(|entry| entry["message"].as_str().unwrap_or_default().to_owned())
            .collect())
    }

    /// Writes a picture of the page as `NAME.png` into a folder.
    ///
    /// # Errors
    /// [`BrowserError::Broken`] when it cannot be written.
    pub fn picture(&self, folder: &Path, name: &str) -> Outcome<()> {
        let picture = self.get("screenshot")?;
        let bytes = STANDARD
            .decode(picture.as_str().unwrap_or_default())
            .unwrap_or_default();
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(folder.join(format!("{name}.png")), bytes))
            .map_err(|why| BrowserError::Broken {
                tried: format!("writing {name}.png to {}", folder.display()),
                why,
            })
    }

    fn first(&self, selector: &str) -> Outcome<String> {
        self.find(selector)?.ok_or_else(|| BrowserError::Refused {
            tried: format!("looking for {selector}"),
            why: "there is none on the page".into(),
        })
    }

    fn find(&self, selector: &str) -> Outcome<Option<String>> {
        let wanted = json!({"using": "css selector", "value": selector});
        let found = self.post("elements", &wanted)?;
        Ok(found[0][ELEMENT].as_str().map(str::to_owned))
    }

    fn get(&self, command: &str) -> Outcome<Value> {
        self.driver.ask("GET", &self.path(command), &Value::Null)
    }

    fn post(&self, command: &str, body: &Value) -> Outcome<Value> {
        self.driver.ask("POST", &self.path(command), body)
    }

    fn path(&self, command: &str) -> String {
        format!("/session/{}/{command}", self.session)
    }
}

impl Drop for Browser {
    /// Ends Chromium, then its driver: one that is killed first leaves Chromium running.
    fn drop(&mut self) {
        let session = format!("/session/{}", self.session);
        let _ = self.driver.ask("DELETE", &session, &Value::Null);
    }
}

fn profile() -> Outcome<TempDir> {
    TempDir::with_prefix("carillon-browser-").map_err(|why| BrowserError::Broken {
        tried: "making a folder for the browser".into(),
        why,
    })
}

/// What every browser of a suite is told.
fn flags(profile: &TempDir) -> Vec<String> {
    [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]
    .into_iter()
    .map(str::to_owned)
    .chain([format!("--user-data-dir={}", profile.path().display())])
    .collect()
}
