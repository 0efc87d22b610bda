//! The last messages on the wire, for a person who looks for what went wrong. Owns one bounded ring per agent.
//! Never keeps a secret: what comes in is scrubbed before it is kept; never writes to disk by itself.

mod pcap;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use carillon_schemas::AccountId;
use carillon_sip::Transport;
use carillon_sip::message::scrub;
use serde::{Deserialize, Serialize};

pub use pcap::pcap;

/// The most messages kept.
pub const MAX_MESSAGES: usize = 1_000;
/// The most bytes kept, of all messages together.
pub const MAX_BYTES: usize = 256 << 10;
/// The most bytes kept of one message; the rest is cut off.
pub const MAX_MESSAGE: usize = 8 << 10;

/// One message that was sent or received, without its secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traced {
    /// When, in microseconds since 1970.
    pub at_us: u64,
    /// The account whose message it is.
    pub account: AccountId,
    /// `true` when this side sent it.
    pub sent: bool,
    /// `UDP`, `TCP`, `TLS` or `WSS`.
    pub transport: String,
    /// This side's address.
    pub local: SocketAddr,
    /// The far side's address.
    pub remote: SocketAddr,
    /// How long it was on the wire.
    pub length: usize,
    /// The message; bytes that are no UTF-8 are replaced.
    pub text: String,
}

/// A handle on the agent's ring. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trace {
    ring: Rc<RefCell<Ring>>,
}

#[derive(Debug, Default)]
struct Ring {
    messages: VecDeque<Traced>,
    bytes: usize,
}

/// Where a message went or came from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    pub(crate) sent: bool,
    pub(crate) transport: Transport,
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
}

impl Trace {
    /// Keeps a message; the oldest ones make room.
    pub(crate) fn note(&self, account: &AccountId, way: Way, bytes: &[u8]) {
        // Keep-alives say nothing.
        if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            return;
        }
        let kept = &bytes[..bytes.len().min(MAX_MESSAGE)];
        let message = Traced {
            at_us: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .ok()
                .and_then(|since| u64::try_from(since.as_micros()).ok())
                .unwrap_or(0),
            account: account.clone(),
            sent: way.sent,
            transport: way.transport.via_name().to_owned(),
            local: way.local,
            remote: way.remote,
            length: bytes.len(),
            text: String::from_utf8_lossy(&scrub(kept)).into_owned(),
        };
        let mut ring = self.ring.borrow_mut();
        ring.bytes += message.text.len();
        ring.messages.push_back(message);
        while ring.messages.len() > MAX_MESSAGES || ring.bytes > MAX_BYTES {
            let Some(oldest) = ring.messages.pop_front() else {
                break;
            };
            ring.bytes -= oldest.text.len();
        }
    }

    /// What is kept, oldest first; of one account when one is named.
    pub(crate) fn read(&self, account: Option<&AccountId>) -> Vec<Traced> {
        let ring = self.ring.borrow();
        let wanted = |message: &&Traced| account.is_none_or(|account| *account == message.account);
        ring.messages.iter().filter(wanted).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way() -> Way {
        Way {
            sent: true,
            transport: Transport::Udp,
            local: "192.0.2.1:5060".parse().unwrap(),
            remote: "192.0.2.2:5060".parse().unwrap(),
        }
    }

    #[test]
    fn the_ring_is_bounded_in_messages_and_bytes() {
        let (trace, account) = (Trace::default(), "a1".parse().unwrap());
        for at in 0..2 * MAX_MESSAGES {
            trace.note(&account, way(), format!("message {at}").as_bytes());
        }
        let kept = trace.read(None);
        assert_eq!(kept.len(), MAX_MESSAGES);
        assert_eq!(
            kept[MAX_MESSAGES - 1].text,
            format!("message {}", 2 * MAX_MESSAGES - 1)
        );
        // Bytes that are no text grow threefold when they are replaced.
        for _ in 0..100 {
            trace.note(&account, way(), &[0xff; 60_000]);
        }
        let kept = trace.read(None);
        let bytes: usize = kept.iter().map(|message| message.text.len()).sum();
        assert!(
            bytes <= MAX_BYTES && kept.len() >= 10,
            "{bytes} {}",
            kept.len()
        );
        assert_eq!(kept[0].length, 60_000, "the true length is told");
    }

    #[test]
    fn secrets_and_keep_alives_are_not_kept() {
        let (trace, account) = (Trace::default(), "a1".parse().unwrap());
        let other: AccountId = "a2".parse().unwrap();
        trace.note(&account, way(), b"\r\n\r\n");
        trace.note(
            &other,
            way(),
            b"Authorization: Digest response=\"5ec3e7\"\r\n",
        );
        assert_eq!(trace.read(Some(&account)), []);
        let kept = trace.read(Some(&other));
        assert!(kept.len() == 1 && !kept[0].text.contains("5ec3e7"));
    }
}
