//! Whose datagrams are taken and where ours go.
//!
//! Owns the rule for addresses; the rule for synchronisation sources is the session's:
//! - Without latching only the host named in SDP is heard. Its port may differ from the one it
//!   listens on (RFC 3264 §5.1), so the first port whose packets the session accepts is locked.
//! - With latching (symmetric RTP, RFC 4961) the first address whose packets the session accepts
//!   is locked, and we send there too: the way to a peer behind a NAT.
//! - A locked address is left after two seconds of silence. The address named in SDP takes the
//!   lock back at once, so that whoever slips in during a silence cannot shut the peer out.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Silence after which another address may be locked.
const SILENCE: Duration = Duration::from_secs(2);

/// The addresses of a peer as SDP names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remote {
    /// Where RTP goes.
    pub rtp: SocketAddr,
    /// Where RTCP goes: by default the next port (RFC 3550 §11), else `a=rtcp` (RFC 3605).
    pub rtcp: SocketAddr,
    /// Whether to send back to where RTP comes from.
    pub latch: bool,
}

impl Remote {
    /// A peer at `rtp`, RTCP on the next port, without latching.
    #[must_use]
    pub fn new(rtp: SocketAddr) -> Self {
        let rtcp = SocketAddr::new(rtp.ip(), rtp.port().saturating_add(1));
        Self {
            rtp,
            rtcp,
            latch: false,
        }
    }

    /// The same with latching switched on or off.
    #[must_use]
    pub fn with_latch(mut self, latch: bool) -> Self {
        self.latch = latch;
        self
    }
}

/// The peer's addresses at work.
#[derive(Debug)]
pub(crate) struct AddressLock {
    remote: Remote,
    locked: Option<(SocketAddr, Instant)>,
    rtcp: Option<SocketAddr>,
}

impl AddressLock {
    pub(crate) fn new(remote: Remote) -> Self {
        Self {
            remote,
            locked: None,
            rtcp: None,
        }
    }

    /// Takes new addresses from SDP; `true` when the peer moved.
    pub(crate) fn update(&mut self, remote: Remote) -> bool {
        let moved = remote.rtp != self.remote.rtp;
        if moved {
            self.locked = None;
            self.rtcp = None;
        }
        self.remote = remote;
        moved
    }

    /// Whether an RTP datagram from `from` may be looked at.
    pub(crate) fn admits(&self, from: SocketAddr, now: Instant) -> bool {
        if from == self.remote.rtp {
            return true;
        }
        if !self.remote.latch && from.ip() != self.remote.rtp.ip() {
            return false;
        }
        self.locked.is_none_or(|(locked, heard)| {
            locked == from || now.saturating_duration_since(heard) >= SILENCE
        })
    }

    /// The session accepted a datagram from `from`.
    pub(crate) fn accepted(&mut self, from: SocketAddr, now: Instant) {
        if self.locked.is_none_or(|(locked, _)| locked != from) {
            self.rtcp = None;
        }
        self.locked = Some((from, now));
    }

    /// Whether an RTCP datagram from `from` may be looked at: it comes from the host RTP comes
    /// from, or from the place SDP names.
    pub(crate) fn admits_rtcp(&mut self, from: SocketAddr) -> bool {
        if from == self.remote.rtcp {
            self.rtcp = Some(from);
            return true;
        }
        let host = self
            .locked
            .map_or(self.remote.rtp.ip(), |(locked, _)| locked.ip());
        if from.ip() != host {
            return false;
        }
        self.rtcp.get_or_insert(from);
        true
    }

    /// Where RTP goes.
    pub(crate) fn rtp_target(&self) -> SocketAddr {
        match self.locked {
            Some((locked, _)) if self.remote.latch => locked,
            _ => self.remote.rtp,
        }
    }

    /// Where RTCP goes.
    pub(crate) fn rtcp_target(&self) -> SocketAddr {
        match (self.rtcp, self.locked) {
            (Some(rtcp), _) if self.remote.latch => rtcp,
            (None, Some((locked, _))) if self.remote.latch && locked != self.remote.rtp => {
                SocketAddr::new(locked.ip(), locked.port().saturating_add(1))
            }
            _ => self.remote.rtcp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn without_latching_only_the_named_host_is_heard() {
        let now = Instant::now();
        let mut lock = AddressLock::new(Remote::new(address("192.0.2.1:4000")));
        assert!(!lock.admits(address("192.0.2.9:4000"), now));
        let other_port = address("192.0.2.1:5000");
        assert!(lock.admits(other_port, now));
        lock.accepted(other_port, now);
        assert!(!lock.admits(address("192.0.2.1:6000"), now));
        assert_eq!(lock.rtp_target(), address("192.0.2.1:4000"));
        assert_eq!(lock.rtcp_target(), address("192.0.2.1:4001"));
        assert!(!lock.admits_rtcp(address("192.0.2.9:4001")));
        assert!(lock.admits_rtcp(address("192.0.2.1:4001")));
    }

    #[test]
    fn latching_sends_back_and_a_third_address_must_wait() {
        let mut now = Instant::now();
        let remote = Remote::new(address("10.0.0.5:4000")).with_latch(true);
        let mut lock = AddressLock::new(remote);
        let nat = address("198.51.100.7:33333");
        let third = address("203.0.113.66:4000");
        assert!(lock.admits(nat, now));
        assert_eq!(lock.rtp_target(), address("10.0.0.5:4000"), "not yet");
        lock.accepted(nat, now);
        assert_eq!(lock.rtp_target(), nat);
        assert_eq!(lock.rtcp_target(), address("198.51.100.7:33334"));
        for _ in 0..99 {
            now += Duration::from_millis(20);
            assert!(!lock.admits(third, now));
        }
        now += Duration::from_millis(20);
        assert!(lock.admits(third, now), "after two seconds of silence");
        lock.accepted(third, now);
        assert!(!lock.admits(nat, now));
        assert!(lock.admits(address("10.0.0.5:4000"), now), "SDP wins");
    }

    #[test]
    fn a_new_offer_frees_the_lock() {
        let now = Instant::now();
        let mut lock = AddressLock::new(Remote::new(address("192.0.2.1:4000")));
        lock.accepted(address("192.0.2.1:4000"), now);
        assert!(!lock.update(Remote::new(address("192.0.2.1:4000"))));
        assert!(lock.update(Remote::new(address("192.0.2.2:4000"))));
        assert!(!lock.admits(address("192.0.2.1:4000"), now));
        assert!(lock.admits(address("192.0.2.2:4000"), now));
    }
}
