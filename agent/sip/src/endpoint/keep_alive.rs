//! Keeping the way to us open (RFC 5626 §3.5, §4.4): line ends on a connection, line ends or STUN over UDP, on the flow that the
//! account registered over. Owns when the next one is due and what must come back; never closes a flow itself.

use super::output::FlowId;
use super::stun::{self, TransactionId};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The longest wait between two on a connection (RFC 5626 §4.4.1).
const CONNECTION: Duration = Duration::from_secs(120);
/// The longest wait between two over UDP (RFC 5626 §4.4.2).
const DATAGRAM: Duration = Duration::from_secs(29);
/// How long the answer may take on a connection whose far side answered before.
const PONG_WITHIN: Duration = Duration::from_secs(10);
/// First wait for a STUN answer, doubled each time.
const STUN_WAIT: Duration = Duration::from_millis(500);
/// How often a STUN question is asked before the flow counts as dead.
const STUN_TRIES: u32 = 7;

/// How an account keeps its way open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeepAlive {
    /// Line ends on connections; over UDP only behind a NAT, which the registrar's answer betrays.
    #[default]
    Auto,
    /// Line ends on every transport.
    LineEnds,
    /// STUN over UDP, line ends on connections. The registrar must speak STUN on its SIP port.
    Stun,
    /// Nothing.
    Off,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Due {
    /// Send an empty line pair.
    LineEnds(FlowId, SocketAddr),
    /// Send a STUN request.
    Stun(FlowId, SocketAddr, Vec<u8>),
    /// The far side does not answer any more.
    Dead(FlowId),
}

/// What kind of flow is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) datagram: bool,
    /// With STUN, where it is a datagram flow.
    pub(crate) stun: bool,
    /// The far side is known to answer line ends.
    pub(crate) answers: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Keeper {
    kept: Option<Kept>,
}

#[derive(Debug)]
struct Kept {
    flow: FlowId,
    to: SocketAddr,
    datagram: bool,
    stun: bool,
    every: Duration,
    next: Instant,
    /// The far side answered line ends once, so silence means something.
    answers: bool,
    pong_by: Option<Instant>,
    question: Option<TransactionId>,
    tries: u32,
}

impl Keeper {
    /// Keeps a flow from now on. `share` is chance from 0 to 1.
    pub(crate) fn keep(
        &mut self,
        now: Instant,
        (flow, to): (FlowId, SocketAddr),
        kind: Kind,
        every: Option<Duration>,
        share: f64,
    ) {
        let Kind {
            datagram,
            stun,
            answers,
        } = kind;
        let longest = every.unwrap_or(if datagram { DATAGRAM } else { CONNECTION });
        if let Some(kept) = &mut self.kept
            && (kept.flow, kept.to, kept.stun) == (flow, to, stun && datagram)
        {
            return;
        }
        self.kept = Some(Kept {
            flow,
            to,
            datagram,
            stun: stun && datagram,
            every: longest,
            // With STUN the first question tells our address; it goes out at once.
            next: match stun && datagram {
                true => now,
                false => now + spread(longest, share),
            },
            answers,
            pong_by: None,
            question: None,
            tries: 0,
        });
    }

    pub(crate) fn stop(&mut self) {
        self.kept = None;
    }

    /// The flow is gone.
    pub(crate) fn forget(&mut self, flow: FlowId) {
        self.kept.take_if(|kept| kept.flow == flow);
    }

    /// Asks at once: something happened that may have closed the way.
    pub(crate) fn hurry(&mut self, now: Instant) {
        if let Some(kept) = &mut self.kept {
            kept.next = now;
        }
    }

    /// The far side answered with line ends.
    pub(crate) fn on_pong(&mut self, flow: FlowId) {
        if let Some(kept) = self.kept.as_mut().filter(|kept| kept.flow == flow) {
            kept.answers = true;
            kept.pong_by = None;
        }
    }

    /// A STUN message came; our address when it answers our question.
    pub(crate) fn on_stun(
        &mut self,
        now: Instant,
        flow: FlowId,
        from: SocketAddr,
        bytes: &[u8],
        share: f64,
    ) -> Option<SocketAddr> {
        let kept = self
            .kept
            .as_mut()
            .filter(|kept| kept.flow == flow && kept.to == from)?;
        let address = stun::mapped_address(bytes, kept.question.as_ref()?)?;
        kept.question = None;
        kept.tries = 0;
        kept.next = now + spread(kept.every, share);
        Some(address)
    }

    /// What is due. `chance` gives bytes for a STUN question.
    pub(crate) fn wake(
        &mut self,
        now: Instant,
        share: f64,
        chance: impl FnOnce() -> TransactionId,
    ) -> Option<Due> {
        let kept = self.kept.as_mut()?;
        if kept.pong_by.is_some_and(|by| by <= now) {
            let flow = kept.flow;
            self.kept = None;
            return Some(Due::Dead(flow));
        }
        if kept.next > now {
            return None;
        }
        let (flow, to) = (kept.flow, kept.to);
        if !kept.stun {
            kept.next = now + spread(kept.every, share);
            if kept.answers && !kept.datagram {
                kept.pong_by.get_or_insert(now + PONG_WITHIN);
            }
            return Some(Due::LineEnds(flow, to));
        }
        if kept.tries >= STUN_TRIES {
            self.kept = None;
            return Some(Due::Dead(flow));
        }
        let id = *kept.question.get_or_insert_with(chance);
        kept.next = now + STUN_WAIT * (1 << kept.tries);
        kept.tries += 1;
        Some(Due::Stun(flow, to, stun::request(id)))
    }

    pub(crate) fn next_wake(&self) -> Option<Instant> {
        let kept = self.kept.as_ref()?;
        kept.pong_by.into_iter().chain([kept.next]).min()
    }
}

/// Four fifths of the time to all of it (RFC 5626 §4.4), so that desks do not ask in step.
fn spread(longest: Duration, share: f64) -> Duration {
    longest.mul_f64(0.8 + 0.2 * share)
}
