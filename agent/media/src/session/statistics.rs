//! Counters of one session: all that leaves it besides audio.
//!
//! Owns numbers only; never a name, an address, a digit or a sample.

use std::time::Duration;

/// A snapshot of a session's counters since it began.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct Statistics {
    /// RTP packets sent, telephone events included.
    pub packets_sent: u64,
    /// Payload bytes sent, headers not included.
    pub bytes_sent: u64,
    /// RTP packets accepted from the peer.
    pub packets_received: u64,
    /// Payload bytes of accepted packets.
    pub bytes_received: u64,
    /// Packets expected by sequence number and not received; negative when duplicates outnumber
    /// losses (RFC 3550 §6.4.1).
    pub packets_lost: i64,
    /// Packets that came after their turn to be played had passed.
    pub packets_late: u64,
    /// Packets that came twice.
    pub packets_duplicate: u64,
    /// Packets that came after one with a higher sequence number.
    pub packets_reordered: u64,
    /// Packets dropped because the buffer was full or had to be emptied.
    pub packets_discarded: u64,
    /// Datagrams that were no RTP, of an unknown payload type, or from a source that is not the
    /// peer's.
    pub packets_rejected: u64,
    /// Packets that carried our own SSRC back to us.
    pub packets_reflected: u64,
    /// Sequence numbers missing in the newest gap.
    pub last_sequence_gap: u16,
    /// Times the peer's stream started anew: new SSRC or a jump of sequence numbers or timestamps.
    pub restarts: u64,
    /// Samples made up by concealment, silence not counted.
    pub concealed_samples: u64,
    /// Samples played in all.
    pub played_samples: u64,
    /// Samples taken out to shorten the delay.
    pub removed_samples: u64,
    /// Samples put in to lengthen the delay.
    pub inserted_samples: u64,
    /// Interarrival jitter of RFC 3550 §6.4.1.
    pub jitter: Duration,
    /// Delay the jitter buffer aims at.
    pub target_delay: Duration,
    /// Delay the jitter buffer has.
    pub current_delay: Duration,
    /// Round-trip time from the newest receiver report.
    pub round_trip: Option<Duration>,
    /// Loss the peer reported for our stream in its newest report, 0–1.
    pub remote_fraction_lost: Option<f32>,
    /// Packets the peer reported lost of our stream in all.
    pub remote_packets_lost: Option<i32>,
    /// Jitter the peer reported for our stream.
    pub remote_jitter: Option<Duration>,
    /// RTCP packets sent.
    pub rtcp_sent: u64,
    /// RTCP packets accepted.
    pub rtcp_received: u64,
    /// Telephone events sent.
    pub digits_sent: u64,
    /// Telephone events received.
    pub digits_received: u64,
}
