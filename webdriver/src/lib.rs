//! A headless Chromium for the suites of server and fleet, driven by WebDriver (W3C) through Debian's chromedriver.
//!
//! Only suites know it. It waits on its thread for every answer: a suite that serves pages itself does so on other threads.

mod browser;
mod driver;
mod error;

pub use browser::{Browser, Look};
pub use error::BrowserError;
