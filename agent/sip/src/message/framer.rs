//! Messages out of a stream of bytes (RFC 3261 §18.3, RFC 5626 §3.5.1): what TCP and TLS need and UDP and WebSocket do not.
//! Owns the bytes of at most one unfinished message and a bounded rest behind it; never reads a header but Content-Length and
//! Content-Type, and knows no connection.
//!
//! A stream that lost its beat cannot be mended: after an error every further call gives the error again, and the connection
//! must be closed. Where the head of the faulty message is whole, it comes as a last message without its body, so that the
//! endpoint can answer what is wrong with it.

use super::limits::{MAX_HEAD, MAX_MESSAGE};
use std::time::{Duration, Instant};
use thiserror::Error;

/// The most bytes held: one unfinished message and one read behind it.
pub const MAX_BUFFERED: usize = 2 * MAX_MESSAGE;
/// How long one message may take from its first byte to its last: 64 × T1, when its transaction would be over anyway.
pub const MESSAGE_TIME: Duration = Duration::from_secs(32);
/// Two line ends this close together are one ping cut in two by the network, not two pongs.
const PING_GAP: Duration = Duration::from_secs(1);

/// What a stream held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// One whole message, from its first line to the end of its body.
    Message(Vec<u8>),
    /// An empty line pair: the peer asks whether we are there; answer [`PONG`].
    Ping,
    /// A single empty line: the answer to our [`PING`].
    Pong,
}

/// The keep-alive a client sends (RFC 5626 §3.5.1).
pub const PING: &[u8] = b"\r\n\r\n";
/// The answer to a [`PING`].
pub const PONG: &[u8] = b"\r\n";

/// Why a stream cannot be read on. The connection is to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FramingError {
    /// The first line of a message names no SIP version.
    #[error("the peer does not speak SIP")]
    NotSip,
    /// A header longer than [`MAX_HEAD`].
    #[error("a header is longer than {limit} bytes")]
    LongHead {
        /// Bytes allowed.
        limit: usize,
    },
    /// Content-Length is no number, appears with two values, or is missing though there is a body.
    #[error("a message does not say how long it is")]
    Length,
    /// Header and body together are more than [`MAX_MESSAGE`].
    #[error("a message announces {promised} bytes of body, more than fit into {limit}")]
    TooLarge {
        /// Bytes of body announced.
        promised: usize,
        /// Bytes allowed for the whole message.
        limit: usize,
    },
    /// More bytes pushed than [`MAX_BUFFERED`] without taking the messages out.
    #[error("more than {limit} bytes wait to be read")]
    Overflow {
        /// Bytes allowed.
        limit: usize,
    },
    /// A message was begun and not finished within [`MESSAGE_TIME`].
    #[error("a message took longer than {} s to arrive", MESSAGE_TIME.as_secs())]
    TooSlow,
}

/// Cuts one stream into messages. Push what was read, then take [`Framer::next`] until it is `None`.
///
/// ```
/// use carillon_sip::message::{Frame, Framer};
/// use std::time::Instant;
///
/// let now = Instant::now();
/// let mut framer = Framer::new();
/// framer.push(now, b"\r\n\r\nOPTIONS sip:a@b SIP/2.0\r\nContent-Le")?;
/// assert_eq!(framer.next(now)?, Some(Frame::Ping));
/// assert_eq!(framer.next(now)?, None);
/// framer.push(now, b"ngth: 2\r\n\r\nhi")?;
/// assert!(matches!(framer.next(now)?, Some(Frame::Message(bytes)) if bytes.ends_with(b"\r\n\r\nhi")));
/// # Ok::<(), carillon_sip::message::FramingError>(())
/// ```
#[derive(Debug, Default)]
pub struct Framer {
    buffer: Vec<u8>,
    /// Where the unfinished message begins in the buffer.
    start: usize,
    /// How far it was searched for the end of its head, counted from its first byte.
    searched: usize,
    /// Whether its first line was looked at.
    greeted: bool,
    /// Length of the whole message, once its head is known.
    whole: Option<usize>,
    /// When its first byte came.
    began: Option<Instant>,
    /// When a lone line end came, with nothing but line ends since.
    lone: Option<Instant>,
    failed: Option<FramingError>,
}

