//! The portal on a running server: over HTTPS as any client sees it, and in a real browser.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where its world is not as it should be"
)]

mod browser;
mod forms;
mod house;
mod live;
mod pages;
