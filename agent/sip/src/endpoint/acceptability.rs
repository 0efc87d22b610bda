//! What a request must be to be looked at, whatever it wants (RFC 3261 §8.2.2, §8.2.3): a Contact that can be used, and an answer
//! that it can read.

use crate::message::{HeaderName, Method, NameAddr, Request};

/// The status that refuses a request whose answer could not be used.
pub(super) fn unacceptable(request: &Request) -> Option<u16> {
    let contacts = match request.headers.values(HeaderName::Contact) {
        Ok(contacts) => contacts,
        Err(_) => return Some(400),
    };
    let readable = |contact: &String| contact == "*" || contact.parse::<NameAddr>().is_ok();
    if !contacts.iter().all(readable) {
        return Some(400);
    }
    (request.method == Method::Invite && !reads_sdp(request)).then_some(406)
}

/// Whether the sender of an INVITE reads session descriptions; one that says nothing does (§20.1).
fn reads_sdp(request: &Request) -> bool {
    if !request.headers.has(HeaderName::Accept) {
        return true;
    }
    let Ok(types) = request.headers.values(HeaderName::Accept) else {
        return true;
    };
    types.iter().any(|range| {
        let range = range.split(';').next().unwrap_or("").trim();
        ["application/sdp", "application/*", "*/*", "multipart/mixed"]
            .iter()
            .any(|fitting| fitting.eq_ignore_ascii_case(range))
    })
}
