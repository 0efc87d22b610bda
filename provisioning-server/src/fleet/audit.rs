//! The audit log: who did what to what, each entry chained to the one before by its hash.
//!
//! An entry that is changed, dropped or put elsewhere breaks the chain, and [`verify`] says where. It holds
//! settings before and after, and never a secret.

use carillon_schemas::Timestamp;
use carillon_schemas::identifier::hex;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The hash before the first entry.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// The largest detail of an entry, in bytes; a larger one is replaced by a note of its size.
pub const MAX_DETAIL: usize = 64 << 10;

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// `admin:NAME`, `token:NAME`, `desk:ID`, `ticket:ID` or `init`.
    pub name: String,
    /// From which address, when over the network.
    pub address: Option<String>,
}

/// What is to be written down.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditDraft {
    /// Who.
    pub actor: Actor,
    /// What, in one word: `account_set`, `desk_revoked`.
    pub action: &'static str,
    /// To what: a desk's name, a ticket's id.
    pub target: String,
    /// Before and after, without secrets.
    pub detail: Value,
}

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AuditEntry {
    /// Its place, from 1, without a gap.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// From which address.
    pub address: Option<String>,
    /// What.
    pub action: String,
    /// To what.
    pub target: String,
    /// JSON: before and after, without secrets.
    pub detail: String,
    /// The hash of the entry before, hex.
    pub previous: String,
    /// SHA-256 over all of the above, hex.
    pub hash: String,
}

impl Actor {
    /// Someone on this machine.
    pub fn local(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            address: None,
        }
    }
}

impl AuditDraft {
    /// Chains it to the entry before: its place and hash.
    pub fn chain(self, seq: u64, at: Timestamp, previous: &str) -> AuditEntry {
        let mut detail = self.detail.to_string();
        if detail.len() > MAX_DETAIL {
            detail = serde_json::json!({ "omitted_bytes": detail.len() }).to_string();
        }
        let mut entry = AuditEntry {
            seq,
            at,
            actor: self.actor.name,
            address: self.actor.address,
            action: self.action.to_owned(),
            target: self.target,
            detail,
            previous: previous.to_owned(),
            hash: String::new(),
        };
        entry.hash = entry.expected_hash();
        entry
    }
}

impl AuditEntry {
    /// The hash that belongs to its content. Every field goes in with its length, so that no two entries collide
    /// by moving text from one field to the next.
    pub fn expected_hash(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(b"carillon-audit-v1");
        hash.update(self.seq.to_be_bytes());
        hash.update(self.at.0.to_be_bytes());
        hash.update([u8::from(self.address.is_some())]);
        for field in [
            &self.actor,
            self.address.as_ref().unwrap_or(&String::new()),
            &self.action,
            &self.target,
            &self.detail,
            &self.previous,
        ] {
            hash.update((field.len() as u64).to_be_bytes());
            hash.update(field.as_bytes());
        }
        hex(&hash.finalize())
    }
}

/// Where the log does not hold together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the audit log is broken at entry {seq}: {why}")]
pub struct ChainBreak {
    /// The entry that was expected there.
    pub seq: u64,
    /// What does not fit.
    pub why: &'static str,
}

/// Checks entries that follow one another after the hash `previous`, the first being number `first`.
///
/// # Errors
/// The first entry that does not fit.
pub fn verify<'a>(
    first: u64,
    previous: &str,
    entries: impl IntoIterator<Item = &'a AuditEntry>,
) -> Result<(), ChainBreak> {
    let mut previous = previous;
    for (seq, entry) in (first..).zip(entries) {
        let fail = |why| Err(ChainBreak { seq, why });
        if entry.seq != seq {
            return fail("an entry is missing or out of place");
        }
        if entry.previous != previous {
            return fail("it does not follow the entry before");
        }
        if entry.hash != entry.expected_hash() {
            return fail("its content was changed");
        }
        previous = &entry.hash;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> Vec<AuditEntry> {
        let mut previous = GENESIS.to_owned();
        (1..=3)
            .map(|seq| {
                let entry = AuditDraft {
                    actor: Actor::local("init"),
                    action: "desk_added",
                    target: format!("desk {seq}"),
                    detail: Value::Null,
                }
                .chain(seq, Timestamp(seq), &previous);
                previous.clone_from(&entry.hash);
                entry
            })
            .collect()
    }

    #[test]
    fn a_change_a_gap_and_a_swap_break_the_chain() {
        assert_eq!(verify(1, GENESIS, &log()), Ok(()));
        let mut changed = log();
        changed[1].target.push('!');
        assert_eq!(verify(1, GENESIS, &changed).unwrap_err().seq, 2);
        let mut gap = log();
        gap.remove(1);
        assert_eq!(verify(1, GENESIS, &gap).unwrap_err().seq, 2);
        let mut swapped = log();
        swapped.swap(0, 1);
        assert_eq!(verify(1, GENESIS, &swapped).unwrap_err().seq, 1);
        let mut rewritten = log();
        rewritten[1].target.push('!');
        rewritten[1].hash = rewritten[1].expected_hash();
        assert_eq!(verify(1, GENESIS, &rewritten).unwrap_err().seq, 3);
    }

    #[test]
    fn text_cannot_move_between_fields() {
        let mut one = log().remove(0);
        let hash = one.expected_hash();
        one.action.push('d');
        one.target = one.target[1..].to_owned();
        assert_ne!(one.expected_hash(), hash);
    }
}
