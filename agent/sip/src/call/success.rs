//! A 2xx of ours that waits for its ACK (RFC 3261 §13.3.1.4): repeated by the call, with doubling waits, for 64·T1.

use crate::endpoint::{Core, FlowId};
use crate::transaction::{Datagram, T1, T1_64, T2};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct Success {
    /// CSeq number of the INVITE, and so of the ACK.
    pub(super) number: u32,
    /// Our offer went with the 2xx; the answer comes with the ACK.
    pub(super) offered: bool,
    /// It answers the first INVITE of the call.
    pub(super) first: bool,
    bytes: Vec<u8>,
    flow: FlowId,
    to: SocketAddr,
    interval: Duration,
    resend_at: Instant,
    give_up_at: Instant,
}

impl Success {
    pub(super) fn new(
        now: Instant,
        number: u32,
        bytes: Vec<u8>,
        flow: FlowId,
        to: SocketAddr,
    ) -> Self {
        Self {
            number,
            offered: false,
            first: false,
            bytes,
            flow,
            to,
            interval: T1,
            resend_at: now + T1,
            give_up_at: now + T1_64,
        }
    }

    /// Repeats the 2xx when due. `false` when the wait for the ACK is over.
    pub(super) fn wake(&mut self, core: &mut Core, now: Instant) -> bool {
        if self.give_up_at <= now {
            return false;
        }
        if self.resend_at <= now {
            self.interval = (self.interval * 2).min(T2);
            self.resend_at = now + self.interval;
            core.transmit(Datagram {
                flow: self.flow,
                to: self.to,
                bytes: self.bytes.clone(),
            });
        }
        true
    }

    pub(super) fn next_wake(&self) -> Instant {
        self.resend_at.min(self.give_up_at)
    }
}
