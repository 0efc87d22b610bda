//! The messages of LDAPv3 (RFC 4511) that finding people takes: bind, search, StartTLS and their answers. Pure.

use carillon_schemas::ldap_filter::{Comparison, LdapFilter};

use super::ber::{
    self, BOOLEAN, BerError, ENUMERATED, INTEGER, OCTETS, Reader, SEQUENCE, SET, put, put_all,
    put_number,
};

/// The operation of StartTLS (RFC 4511 §4.14.1).
const START_TLS: &[u8] = b"1.3.6.1.4.1.1466.20037";
/// The most values that are taken of one attribute.
const MAX_VALUES: usize = 16;

/// Authenticates, by name and password.
pub(super) fn bind(id: u32, name: &str, password: &str) -> zeroize::Zeroizing<Vec<u8>> {
    zeroize::Zeroizing::new(message(id, |into| {
        put_all(into, 0x60, |into| {
            put_number(into, INTEGER, 3);
            put(into, OCTETS, name.as_bytes());
            put(into, 0x80, password.as_bytes());
        });
    }))
}

/// Asks for TLS.
pub(super) fn start_tls(id: u32) -> Vec<u8> {
    message(id, |into| {
        put_all(into, 0x77, |into| put(into, 0x80, START_TLS));
    })
}

/// Says good-bye.
pub(super) fn unbind(id: u32) -> Vec<u8> {
    message(id, |into| put(into, 0x42, &[]))
}

/// What is looked for.
#[derive(Debug)]
pub(super) struct Search<'a> {
    /// Below which entry.
    pub(super) base: &'a str,
    /// By what.
    pub(super) filter: &'a LdapFilter,
    /// Which attributes are wanted.
    pub(super) attributes: &'a [&'a str],
    /// At most so many entries.
    pub(super) size_limit: u32,
    /// At most so many seconds.
    pub(super) time_limit: u32,
}

/// Searches the whole tree below the base; aliases are not followed.
pub(super) fn search(id: u32, search: &Search<'_>) -> Vec<u8> {
    message(id, |into| {
        put_all(into, 0x63, |into| {
            put(into, OCTETS, search.base.as_bytes());
            put_number(into, ENUMERATED, 2);
            put_number(into, ENUMERATED, 0);
            put_number(into, INTEGER, search.size_limit);
            put_number(into, INTEGER, search.time_limit);
            put(into, BOOLEAN, &[0]);
            put_filter(into, search.filter);
            put_all(into, SEQUENCE, |into| {
                for attribute in search.attributes {
                    put(into, OCTETS, attribute.as_bytes());
                }
            });
        });
    })
}

fn message(id: u32, operation: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut message = Vec::new();
    put_all(&mut message, SEQUENCE, |into| {
        put_number(into, INTEGER, id);
        operation(into);
    });
    message
}

fn put_filter(into: &mut Vec<u8>, filter: &LdapFilter) {
    let pair = |into: &mut Vec<u8>, attribute: &str, value: &[u8]| {
        put(into, OCTETS, attribute.as_bytes());
        put(into, OCTETS, value);
    };
    match filter {
        LdapFilter::And(list) => put_all(into, 0xa0, |into| {
            list.iter().for_each(|filter| put_filter(into, filter));
        }),
        LdapFilter::Or(list) => put_all(into, 0xa1, |into| {
            list.iter().for_each(|filter| put_filter(into, filter));
        }),
        LdapFilter::Not(filter) => put_all(into, 0xa2, |into| put_filter(into, filter)),
        LdapFilter::Compare(comparison, attribute, value) => {
            let tag = match comparison {
                Comparison::Equal => 0xa3,
                Comparison::AtLeast => 0xa5,
                Comparison::AtMost => 0xa6,
                Comparison::About => 0xa8,
            };
            put_all(into, tag, |into| pair(into, attribute, value));
        }
        LdapFilter::Substrings {
            attribute,
            first,
            any,
            last,
        } => put_all(into, 0xa4, |into| {
            put(into, OCTETS, attribute.as_bytes());
            put_all(into, SEQUENCE, |into| {
                let parts = first.iter().map(|part| (0x80, part));
                let parts = parts.chain(any.iter().map(|part| (0x81, part)));
                for (tag, part) in parts.chain(last.iter().map(|part| (0x82, part))) {
                    put(into, tag, part);
                }
            });
        }),
        LdapFilter::Present(attribute) => put(into, 0x87, attribute.as_bytes()),
        LdapFilter::Extensible {
            attribute,
            rule,
            name_too,
            value,
        } => put_all(into, 0xa9, |into| {
            for (tag, text) in [(0x81, rule), (0x82, attribute)] {
                if let Some(text) = text {
                    put(into, tag, text.as_bytes());
                }
            }
            put(into, 0x83, value);
            if *name_too {
                put(into, 0x84, &[0xff]);
            }
        }),
    }
}

/// How an operation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    /// The code (RFC 4511 §4.1.9).
    pub(super) code: u32,
    /// What the server says of it.
    pub(super) text: String,
}

/// An attribute of an entry with its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attribute {
    /// Its name, without options.
    pub(super) name: String,
    /// Its values.
    pub(super) values: Vec<String>,
}

