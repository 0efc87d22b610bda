//! What registration and calls share: configuration, chance, flow, transactions, authentication, requests under way and outputs.
//! Sends and matches; never decides what a message means for a call or a registration.

use super::announcing::Announcements;
use super::config::EndpointConfig;
use super::event::{CallId, Event, PingId};
use super::flows::Flows;
use super::incoming::Incoming;
use super::interests::{MessageId, SubscriptionId};
use super::keep_alive::Keeper;
use super::manners::Manners;
use super::outgoing::Outgoing;
use super::output::{Output, ResolveId};
use crate::digest::Authenticator;
use crate::locate::{Down, NextHop, Question};
use crate::message::{Essentials, HeaderName, Response, Uri};
use crate::random::Random;
use crate::registration::Binding;
use crate::transaction::{Clients, Datagram, Servers};
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// Methods this side answers.
pub(crate) const ALLOW: &str =
    "INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, REFER, NOTIFY, MESSAGE, INFO";
/// Addresses of our own registrar and proxies that are remembered.
const MAX_HOME_ADDRESSES: usize = 32;

/// Names one request under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RequestId(pub(super) u64);

/// Who is told what comes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum User {
    Registration,
    Call(CallId),
    Ping(PingId),
    Subscription(SubscriptionId),
    Publication,
    Message(MessageId),
    /// Nobody waits for it: the BYE of a forked leg.
    Nobody,
}

/// What comes of a request.
#[derive(Debug)]
pub(crate) enum Reply {
    /// A response. `note` says why a challenge was not answered.
    Response {
        response: Box<Response>,
        essentials: Box<Essentials>,
        note: Option<String>,
    },
    /// There will be no response.
    Failed { why: String },
    /// An INVITE that was accepted can bring no further 2xx.
    Done,
}

pub(crate) struct Core {
    pub(crate) config: EndpointConfig,
    pub(crate) random: Random,
    pub(crate) auth: Authenticator,
    pub(crate) clients: Clients,
    pub(crate) servers: Servers,
    pub(crate) flows: Flows,
    pub(crate) keeper: Keeper,
    pub(crate) manners: Manners,
    pub(crate) down: Down,
    pub(crate) dropped: u64,
    pub(crate) refused: u64,
    /// Whether the account wants to be reachable.
    pub(crate) listening: bool,
    pub(super) outputs: VecDeque<Output>,
    pub(super) outgoing: BTreeMap<RequestId, Outgoing>,
    pub(super) replies: VecDeque<(User, RequestId, Reply)>,
    pub(super) next: u64,
    pub(super) announcements: Announcements,
    /// What the registrar said of our binding; nothing while there is none.
    pub(crate) binding: Binding,
    /// Where the registrar sees us, when that is elsewhere than the flow's own address.
    pub(crate) public: Option<SocketAddr>,
    /// The contact of the last REGISTER.
    pub(crate) sent_contact: Option<Uri>,
    /// A proxy on the way cannot do RFC 5626 (439).
    pub(crate) outbound_refused: bool,
    pub(super) questions: BTreeMap<ResolveId, (RequestId, Question)>,
    pub(super) home: Vec<NextHop>,
    home_addresses: Vec<SocketAddr>,
}

