//! Bodies: which are read, and how one that cannot be is refused.

use crate::endpoint::{Core, Incoming};
use crate::message::{HeaderName, Headers, Request};
use crate::offer::{Refusal, has_audio};
use crate::sdp::SessionDescription;
use std::time::Instant;

/// The only body type read.
pub(super) const SDP: &str = "application/sdp";

/// Whether the body is a session description. A body without a type is taken for one, as the field does.
pub(super) fn is_sdp(headers: &Headers) -> bool {
    match headers.text(HeaderName::ContentType) {
        None => true,
        Some(text) => text
            .split(';')
            .next()
            .unwrap_or("")
            .trim()
            .eq_ignore_ascii_case(SDP),
    }
}

/// Whether the body is sent as it is, without a coding.
pub(super) fn is_plain(headers: &Headers) -> bool {
    headers
        .text(HeaderName::ContentEncoding)
        .is_none_or(|coding| coding.trim().eq_ignore_ascii_case("identity"))
}

/// The offer in a request with a body, or the status that refuses it.
pub(super) fn read_offer(request: &Request) -> Result<SessionDescription, u16> {
    if !is_sdp(&request.headers) || !is_plain(&request.headers) {
        return Err(415);
    }
    let offer = SessionDescription::parse(&request.body).map_err(|_| 400_u16)?;
    if has_audio(&offer) {
        Ok(offer)
    } else {
        Err(488)
    }
}

/// Refuses an offer that fits nothing (RFC 3261 §13.3.1.3), and says why.
pub(super) fn refuse_offer(core: &mut Core, now: Instant, incoming: &Incoming, why: &Refusal) {
    let mut response = core.response(incoming, 488);
    let why = why.to_string().replace(['"', '\\'], "'");
    response
        .headers
        .push(HeaderName::Warning, format!("305 carillon \"{why}\""));
    core.respond(now, incoming, response);
}

/// Refuses a body; a 415 says what is read (RFC 3261 §21.4.13).
pub(super) fn refuse(core: &mut Core, now: Instant, incoming: &Incoming, status: u16) {
    let mut response = core.response(incoming, status);
    if status == 415 {
        response.headers.push(HeaderName::Accept, SDP);
        response
            .headers
            .push(HeaderName::AcceptEncoding, "identity");
    }
    core.respond(now, incoming, response);
}
