//! Why bytes were not taken as a SIP message, or a text not as one of its parts.

use thiserror::Error;

/// What is wrong with a message. [`MessageError::answerable`] tells whether a request with this fault can still get a 400.
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
    /// A header line without a colon, or with a name that is no token.
    #[error("line {line} is not a header field")]
    HeaderLine {
        /// Line number, from 1.
        line: usize,
    },
    /// The empty line that ends the header is missing.
    #[error("the header has no end")]
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
    /// Whether the header could be read as far as an answer needs.
    #[must_use]
    pub fn answerable(&self) -> bool {
        matches!(
            self,
            Self::Repeated { .. }
                | Self::Header { .. }
                | Self::ShortBody { .. }
                | Self::Missing { .. }
                | Self::TooManyValues { .. }
        )
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
