//! A network on virtual time: endpoints and scripted peers by address, with loss, delay, duplication and reordering from one seed.

use carillon_sip::{
    Answer, CallId, Codec, Direction, Endpoint, EndpointConfig, Event, FlowId, LocalMedia,
    LookupError, Output, Question, Record, RecordKind, Transport,
};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What the network does to packets. Delays between the two bounds reorder them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Conditions {
    pub(crate) loss: f64,
    pub(crate) duplication: f64,
    pub(crate) min_delay: Duration,
    pub(crate) max_delay: Duration,
}

impl Conditions {
    pub(crate) const PERFECT: Self = Self {
        loss: 0.0,
        duplication: 0.0,
        min_delay: Duration::from_millis(5),
        max_delay: Duration::from_millis(5),
    };
}

/// Someone who is no endpoint: gets each datagram sent to its address and gives the datagrams it sends.
pub(crate) trait Script {
    fn receive(&mut self, from: SocketAddr, bytes: &[u8]) -> Vec<(SocketAddr, Vec<u8>)>;
}

impl<F: FnMut(SocketAddr, &[u8]) -> Vec<(SocketAddr, Vec<u8>)>> Script for F {
    fn receive(&mut self, from: SocketAddr, bytes: &[u8]) -> Vec<(SocketAddr, Vec<u8>)> {
        self(from, bytes)
    }
}

/// Says nothing.
pub(crate) struct Mailbox;

impl Script for Mailbox {
    fn receive(&mut self, _from: SocketAddr, _bytes: &[u8]) -> Vec<(SocketAddr, Vec<u8>)> {
        Vec::new()
    }
}

pub(crate) struct Node {
    pub(crate) endpoint: Endpoint,
    pub(crate) address: SocketAddr,
    pub(crate) events: Vec<Event>,
    pub(crate) flow: Option<FlowId>,
    /// Fails every flow asked for.
    pub(crate) offline: bool,
}

/// When it arrives, in which order, from, to, bytes.
type Packet = (Instant, u64, SocketAddr, SocketAddr, Vec<u8>);

pub(crate) struct Network {
    pub(crate) now: Instant,
    pub(crate) start: Instant,
    pub(crate) conditions: Conditions,
    pub(crate) nodes: Vec<Node>,
    pub(crate) scripts: BTreeMap<SocketAddr, Box<dyn Script>>,
    /// Every datagram that was sent: when, from, to, bytes.
    pub(crate) trace: Vec<(Duration, SocketAddr, SocketAddr, Vec<u8>)>,
    pub(crate) keep_trace: bool,
    pub(crate) names: BTreeMap<String, Vec<SocketAddr>>,
    /// Datagrams for which this says `true` are lost.
    pub(crate) drop_if: Option<fn(&str) -> bool>,
    /// Nothing from or to there arrives.
    pub(crate) silent: Option<SocketAddr>,
    queue: BinaryHeap<Reverse<Packet>>,
    sequence: u64,
    chance: u64,
}

impl Network {
    pub(crate) fn new(seed: u64, conditions: Conditions) -> Self {
        let now = Instant::now();
        Self {
            now,
            start: now,
            conditions,
            nodes: Vec::new(),
            scripts: BTreeMap::new(),
            trace: Vec::new(),
            keep_trace: true,
            names: BTreeMap::new(),
            drop_if: None,
            silent: None,
            queue: BinaryHeap::new(),
            sequence: 0,
            chance: seed | 1,
        }
    }

    pub(crate) fn add(&mut self, address: &str, config: EndpointConfig, seed: u64) -> usize {
        let endpoint = Endpoint::new(config, seed).unwrap();
        self.nodes.push(Node {
            endpoint,
            address: address.parse().unwrap(),
            events: Vec::new(),
            flow: None,
            offline: false,
        });
        self.nodes.len() - 1
    }

    pub(crate) fn script(&mut self, address: &str, script: impl Script + 'static) {
        self.scripts
            .insert(address.parse().unwrap(), Box::new(script));
    }

    /// Does something with a node, then carries out what it asks for.
    pub(crate) fn with<T>(
        &mut self,
        node: usize,
        run: impl FnOnce(&mut Endpoint, Instant) -> T,
    ) -> T {
        let result = run(&mut self.nodes[node].endpoint, self.now);
        self.drain();
        result
    }

