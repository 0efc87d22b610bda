//! The portal on a running server: over HTTPS as any client sees it, and in a real browser.

mod browser;
mod forms;
mod house;
mod live;
mod pages;
mod webdriver;
