//! From a datagram to whom it concerns (RFC 3261 §8.2, §18.2): checks that every request passes, and who handles what passes.

use super::Endpoint;
use super::acceptability::unacceptable;
use super::capabilities;
use super::core::ALLOW;
use super::incoming::Incoming;
use super::output::{FlowId, Output};
use super::reachable::is_stun;
use super::transport::Transport;
use crate::call::options;
use crate::message::{
    Fault, Frame, HeaderName, Message, MessageError, Method, PONG, Request, Response, Via,
};
use crate::subscription::Package;
use crate::transaction::{Datagram, ServerKey};
use std::net::SocketAddr;
use std::time::Instant;

impl Endpoint {
    pub(super) fn take_bytes(
        &mut self,
        now: Instant,
        flow: FlowId,
        from: SocketAddr,
        bytes: &[u8],
    ) {
        let Some(known) = self.core.flows.get_mut(flow) else {
            return;
        };
        known.last_use = now;
        if known.transport.is_stream() {
            return self.take_stream(now, flow, from, bytes);
        }
        if known.transport == Transport::Udp && is_stun(bytes) {
            return self.take_stun(now, flow, from, bytes);
        }
        if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            // Empty lines keep a NAT open (RFC 5626 §3.5.1).
            if bytes == PONG {
                self.core.keeper.on_pong(flow);
            }
            return;
        }
        self.take_message(now, flow, from, bytes);
    }

    /// Cuts a stream into messages (§18.3). One that cannot be cut is closed, after the answer to what can be answered.
    fn take_stream(&mut self, now: Instant, flow: FlowId, from: SocketAddr, bytes: &[u8]) {
        let mut trouble = match self.core.flows.get_mut(flow) {
            Some(known) => known.framer.push(now, bytes).err(),
            None => return,
        };
        while let Some(known) = self.core.flows.get_mut(flow) {
            match known.framer.next(now) {
                Ok(Some(Frame::Message(message))) => {
                    known.proven = true;
                    self.take_message(now, flow, from, &message);
                }
                Ok(Some(Frame::Ping)) => {
                    let bytes = PONG.to_vec();
                    let to = from;
                    self.core.transmit(Datagram { flow, to, bytes });
                }
                Ok(Some(Frame::Pong)) => self.core.keeper.on_pong(flow),
                Ok(None) => break,
                Err(error) => {
                    trouble.get_or_insert(error);
                    break;
                }
            }
        }
        if let Some(error) = trouble {
            self.core.dropped += 1;
            self.core.outputs.push_back(Output::Close { flow });
            self.lose_flow(now, flow, &error.to_string());
        }
    }

    fn take_message(&mut self, now: Instant, flow: FlowId, from: SocketAddr, bytes: &[u8]) {
        match Message::parse_or_salvage(bytes) {
            Ok(Message::Response(response)) => self.take_response(now, from, response),
            Ok(Message::Request(request)) => self.take_request(now, flow, from, request),
            Err(Fault {
                error,
                request: Some(request),
            }) => self.refuse_unreadable(flow, from, *request, &error),
            Err(_) => self.core.dropped += 1,
        }
    }

    /// Answers a request of which no more than its fields can be read.
    fn refuse_unreadable(
        &mut self,
        flow: FlowId,
        source: SocketAddr,
        mut request: Request,
        error: &MessageError,
    ) {
        let reliable = self.core.flows.is_reliable(flow);
        let Some((reply_to, _)) = note_source(&mut request, source, reliable) else {
            self.core.dropped += 1;
            return;
        };
        self.refuse_statelessly(
            flow,
            reply_to,
            &request,
            error.status(),
            Some(&error.to_string()),
        );
    }

    fn take_response(&mut self, now: Instant, from: SocketAddr, response: Response) {
        let taken = match response.essentials() {
            Ok(essentials) => self
                .core
                .clients
                .on_response(now, from, response, essentials),
            Err(_) => false,
        };
        if !taken {
            self.core.dropped += 1;
        }
    }

    fn take_request(
        &mut self,
        now: Instant,
        flow: FlowId,
        source: SocketAddr,
        mut request: Request,
    ) {
        let reliable = self.core.flows.is_reliable(flow);
        let Some((reply_to, via)) = note_source(&mut request, source, reliable) else {
            self.core.dropped += 1;
            return;
        };
        let mut essentials = match request.essentials() {
            Ok(essentials) => essentials,
            Err(error) => {
                // An unknown method says more than what else is wrong (RFC 4475 §3.1.2.18).
                let status = match request.method {
                    Method::Other(_) => 501,
                    _ => error.status(),
                };
                return self.refuse_statelessly(
                    flow,
                    reply_to,
                    &request,
                    status,
                    Some(&error.to_string()),
                );
            }
        };
        essentials.via = via;
        let key = ServerKey::of(&essentials);
        let stranger = self.core.is_stranger(source.ip());
        if request.method == Method::Ack {
            let known = self.core.servers.absorbs_ack(now, &key)
                || self
                    .calls
                    .on_ack(&mut self.core, now, &request, &essentials);
            self.core.dropped += u64::from(!known);
            return;
        }
        // What belongs to a dialog that stands costs nothing: its tags are a secret between the two.
        if stranger && !self.calls.knows(&essentials) && !self.core.manners.allows(now, source.ip())
        {
            self.core.dropped += 1;
            return;
        }
        if self.core.servers.absorbs(&key) {
            return;
        }
        if !self.core.servers.has_room(stranger) {
            self.core.refused += 1;
            return self.refuse_statelessly(flow, reply_to, &request, 503, None);
        }
        let merged = essentials.to.tag().is_none()
            && request.method != Method::Cancel
            && self.core.servers.is_merged(&key, &essentials);
        self.core.servers.start(
            key.clone(),
            &essentials,
            stranger,
            flow,
            reply_to,
            self.core.flows.is_reliable(flow),
        );
        let incoming = Incoming {
            request,
            essentials,
            key,
            flow,
            source,
            reply_to,
        };
        match self.objection(&incoming) {
            Some((420, tags)) => {
                let mut response = self.core.response(&incoming, 420);
                response.headers.push(HeaderName::Unsupported, tags);
                self.core.respond(now, &incoming, response);
            }
            Some((status, _)) => self.core.reply(now, &incoming, status),
            None if merged => self.core.reply(now, &incoming, 482),
            None => self.dispatch(now, incoming),
        }
    }

    /// What stands against a request whatever it wants. Max-Forwards 0 does not: it stops proxies, not us (RFC 4475 §3.1.1.2).
    fn objection(&self, incoming: &Incoming) -> Option<(u16, String)> {
        let request = &incoming.request;
        if request.method == Method::Cancel {
            return None;
        }
        if matches!(request.method, Method::Other(_)) {
            return Some((501, String::new()));
        }
        if request.uri.sip().is_none() {
            return Some((416, String::new()));
        }
        if request.max_forwards().is_err() {
            return Some((400, String::new()));
        }
        match super::extensions::unmet(request) {
            Ok(tags) if tags.is_empty() => {
                unacceptable(request).map(|status| (status, String::new()))
            }
            Ok(tags) => Some((420, tags.join(", "))),
            Err(_) => Some((400, String::new())),
        }
    }

    fn dispatch(&mut self, now: Instant, incoming: Incoming) {
        if incoming.request.method == Method::Cancel {
            return self.take_cancel(now, &incoming);
        }
        if self.interests.on_request(&mut self.core, now, &incoming) {
            return;
        }
        if incoming.essentials.to.tag().is_some() {
            return self.calls.on_request(&mut self.core, now, &incoming);
        }
        match incoming.request.method {
            Method::Invite if self.stopping => self.core.reply(now, &incoming, 480),
            Method::Invite => self.calls.arrive(&mut self.core, now, incoming),
            Method::Options => options::answer(&mut self.core, now, &incoming),
            Method::Bye => self.core.reply(now, &incoming, 481),
            Method::Notify => self.refuse_notice(now, &incoming),
            _ => self.core.reply(now, &incoming, 405),
        }
    }

    /// A NOTIFY that nobody here asked for (RFC 6665 §4.1.3, §8.2.1).
    fn refuse_notice(&mut self, now: Instant, incoming: &Incoming) {
        let event = incoming.request.headers.text(HeaderName::Event);
        let known = event.is_some_and(|event| Package::of(&event).is_some());
        if known {
            return self.core.reply(now, incoming, 481);
        }
        let mut response = self.core.response(incoming, 489);
        response
            .headers
            .push(HeaderName::AllowEvents, capabilities::events());
        self.core.respond(now, incoming, response);
    }

    fn take_cancel(&mut self, now: Instant, incoming: &Incoming) {
        let invite = incoming.key.of_invite();
        if !self.core.servers.cancel_fits(&invite, &incoming.essentials) {
            return self.core.reply(now, incoming, 481);
        }
        self.core.reply(now, incoming, 200);
        if self.core.servers.awaits_final(&invite) {
            self.calls.on_cancel(&mut self.core, now, &invite, incoming);
        }
    }

    /// Answers without keeping anything: what cannot be matched, and what there is no room for.
    fn refuse_statelessly(
        &mut self,
        flow: FlowId,
        to: SocketAddr,
        request: &Request,
        status: u16,
        why: Option<&str>,
    ) {
        // Via leads the answer back and CSeq tells its sender what for; the rest may be what is missing (RFC 4475 §3.3.1).
        if request.method == Method::Ack || !request.headers.has(HeaderName::CSeq) {
            self.core.dropped += 1;
            return;
        }
        let tag = self.core.random.token();
        let mut response = Response::to(request, status, Some(&tag));
        if let Some(why) = why {
            response.headers.push(
                HeaderName::Warning,
                format!("399 carillon \"{}\"", why.replace(['"', '\\'], "'")),
            );
        }
        if status == 501 {
            response.headers.push(HeaderName::Allow, ALLOW);
        }
        if status == 503 {
            response.headers.push(HeaderName::RetryAfter, "10");
        }
        let bytes = response.to_bytes();
        self.core.transmit(Datagram { flow, to, bytes });
    }
}

/// Where the answer goes (over a connection, back on it), and the topmost Via, in which the source is noted (RFC 3261 §18.2.1); `None` when there is none to read.
fn note_source(
    request: &mut Request,
    source: SocketAddr,
    reliable: bool,
) -> Option<(SocketAddr, Via)> {
    let mut via: Via = request.headers.first_value(HeaderName::Via)?.parse().ok()?;
    let reply_to = match reliable {
        true => source,
        false => via.response_address(source),
    };
    via.note_source(source);
    request
        .headers
        .replace_first_value(HeaderName::Via, &via.to_string());
    Some((reply_to, via))
}