impl Framer {
    /// A framer at the beginning of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what was read from the stream.
    ///
    /// # Errors
    /// More bytes than [`MAX_BUFFERED`] would wait; nothing is taken then.
    pub fn push(&mut self, now: Instant, bytes: &[u8]) -> Result<(), FramingError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if self.held() + bytes.len() > MAX_BUFFERED {
            return Err(self.fail(FramingError::Overflow {
                limit: MAX_BUFFERED,
            }));
        }
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
        if !self.buffer.is_empty() {
            self.began.get_or_insert(now);
        }
        Ok(())
    }

    /// The next message or keep-alive; `None` when more bytes are needed.
    ///
    /// # Errors
    /// The stream cannot be read on; see [`FramingError`].
    pub fn next(&mut self, now: Instant) -> Result<Option<Frame>, FramingError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if self.whole.is_none() && self.searched == 0 {
            if let Some(frame) = self.line_ends(now) {
                return Ok(Some(frame));
            }
            if self.held() == 0 {
                self.began = None;
                return Ok(None);
            }
        }
        let whole = match self.whole {
            Some(whole) => whole,
            None => match self.head()? {
                Some(Ok(whole)) => whole,
                Some(Err((head, error))) => {
                    let message = self.buffer[self.start..self.start + head].to_vec();
                    self.fail(error);
                    return Ok(Some(Frame::Message(message)));
                }
                None => return self.unfinished(now),
            },
        };
        self.whole = Some(whole);
        if self.held() < whole {
            return self.unfinished(now);
        }
        let message = self.buffer[self.start..self.start + whole].to_vec();
        self.start += whole;
        self.searched = 0;
        self.greeted = false;
        self.whole = None;
        self.began = (self.held() > 0).then_some(now);
        Ok(Some(Frame::Message(message)))
    }

    /// When the message under way must be whole; [`Framer::next`] then gives [`FramingError::TooSlow`].
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.began.map(|began| began + MESSAGE_TIME)
    }

    /// Bytes that wait.
    #[must_use]
    pub fn held(&self) -> usize {
        self.buffer.len() - self.start
    }

    fn fail(&mut self, error: FramingError) -> FramingError {
        self.failed = Some(error);
        self.buffer = Vec::new();
        self.start = 0;
        self.began = None;
        error
    }

    fn unfinished(&mut self, now: Instant) -> Result<Option<Frame>, FramingError> {
        match self.deadline() {
            Some(deadline) if now >= deadline => Err(self.fail(FramingError::TooSlow)),
            _ => Ok(None),
        }
    }

    /// Takes line ends in front of a message: pings, pongs, and what RFC 3261 §7.5 has us ignore.
    fn line_ends(&mut self, now: Instant) -> Option<Frame> {
        loop {
            let waiting = &self.buffer[self.start..];
            if waiting.starts_with(PING) {
                self.start += PING.len();
                self.lone = None;
                return Some(Frame::Ping);
            }
            match waiting {
                [b'\r', b'\n', ..] => {
                    self.start += PONG.len();
                    let split = self
                        .lone
                        .take()
                        .is_some_and(|at| now.saturating_duration_since(at) < PING_GAP);
                    if split {
                        return Some(Frame::Ping);
                    }
                    self.lone = Some(now);
                    return Some(Frame::Pong);
                }
                [b'\n', ..] | [b'\r', _, ..] => self.start += 1,
                [b'\r'] | [] => return None,
                _ => {
                    self.lone = None;
                    return None;
                }
            }
        }
    }

    /// Looks for the end of the head: how long the message is, or how long its head is and what is wrong with it.
    #[expect(clippy::type_complexity, reason = "two kinds of failure, used once")]
    fn head(&mut self) -> Result<Option<Result<usize, (usize, FramingError)>>, FramingError> {
        let waiting = &self.buffer[self.start..];
        if !self.greeted {
            let line = waiting
                .iter()
                .take(MAX_HEAD)
                .position(|byte| *byte == b'\n');
            if let Some(line) = line {
                let names_sip = |line: &[u8]| {
                    line.windows(4)
                        .any(|window| window.eq_ignore_ascii_case(b"SIP/"))
                };
                if !names_sip(&waiting[..line]) {
                    return Err(self.fail(FramingError::NotSip));
                }
                self.greeted = true;
            }
        }
        let waiting = &self.buffer[self.start..];
        let Some(head) = end_of_head(waiting, self.searched) else {
            // An empty line may lie half inside what was searched.
            self.searched = waiting.len().saturating_sub(3);
            if waiting.len() > MAX_HEAD {
                return Err(self.fail(FramingError::LongHead { limit: MAX_HEAD }));
            }
            return Ok(None);
        };
        if head > MAX_HEAD {
            return Err(self.fail(FramingError::LongHead { limit: MAX_HEAD }));
        }
        Ok(Some(match body_length(&waiting[..head]) {
            Some(body) if head.saturating_add(body) > MAX_MESSAGE => Err((
                head,
                FramingError::TooLarge {
                    promised: body,
                    limit: MAX_MESSAGE,
                },
            )),
            Some(body) => Ok(head + body),
            None => Err((head, FramingError::Length)),
        }))
    }
}

/// Where the body begins.
fn end_of_head(bytes: &[u8], searched: usize) -> Option<usize> {
    let mut at = searched;
    loop {
        let end = at + bytes[at..].iter().position(|byte| *byte == b'\n')? + 1;
        match &bytes[end..] {
            [b'\n', ..] => return Some(end + 1),
            [b'\r', b'\n', ..] => return Some(end + 2),
            _ => at = end,
        }
    }
}

/// What Content-Length says. Without one the body is empty, unless a Content-Type says that there is one.
fn body_length(head: &[u8]) -> Option<usize> {
    let mut length = None;
    let mut typed = false;
    let mut lines = head.split(|byte| *byte == b'\n').skip(1).peekable();
    while let Some(line) = lines.next() {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let name = line[..colon].trim_ascii_end();
        let is = |long: &[u8], short: &[u8]| {
            name.eq_ignore_ascii_case(long) || name.eq_ignore_ascii_case(short)
        };
        typed |= is(b"Content-Type", b"c");
        if !is(b"Content-Length", b"l") {
            continue;
        }
        let mut value = line[colon + 1..].trim_ascii();
        while let Some(fold) = lines.next_if(|next| matches!(next, [b' ' | b'\t', ..])) {
            match (value, fold.trim_ascii()) {
                ([], fold) => value = fold,
                (_, []) => {}
                _ => return None,
            }
        }
        if value.is_empty() || value.len() > 18 || !value.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let value = std::str::from_utf8(value).ok()?.parse().ok()?;
        if length.replace(value).is_some_and(|first| first != value) {
            return None;
        }
    }
    length.or((!typed).then_some(0))
}
