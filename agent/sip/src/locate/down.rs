//! Which servers did not answer lately (RFC 3263 §4.3): bounded, and forgotten after a while. Only changes the order in which
//! servers are tried; one that is thought to be down is still tried when there is no other.

use crate::endpoint::Transport;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The most servers remembered.
pub const MAX_DOWN: usize = 32;
/// How long a server that did not answer counts as down.
pub(crate) const DOWN_FOR: Duration = Duration::from_secs(120);
/// The longest a server's own Retry-After keeps it at the end of the list.
const MAX_DOWN_FOR: Duration = Duration::from_secs(3600);

/// The servers that are down, and until when.
#[derive(Debug, Default)]
pub(crate) struct Down {
    list: Vec<(Transport, SocketAddr, Instant)>,
}

impl Down {
    pub(crate) fn note(
        &mut self,
        now: Instant,
        transport: Transport,
        address: SocketAddr,
        time: Duration,
    ) {
        self.forget(transport, address);
        self.list.retain(|(.., until)| *until > now);
        if self.list.len() >= MAX_DOWN
            && let Some(first) = (0..self.list.len()).min_by_key(|at| self.list[*at].2)
        {
            self.list.swap_remove(first);
        }
        self.list
            .push((transport, address, now + time.min(MAX_DOWN_FOR)));
    }

    /// It answered.
    pub(crate) fn forget(&mut self, transport: Transport, address: SocketAddr) {
        self.list
            .retain(|(t, a, _)| (*t, *a) != (transport, address));
    }

    pub(crate) fn holds(&self, now: Instant, transport: Transport, address: SocketAddr) -> bool {
        self.list
            .iter()
            .any(|(t, a, until)| (*t, *a) == (transport, address) && *until > now)
    }

    /// The network is another one: nothing is known.
    pub(crate) fn clear(&mut self) {
        self.list.clear();
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_a_bounded_number_for_a_bounded_time() {
        let now = Instant::now();
        let mut down = Down::default();
        let address = |port| SocketAddr::from(([192, 0, 2, 1], port));
        for port in 1..=1000 {
            down.note(now, Transport::Udp, address(port), DOWN_FOR);
        }
        assert_eq!(down.len(), MAX_DOWN);
        assert!(down.holds(now, Transport::Udp, address(1000)));
        assert!(!down.holds(now, Transport::Tcp, address(1000)));
        assert!(!down.holds(now + DOWN_FOR, Transport::Udp, address(1000)));
        down.note(now, Transport::Udp, address(1), Duration::MAX / 4);
        assert!(!down.holds(now + MAX_DOWN_FOR, Transport::Udp, address(1)));
        down.forget(Transport::Udp, address(1000));
        assert!(!down.holds(now, Transport::Udp, address(1000)));
    }
}
