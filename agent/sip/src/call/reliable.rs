//! Reliable provisional responses of this side (RFC 3262 §3): numbered, repeated with doubling waits until the PRACK, given up after
//! 64·T1. Those of the peer are taken by the leg they belong to.

use crate::endpoint::{Core, Incoming};
use crate::message::{HeaderName, Response};
use crate::transaction::{Datagram, T1, T1_64};
use std::time::{Duration, Instant};

/// The highest number to begin with (§7.1).
const MAX_FIRST: u64 = (1 << 31) - 1;

/// The reliable provisional responses to one INVITE.
#[derive(Debug, Default)]
pub(super) struct Reliable {
    last: Option<u32>,
    waiting: Option<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    rseq: u32,
    /// A session description went with it; a 2xx must wait for the PRACK then (§3).
    described: bool,
    datagram: (crate::endpoint::FlowId, std::net::SocketAddr, Vec<u8>),
    interval: Duration,
    /// `None` once the final response is out.
    resend_at: Option<Instant>,
    give_up_at: Instant,
}

impl Reliable {
    /// Whether one waits for its PRACK; a second must not be sent then (§3).
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting
            .as_ref()
            .is_some_and(|waiting| waiting.resend_at.is_some())
    }

    /// Whether a 2xx must wait.
    pub(super) fn holds_back_answer(&self) -> bool {
        self.is_waiting()
            && self
                .waiting
                .as_ref()
                .is_some_and(|waiting| waiting.described)
    }

    pub(super) fn send(
        &mut self,
        core: &mut Core,
        now: Instant,
        incoming: &Incoming,
        mut response: Response,
    ) {
        let rseq = match self.last {
            Some(last) => last.wrapping_add(1),
            None => u32::try_from(core.random.between(1, MAX_FIRST)).unwrap_or(1),
        };
        self.last = Some(rseq);
        response.headers.push(HeaderName::Require, "100rel");
        response.headers.push(HeaderName::RSeq, rseq.to_string());
        let described = !response.body.is_empty();
        let bytes = core.respond(now, incoming, response);
        self.waiting = Some(Waiting {
            rseq,
            described,
            datagram: (incoming.flow, incoming.reply_to, bytes),
            interval: T1,
            resend_at: Some(now + T1),
            give_up_at: now + T1_64,
        });
    }

    /// A PRACK came with this RAck. `false` when it confirms nothing that waits.
    pub(super) fn confirm(&mut self, rack: &str, invite: u32) -> bool {
        let mut parts = rack.split_ascii_whitespace();
        let mut number = || parts.next().and_then(|part| part.parse::<u32>().ok());
        let (rseq, cseq) = (number(), number());
        let fits = self
            .waiting
            .as_ref()
            .is_some_and(|waiting| Some(waiting.rseq) == rseq)
            && cseq == Some(invite)
            && parts.next() == Some("INVITE");
        if fits {
            self.waiting = None;
        }
        fits
    }

    /// The final response is out: nothing is repeated any more, but a late PRACK is still known.
    pub(super) fn stop(&mut self) {
        if let Some(waiting) = &mut self.waiting {
            waiting.resend_at = None;
        }
    }

    /// Repeats what is due. `false` when nobody confirmed it in time.
    pub(super) fn wake(&mut self, core: &mut Core, now: Instant) -> bool {
        let Some(waiting) = &mut self.waiting else {
            return true;
        };
        let Some(resend_at) = waiting.resend_at else {
            return true;
        };
        if waiting.give_up_at <= now {
            self.waiting = None;
            return false;
        }
        if resend_at <= now {
            waiting.interval *= 2;
            waiting.resend_at = Some(now + waiting.interval);
            let (flow, to, bytes) = waiting.datagram.clone();
            core.transmit(Datagram { flow, to, bytes });
        }
        true
    }

    pub(super) fn next_wake(&self) -> Option<Instant> {
        let waiting = self.waiting.as_ref()?;
        Some(waiting.resend_at?.min(waiting.give_up_at))
    }
}
