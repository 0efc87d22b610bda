//! OPTIONS, answered honestly (RFC 3261 §11.2): what is allowed, accepted and supported is what this crate does.

use crate::endpoint::{ALLOW, Core, Incoming, SUPPORTED, capabilities};
use crate::message::HeaderName;
use std::time::Instant;

/// Answers 200.
pub(crate) fn answer(core: &mut Core, now: Instant, incoming: &Incoming) {
    let mut response = core.response(incoming, 200);
    response.headers.push(HeaderName::Allow, ALLOW);
    let types = capabilities::accepted_types();
    response.headers.push(HeaderName::Accept, types);
    let events = capabilities::events();
    response.headers.push(HeaderName::AllowEvents, events);
    response
        .headers
        .push(HeaderName::AcceptEncoding, "identity");
    response.headers.push(HeaderName::AcceptLanguage, "en");
    response.headers.push(HeaderName::Supported, SUPPORTED);
    if let Some(contact) = core.contact_for(incoming.flow, false) {
        response.headers.push(HeaderName::Contact, contact);
    }
    core.respond(now, incoming, response);
}
