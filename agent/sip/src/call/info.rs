//! Keys pressed, as INFO carries them (RFC 6086 §2 calls it the legacy use): `application/dtmf-relay` and `application/dtmf`, both
//! ways. One INFO waits for the answer of the one before it, so that keys keep their order.

use super::call::{Call, State};
use super::cause::CallError;
use crate::endpoint::{Core, Event, Incoming, Reply, RequestId};
use crate::message::{HeaderName, Headers, Method};
use std::collections::VecDeque;
use std::time::Instant;

/// Keys that wait to be sent.
const MAX_KEYS: usize = 64;
/// The longest body read, in bytes.
const MAX_BODY: usize = 256;
/// How long a key is pressed, in milliseconds.
const DURATION_MS: u32 = 160;
/// Body types read, for Accept.
pub(crate) const DTMF_TYPES: [&str; 2] = ["application/dtmf-relay", "application/dtmf"];

/// Keys of one call on their way.
#[derive(Default)]
pub(super) struct Keys {
    waiting: VecDeque<char>,
    request: Option<RequestId>,
}

impl Keys {
    pub(super) fn is_under_way(&self, id: RequestId) -> bool {
        self.request == Some(id)
    }
}

impl Call {
    pub(super) fn press_keys(
        &mut self,
        core: &mut Core,
        now: Instant,
        keys: &str,
    ) -> Result<(), CallError> {
        if self.state != State::Established {
            return Err(self.refused("sent keys"));
        }
        let keys: Vec<char> = keys.chars().map(|key| key.to_ascii_uppercase()).collect();
        if keys.len() + self.keys.waiting.len() > MAX_KEYS || !keys.iter().all(|key| is_key(*key)) {
            return Err(self.refused("sent these keys"));
        }
        self.keys.waiting.extend(keys);
        self.send_key(core, now);
        Ok(())
    }

    /// An answer to an INFO: the next key goes out, unless the peer does not take them.
    pub(super) fn on_key_reply(&mut self, core: &mut Core, now: Instant, reply: &Reply) {
        match reply {
            Reply::Response { response, .. } if response.is_provisional() => return,
            Reply::Response { response, .. } if response.is_success() => {}
            Reply::Response { .. } | Reply::Failed { .. } => self.keys.waiting.clear(),
            Reply::Done => return,
        }
        self.keys.request = None;
        self.send_key(core, now);
    }

    pub(super) fn on_info(&mut self, core: &mut Core, now: Instant, incoming: &Incoming) {
        let request = &incoming.request;
        if request.headers.unknown("Info-Package").is_some() {
            // No package is offered, so none may come (RFC 6086 §4.2.2).
            return core.reply(now, incoming, 469);
        }
        if request.body.is_empty() {
            return core.reply(now, incoming, 200);
        }
        if request.body.len() > MAX_BODY || !is_dtmf(&request.headers) {
            let mut response = core.response(incoming, 415);
            response
                .headers
                .push(HeaderName::Accept, DTMF_TYPES.join(", "));
            core.respond(now, incoming, response);
            return;
        }
        let Some(key) = read_key(&String::from_utf8_lossy(&request.body)) else {
            return core.reply(now, incoming, 400);
        };
        core.reply(now, incoming, 200);
        if self.state == State::Established {
            core.event(Event::KeyPressed { call: self.id, key });
        }
    }

    fn send_key(&mut self, core: &mut Core, now: Instant) {
        if self.keys.request.is_some() || self.state != State::Established {
            return;
        }
        let user = self.user();
        let (Some(key), Some(leg)) = (self.keys.waiting.pop_front(), &mut self.leg) else {
            return;
        };
        leg.dialog.note_cseq(core.highest_cseq(user));
        let (mut request, hop) = leg.dialog.request(Method::Info);
        request.headers.push(HeaderName::ContentType, DTMF_TYPES[0]);
        request.body = format!("Signal={key}\r\nDuration={DURATION_MS}\r\n").into_bytes();
        self.keys.request = Some(core.send(now, user, request, hop));
    }
}

fn is_dtmf(headers: &Headers) -> bool {
    headers.text(HeaderName::ContentType).is_some_and(|kind| {
        let kind = kind.split(';').next().unwrap_or("").trim();
        DTMF_TYPES
            .iter()
            .any(|known| known.eq_ignore_ascii_case(kind))
    })
}

/// `Signal=5`, or the key alone; 10 and 11 stand for `*` and `#`.
fn read_key(body: &str) -> Option<char> {
    let signal = body
        .lines()
        .find_map(|line| {
            let (name, value) = line.split_once('=')?;
            name.trim()
                .eq_ignore_ascii_case("signal")
                .then(|| value.trim())
        })
        .unwrap_or_else(|| body.trim());
    let mut characters = signal.chars();
    match (characters.next(), characters.next()) {
        (Some(key), None) if is_key(key.to_ascii_uppercase()) => Some(key.to_ascii_uppercase()),
        _ => match signal {
            "10" => Some('*'),
            "11" => Some('#'),
            _ => None,
        },
    }
}

fn is_key(key: char) -> bool {
    matches!(key, '0'..='9' | '*' | '#' | 'A'..='D')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_peers_write() {
        for (body, key) in [
            ("Signal=5\r\nDuration=160\r\n", Some('5')),
            ("signal = a\n", Some('A')),
            ("Duration=1\nSignal=#", Some('#')),
            ("11", Some('#')),
            ("7\r\n", Some('7')),
            ("Signal=55", None),
            ("Signal=", None),
            ("", None),
        ] {
            assert_eq!(read_key(body), key, "{body:?}");
        }
    }
}
