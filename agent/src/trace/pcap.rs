//! Traced messages as a capture file that every network analyser reads: classic pcap, raw IP. Each message, whatever it came over,
//! becomes one UDP datagram between the true addresses.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::Traced;

/// LINKTYPE_RAW: a packet begins with its IP header.
const RAW_IP: u32 = 101;
const UDP: u8 = 17;
const UDP_HEADER: usize = 8;

/// The file.
#[must_use]
pub fn pcap(messages: &[Traced]) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend(0xa1b2_c3d4_u32.to_le_bytes());
    file.extend([2, 0, 4, 0]);
    file.extend([0; 8]);
    file.extend(65_535_u32.to_le_bytes());
    file.extend(RAW_IP.to_le_bytes());
    for message in messages {
        let (from, to) = if message.sent {
            (message.local, message.remote)
        } else {
            (message.remote, message.local)
        };
        let packet = packet(from, to, message.text.as_bytes());
        let length = u32::try_from(packet.len()).unwrap_or(u32::MAX);
        let seconds = u32::try_from(message.at_us / 1_000_000).unwrap_or(u32::MAX);
        let micros = u32::try_from(message.at_us % 1_000_000).unwrap_or(0);
        for field in [seconds, micros, length, length] {
            file.extend(field.to_le_bytes());
        }
        file.extend(packet);
    }
    file
}

fn packet(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Vec<u8> {
    // Kept messages are far shorter than what a datagram can hold.
    let length = u16::try_from(UDP_HEADER + payload.len()).unwrap_or(u16::MAX);
    let payload = &payload[..usize::from(length) - UDP_HEADER];
    let mut udp = Vec::with_capacity(usize::from(length));
    for field in [from.port(), to.port(), length, 0] {
        udp.extend(field.to_be_bytes());
    }
    udp.extend(payload);
    let mut packet = match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let mut header = vec![0x45, 0];
            header.extend(length.saturating_add(20).to_be_bytes());
            header.extend([0, 0, 0x40, 0, 64, UDP, 0, 0]);
            header.extend(from.octets());
            header.extend(to.octets());
            let sum = checksum(&header);
            header[10..12].copy_from_slice(&sum.to_be_bytes());
            let addresses = [from.octets(), to.octets()].concat();
            fill_in(&mut udp, &addresses);
            header
        }
        (from, to) => {
            let (from, to) = (six(from).octets(), six(to).octets());
            let mut header = vec![0x60, 0, 0, 0];
            header.extend(length.to_be_bytes());
            header.extend([UDP, 64]);
            header.extend(from);
            header.extend(to);
            fill_in(&mut udp, &[from, to].concat());
            header
        }
    };
    packet.append(&mut udp);
    packet
}

fn six(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

/// Writes the checksum over the pseudo header and the datagram (RFC 768, RFC 8200 §8.1).
fn fill_in(udp: &mut [u8], addresses: &[u8]) {
    let mut whole = addresses.to_vec();
    whole.extend([0, UDP]);
    whole.extend_from_slice(&udp[4..6]);
    whole.extend_from_slice(udp);
    let sum = match checksum(&whole) {
        0 => 0xffff,
        sum => sum,
    };
    udp[6..8].copy_from_slice(&sum.to_be_bytes());
}

/// The internet checksum (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum = 0_u32;
    for pair in bytes.chunks(2) {
        sum += u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traced(sent: bool, local: &str, remote: &str, text: &str) -> Traced {
        Traced {
            at_us: 1_700_000_000_123_456,
            account: "a1".parse().unwrap(),
            sent,
            transport: "UDP".to_owned(),
            local: local.parse().unwrap(),
            remote: remote.parse().unwrap(),
            length: text.len(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn packets_hold_addresses_lengths_and_true_checksums() {
        let file = pcap(&[
            traced(true, "192.0.2.1:5060", "192.0.2.2:5070", "hi!"),
            traced(false, "[2001:db8::1]:5060", "[2001:db8::2]:5070", "hello"),
        ]);
        assert_eq!(file[..4], [0xd4, 0xc3, 0xb2, 0xa1]);
        assert_eq!(file[20..24], 101_u32.to_le_bytes());
        let four = &file[24..24 + 16 + 31];
        assert_eq!(four[..4], 1_700_000_000_u32.to_le_bytes());
        assert_eq!(four[4..8], 123_456_u32.to_le_bytes());
        assert_eq!(four[8..12], 31_u32.to_le_bytes());
        let packet = &four[16..];
        assert_eq!(packet[2..4], 31_u16.to_be_bytes());
        assert_eq!(packet[12..20], [192, 0, 2, 1, 192, 0, 2, 2]);
        assert_eq!(packet[20..24], [0x13, 0xc4, 0x13, 0xce]);
        assert_eq!(&packet[28..], b"hi!");
        assert_eq!(
            checksum(&packet[..20]),
            0,
            "the header's sum comes out even"
        );
        let pseudo = [&packet[12..20], &[0, UDP, 0, 11], &packet[20..]].concat();
        assert_eq!(checksum(&pseudo), 0, "so does the datagram's");
        let six = &file[24 + 16 + 31 + 16..];
        assert_eq!(six.len(), 40 + 8 + 5);
        assert_eq!(
            six[8..24],
            "2001:db8::2".parse::<Ipv6Addr>().unwrap().octets()
        );
        let pseudo = [&six[8..40], &[0, UDP, 0, 13], &six[40..]].concat();
        assert_eq!(checksum(&pseudo), 0);
    }
}