    /// Sends bytes from an address that need not belong to anyone.
    pub(crate) fn inject(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        self.post(from, to, bytes.to_vec());
        self.run_for(Duration::from_millis(50));
    }

    pub(crate) fn run_for(&mut self, duration: Duration) {
        let until = self.now + duration;
        self.drain();
        while let Some(next) = self.next_time().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            self.step();
        }
        self.now = until;
    }

    /// Runs until nothing is under way and no timer is set, or the limit is reached. `true` when it is quiet.
    pub(crate) fn run_until_quiet(&mut self, limit: Duration) -> bool {
        let until = self.now + limit;
        self.drain();
        while let Some(next) = self.next_time() {
            if next > until {
                return false;
            }
            self.now = self.now.max(next);
            self.step();
        }
        true
    }

    pub(crate) fn events(&mut self, node: usize) -> Vec<Event> {
        std::mem::take(&mut self.nodes[node].events)
    }

    /// First lines of what was sent from one address to another.
    pub(crate) fn lines(&self, from: SocketAddr, to: SocketAddr) -> Vec<String> {
        let sent = self
            .trace
            .iter()
            .filter(|(_, f, t, _)| *f == from && *t == to);
        sent.map(|(.., bytes)| {
            String::from_utf8_lossy(bytes)
                .lines()
                .next()
                .unwrap_or("")
                .to_owned()
        })
        .collect()
    }

    /// A number below `bound`.
    pub(crate) fn random(&mut self, bound: u64) -> u64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        (self.chance.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16) % bound
    }

    fn happens(&mut self, share: f64) -> bool {
        share > 0.0 && (self.random(1_000_000) as f64) < share * 1_000_000.0
    }

    fn post(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        if self.keep_trace {
            self.trace
                .push((self.now - self.start, from, to, bytes.clone()));
        }
        if self
            .drop_if
            .is_some_and(|drop| drop(&String::from_utf8_lossy(&bytes)))
        {
            return;
        }
        if self.silent == Some(from) || self.silent == Some(to) {
            return;
        }
        let copies = 1 + usize::from(self.happens(self.conditions.duplication));
        for _ in 0..copies {
            if self.happens(self.conditions.loss) {
                continue;
            }
            let span = (self.conditions.max_delay - self.conditions.min_delay).as_micros() as u64;
            let delay = self.conditions.min_delay + Duration::from_micros(self.random(span + 1));
            self.sequence += 1;
            self.queue.push(Reverse((
                self.now + delay,
                self.sequence,
                from,
                to,
                bytes.clone(),
            )));
        }
    }

    fn next_time(&self) -> Option<Instant> {
        let packet = self.queue.peek().map(|Reverse((at, ..))| *at);
        self.nodes
            .iter()
            .filter_map(|node| node.endpoint.next_wake())
            .chain(packet)
            .min()
    }

    fn step(&mut self) {
        while self
            .queue
            .peek()
            .is_some_and(|Reverse((at, ..))| *at <= self.now)
        {
            if let Some(Reverse((_, _, from, to, bytes))) = self.queue.pop() {
                self.deliver(from, to, &bytes);
            }
        }
        for at in 0..self.nodes.len() {
            if self.nodes[at]
                .endpoint
                .next_wake()
                .is_some_and(|wake| wake <= self.now)
            {
                self.nodes[at].endpoint.wake(self.now);
                let next = self.nodes[at].endpoint.next_wake();
                assert!(
                    next.is_none_or(|next| next > self.now),
                    "a timer that was run is still due"
                );
            }
        }
        self.drain();
    }

    fn deliver(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        if let Some(script) = self.scripts.get_mut(&to) {
            for (answer_to, answer) in script.receive(from, bytes) {
                self.post(to, answer_to, answer);
            }
            return;
        }
        let now = self.now;
        if let Some(node) = self.nodes.iter_mut().find(|node| node.address == to)
            && let Some(flow) = node.flow
        {
            node.endpoint.receive(now, flow, from, bytes);
        }
        self.drain();
    }

    /// The name server: addresses of a name, and SRV records where their port is not the usual one.
    fn answer(&self, question: &Question) -> Answer {
        let (service, name) = match question.kind {
            RecordKind::Srv => question
                .name
                .split_at(question.name.find("_udp.").map_or(0, |at| at + 5)),
            _ => ("", question.name.as_str()),
        };
        let Some(list) = self.names.get(name) else {
            return Err(LookupError::Failed("no such name".to_owned()));
        };
        let record = |address: &SocketAddr| match question.kind {
            RecordKind::Srv if service == "_sip._udp." && address.port() != 5060 => {
                Some(Record::Srv {
                    priority: 0,
                    weight: 0,
                    port: address.port(),
                    target: address.ip().to_string(),
                })
            }
            RecordKind::Address => Some(Record::Address(address.ip())),
            _ => None,
        };
        Ok(list.iter().filter_map(record).collect())
    }

    fn drain(&mut self) {
        for at in 0..self.nodes.len() {
            while let Some(output) = self.nodes[at].endpoint.poll_output(self.now) {
                let now = self.now;
                let address = self.nodes[at].address;
                match output {
                    Output::Transmit { flow, to, bytes } => {
                        assert_eq!(
                            Some(flow),
                            self.nodes[at].flow,
                            "sent on a flow that is not open"
                        );
                        self.post(address, to, bytes);
                    }
                    Output::Event(event) => self.nodes[at].events.push(event),
                    Output::Resolve { id, question } => {
                        let answer = self.answer(&question);
                        self.nodes[at].endpoint.resolved(now, id, answer);
                    }
                    Output::Open {
                        flow, transport, ..
                    } => {
                        if transport != Transport::Udp {
                            let refused = "connection refused";
                            self.nodes[at].endpoint.flow_failed(now, flow, refused);
                        } else if self.nodes[at].offline {
                            self.nodes[at].endpoint.flow_failed(
                                now,
                                flow,
                                "the network is unreachable",
                            );
                        } else {
                            self.nodes[at].flow = Some(flow);
                            self.nodes[at].endpoint.flow_opened(now, flow, address);
                        }
                    }
                    Output::Close { flow } => {
                        assert_eq!(Some(flow), self.nodes[at].flow);
                        self.nodes[at].flow = None;
                    }
                    other => panic!("unknown output {other:?}"),
                }
            }
        }
    }
}

