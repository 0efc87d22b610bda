//! The compound packets we send: a report, our name, and at the end BYE (RFC 3550 §6.1).

use rtcp::goodbye::Goodbye;
use rtcp::packet::{Packet, marshal};
use rtcp::receiver_report::ReceiverReport;
use rtcp::reception_report::ReceptionReport;
use rtcp::sender_report::SenderReport;
use rtcp::source_description::{
    SdesType, SourceDescription, SourceDescriptionChunk, SourceDescriptionItem,
};

/// What a sender says of its own stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) ntp: u64,
    pub(crate) timestamp: u32,
    pub(crate) packets: u32,
    pub(crate) bytes: u32,
}

/// The parts of a report.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    pub(crate) ssrc: u32,
    pub(crate) cname: &'a str,
    /// Present when we sent since the last but one report (§6.4).
    pub(crate) sent: Option<Sent>,
    /// Present when a source is heard.
    pub(crate) reception: Option<ReceptionReport>,
    /// Whether this is the last report.
    pub(crate) bye: bool,
}

impl Report<'_> {
    /// The compound packet.
    pub(crate) fn to_bytes(&self) -> Option<Vec<u8>> {
        let reports: Vec<_> = self.reception.iter().cloned().collect();
        let report: Box<dyn Packet> = match self.sent {
            Some(sent) => Box::new(SenderReport {
                ssrc: self.ssrc,
                ntp_time: sent.ntp,
                rtp_time: sent.timestamp,
                packet_count: sent.packets,
                octet_count: sent.bytes,
                reports,
                ..SenderReport::default()
            }),
            None => Box::new(ReceiverReport {
                ssrc: self.ssrc,
                reports,
                ..ReceiverReport::default()
            }),
        };
        let name = SourceDescription {
            chunks: vec![SourceDescriptionChunk {
                source: self.ssrc,
                items: vec![SourceDescriptionItem {
                    sdes_type: SdesType::SdesCname,
                    text: self.cname.to_owned().into(),
                }],
            }],
        };
        let mut packets = vec![report, Box::new(name)];
        if self.bye {
            packets.push(Box::new(Goodbye {
                sources: vec![self.ssrc],
                ..Goodbye::default()
            }));
        }
        marshal(&packets).ok().map(|bytes| bytes.to_vec())
    }
}
