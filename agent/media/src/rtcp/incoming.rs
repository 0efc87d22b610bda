//! What a datagram from the peer's RTCP port says (RFC 3550 §6.4, §6.6, appendix A.2).
//!
//! The compound packet is walked here, and only the kinds a call needs are handed to the `rtcp`
//! crate: the less of a parser a stranger can reach, the better. SDES items are not even read.

use rtc_shared::marshal::Unmarshal;
use rtcp::goodbye::Goodbye;
use rtcp::receiver_report::ReceiverReport;
use rtcp::reception_report::ReceptionReport;
use rtcp::sender_report::SenderReport;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const GOODBYE: u8 = 203;

/// One part of a compound packet that matters to a call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    /// The peer's account of its own stream.
    Sender { ssrc: u32, ntp: u64 },
    /// The peer's account of a stream it hears.
    Reception {
        reporter: u32,
        block: ReceptionReport,
    },
    /// These sources end.
    Goodbye(Vec<u32>),
}

/// Reads a datagram; `None` when it breaks a rule of appendix A.2 other than beginning with a
/// report, which RFC 5506 relaxed.
pub(crate) fn parse(datagram: &[u8]) -> Option<Vec<Incoming>> {
    let mut parts = Vec::new();
    let mut rest = datagram;
    while !rest.is_empty() {
        let &[first, kind, high, low] = rest.first_chunk()?;
        let length = (usize::from(u16::from_be_bytes([high, low])) + 1) * 4;
        let (packet, following) = rest.split_at_checked(length)?;
        let padded = first & 0x20 != 0;
        if first >> 6 != 2 || !(192..=223).contains(&kind) || (padded && !following.is_empty()) {
            return None;
        }
        read(kind, packet, &mut parts)?;
        rest = following;
    }
    (!datagram.is_empty()).then_some(parts)
}

fn read(kind: u8, mut packet: &[u8], parts: &mut Vec<Incoming>) -> Option<()> {
    match kind {
        SENDER_REPORT => {
            let report = SenderReport::unmarshal(&mut packet).ok()?;
            parts.push(Incoming::Sender {
                ssrc: report.ssrc,
                ntp: report.ntp_time,
            });
            blocks(report.ssrc, report.reports, parts);
        }
        RECEIVER_REPORT => {
            let report = ReceiverReport::unmarshal(&mut packet).ok()?;
            blocks(report.ssrc, report.reports, parts);
        }
        GOODBYE => {
            let goodbye = Goodbye::unmarshal(&mut packet).ok()?;
            parts.push(Incoming::Goodbye(goodbye.sources));
        }
        _ => {}
    }
    Some(())
}

fn blocks(reporter: u32, blocks: Vec<ReceptionReport>, parts: &mut Vec<Incoming>) {
    parts.extend(
        blocks
            .into_iter()
            .map(|block| Incoming::Reception { reporter, block }),
    );
}

#[cfg(test)]
mod tests {
    use super::super::outgoing::{Report, Sent};
    use super::*;
    use proptest::prelude::*;

    fn report(bye: bool) -> Vec<u8> {
        Report {
            ssrc: 7,
            cname: "desk",
            sent: Some(Sent {
                ntp: 0x0123_4567_89AB_CDEF,
                timestamp: 99,
                packets: 5,
                bytes: 800,
            }),
            reception: Some(ReceptionReport {
                ssrc: 8,
                fraction_lost: 12,
                total_lost: 34,
                ..ReceptionReport::default()
            }),
            bye,
        }
        .to_bytes()
        .unwrap()
    }

    #[test]
    fn our_own_report_reads_back() {
        let parts = parse(&report(true)).unwrap();
        assert_eq!(parts.len(), 3);
        assert_eq!(
            parts[0],
            Incoming::Sender {
                ssrc: 7,
                ntp: 0x0123_4567_89AB_CDEF
            }
        );
        assert!(
            matches!(&parts[1], Incoming::Reception { reporter: 7, block } if block.total_lost == 34)
        );
        assert_eq!(parts[2], Incoming::Goodbye(vec![7]));
        assert_eq!(report(false)[0] & 0x1F, 1, "one block");
    }

    #[test]
    fn cut_and_foreign_packets_are_refused() {
        let whole = report(true);
        for length in 1..whole.len() {
            if length % 4 != 0 {
                assert!(parse(&whole[..length]).is_none(), "{length}");
            }
        }
        assert!(parse(&[]).is_none());
        assert!(parse(&[0x80, 0, 0, 0]).is_none(), "an RTP payload type");
        assert!(
            parse(&[0x80, 203, 0xFF, 0xFF]).is_none(),
            "longer than it is"
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..120), kind in 199u8..208) {
            let _ = parse(&bytes);
            if bytes.len() >= 4 {
                let words = (bytes.len() / 4 - 1) as u16;
                bytes[0] = bytes[0] & 0x3F | 0x80;
                bytes[1] = kind;
                bytes[2..4].copy_from_slice(&words.to_be_bytes());
                let _ = parse(&bytes[..(usize::from(words) + 1) * 4]);
            }
        }
    }
}
