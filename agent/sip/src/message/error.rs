//! Why bytes were not taken as a SIP message, or a text not as one of its parts.

use super::request::Request;
use thiserror::Error;

/// What is wrong with a message. [`MessageError::status`] is the answer to a request with this fault.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MessageError {
    /// Larger than [`MAX_MESSAGE`](super::MAX_MESSAGE).
    #[error("the message has {size} bytes, more than {limit}")]
    TooLarge {
        /// Bytes received.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// A start line or header field longer than [`MAX_LINE`](super::MAX_LINE).
    #[error("line {line} is longer than {limit} bytes")]
    LineTooLong {
        /// Line number, from 1.
        line: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// A start line and header longer than [`MAX_HEAD`](super::MAX_HEAD).
    #[error("the header is longer than {limit} bytes")]
    HeadTooLong {
        /// Bytes allowed.
        limit: usize,
    },
    /// More fields than [`MAX_HEADERS`](super::MAX_HEADERS).
    #[error("more than {limit} header fields")]
    TooManyHeaders {
        /// Fields allowed.
        limit: usize,
    },
    /// More values of one header than [`MAX_VALUES`](super::MAX_VALUES).
    #[error("more than {limit} values of {name}")]
    TooManyValues {
        /// The header.
        name: String,
        /// Values allowed.
        limit: usize,
    },
    /// The first line is neither a request line nor a status line of SIP/2.0.
    #[error("the first line is not SIP/2.0: {why}")]
    StartLine {
        /// What is wrong with it.
        why: &'static str,
    },
    /// A request of another version of SIP.
    #[error("the version is not SIP/2.0")]
    Version,
    /// A Request-URI that cannot be read.
    #[error("the Request-URI cannot be read: {why}")]
    RequestUri {
        /// What is wrong with it.
        why: SyntaxError,
    },
    /// A header line without a colon, or with a name that is no token.
    #[error("line {line} is not a header field")]
    HeaderLine {
        /// Line number, from 1.
        line: usize,
    },
    /// The last line of the header has no end.
    #[error("the header ends in the middle of a line")]
    Unfinished,
    /// A header every message needs is missing.
    #[error("no {name} header")]
    Missing {
        /// The header.
        name: &'static str,
    },
    /// A header that may appear once appears again with another value.
    #[error("several {name} headers")]
    Repeated {
        /// The header.
        name: &'static str,
    },
    /// A header whose value cannot be read.
    #[error("bad {name} header: {why}")]
    Header {
        /// The header.
        name: &'static str,
        /// What is wrong with it.
        why: SyntaxError,
    },
    /// Content-Length promises more than the datagram holds.
    #[error("Content-Length says {promised}, the datagram holds {held}")]
    ShortBody {
        /// Bytes promised.
        promised: usize,
        /// Bytes held.
        held: usize,
    },
}

impl MessageError {
    /// The status that answers a request with this fault.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Version => 505,
            Self::TooLarge { .. } => 513,
            _ => 400,
        }
    }
}

/// Why bytes are no message, and what an answer needs when they were meant to be a request.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{error}")]
pub struct Fault {
    /// What is wrong.
    pub error: MessageError,
    /// Method and readable header fields of a request that is unreadable elsewhere. Its URI means nothing.
    pub request: Option<Box<Request>>,
}

impl From<MessageError> for Fault {
    fn from(error: MessageError) -> Self {
        Self {
            error,
            request: None,
        }
    }
}

/// What is wrong with a URI, an address, a parameter list or another small text.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{what}")]
pub struct SyntaxError {
    what: &'static str,
}

impl SyntaxError {
    pub(crate) const fn new(what: &'static str) -> Self {
        Self { what }
    }
}
