//! Bytes as the life of an endpoint: what it meets, what it is told, and how time goes by. It must neither panic nor hold more than
//! it may nor go on for ever, and at the end nothing may be left of it.

use carillon_sip::message::{Message, Method, PING, PONG, Request, Response};
use carillon_sip::{
    CallId, Codec, Direction, Endpoint, EndpointConfig, Event, FlowId, LocalMedia, LookupError,
    Output, Record, RecordKind,
};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Steps taken from one input; more would only make it slow.
const MAX_STEPS: usize = 64;
/// What the endpoint may say to one thing that happens.
const MAX_OUTPUTS: usize = 600;
const SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\nm=audio 7000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n";
const METHODS: [&str; 14] = [
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "OPTIONS",
    "UPDATE",
    "PRACK",
    "INFO",
    "NOTIFY",
    "REFER",
    "MESSAGE",
    "SUBSCRIBE",
    "PUBLISH",
    "ODD",
];
const STATUSES: [u16; 16] = [
    100, 180, 183, 199, 200, 202, 302, 401, 407, 408, 422, 481, 486, 491, 503, 603,
];
const FIELDS: [&str; 16] = [
    "",
    "Require: 100rel\r\nRSeq: 1\r\n",
    "Supported: timer, 100rel, replaces\r\nSession-Expires: 90;refresher=uac\r\n",
    "Contact: <sip:x@192.0.2.66:5060>\r\n",
    "Record-Route: <sip:192.0.2.1;lr>\r\n",
    "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\n",
    "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256\r\n",
    "Min-SE: 100\r\nRetry-After: 1\r\n",
    "Refer-To: <sip:y@192.0.2.8>\r\n",
    "Replaces: x;to-tag=1;from-tag=2\r\n",
    "Event: refer\r\nSubscription-State: terminated;reason=noresource\r\n",
    "Event: message-summary\r\nSubscription-State: active;expires=60\r\n",
    "RAck: 1 1 INVITE\r\n",
    "Contact: <sip:x@192.0.2.66:5060>;expires=60\r\nExpires: 60\r\n",
    "Allow: INVITE, ACK, BYE, UPDATE\r\n",
    "Reason: Q.850;cause=16\r\n",
];

/// Takes bytes off the input; zeros when it is used up.
struct Script<'a> {
    rest: &'a [u8],
}

impl<'a> Script<'a> {
    fn byte(&mut self) -> u8 {
        match self.rest.split_first() {
            Some((byte, rest)) => {
                self.rest = rest;
                *byte
            }
            None => 0,
        }
    }

    fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[usize::from(self.byte()) % list.len()]
    }

    fn chunk(&mut self) -> &'a [u8] {
        let length = (usize::from(self.byte()) * 8).min(self.rest.len());
        let (chunk, rest) = self.rest.split_at(length);
        self.rest = rest;
        chunk
    }
}

struct World {
    endpoint: Endpoint,
    now: Instant,
    flow: Option<FlowId>,
    local: SocketAddr,
    calls: Vec<CallId>,
    /// The last requests it sent and was sent; responses and requests within dialogs are made from them.
    sent: Vec<Request>,
    met: Vec<Request>,
    /// The tags it gave in responses.
    answered: Vec<Response>,
    offline: bool,
    stopped: bool,
}

/// Lives through the script, shuts down, and looks whether anything is left.
pub fn run(data: &[u8]) {
    let mut script = Script { rest: data };
    let registers = script.byte().is_multiple_of(2);
    let mut config = EndpointConfig::new("sip:bob@192.0.2.1".parse().expect("a URI"));
    if !registers {
        config.register_expires = Duration::ZERO;
    }
    config.only_from_proxy = script.byte().is_multiple_of(8);
    config.max_calls = 4;
    let mut world = World {
        endpoint: Endpoint::new(config, 7).expect("a good configuration"),
        now: Instant::now(),
        flow: None,
        local: "192.0.2.2:5060".parse().expect("an address"),
        calls: Vec::new(),
        sent: Vec::new(),
        met: Vec::new(),
        answered: Vec::new(),
        offline: false,
        stopped: false,
    };
    world.endpoint.register(world.now);
    world.drain();
    for _ in 0..MAX_STEPS {
        if script.rest.is_empty() {
            break;
        }
        world.step(&mut script);
        world.drain();
        let counts = world.endpoint.counts();
        assert!(counts.calls <= 4, "{counts:?}");
    }
    world.end();
}

