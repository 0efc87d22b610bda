//! RTCP: when to report (RFC 3550 §6.3), what, and what a report from the peer says (§6.4).

pub(crate) mod incoming;
pub(crate) mod outgoing;
pub(crate) mod schedule;

use std::time::{Duration, Instant};

/// Seconds of the NTP timestamp at the start of a session. RFC 3550 §4 lets a host without need
/// for wall-clock time count from any origin; this one tells nobody the time of the desk.
const NTP_ORIGIN: u64 = 0x8000_0000;

/// NTP timestamp, 32.32 fixed point, of `now` in a session that began at `start`.
pub(crate) fn ntp(start: Instant, now: Instant) -> u64 {
    let elapsed = now.saturating_duration_since(start);
    let fraction = (u64::from(elapsed.subsec_nanos()) << 32) / 1_000_000_000;
    ((NTP_ORIGIN + elapsed.as_secs()) << 32) | fraction
}

/// The middle 32 bits of an NTP timestamp, as reports carry it.
pub(crate) fn middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

/// A duration in units of 1/65536 second.
pub(crate) fn to_short(duration: Duration) -> u32 {
    u32::try_from((duration.as_micros() << 16) / 1_000_000).unwrap_or(u32::MAX)
}

/// A duration from units of 1/65536 second.
pub(crate) fn from_short(units: u32) -> Duration {
    Duration::from_micros((u64::from(units) * 1_000_000) >> 16)
}
