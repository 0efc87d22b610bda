//! STUN binding on the SIP socket (RFC 5389, RFC 5626 §3.5.2): keeps a NAT's binding and learns our address behind it.
//! Reads only the answer to a question of ours; never authenticates and never answers a request.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const COOKIE: u32 = 0x2112_A442;
const HEADER: usize = 20;
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const MAPPED_ADDRESS: u16 = 0x0001;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;

/// Names one question.
pub(crate) type TransactionId = [u8; 12];

/// Whether a datagram is STUN and not SIP: its first two bits are zero, and it has the magic cookie.
pub(crate) fn is_stun(bytes: &[u8]) -> bool {
    bytes.len() >= HEADER && bytes[0] < 0x40 && bytes[4..8] == COOKIE.to_be_bytes()
}

/// A binding request.
pub(crate) fn request(id: TransactionId) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER);
    bytes.extend_from_slice(&BINDING_REQUEST.to_be_bytes());
    bytes.extend_from_slice(&0_u16.to_be_bytes());
    bytes.extend_from_slice(&COOKIE.to_be_bytes());
    bytes.extend_from_slice(&id);
    bytes
}

/// Our address in a binding success to that question.
pub(crate) fn mapped_address(bytes: &[u8], id: &TransactionId) -> Option<SocketAddr> {
    let number = |at: usize| {
        let pair = bytes.get(at..at + 2)?;
        Some(u16::from_be_bytes([pair[0], pair[1]]))
    };
    if !is_stun(bytes) || number(0)? != BINDING_SUCCESS || bytes.get(8..20)? != id {
        return None;
    }
    let end = (HEADER + usize::from(number(2)?)).min(bytes.len());
    let mut plain = None;
    let mut at = HEADER;
    while at + 4 <= end {
        let (kind, length) = (number(at)?, usize::from(number(at + 2)?));
        let value = bytes.get(at + 4..at + 4 + length)?;
        match kind {
            XOR_MAPPED_ADDRESS => return address(value, Some(id)),
            MAPPED_ADDRESS => plain = address(value, None),
            _ => {}
        }
        at += 4 + length.next_multiple_of(4);
    }
    plain
}

fn address(value: &[u8], masked_by: Option<&TransactionId>) -> Option<SocketAddr> {
    let mut mask = [0; 16];
    if let Some(id) = masked_by {
        mask[..4].copy_from_slice(&COOKIE.to_be_bytes());
        mask[4..].copy_from_slice(id);
    }
    let port = value.get(2..4)?;
    let port = u16::from_be_bytes([port[0] ^ mask[0], port[1] ^ mask[1]]);
    let ip: IpAddr = match value.get(1)? {
        1 => {
            let mut octets: [u8; 4] = value.get(4..8)?.try_into().ok()?;
            octets.iter_mut().zip(mask).for_each(|(o, m)| *o ^= m);
            Ipv4Addr::from(octets).into()
        }
        2 => {
            let mut octets: [u8; 16] = value.get(4..20)?.try_into().ok()?;
            octets.iter_mut().zip(mask).for_each(|(o, m)| *o ^= m);
            Ipv6Addr::from(octets).into()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 5769 §2.2 and §2.3: the sample responses.
    const ID: TransactionId = [
        0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae,
    ];

    fn response(attribute: &[u8]) -> Vec<u8> {
        let mut bytes = request(ID);
        bytes[..2].copy_from_slice(&BINDING_SUCCESS.to_be_bytes());
        bytes[2..4].copy_from_slice(&u16::try_from(attribute.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(attribute);
        bytes
    }

    #[test]
    fn reads_the_addresses_of_rfc_5769() {
        let v4 = [
            0x80, 0x22, 0, 2, b'x', b'y', b' ', b' ', 0, 0x20, 0, 8, 0, 1, 0xa1, 0x47, 0xe1, 0x12,
            0xa6, 0x43,
        ];
        assert_eq!(
            mapped_address(&response(&v4), &ID),
            Some("192.0.2.1:32853".parse().unwrap())
        );
        let v6 = [
            0, 0x20, 0, 20, 0, 2, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79, 0xbc,
            0x25, 0xf4, 0xb5, 0xbe, 0xd2, 0xb9, 0xd9,
        ];
        assert_eq!(
            mapped_address(&response(&v6), &ID),
            Some(
                "[2001:db8:1234:5678:11:2233:4455:6677]:32853"
                    .parse()
                    .unwrap()
            )
        );
        let plain = [0, 1, 0, 8, 0, 1, 0x13, 0xc4, 192, 0, 2, 9];
        assert_eq!(
            mapped_address(&response(&plain), &ID),
            Some("192.0.2.9:5060".parse().unwrap())
        );
    }

    #[test]
    fn takes_no_other_answer_and_survives_any_bytes() {
        let good = response(&[0, 1, 0, 8, 0, 1, 0x13, 0xc4, 192, 0, 2, 9]);
        assert_eq!(mapped_address(&good, &[0; 12]), None);
        assert_eq!(mapped_address(&request(ID), &ID), None);
        for length in 0..good.len() {
            assert_eq!(mapped_address(&good[..length], &ID), None, "{length}");
        }
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0xff;
            let _ = mapped_address(&bad, &ID);
        }
        assert!(!is_stun(b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP"));
    }
}
