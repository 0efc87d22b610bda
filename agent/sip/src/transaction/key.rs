//! What tells one server transaction from another (RFC 3261 §17.2.3).

use crate::message::{BRANCH_COOKIE, Essentials, Method};

/// The key of a server transaction. For a peer of RFC 2543, whose branch proves nothing, more of the request goes into it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ServerKey {
    method: Method,
    hop: String,
}

impl ServerKey {
    pub(crate) fn of(essentials: &Essentials) -> Self {
        let method = match &essentials.cseq.method {
            Method::Ack => Method::Invite,
            method => method.clone(),
        };
        let sent_by = essentials.via.sent_by();
        let hop = match essentials.via.branch() {
            Some(branch)
                if branch.len() > BRANCH_COOKIE.len() && branch.starts_with(BRANCH_COOKIE) =>
            {
                format!("{branch} {sent_by}")
            }
            branch => {
                let from = essentials.from.tag().unwrap_or("");
                format!(
                    "{} {sent_by} {} {} {from}",
                    branch.unwrap_or(""),
                    essentials.call_id,
                    essentials.cseq.number
                )
            }
        };
        Self { method, hop }
    }

    pub(crate) fn same_method(&self, other: &Self) -> bool {
        self.method == other.method
    }

    /// The key of the INVITE that a CANCEL with this key wants to end.
    pub(crate) fn of_invite(&self) -> Self {
        Self {
            method: Method::Invite,
            hop: self.hop.clone(),
        }
    }
}
