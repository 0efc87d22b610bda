//! The small part of BER (X.690) that LDAP is written in: tags of one byte, lengths that are told. Pure.
//!
//! Every length is looked at before anything is taken, and nothing is copied before its place is known.

/// `BOOLEAN`.
pub(super) const BOOLEAN: u8 = 0x01;
/// `INTEGER`.
pub(super) const INTEGER: u8 = 0x02;
/// `OCTET STRING`.
pub(super) const OCTETS: u8 = 0x04;
/// `ENUMERATED`.
pub(super) const ENUMERATED: u8 = 0x0a;
/// `SEQUENCE`.
pub(super) const SEQUENCE: u8 = 0x30;
/// `SET`.
pub(super) const SET: u8 = 0x31;

/// Bytes that are no BER as LDAP uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BerError {
    /// A length points behind the end.
    #[error("it ends too early")]
    Short,
    /// Another tag than must stand there.
    #[error("a part has tag {found:#04x} where {expected:#04x} belongs")]
    Tag {
        /// What stands there.
        found: u8,
        /// What belongs there.
        expected: u8,
    },
    /// A tag of several bytes, an indefinite length, a length of more than four bytes, a number too large.
    #[error("it is written in a way that LDAP does not use")]
    Form,
}

/// A tag with its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// The tag.
    pub(super) tag: u8,
    /// How many bytes tag and length take.
    pub(super) size: usize,
    /// How many bytes follow.
    pub(super) length: usize,
}

/// Reads a tag and a length; `None` while more bytes are needed to tell.
pub(super) fn header(bytes: &[u8]) -> Result<Option<Header>, BerError> {
    let [tag, first, rest @ ..] = bytes else {
        return Ok(None);
    };
    if tag & 0x1f == 0x1f {
        return Err(BerError::Form);
    }
    let (size, length) = match first {
        0..=0x7f => (2, usize::from(*first)),
        0x81..=0x84 => {
            let count = usize::from(first & 0x7f);
            let Some(digits) = rest.get(..count) else {
                return Ok(None);
            };
            let length = digits
                .iter()
                .fold(0_u32, |n, byte| n << 8 | u32::from(*byte));
            let length = usize::try_from(length).map_err(|_| BerError::Form)?;
            (2 + count, length)
        }
        _ => return Err(BerError::Form),
    };
    Ok(Some(Header {
        tag: *tag,
        size,
        length,
    }))
}

/// What is left to read of a value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next part with its tag.
    pub(super) fn any(&mut self) -> Result<(u8, &'a [u8]), BerError> {
        let header = header(self.0)?.ok_or(BerError::Short)?;
        let (_, rest) = self.0.split_at(header.size);
        let (value, rest) = rest
            .split_at_checked(header.length)
            .ok_or(BerError::Short)?;
        self.0 = rest;
        Ok((header.tag, value))
    }

    /// The next part, which must have that tag.
    pub(super) fn part(&mut self, expected: u8) -> Result<&'a [u8], BerError> {
        match self.any()? {
            (tag, value) if tag == expected => Ok(value),
            (found, _) => Err(BerError::Tag { found, expected }),
        }
    }

    /// The next part, which must have that tag and holds others.
    pub(super) fn inner(&mut self, expected: u8) -> Result<Reader<'a>, BerError> {
        self.part(expected).map(Reader)
    }

    /// The next part, which must have that tag and is a number of at most 31 bits, not below zero.
    pub(super) fn number(&mut self, expected: u8) -> Result<u32, BerError> {
        let digits = self.part(expected)?;
        let positive = digits.first().is_some_and(|byte| byte & 0x80 == 0);
        if !positive || digits.len() > 4 {
            return Err(BerError::Form);
        }
        Ok(digits.iter().fold(0, |n, byte| n << 8 | u32::from(*byte)))
    }
}

/// Writes a part.
pub(super) fn put(into: &mut Vec<u8>, tag: u8, value: &[u8]) {
    into.push(tag);
    match value.len() {
        // Below 128: one byte.
        short @ 0..0x80 => into.push(short as u8),
        long => {
            let digits = long.to_be_bytes();
            let first = digits.iter().position(|byte| *byte != 0).unwrap_or(0);
            // At most eight of them.
            into.push(0x80 | (digits.len() - first) as u8);
            into.extend_from_slice(&digits[first..]);
        }
    }
    into.extend_from_slice(value);
}

/// Writes a part that holds others.
pub(super) fn put_all(into: &mut Vec<u8>, tag: u8, inner: impl FnOnce(&mut Vec<u8>)) {
    let mut value = Vec::new();
    inner(&mut value);
    put(into, tag, &value);
}

/// Writes a number that is not below zero.
pub(super) fn put_number(into: &mut Vec<u8>, tag: u8, number: u32) {
    let digits = [[0].as_slice(), &number.to_be_bytes()].concat();
    // One digit is left, and a sign where the next would be taken for one.
    let first = (0..4)
        .find(|at| digits[*at] != 0 || digits[at + 1] & 0x80 != 0)
        .unwrap_or(4);
    put(into, tag, &digits[first..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths_of_every_form_are_read() {
        let read = |bytes: &[u8]| header(bytes).unwrap().map(|header| header.length);
        assert_eq!(read(&[0x30, 0x05]), Some(5));
        assert_eq!(read(&[0x30, 0x81, 0x80]), Some(128));
        // As Active Directory writes them.
        assert_eq!(read(&[0x30, 0x84, 0, 0, 0, 5]), Some(5));
        assert_eq!(read(&[0x30, 0x84, 0, 0]), None);
        assert_eq!(read(&[0x30]), None);
        for bad in [[0x30, 0x80], [0x30, 0x85], [0x30, 0xff], [0x1f, 0x01]] {
            assert_eq!(header(&bad), Err(BerError::Form), "{bad:x?}");
        }
    }

    #[test]
    fn attack_b_a_length_behind_the_end_takes_nothing() {
        let mut reader = Reader(&[0x04, 0x84, 0xff, 0xff, 0xff, 0xff, 1, 2, 3]);
        assert_eq!(reader.any(), Err(BerError::Short));
        let mut reader = Reader(&[0x30, 0x03, 0x04, 0x05, 1]);
        let mut inner = reader.inner(SEQUENCE).unwrap();
        assert_eq!(inner.part(OCTETS), Err(BerError::Short));
        for bad in [&[2, 0][..], &[2, 1, 0x80], &[2, 5, 1, 1, 1, 1, 1]] {
            assert_eq!(Reader(bad).number(INTEGER), Err(BerError::Form));
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(number in 0..=0x7fff_ffff_u32, bytes in prop::collection::vec(any::<u8>(), 0..70_000)) {
            let mut message = Vec::new();
            put_all(&mut message, SEQUENCE, |inner| {
                put_number(inner, INTEGER, number);
                put(inner, OCTETS, &bytes);
            });
            let mut reader = Reader(&message);
            let mut inner = reader.inner(SEQUENCE).unwrap();
            prop_assert_eq!(inner.number(INTEGER), Ok(number));
            prop_assert_eq!(inner.part(OCTETS), Ok(&bytes[..]));
            prop_assert!(inner.is_empty() && reader.is_empty());
        }

        #[test]
        fn attack_b_any_bytes_can_be_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut reader = Reader(&bytes);
            while reader.any().is_ok() {}
            prop_assert!(reader.0.len() <= bytes.len());
        }
    }
}
