//! Getting a flow to a server and naming ourselves on it (RFC 3261 §8.1.1.7, §18.1.1; RFC 7118 §5; RFC 5923): opens what is not
//! there, and gives the Via that fits the flow a message leaves on.

use super::core::Core;
use super::flow::Flow;
use super::output::{FlowId, Output};
use super::transport::Transport;
use crate::locate::Target;
use crate::message::{Host, Via};
use std::net::SocketAddr;
use std::time::Instant;

impl Core {
    /// Opens the flow on which an account that does not register is found.
    pub(crate) fn listen(&mut self, now: Instant) {
        let v6 = matches!(self.config.aor.host, Host::V6(_));
        if self.flows.listens(v6) {
            return;
        }
        let own = self
            .config
            .aor
            .host
            .ip()
            .filter(|_| v6)
            .map(|ip| SocketAddr::new(ip, self.config.aor.port.unwrap_or(5060)));
        self.open_flow(now, Transport::Udp, own, None);
    }

    /// The flow to a server: open, being opened, or asked for now.
    pub(super) fn flow_towards(&mut self, now: Instant, target: &Target) -> FlowId {
        if let Some(flow) = self.flows.towards(target) {
            return flow.id;
        }
        let identity = target
            .transport
            .is_secure()
            .then(|| target.identity.clone());
        self.open_flow(now, target.transport, Some(target.address), identity)
    }

    fn open_flow(
        &mut self,
        now: Instant,
        transport: Transport,
        remote: Option<SocketAddr>,
        identity: Option<Host>,
    ) -> FlowId {
        let alias = match transport {
            Transport::Wss => format!("{}.invalid", self.random.token()),
            _ => String::new(),
        };
        let name = identity.as_ref().map(|host| match host.ip() {
            Some(ip) => ip.to_string(),
            None => host.to_string(),
        });
        let clients = &self.clients;
        let busy = |flow| !clients.on_flow(flow).is_empty();
        let (flow, closed) = self
            .flows
            .begin(now, transport, remote, identity, alias, busy);
        if let Some(closed) = closed {
            self.outputs.push_back(Output::Close { flow: closed });
            self.fail_on_flow(now, closed, "too many connections were open");
        }
        self.outputs.push_back(Output::Open {
            flow,
            transport,
            remote,
            identity: name,
        });
        flow
    }

    /// The Via of a request that leaves on a flow.
    pub(super) fn via(&self, flow: &Flow, branch: &str) -> Option<Via> {
        let local = flow.local?;
        let mut via = Via::new(flow.transport.via_name(), local, branch);
        match flow.transport {
            Transport::Wss => {
                via.host = Host::Name(flow.alias.clone());
                via.port = None;
            }
            // Our connection may carry the peer's requests too (RFC 5923 §8.1).
            Transport::Tcp | Transport::Tls if !flow.accepted => via.params.set("alias", None),
            _ => {}
        }
        Some(via)
    }
}