/// What a server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// To a bind.
    Bind(Outcome),
    /// An entry that was found.
    Entry(Vec<Attribute>),
    /// More may be at another server.
    Elsewhere,
    /// The search is over.
    Done(Outcome),
    /// To StartTLS, or, with the number 0, that it hangs up.
    Extended(Outcome),
}

/// Reads a whole message: its number and what it says.
pub(super) fn answer(bytes: &[u8]) -> Result<(u32, Answer), BerError> {
    let mut message = Reader(bytes).inner(SEQUENCE)?;
    let id = message.number(INTEGER)?;
    let (tag, operation) = message.any()?;
    let mut operation = Reader(operation);
    let answer = match tag {
        0x61 => Answer::Bind(outcome(&mut operation)?),
        0x64 => Answer::Entry(entry(&mut operation)?),
        0x65 => Answer::Done(outcome(&mut operation)?),
        0x73 => Answer::Elsewhere,
        0x78 => Answer::Extended(outcome(&mut operation)?),
        _ => return Err(BerError::Form),
    };
    // Controls may follow; none were asked for.
    Ok((id, answer))
}

fn outcome(reader: &mut Reader<'_>) -> Result<Outcome, BerError> {
    let code = reader.number(ENUMERATED)?;
    reader.part(OCTETS)?;
    let text = String::from_utf8_lossy(reader.part(OCTETS)?);
    let text = text.chars().filter(|c| !c.is_control()).take(200).collect();
    Ok(Outcome { code, text })
}

fn entry(reader: &mut Reader<'_>) -> Result<Vec<Attribute>, BerError> {
    reader.part(OCTETS)?;
    let mut list = reader.inner(SEQUENCE)?;
    let mut attributes = Vec::new();
    while !list.is_empty() {
        let mut attribute = list.inner(SEQUENCE)?;
        let name = String::from_utf8_lossy(attribute.part(OCTETS)?);
        let name = name.split(';').next().unwrap_or_default().to_owned();
        let mut set = attribute.inner(SET)?;
        let mut values = Vec::new();
        while !set.is_empty() && values.len() < MAX_VALUES {
            values.push(String::from_utf8_lossy(set.part(OCTETS)?).into_owned());
        }
        attributes.push(Attribute { name, values });
    }
    Ok(attributes)
}

/// How large the message is that begins so; `None` while that cannot be told.
pub(super) fn size(bytes: &[u8]) -> Result<Option<usize>, BerError> {
    match ber::header(bytes)? {
        Some(header) if header.tag != SEQUENCE => Err(BerError::Tag {
            found: header.tag,
            expected: SEQUENCE,
        }),
        Some(header) => Ok(Some(header.size.saturating_add(header.length))),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hex(text: &str) -> Vec<u8> {
        text.split_whitespace()
            .map(|byte| u8::from_str_radix(byte, 16).unwrap())
            .collect()
    }

    #[test]
    fn requests_are_the_bytes_that_ldapsearch_sends() {
        assert_eq!(
            *bind(1, "cn=a", "pw"),
            hex("30 12 02 01 01 60 0d 02 01 03 04 04 63 6e 3d 61 80 02 70 77")
        );
        assert_eq!(unbind(3), hex("30 05 02 01 03 42 00"));
        let filter = LdapFilter::parse("(&(a=b)(!(c=*)))").unwrap();
        let mut bytes = Vec::new();
        put_filter(&mut bytes, &filter);
        assert_eq!(bytes, hex("a0 0d a3 06 04 01 61 04 01 62 a2 03 87 01 63"));
        let filter = LdapFilter::parse("(a=b*c*d)").unwrap();
        let mut bytes = Vec::new();
        put_filter(&mut bytes, &filter);
        assert_eq!(
            bytes,
            hex("a4 0e 04 01 61 30 09 80 01 62 81 01 63 82 01 64")
        );
    }

    #[test]
    fn answers_are_read() {
        let refused = hex("30 0f 02 01 01 61 0a 0a 01 31 04 00 04 03 6e 6f 0a");
        let outcome = Outcome {
            code: 49,
            text: "no".into(),
        };
        assert_eq!(answer(&refused), Ok((1, Answer::Bind(outcome))));
        let found = hex(
            "30 1c 02 01 02 64 17 04 03 63 6e 3d 30 10 30 0e 04 05 63 6e 3b 78 79 31 05 04 01 41 04 00",
        );
        let attribute = Attribute {
            name: "cn".into(),
            values: vec!["A".into(), String::new()],
        };
        assert_eq!(answer(&found), Ok((2, Answer::Entry(vec![attribute]))));
        assert_eq!(size(&found), Ok(Some(found.len())));
        assert!(size(&[0x16, 0x03, 0x01]).is_err(), "TLS is no message");
    }

    proptest! {
        #[test]
        fn attack_b_any_answer_can_be_read(bytes in prop::collection::vec(any::<u8>(), 0..120), tag in prop::sample::select(vec![0x61_u8, 0x64, 0x65, 0x73, 0x78])) {
            let _ = answer(&bytes);
            let _ = answer(&message(1, |into| put(into, tag, &bytes)));
            let _ = size(&bytes);
        }
    }
}
