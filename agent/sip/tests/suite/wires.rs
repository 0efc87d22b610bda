//! One endpoint whose driver is the test: what it asks for is kept, what comes in is given by hand, over any transport.

use carillon_sip::{
    Answer, Endpoint, EndpointConfig, Event, FlowId, LookupError, Output, Question, Record,
    RecordKind, Transport,
};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A message that went out.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) at: Duration,
    pub(crate) flow: FlowId,
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Vec<u8>,
}

impl std::fmt::Debug for Sent {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = self.text();
        let line = text.lines().next().unwrap_or("");
        write!(out, "{:?} {} {}: {line}", self.at, self.flow, self.to)
    }
}

impl Sent {
    /// The same with the request seen as coming from elsewhere (RFC 3581), for its answer.
    pub(crate) fn seen_from(self, ip: &str, port: u16) -> Self {
        let seen = format!(";rport={port};received={ip}");
        let bytes = self.text().replace(";rport", &seen).into_bytes();
        Self { bytes, ..self }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> String {
        let text = self.text();
        let prefix = format!("{name}: ");
        text.lines()
            .find_map(|line| line.strip_prefix(prefix.as_str()))
            .unwrap_or_else(|| panic!("no {name} in {text}"))
            .to_owned()
    }
}

/// A flow that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Opened {
    pub(crate) flow: FlowId,
    pub(crate) transport: Transport,
    pub(crate) remote: Option<SocketAddr>,
    pub(crate) identity: Option<String>,
}

pub(crate) struct Wires {
    pub(crate) endpoint: Endpoint,
    pub(crate) start: Instant,
    pub(crate) now: Instant,
    pub(crate) opened: Vec<Opened>,
    pub(crate) closed: Vec<FlowId>,
    pub(crate) sent: Vec<Sent>,
    pub(crate) events: Vec<Event>,
    pub(crate) zone: BTreeMap<(RecordKind, String), Vec<Record>>,
    /// Peers that refuse connections over these.
    pub(crate) refusing: Vec<(Transport, SocketAddr)>,
    /// Our port, one for each flow.
    port: u16,
}

impl Wires {
    pub(crate) fn new(config: EndpointConfig) -> Self {
        let now = Instant::now();
        Self {
            endpoint: Endpoint::new(config, 7).unwrap(),
            start: now,
            now,
            opened: Vec::new(),
            closed: Vec::new(),
            sent: Vec::new(),
            events: Vec::new(),
            zone: BTreeMap::new(),
            refusing: Vec::new(),
            port: 40_000,
        }
    }

    /// `transport` and a registrar at 10.0.0.1.
    pub(crate) fn registering(transport: Transport) -> Self {
        let mut config = EndpointConfig::new("sip:1001@10.0.0.1".parse().unwrap());
        config.transport = Some(transport);
        let mut wires = Self::new(config);
        wires.with(|endpoint, now| endpoint.register(now));
        wires
    }

    pub(crate) fn with<T>(&mut self, run: impl FnOnce(&mut Endpoint, Instant) -> T) -> T {
        let result = run(&mut self.endpoint, self.now);
        self.drain();
        result
    }

    pub(crate) fn host(&mut self, name: &str, address: &str) {
        let record = Record::Address(address.parse().unwrap());
        self.zone
            .entry((RecordKind::Address, name.to_owned()))
            .or_default()
            .push(record);
    }

    pub(crate) fn srv(&mut self, name: &str, priority: u16, port: u16, target: &str) {
        let record = Record::Srv {
            priority,
            weight: 0,
            port,
            target: target.to_owned(),
        };
        self.zone
            .entry((RecordKind::Srv, name.to_owned()))
            .or_default()
            .push(record);
    }

    pub(crate) fn receive(&mut self, flow: FlowId, from: SocketAddr, bytes: &[u8]) {
        self.with(|endpoint, now| endpoint.receive(now, flow, from, bytes));
    }

    /// Lets time pass, timer by timer.
    pub(crate) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(due) = self.endpoint.next_wake().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.with(|endpoint, now| endpoint.wake(now));
            let next = self.endpoint.next_wake();
            assert!(
                next.is_none_or(|next| next > self.now),
                "a timer that was run is still due"
            );
        }
        self.now = until;
    }

    /// What was sent since the last time.
    pub(crate) fn take_sent(&mut self) -> Vec<Sent> {
        std::mem::take(&mut self.sent)
    }

    /// The only message sent since the last time.
    pub(crate) fn only_sent(&mut self) -> Sent {
        let sent = self.take_sent();
        let [one] = &sent[..] else {
            panic!(
                "not one message: {:?}",
                sent.iter().map(Sent::text).collect::<Vec<_>>()
            )
        };
        one.clone()
    }

    /// Answers a request with a status and more headers.
    pub(crate) fn answer(&mut self, request: &Sent, status: &str, more: &str) {
        let mut response = format!("SIP/2.0 {status}\r\n");
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            let value = request.header(name);
            let tag = if name == "To" && !value.contains("tag=") {
                ";tag=r"
            } else {
                ""
            };
            response.push_str(&format!("{name}: {value}{tag}\r\n"));
        }
        response.push_str(&format!("{more}Content-Length: 0\r\n\r\n"));
        self.receive(request.flow, request.to, response.as_bytes());
    }

    /// Grants a registration.
    pub(crate) fn grant(&mut self, request: &Sent) {
        let contact = request.header("Contact");
        let more = format!("Contact: {contact};expires=600\r\n");
        self.answer(request, "200 OK", &more);
    }

    fn lookup(&self, question: &Question) -> Answer {
        self.zone
            .get(&(question.kind, question.name.clone()))
            .cloned()
            .ok_or(LookupError::NoRecords)
    }

    fn drain(&mut self) {
        while let Some(output) = self.endpoint.poll_output(self.now) {
            match output {
                Output::Transmit { flow, to, bytes } => {
                    assert!(!self.closed.contains(&flow), "sent on a closed flow");
                    self.sent.push(Sent {
                        at: self.now - self.start,
                        flow,
                        to,
                        bytes,
                    });
                }
                Output::Event(event) => self.events.push(event),
                Output::Resolve { id, question } => {
                    let answer = self.lookup(&question);
                    self.endpoint.resolved(self.now, id, answer);
                }
                Output::Open {
                    flow,
                    transport,
                    remote,
                    identity,
                } => {
                    self.opened.push(Opened {
                        flow,
                        transport,
                        remote,
                        identity,
                    });
                    if remote.is_some_and(|r| self.refusing.contains(&(transport, r))) {
                        self.endpoint
                            .flow_failed(self.now, flow, "connection refused");
                        continue;
                    }
                    self.port += 1;
                    let ip = match remote {
                        Some(SocketAddr::V6(_)) => "2001:db8::9",
                        _ => "10.0.0.9",
                    };
                    let local = SocketAddr::new(ip.parse().unwrap(), self.port);
                    self.endpoint.flow_opened(self.now, flow, local);
                }
                Output::Close { flow } => self.closed.push(flow),
                other => panic!("unknown output {other:?}"),
            }
        }
    }
}