impl Core {
    pub(crate) fn new(config: EndpointConfig, seed: u64) -> Self {
        let registrar = NextHop::of(&config.registrar_uri());
        let home: Vec<NextHop> = config
            .route_set
            .iter()
            .chain(&config.backup_proxies)
            .map(NextHop::of)
            .chain([registrar])
            .collect();
        let port = config.default_port();
        let home_addresses = home.iter().filter_map(|hop| hop.address(port)).collect();
        Self {
            random: Random::new(seed),
            manners: Manners::new(config.stranger_rate),
            auth: Authenticator::new(config.credentials.clone()),
            servers: Servers::new(config.max_server_transactions),
            config,
            clients: Clients::default(),
            flows: Flows::default(),
            keeper: Keeper::default(),
            down: Down::default(),
            dropped: 0,
            refused: 0,
            listening: false,
            outputs: VecDeque::new(),
            outgoing: BTreeMap::new(),
            replies: VecDeque::new(),
            next: 0,
            announcements: Announcements::default(),
            binding: Binding::default(),
            public: None,
            sent_contact: None,
            outbound_refused: false,
            questions: BTreeMap::new(),
            home,
            home_addresses,
        }
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    /// A number that names something for the first time.
    pub(crate) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Whether a first hop is our own registrar or proxy.
    pub(crate) fn is_home(&self, hop: &NextHop) -> bool {
        let port = self.config.default_port();
        let service = self.binding.service_route.iter().map(NextHop::of);
        self.home.iter().any(|home| home.same(hop, port))
            || service.into_iter().any(|home| home.same(hop, port))
    }

    /// Whether an address is one that our own registrar or proxy resolved to.
    pub(crate) fn is_home_address(&self, address: SocketAddr) -> bool {
        self.home_addresses.contains(&address)
    }

    /// Whether a request from there comes from elsewhere than our registrar and proxies.
    pub(crate) fn is_stranger(&self, source: IpAddr) -> bool {
        !self.home_addresses.iter().any(|home| home.ip() == source)
    }

    pub(crate) fn note_home(&mut self, addresses: &[SocketAddr]) {
        for address in addresses {
            if self.home_addresses.contains(address) {
                continue;
            }
            if self.home_addresses.len() >= MAX_HOME_ADDRESSES {
                self.home_addresses.remove(0);
            }
            self.home_addresses.push(*address);
        }
    }

    /// Goes by what the registrar said from now on. The first proxy of a Service-Route is one of ours.
    pub(crate) fn use_binding(&mut self, binding: Binding) {
        self.binding = binding;
        let port = self.config.default_port();
        let hops = self.binding.service_route.iter().map(NextHop::of);
        let addresses: Vec<SocketAddr> = hops.filter_map(|hop| hop.address(port)).collect();
        self.note_home(&addresses);
    }

    /// Hands a datagram to the driver. One UDP flow is as good as another: what belongs to one that is gone leaves over the
    /// present one. What belongs to a connection that is gone is lost.
    pub(crate) fn transmit(&mut self, datagram: Datagram) {
        let flow = self
            .flows
            .open(datagram.flow)
            .or_else(|| self.flows.successor(datagram.flow, datagram.to))
            .map(|flow| flow.id);
        let Some(flow) = flow.and_then(|id| self.flows.get(id)) else {
            return;
        };
        self.outputs.push_back(Output::Transmit {
            flow: flow.id,
            to: flow.remote.unwrap_or(datagram.to),
            bytes: datagram.bytes,
        });
    }

    /// Answers with a status and nothing else to say.
    pub(crate) fn reply(&mut self, now: Instant, incoming: &Incoming, status: u16) {
        let response = self.response(incoming, status);
        self.respond(now, incoming, response);
    }

    /// A response with a To tag of its own when the request has none.
    pub(crate) fn response(&mut self, incoming: &Incoming, status: u16) -> Response {
        let tag = self.random.token();
        let mut response = Response::to(&incoming.request, status, Some(&tag));
        if status == 405 || status == 501 {
            response.headers.push(HeaderName::Allow, ALLOW);
        }
        response
    }

    /// Sends a response within the request's transaction, and gives its bytes.
    pub(crate) fn respond(
        &mut self,
        now: Instant,
        incoming: &Incoming,
        mut response: Response,
    ) -> Vec<u8> {
        self.send_on(&mut response);
        response
            .headers
            .push(HeaderName::Server, &self.config.user_agent);
        let bytes = response.to_bytes();
        self.servers
            .respond(now, &incoming.key, response.status, bytes.clone());
        self.flush();
        bytes
    }

    /// Hands what transactions want sent to the driver.
    pub(crate) fn flush(&mut self) {
        while let Some(datagram) = self
            .clients
            .outbox
            .pop_front()
            .or_else(|| self.servers.outbox.pop_front())
        {
            self.transmit(datagram);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn home_addresses_remembered_are_bounded() {
        let config = EndpointConfig::new("sip:a@10.0.0.1".parse().unwrap());
        let mut core = Core::new(config, 1);
        for port in 1..=1000 {
            core.note_home(&[SocketAddr::from(([10, 0, 0, 2], port))]);
        }
        assert_eq!(core.home_addresses.len(), MAX_HOME_ADDRESSES);
        assert!(core.is_home_address(SocketAddr::from(([10, 0, 0, 2], 1000))));
        assert!(core.is_stranger([10, 0, 0, 3].into()) && !core.is_stranger([10, 0, 0, 2].into()));
    }
}
