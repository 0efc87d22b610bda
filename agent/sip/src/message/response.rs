//! A response, and how one is made from its request (RFC 3261 §8.2.6).

use super::error::MessageError;
use super::headers::Headers;
use super::name::HeaderName;
use super::request::{Essentials, Request};
use super::status::reason_phrase;

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Status code, 100 to 699.
    pub status: u16,
    /// Reason phrase.
    pub reason: String,
    /// Header fields.
    pub headers: Headers,
    /// Body.
    pub body: Vec<u8>,
}

impl Response {
    /// The response to a request: Via, From, To, Call-ID, CSeq and, where a dialog may begin, Record-Route copied byte for byte.
    /// `to_tag` is added when the request's To has none and the response is not 100.
    #[must_use]
    pub fn to(request: &Request, status: u16, to_tag: Option<&str>) -> Self {
        let mut headers = Headers::new();
        headers.copy(HeaderName::Via, &request.headers);
        if (101..300).contains(&status) {
            headers.copy(HeaderName::RecordRoute, &request.headers);
        }
        headers.copy(HeaderName::From, &request.headers);
        match (request.headers.get(HeaderName::To), to_tag) {
            (Some(to), Some(tag)) if status > 100 && !has_tag(to) => {
                let mut to = to.to_vec();
                to.extend_from_slice(b";tag=");
                to.extend_from_slice(tag.as_bytes());
                headers.push(HeaderName::To, to);
            }
            _ => headers.copy(HeaderName::To, &request.headers),
        }
        headers.copy(HeaderName::CallId, &request.headers);
        headers.copy(HeaderName::CSeq, &request.headers);
        Self {
            status,
            reason: reason_phrase(status).to_owned(),
            headers,
            body: Vec::new(),
        }
    }

    /// Whether the transaction goes on after it.
    #[must_use]
    pub fn is_provisional(&self) -> bool {
        self.status < 200
    }

    /// Whether it is a 2xx.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Reads the headers every response must hold.
    ///
    /// # Errors
    /// One of them is missing, repeated or unreadable, or the body is shorter than promised.
    pub fn essentials(&self) -> Result<Essentials, MessageError> {
        Essentials::read(&self.headers, &self.body)
    }

    /// Seconds of Retry-After, when the header is there and readable.
    #[must_use]
    pub fn retry_after(&self) -> Option<u64> {
        let text = self.headers.text(HeaderName::RetryAfter)?;
        let end = text
            .find(|character: char| !character.is_ascii_digit())
            .unwrap_or(text.len());
        text[..end].parse().ok()
    }
}

fn has_tag(to: &[u8]) -> bool {
    String::from_utf8_lossy(to)
        .parse::<super::NameAddr>()
        .is_ok_and(|to| to.tag().is_some())
}
