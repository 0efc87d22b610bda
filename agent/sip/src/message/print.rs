//! A message into bytes. Known names are written in their long form; Content-Length is always written, and right.

use super::headers::Headers;
use super::name::HeaderName;
use super::request::Request;
use super::response::Response;

impl Request {
    /// The request as it goes on the wire.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // A URI put together by hand cannot begin a header either.
        let unfit = |character: char| character.is_control() || character.is_whitespace();
        let uri = self.uri.to_string().replace(unfit, "_");
        let start = format!("{} {uri} SIP/2.0\r\n", self.method);
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
    let mut out = Vec::with_capacity(start.len() + body.len() + 64 * (headers.len() + 1));
    out.extend_from_slice(start.as_bytes());
    let mut field = |name: &str, value: &[u8]| {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    };
    let content_length = HeaderName::ContentLength.as_str();
    for (name, value) in headers.iter().filter(|(name, _)| *name != content_length) {
        field(name, value);
    }
    field(content_length, length.as_bytes());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
    out
}
