//! OPTIONS towards a peer (RFC 3261 §11.1): asks whether it is there, and reports what it says.

use super::core::{Core, Reply, User};
use super::event::{Event, PingId};
use crate::message::{HeaderName, Method, Uri};
use std::time::Instant;

/// Sends OPTIONS.
pub(super) fn send(core: &mut Core, now: Instant, target: Uri) -> PingId {
    let ping = PingId(core.number());
    let (mut request, hop) = core.request(Method::Options, &target);
    request.headers.push(HeaderName::Accept, "application/sdp");
    core.send(now, User::Ping(ping), request, hop);
    ping
}

/// Reports the end of a ping.
pub(super) fn on_reply(core: &mut Core, ping: PingId, reply: Reply) {
    let result = match reply {
        Reply::Response { response, .. } if response.is_provisional() => return,
        Reply::Response { response, .. } => Ok(response.status),
        Reply::Failed { why } => Err(why),
        Reply::Done => return,
    };
    core.event(Event::PingEnded { ping, result });
}
