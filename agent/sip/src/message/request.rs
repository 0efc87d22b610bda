//! A request, and the typed view of what every request must hold (RFC 3261 §8.1.1).

use super::cseq::CSeq;
use super::error::{MessageError, SyntaxError};
use super::headers::Headers;
use super::method::Method;
use super::name::HeaderName;
use super::name_addr::NameAddr;
use super::uri::AddrSpec;
use super::via::{Via, has_gaps};

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The Request-URI.
    pub uri: AddrSpec,
    /// Header fields.
    pub headers: Headers,
    /// Body.
    pub body: Vec<u8>,
}

/// The headers without which a message cannot be matched or answered, as types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Essentials {
    /// The topmost Via.
    pub via: Via,
    /// From.
    pub from: NameAddr,
    /// To.
    pub to: NameAddr,
    /// Call-ID.
    pub call_id: String,
    /// CSeq.
    pub cseq: CSeq,
}

impl Request {
    /// A request without any header.
    #[must_use]
    pub fn new(method: Method, uri: impl Into<AddrSpec>) -> Self {
        Self {
            method,
            uri: uri.into(),
            headers: Headers::new(),
            body: Vec::new(),
        }
    }

    /// Reads the headers every request must hold.
    ///
    /// # Errors
    /// One of them is missing, repeated or unreadable, CSeq names another method, or the body is shorter than promised.
    pub fn essentials(&self) -> Result<Essentials, MessageError> {
        let essentials = Essentials::read(&self.headers, &self.body)?;
        if essentials.cseq.method != self.method {
            return Err(MessageError::Header {
                name: "CSeq",
                why: SyntaxError::new("its method is not that of the request"),
            });
        }
        Ok(essentials)
    }

    /// Hops left; 70 when the header is missing, as RFC 3261 §16.3 has it.
    ///
    /// # Errors
    /// A value that is no number from 0 to 255.
    pub fn max_forwards(&self) -> Result<u8, MessageError> {
        match self.headers.text(HeaderName::MaxForwards) {
            None => Ok(70),
            Some(text) => text.trim().parse().map_err(|_| MessageError::Header {
                name: "Max-Forwards",
                why: SyntaxError::new("not a number from 0 to 255"),
            }),
        }
    }
}

impl Essentials {
    pub(super) fn read(headers: &Headers, body: &[u8]) -> Result<Self, MessageError> {
        fn once(
            headers: &Headers,
            name: HeaderName,
        ) -> Result<std::borrow::Cow<'_, str>, MessageError> {
            let mut all = headers.all(name);
            let first = all.next().ok_or(MessageError::Missing {
                name: name.as_str(),
            })?;
            if all.any(|other| other != first) {
                return Err(MessageError::Repeated {
                    name: name.as_str(),
                });
            }
            Ok(String::from_utf8_lossy(first))
        }
        let bad = |name: HeaderName| {
            move |why| MessageError::Header {
                name: name.as_str(),
                why,
            }
        };
        let via = headers
            .first_value(HeaderName::Via)
            .ok_or(MessageError::Missing { name: "Via" })?;
        if headers
            .all(HeaderName::Via)
            .any(|field| has_gaps(&String::from_utf8_lossy(field)))
        {
            return Err(bad(HeaderName::Via)(SyntaxError::new(
                "nothing stands between two separators",
            )));
        }
        let via = via.parse().map_err(bad(HeaderName::Via))?;
        let from = once(headers, HeaderName::From)?
            .parse()
            .map_err(bad(HeaderName::From))?;
        let to = once(headers, HeaderName::To)?
            .parse()
            .map_err(bad(HeaderName::To))?;
        let cseq = once(headers, HeaderName::CSeq)?
            .parse()
            .map_err(bad(HeaderName::CSeq))?;
        let call_id = once(headers, HeaderName::CallId)?.into_owned();
        if call_id.is_empty() || call_id.len() > 512 || call_id.contains(char::is_whitespace) {
            return Err(MessageError::Header {
                name: "Call-ID",
                why: SyntaxError::new("not one word of at most 512 bytes"),
            });
        }
        if headers.has(HeaderName::ContentLength) {
            let promised: usize =
                once(headers, HeaderName::ContentLength)?
                    .parse()
                    .map_err(|_| MessageError::Header {
                        name: "Content-Length",
                        why: SyntaxError::new("not a number"),
                    })?;
            if promised > body.len() {
                return Err(MessageError::ShortBody {
                    promised,
                    held: body.len(),
                });
            }
        }
        Ok(Self {
            via,
            from,
            to,
            call_id,
            cseq,
        })
    }
}
