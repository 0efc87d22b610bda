//! SIP messages: parse and print (RFC 3261 §7, §19, §20, §25; RFC 3581 in Via).
//! Owns the bytes of one message and the types of its parts. Never knows a transaction, a dialog or a network.
//!
//! A message is read in one pass. Header values stay bytes until somebody asks for one as a type, so an odd header that nobody
//! needs harms nobody.

mod cseq;
mod error;
mod framer;
mod headers;
mod host;
mod limits;
mod method;
mod multipart;
mod name;
mod name_addr;
mod params;
mod parse;
mod print;
mod request;
mod response;
pub(crate) mod scan;
mod scrub;
mod status;
pub(crate) mod uri;
mod via;

pub use cseq::CSeq;
pub use error::{Fault, MessageError, SyntaxError};
pub use framer::{Frame, Framer, FramingError, MAX_BUFFERED, MESSAGE_TIME, PING, PONG};
pub use headers::Headers;
pub use host::Host;
pub use limits::{MAX_HEAD, MAX_HEADERS, MAX_LINE, MAX_MESSAGE, MAX_PARAMS, MAX_VALUES};
pub use method::Method;
pub use multipart::{ContentType, MAX_PARTS, Multipart, Part};
pub use name::HeaderName;
pub use name_addr::NameAddr;
pub use params::Params;
pub use request::{Essentials, Request};
pub use response::Response;
pub use scrub::scrub;
pub use status::reason_phrase;
pub use uri::{AddrSpec, Uri};
pub use via::{BRANCH_COOKIE, Via};

/// A request or a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

impl Message {
    /// Reads one datagram. A body shorter than Content-Length says is taken as it is;
    /// [`Request::essentials`] and [`Response::essentials`] tell.
    ///
    /// # Errors
    /// Bytes that are no SIP/2.0 message, or more of something than the limits allow.
    pub fn parse(bytes: &[u8]) -> Result<Self, MessageError> {
        parse::parse(bytes).map_err(|fault| fault.error)
    }

    /// Reads one datagram like [`Message::parse`], and keeps of a request that cannot be read what its answer needs.
    ///
    /// # Errors
    /// See [`Message::parse`].
    pub fn parse_or_salvage(bytes: &[u8]) -> Result<Self, Fault> {
        parse::parse(bytes)
    }

    /// The message as it goes on the wire.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Request(request) => request.to_bytes(),
            Self::Response(response) => response.to_bytes(),
        }
    }

    /// Header fields.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        match self {
            Self::Request(request) => &request.headers,
            Self::Response(response) => &response.headers,
        }
    }

    /// Body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        match self {
            Self::Request(request) => &request.body,
            Self::Response(response) => &response.body,
        }
    }
}
