//! What this side can do, in one place: what Allow-Events and Accept say in every message (RFC 3261 §11.2). Methods stand in
//! [`ALLOW`](super::ALLOW).

use crate::call::info::DTMF_TYPES;
use crate::pager::TEXT;
use crate::subscription::Package;

/// Event packages that are watched, for Allow-Events.
pub(crate) fn events() -> String {
    Package::ALL.map(Package::name).join(", ")
}

/// Body types that are read, for Accept: of calls, of keys, of short messages, of notices.
pub(crate) fn accepted_types() -> String {
    ["application/sdp", "multipart/mixed", TEXT]
        .into_iter()
        .chain(DTMF_TYPES)
        .chain(Package::ALL.map(Package::content_type))
        .collect::<Vec<_>>()
        .join(", ")
}