impl World {
    fn step(&mut self, script: &mut Script<'_>) {
        match script.byte() % 16 {
            0 => {
                let bytes = script.chunk();
                self.receive(script, bytes.to_vec());
            }
            1..=4 => self.meet_request(script),
            5..=8 => self.meet_response(script),
            9 => self.pass(Duration::from_millis(u64::from(script.byte()) * 20)),
            10 => self.pass(Duration::from_secs(u64::from(script.byte()))),
            11 => self.command(script),
            12 => self.command(script),
            13 => {
                self.offline = script.byte().is_multiple_of(2);
                if let Some(flow) = self.flow.take() {
                    self.endpoint.flow_failed(self.now, flow, "pulled out");
                }
            }
            14 => self.endpoint.register(self.now),
            _ => self.endpoint.unregister(self.now),
        }
    }

    fn command(&mut self, script: &mut Script<'_>) {
        let media = LocalMedia {
            addr: "192.0.2.2:4000".parse().expect("an address"),
            codecs: vec![Codec::pcma(), Codec::pcmu(), Codec::telephone_event()],
            ptime_ms: 20,
            direction: Direction::SendRecv,
        };
        let kind = script.byte() % 6;
        if kind == 0 || self.calls.is_empty() {
            let target = script.of(&["sip:x@192.0.2.7", "1002", "sip:y@named.example", "tel:1"]);
            if let Ok(call) = self.endpoint.call(self.now, target, media) {
                self.calls.push(call);
            }
            return;
        }
        let call = self.calls[usize::from(script.byte()) % self.calls.len()];
        let _ = match kind {
            1 => self.endpoint.ring(self.now, call),
            2 | 3 => self.endpoint.answer(self.now, call, media),
            4 => self.endpoint.reject(self.now, call, 486),
            _ => self.endpoint.hangup(self.now, call),
        };
    }

    /// A request from the peer: outside any dialog, or within one that the endpoint knows.
    fn meet_request(&mut self, script: &mut Script<'_>) {
        let method = script.of(&METHODS);
        let flags = script.byte();
        let fields = script.of(&FIELDS);
        let number = u32::from(script.byte());
        let body = if flags & 1 == 0 { SDP } else { "" };
        let mut from = "<sip:x@192.0.2.66>;tag=peer".to_owned();
        let mut to = "<sip:bob@192.0.2.1>".to_owned();
        let mut call_id = format!("call-{}", flags >> 6);
        if flags & 2 != 0 {
            if let Some(response) = pick(&self.answered, script.byte())
                && let Ok(essentials) = response.essentials()
            {
                (from, to, call_id) = (
                    essentials.from.to_string(),
                    essentials.to.to_string(),
                    essentials.call_id,
                );
            }
        } else if flags & 4 != 0
            && let Some(request) = pick(&self.sent, script.byte())
            && let Ok(essentials) = request.essentials()
        {
            let peer = essentials.to;
            let peer = match peer.tag() {
                Some(_) => peer,
                None => peer.with_tag("far"),
            };
            (from, to, call_id) = (
                peer.to_string(),
                essentials.from.to_string(),
                essentials.call_id,
            );
        }
        let branch = number ^ u32::from(flags & 8);
        let text = format!(
            "{method} sip:bob@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.66:5060;branch=z9hG4bKf{branch};rport\r\nMax-Forwards: 70\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {number} {method}\r\n{}{fields}Content-Length: {}\r\n\r\n{body}",
            if flags & 16 == 0 {
                "Contact: <sip:x@192.0.2.66:5060>\r\n"
            } else {
                ""
            },
            body.len()
        );
        if let Ok(Message::Request(request)) = Message::parse(text.as_bytes()) {
            remember(&mut self.met, request);
        }
        self.receive(script, text.into_bytes());
    }

