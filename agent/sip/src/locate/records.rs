//! What is asked of a name server and what it answers, as far as finding a SIP server goes (RFC 2782, RFC 3403).

use std::net::IpAddr;
use thiserror::Error;

/// The most records of one answer that are looked at.
pub const MAX_RECORDS: usize = 32;

/// What kind of records a name is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RecordKind {
    /// NAPTR: which transports a domain offers.
    Naptr,
    /// SRV: which hosts offer one of them.
    Srv,
    /// A and AAAA, in the order in which they are to be tried.
    Address,
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Question {
    /// The records wanted.
    pub kind: RecordKind,
    /// A domain name; never an address.
    pub name: String,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// RFC 3403 §4.1. A regular expression is not followed: RFC 3263 §4.1 uses the replacement.
    Naptr {
        /// Lower is asked first.
        order: u16,
        /// Lower is preferred among those of one order.
        preference: u16,
        /// `s` for those that lead to SRV records.
        flags: String,
        /// `SIP+D2U` and the like.
        service: String,
        /// The name to ask for next.
        replacement: String,
    },
    /// RFC 2782.
    Srv {
        /// Lower is tried first.
        priority: u16,
        /// Share among those of one priority.
        weight: u16,
        /// Port.
        port: u16,
        /// Host name; `.` when the service is decidedly not offered.
        target: String,
    },
    /// An A or AAAA record.
    Address(IpAddr),
}

/// Why there are no records.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LookupError {
    /// The name server knows: there are none of that kind.
    #[error("no such records")]
    NoRecords,
    /// Nobody could be asked, or nobody answered.
    #[error("{0}")]
    Failed(String),
}

/// What came of one question.
pub type Answer = Result<Vec<Record>, LookupError>;
