//! Short messages (RFC 3428): text to a peer, text from one. Plain text alone; lengths are bounded both ways.

use crate::endpoint::{Core, Event, Incoming, MessageId, Reply, User};
use crate::message::{HeaderName, Headers, Method, Uri};
use crate::subscription::SubscribeError;
use std::collections::BTreeSet;
use std::time::Instant;

/// The longest text sent or taken, in bytes.
pub const MAX_TEXT: usize = 4 * 1024;
/// Messages under way at one time.
pub const MAX_MESSAGES: usize = 32;
/// The only body type read.
pub(crate) const TEXT: &str = "text/plain";

/// The messages of one endpoint that wait for their answer.
#[derive(Default)]
pub(crate) struct Pager {
    waiting: BTreeSet<MessageId>,
}

impl Pager {
    pub(crate) fn send(
        &mut self,
        core: &mut Core,
        now: Instant,
        target: &Uri,
        text: &str,
    ) -> Result<MessageId, SubscribeError> {
        if text.is_empty() || text.len() > MAX_TEXT {
            return Err(SubscribeError::Length { limit: MAX_TEXT });
        }
        if self.waiting.len() >= MAX_MESSAGES {
            return Err(SubscribeError::TooMany {
                limit: MAX_MESSAGES,
            });
        }
        let id = MessageId(core.number());
        let (mut request, hop) = core.request(Method::Message, target);
        request
            .headers
            .push(HeaderName::ContentType, "text/plain;charset=UTF-8");
        request.body = text.as_bytes().to_vec();
        self.waiting.insert(id);
        core.send(now, User::Message(id), request, hop);
        Ok(id)
    }

    pub(crate) fn on_reply(&mut self, core: &mut Core, id: MessageId, reply: Reply) {
        let result = match reply {
            Reply::Response { response, .. } if response.is_provisional() => return,
            Reply::Response { response, note, .. } => {
                if response.is_success() {
                    Ok(response.status)
                } else {
                    let note = note.map(|note| format!(": {note}")).unwrap_or_default();
                    Err(format!("{} {}{note}", response.status, response.reason))
                }
            }
            Reply::Failed { why } => Err(why),
            Reply::Done => return,
        };
        if self.waiting.remove(&id) {
            core.event(Event::MessageSent {
                message: id,
                result,
            });
        }
    }

    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
    }
}

/// A MESSAGE came.
pub(crate) fn receive(core: &mut Core, now: Instant, incoming: &Incoming) {
    let request = &incoming.request;
    if core.config.only_from_proxy && core.is_stranger(incoming.source.ip()) {
        core.refused += 1;
        return core.reply(now, incoming, 403);
    }
    if request.body.len() > MAX_TEXT {
        return core.reply(now, incoming, 513);
    }
    if !is_text(&request.headers) {
        let mut response = core.response(incoming, 415);
        response.headers.push(HeaderName::Accept, TEXT);
        response
            .headers
            .push(HeaderName::AcceptEncoding, "identity");
        core.respond(now, incoming, response);
        return;
    }
    core.reply(now, incoming, 200);
    core.event(Event::MessageReceived {
        from: incoming.essentials.from.clone(),
        source: incoming.source,
        text: String::from_utf8_lossy(&request.body).into_owned(),
    });
}

fn is_text(headers: &Headers) -> bool {
    let plain = headers
        .text(HeaderName::ContentEncoding)
        .is_none_or(|coding| coding.trim().eq_ignore_ascii_case("identity"));
    let kind = headers.text(HeaderName::ContentType);
    let text = kind.is_none_or(|kind| {
        let kind = kind.split(';').next().unwrap_or("").trim();
        kind.eq_ignore_ascii_case(TEXT)
    });
    plain && text
}
