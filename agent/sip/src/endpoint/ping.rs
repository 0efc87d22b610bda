//! OPTIONS towards a peer (RFC 3261 §11.1): asks whether it is there, and reports what it says.

use super::core::{Core, Reply, User};
use super::event::{Event, PingId};
use crate::locate::NextHop;
use crate::message::{HeaderName, Method, NameAddr, Request, Uri};
use std::time::Instant;

/// Sends OPTIONS.
pub(super) fn send(core: &mut Core, now: Instant, target: Uri) -> PingId {
    let ping = PingId(core.number());
    let mut request = Request::new(
        Method::Options,
        Uri {
            headers: None,
            ..target.clone()
        },
    );
    for route in &core.config.route_set {
        let mut route = route.clone();
        route.params.set("lr", None);
        request
            .headers
            .push(HeaderName::Route, format!("<{route}>"));
    }
    let from = NameAddr::new(core.config.aor.address_of_record()).with_tag(&core.random.token());
    request.headers.push(HeaderName::MaxForwards, "70");
    request.headers.push(HeaderName::From, from.to_string());
    request.headers.push(
        HeaderName::To,
        NameAddr::new(target.address_of_record()).to_string(),
    );
    request
        .headers
        .push(HeaderName::CallId, core.random.long_token());
    request.headers.push(HeaderName::CSeq, "1 OPTIONS");
    request.headers.push(HeaderName::Accept, "application/sdp");
    let hop = NextHop::of(core.config.route_set.first().unwrap_or(&target));
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
