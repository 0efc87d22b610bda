//! Free loopback ports, for UDP and TCP at once, spaced by two: some peers bind TLS on port + 1.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::{Fault, Outcome};

/// The first port handed out; the range ends below Linux's ephemeral ports (32768).
const FIRST: u32 = 18_000;
/// How many even ports the range holds.
const PAIRS: u32 = 7_000;

/// Counts pairs handed out by this process; suites in one process never meet.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// An even port that is free on 127.0.0.1 for UDP and TCP, as is the odd one above it.
///
/// # Errors
/// [`Fault::Refused`] when every port of the range is taken.
pub fn free() -> Outcome<u16> {
    free_run(1)
}

/// The first of `pairs` pairs of ports in a row, all of them free: RTP ranges need this.
///
/// # Errors
/// [`Fault::Refused`] when no such run is found.
pub fn free_run(pairs: u32) -> Outcome<u16> {
    let own = std::process::id().wrapping_mul(2_654_435_761) % PAIRS;
    for _ in 0..PAIRS {
        let slot = (own + NEXT.fetch_add(pairs, Ordering::Relaxed)) % PAIRS;
        if slot + pairs > PAIRS {
            continue;
        }
        let first = FIRST + slot * 2;
        if (first..first + pairs * 2).all(is_free) {
            return u16::try_from(first)
                .map_err(|_| Fault::refused("the port range", "a free port", "out of range"));
        }
    }
    Err(Fault::refused(
        "127.0.0.1",
        format!("{pairs} pairs of free ports from {FIRST}"),
        "all are taken; end the programs that hold them",
    ))
}

fn is_free(port: u32) -> bool {
    let Ok(port) = u16::try_from(port) else {
        return false;
    };
    UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
        && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_even_and_distinct() {
        let mut seen: Vec<u16> = (0..20).map(|_| free().unwrap()).collect();
        assert!(seen.iter().all(|port| port % 2 == 0));
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 20);
    }

    #[test]
    fn a_port_in_use_is_not_free() {
        let held = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        assert!(!is_free(u32::from(held.local_addr().unwrap().port())));
    }
}
