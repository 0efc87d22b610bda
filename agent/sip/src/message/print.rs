//! A message into bytes. Known names are written in their long form; Content-Length is always written, and right.

use super::headers::Headers;
use super::name::HeaderName;
use super::request::Request;
use super::response::Response;
use std::fmt::Write as _;

impl Request {
    /// The request as it goes on the wire.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // A URI put together by hand cannot begin a header either.
        let unfit = |character: char| character.is_control() || character.is_whitespace();
        let mut start = String::with_capacity(96);
        let written = write!(start, "{} {}", self.method, self.uri);
        debug_assert!(written.is_ok(), "a string takes everything");
        let method = self.method.as_str().len() + 1;
        if start[method..].contains(unfit) {
            start = format!("{} {}", self.method, start[method..].replace(unfit, "_"));
        }
        start.push_str(" SIP/2.0\r\n");
        print(&start, &self.headers, &self.body)
    }
}

impl Response {
    /// The response as it goes on the wire.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let reason = self
            .reason
            .replace(|character: char| character.is_control(), " ");
        let start = format!("SIP/2.0 {:03} {reason}\r\n", self.status);
        print(&start, &self.headers, &self.body)
    }
}

fn print(start: &str, headers: &Headers, body: &[u8]) -> Vec<u8> {
    let length = body.len().to_string();
    let name = HeaderName::ContentLength;
    let fields = || {
        headers
            .all_but(name)
            .chain([(name.as_str(), length.as_bytes())])
    };
    let size: usize = fields()
        .map(|(name, value)| name.len() + value.len() + 4)
        .sum();
    let mut out = Vec::with_capacity(start.len() + size + 2 + body.len());
    out.extend_from_slice(start.as_bytes());
    for (name, value) in fields() {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
    out
}
