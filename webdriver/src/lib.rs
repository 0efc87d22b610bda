//! A Chromium for the suites, headless or on a desktop of its own, driven by WebDriver (W3C) through Debian's chromedriver.
//!
//! Only suites know it. It waits on its thread for every answer: a suite that serves pages itself does so on other threads.

mod browser;
mod desktop;
mod driver;
mod error;

pub use browser::{Browser, Look};
pub use desktop::Desktop;
pub use error::BrowserError;