    /// An answer to something the endpoint asked, from one of two peers.
    fn meet_response(&mut self, script: &mut Script<'_>) {
        let (status, flags, fields) = (script.of(&STATUSES), script.byte(), script.of(&FIELDS));
        let Some(request) = pick(&self.sent, script.byte()) else {
            return;
        };
        let tag = if flags & 1 == 0 { "far" } else { "further" };
        let mut response = Response::to(request, status, Some(tag));
        for line in fields.split("\r\n") {
            if let Some((name, value)) = line.split_once(": ") {
                response.headers.push_unknown(name, value);
            }
        }
        if request.method == Method::Invite && flags & 2 == 0 {
            response.body = SDP.as_bytes().to_vec();
            response
                .headers
                .push_unknown("Contact", "<sip:x@192.0.2.66>");
        }
        if request.method == Method::Register && status == 200 {
            response
                .headers
                .copy(carillon_sip::message::HeaderName::Contact, &request.headers);
        }
        let bytes = response.to_bytes();
        self.receive(script, bytes);
    }

    fn receive(&mut self, script: &mut Script<'_>, mut bytes: Vec<u8>) {
        let source = script.of(&["192.0.2.1:5060", "192.0.2.66:5060", "203.0.113.5:9"]);
        // Now and then one byte arrives as another.
        let damage = script.byte();
        if damage >= 0xe0 && !bytes.is_empty() {
            let at = usize::from(script.byte()) * 3 % bytes.len();
            bytes[at] = script.byte();
        }
        if let Some(flow) = self.flow {
            let source = source.parse().expect("an address");
            self.endpoint.receive(self.now, flow, source, &bytes);
        }
    }

    /// Lets time go by, running every timer on its way.
    fn pass(&mut self, span: Duration) {
        let until = self.now + span;
        let mut wakes = 0;
        while let Some(wake) = self.endpoint.next_wake().filter(|wake| *wake <= until) {
            self.now = self.now.max(wake);
            self.endpoint.wake(self.now);
            self.drain();
            wakes += 1;
            assert!(wakes < 20_000, "timers run hot");
            if let Some(next) = self.endpoint.next_wake() {
                assert!(next > self.now, "a timer that was run is still due");
            }
        }
        self.now = until;
    }

    fn drain(&mut self) {
        let mut outputs = 0;
        while let Some(output) = self.endpoint.poll_output(self.now) {
            outputs += 1;
            assert!(outputs < MAX_OUTPUTS, "it does not stop talking");
            match output {
                Output::Transmit { bytes, .. } if bytes == PING || bytes == PONG => {}
                Output::Transmit { bytes, .. } => match Message::parse(&bytes) {
                    Ok(Message::Request(request)) => {
                        assert!(request.essentials().is_ok(), "{request:?}");
                        remember(&mut self.sent, request);
                    }
                    Ok(Message::Response(response)) => remember(&mut self.answered, response),
                    Err(error) => panic!("{error}: {}", String::from_utf8_lossy(&bytes)),
                },
                Output::Event(Event::IncomingCall { call, .. }) => self.calls.push(call),
                Output::Event(Event::CallEnded { call, .. }) => {
                    self.calls.retain(|known| *known != call);
                }
                Output::Event(Event::Stopped) => self.stopped = true,
                Output::Resolve { id, question } => {
                    let answer = match question.kind {
                        RecordKind::Address => Ok(vec![Record::Address([192, 0, 2, 7].into())]),
                        _ => Err(LookupError::NoRecords),
                    };
                    self.endpoint.resolved(self.now, id, answer);
                }
                Output::Open { flow, .. } if self.offline => {
                    self.endpoint.flow_failed(self.now, flow, "no network");
                }
                Output::Open { flow, .. } => {
                    self.flow = Some(flow);
                    self.endpoint.flow_opened(self.now, flow, self.local);
                }
                Output::Close { flow } if self.flow == Some(flow) => self.flow = None,
                _ => {}
            }
        }
    }

    /// Nobody answers any more: within minutes nothing may be left.
    fn end(&mut self) {
        self.endpoint.shutdown(self.now);
        self.drain();
        self.pass(Duration::from_secs(300));
        let counts = self.endpoint.counts();
        assert!(self.stopped, "{counts:?}");
        let left = counts.calls
            + counts.ending
            + counts.dialogs
            + counts.client_transactions
            + counts.server_transactions
            + counts.requests;
        assert_eq!(left, 0, "{counts:?}");
        assert_eq!(self.endpoint.next_wake(), None);
    }
}

fn pick<T>(list: &[T], which: u8) -> Option<&T> {
    (!list.is_empty()).then(|| &list[list.len() - 1 - usize::from(which) % list.len()])
}

/// Keeps the last few.
fn remember<T>(list: &mut Vec<T>, item: T) {
    if list.len() >= 8 {
        list.remove(0);
    }
    list.push(item);
}
