//! Packets that wait for their turn, in the order of their timestamps, within bounds.

use std::collections::BTreeMap;

use super::Inserted;
use crate::codec::CodecKind;

/// Most packets that wait: over five seconds of 20 ms packets.
pub(crate) const CAPACITY: usize = 256;

/// Largest payload that is kept: what fits an Ethernet frame.
pub(crate) const MAX_PAYLOAD: usize = 1460;

/// Payload buffers kept for reuse.
const SPARES: usize = 16;

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) sequence: u64,
    pub(crate) kind: CodecKind,
    pub(crate) payload: Vec<u8>,
}

#[derive(Debug, Default)]
pub(crate) struct PacketBuffer {
    entries: BTreeMap<i64, Entry>,
    spares: Vec<Vec<u8>>,
}

impl PacketBuffer {
    pub(crate) fn insert(
        &mut self,
        timestamp: i64,
        sequence: u64,
        kind: CodecKind,
        payload: &[u8],
    ) -> Inserted {
        if self.entries.contains_key(&timestamp) {
            return Inserted::Duplicate;
        }
        if self.entries.len() >= CAPACITY || payload.len() > MAX_PAYLOAD {
            return Inserted::Discarded;
        }
        let mut kept = self.spares.pop().unwrap_or_default();
        kept.clear();
        kept.extend_from_slice(payload);
        let entry = Entry {
            sequence,
            kind,
            payload: kept,
        };
        self.entries.insert(timestamp, entry);
        Inserted::Stored
    }

    /// Timestamp and sequence number of the packet that is next.
    pub(crate) fn first(&self) -> Option<(i64, u64)> {
        let (timestamp, entry) = self.entries.first_key_value()?;
        Some((*timestamp, entry.sequence))
    }

    pub(crate) fn pop(&mut self) -> Option<(i64, Entry)> {
        self.entries.pop_first()
    }

    /// Gives a played packet's memory back.
    pub(crate) fn recycle(&mut self, entry: Entry) {
        if self.spares.len() < SPARES {
            self.spares.push(entry.payload);
        }
    }

    /// Drops all and says how many they were.
    pub(crate) fn clear(&mut self) -> usize {
        let dropped = self.entries.len();
        self.entries.clear();
        dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_come_out_in_order_and_are_bounded() {
        let mut buffer = PacketBuffer::default();
        for n in (0..CAPACITY as i64).rev() {
            let inserted = buffer.insert(n * 160, n as u64, CodecKind::Pcmu, &[0; 160]);
            assert_eq!(inserted, Inserted::Stored);
        }
        let full = buffer.insert(-160, 0, CodecKind::Pcmu, &[0; 160]);
        assert_eq!(full, Inserted::Discarded);
        assert_eq!(
            buffer.insert(0, 0, CodecKind::Pcmu, &[0; 160]),
            Inserted::Duplicate
        );
        for n in 0..CAPACITY as i64 {
            let (timestamp, entry) = buffer.pop().unwrap();
            assert_eq!(timestamp, n * 160);
            buffer.recycle(entry);
        }
        assert_eq!(buffer.spares.len(), SPARES);
        let large = [0; MAX_PAYLOAD + 1];
        assert_eq!(
            buffer.insert(0, 0, CodecKind::Pcmu, &large),
            Inserted::Discarded
        );
    }
}
