//! One RTP packet: its header by the `rtp` crate, its payload by RFC 3550 §5.1 and §5.3.1.
//!
//! Owns reading and writing. Says nothing about whether a packet belongs to a stream.

use rtc_shared::marshal::{Marshal, Unmarshal};
use rtp::Header;

/// Version of RFC 3550.
const VERSION: u8 = 2;

/// Fixed part of a header.
const FIXED: usize = 12;

/// A packet as it lies in the datagram.
#[derive(Debug)]
pub(crate) struct RtpPacket<'a> {
    pub(crate) header: Header,
    pub(crate) payload: &'a [u8],
}

impl<'a> RtpPacket<'a> {
    /// Reads a datagram; `None` when it is no RTP of version 2.
    pub(crate) fn parse(datagram: &'a [u8]) -> Option<Self> {
        let first = *datagram.first()?;
        if first >> 6 != VERSION {
            return None;
        }
        // The payload begins where the lengths say. The crate stops reading extensions at the
        // reserved identifier 15 and would hand out the rest of them as audio.
        let mut begin = FIXED + usize::from(first & 0x0F) * 4;
        if first & 0x10 != 0 {
            let length = datagram.get(begin + 2..begin + 4)?;
            begin += 4 + usize::from(u16::from_be_bytes([length[0], length[1]])) * 4;
        }
        let mut payload = datagram.get(begin..)?;
        if first & 0x20 != 0 {
            let padding = usize::from(*payload.last()?);
            if padding == 0 || padding > payload.len() {
                return None;
            }
            payload = &payload[..payload.len() - padding];
        }
        let header = Header::unmarshal(&mut &datagram[..begin]).ok()?;
        Some(Self { header, payload })
    }
}

/// What varies in the header of a packet we send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outgoing {
    pub(crate) marker: bool,
    pub(crate) payload_type: u8,
    pub(crate) sequence_number: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
}

impl Outgoing {
    /// Replaces `packet` by the header; the payload is appended by the caller.
    pub(crate) fn write(self, packet: &mut Vec<u8>) {
        let header = Header {
            version: VERSION,
            marker: self.marker,
            payload_type: self.payload_type,
            sequence_number: self.sequence_number,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            ..Header::default()
        };
        packet.clear();
        packet.resize(FIXED, 0);
        let written = header.marshal_to(packet).unwrap_or(0);
        debug_assert_eq!(written, FIXED, "a header without lists has twelve bytes");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_written_packet_reads_back() {
        let mut packet = Vec::new();
        Outgoing {
            marker: true,
            payload_type: 101,
            sequence_number: 0xFFFF,
            timestamp: 0xDEAD_BEEF,
            ssrc: 7,
        }
        .write(&mut packet);
        packet.extend([1, 2, 3]);
        let read = RtpPacket::parse(&packet).unwrap();
        assert!(read.header.marker);
        assert_eq!(read.header.payload_type, 101);
        assert_eq!(read.header.sequence_number, 0xFFFF);
        assert_eq!(read.header.timestamp, 0xDEAD_BEEF);
        assert_eq!(read.header.ssrc, 7);
        assert_eq!(read.payload, [1, 2, 3]);
    }

    #[test]
    fn extensions_and_padding_are_no_audio() {
        let mut packet = vec![0xB0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        // One-byte extensions whose reserved identifier 15 ends them early.
        packet.extend([0xBE, 0xDE, 0, 2, 0xF0, 9, 9, 9, 9, 9, 9, 9]);
        packet.extend([42, 43, 0, 2]);
        assert_eq!(RtpPacket::parse(&packet).unwrap().payload, [42, 43]);
        *packet.last_mut().unwrap() = 5;
        assert!(
            RtpPacket::parse(&packet).is_none(),
            "padding beyond payload"
        );
    }

    #[test]
    fn other_versions_and_cut_headers_are_refused() {
        assert!(RtpPacket::parse(&[]).is_none());
        assert!(RtpPacket::parse(&[0x80; 11]).is_none());
        assert!(RtpPacket::parse(&[0x40; 40]).is_none());
        assert!(RtpPacket::parse(&[0x8F; 40]).is_none(), "CSRC list cut");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = RtpPacket::parse(&bytes);
            if let Some(first) = bytes.first_mut() {
                *first = *first & 0x3F | 0x80;
            }
            let _ = RtpPacket::parse(&bytes);
        }
    }
}