pub(crate) const ALICE: usize = 0;
pub(crate) const BOB: usize = 1;

/// Two endpoints that know each other's address, without a registrar.
pub(crate) fn pair(seed: u64, conditions: Conditions) -> Network {
    let mut network = Network::new(seed, conditions);
    for (at, name) in ["alice", "bob"].into_iter().enumerate() {
        let address = format!("10.0.0.{}:5060", at + 1);
        let node = network.add(
            &address,
            peer(name, &address),
            seed.wrapping_mul(31) + at as u64,
        );
        network.with(node, |endpoint, now| endpoint.register(now));
    }
    network
}

/// An account that does not register.
pub(crate) fn peer(name: &str, address: &str) -> EndpointConfig {
    let mut config = EndpointConfig::new(format!("sip:{name}@{address}").parse().unwrap());
    config.register_expires = Duration::ZERO;
    config
}

pub(crate) fn media(port: u16) -> LocalMedia {
    LocalMedia {
        addr: SocketAddr::from(([10, 0, 0, 9], port)),
        codecs: vec![Codec::pcma(), Codec::pcmu(), Codec::telephone_event()],
        ptime_ms: 20,
        direction: Direction::SendRecv,
    }
}

impl Network {
    pub(crate) fn address(&self, node: usize) -> SocketAddr {
        self.nodes[node].address
    }

    /// The first incoming call that was told.
    pub(crate) fn incoming(&self, node: usize) -> Option<CallId> {
        self.nodes[node]
            .events
            .iter()
            .find_map(|event| match event {
                Event::IncomingCall { call, .. } => Some(*call),
                _ => None,
            })
    }

    pub(crate) fn assert_empty(&self) {
        for (at, node) in self.nodes.iter().enumerate() {
            let counts = node.endpoint.counts();
            let left = (
                counts.calls,
                counts.ending,
                counts.dialogs,
                counts.client_transactions,
                counts.server_transactions,
                counts.requests,
            );
            assert_eq!(left, (0, 0, 0, 0, 0, 0), "left at node {at}: {counts:?}");
        }
    }
}
