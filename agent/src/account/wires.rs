//! The account's flows: opened, used and closed as the endpoint says, and what arrives on them.

use std::net::SocketAddr;
use std::sync::Arc;

use actix::{AsyncContext, Context, Handler, SpawnHandle, StreamHandler};
use carillon_sip::message::{Frame, Framer};
use carillon_sip::{FlowId, RegistrationState, Transport};
use futures_util::StreamExt as _;
use rustls::ClientConfig;
use tokio::net::TcpStream;

use super::listening::open_flow;
use super::{Account, Leaving, NetworkChanged, now};
use crate::trace::Way;
use crate::transport::{
    Change, Connection, Datagram, FlowError, Happening, Peer, SipTls, UdpFlow, accepted, connect,
    local_address_towards, serve,
};

/// One flow.
pub(super) struct Wire {
    carrier: Carrier,
    transport: Transport,
    /// Whom it must reach.
    peer: Option<SocketAddr>,
    /// Our address, once it is known.
    local: Option<SocketAddr>,
    /// Cuts what arrives on a stream into messages, for the trace alone.
    framer: Framer,
    reader: SpawnHandle,
    /// Takes connections that peers open.
    listener: Option<SpawnHandle>,
}

enum Carrier {
    Udp(UdpFlow),
    Connection(Connection),
}

/// A datagram on a flow, or its end.
pub(super) struct Arrived {
    flow: FlowId,
    what: Result<Datagram, FlowError>,
}

/// Something on a connection.
pub(super) struct OnConnection {
    flow: FlowId,
    peer: SocketAddr,
    what: Happening,
}

/// A connection that a peer opened.
pub(super) struct Accepted {
    stream: TcpStream,
    peer: SocketAddr,
}

impl Account {
    pub(super) fn transmit(
        &mut self,
        id: FlowId,
        to: SocketAddr,
        bytes: Vec<u8>,
        ctx: &mut Context<Self>,
    ) {
        let Some(wire) = self.wires.get(&id) else {
            return;
        };
        self.trace_sent(wire, to, &bytes);
        let sent = match &wire.carrier {
            Carrier::Udp(udp) => udp.send(to, &bytes).map_err(|error| error.to_string()),
            Carrier::Connection(connection) => connection.send(bytes),
        };
        if let Err(why) = sent {
            self.flow_broke(id, &why, ctx);
        }
    }

    pub(super) fn open(
        &mut self,
        id: FlowId,
        transport: Transport,
        remote: Option<SocketAddr>,
        identity: Option<String>,
        ctx: &mut Context<Self>,
    ) {
        match (transport, remote) {
            (Transport::Udp, _) => self.open_udp(id, remote, ctx),
            (_, Some(address)) => self.connect(id, transport, address, identity, ctx),
            (_, None) => self.flow_broke(id, "a connection needs a peer", ctx),
        }
    }

    fn open_udp(&mut self, id: FlowId, remote: Option<SocketAddr>, ctx: &mut Context<Self>) {
        let config = self.endpoint.config();
        let registers = !config.register_expires.is_zero();
        let udp = match open_flow(&config.aor, registers, self.last_port.get(), remote) {
            Ok(udp) => udp,
            Err(error) => return self.flow_broke(id, &error.to_string(), ctx),
        };
        let local = udp.advertised();
        let arrivals = udp.datagrams().map(move |what| Arrived { flow: id, what });
        let reader = ctx.add_stream(arrivals);
        let listener = udp.bound().and_then(accepted).map(|incoming| {
            ctx.add_stream(incoming.map(|(stream, peer)| Accepted { stream, peer }))
        });
        self.last_port.set(Some(local.port()));
        self.wires.insert(
            id,
            Wire {
                carrier: Carrier::Udp(udp),
                transport: Transport::Udp,
                peer: remote,
                local: Some(local),
                framer: Framer::new(),
                reader,
                listener,
            },
        );
        self.flow_trouble = None;
        self.endpoint.flow_opened(now(), id, local);
    }

    fn connect(
        &mut self,
        id: FlowId,
        transport: Transport,
        address: SocketAddr,
        identity: Option<String>,
        ctx: &mut Context<Self>,
    ) {
        let tls = match transport.is_secure().then(|| self.tls()).transpose() {
            Ok(tls) => tls,
            Err(why) => return self.flow_broke(id, &why, ctx),
        };
        let connection = &self.account.config.connection;
        let (connection, happenings) = connect(Peer {
            address,
            transport,
            identity,
            tls,
            path: connection.websocket_path().to_owned(),
        });
        self.hold(id, (transport, None, address), connection, happenings, ctx);
    }

    fn hold(
        &mut self,
        id: FlowId,
        (transport, local, peer): (Transport, Option<SocketAddr>, SocketAddr),
        connection: Connection,
        happenings: impl futures_util::Stream<Item = Happening> + 'static,
        ctx: &mut Context<Self>,
    ) {
        let happenings = happenings.map(move |what| OnConnection {
            flow: id,
            peer,
            what,
        });
        let reader = ctx.add_stream(happenings);
        self.wires.insert(
            id,
            Wire {
                carrier: Carrier::Connection(connection),
                transport,
                peer: Some(peer),
                local,
                framer: Framer::new(),
                reader,
                listener: None,
            },
        );
    }

    fn trace_sent(&self, wire: &Wire, to: SocketAddr, bytes: &[u8]) {
        if let Some(local) = wire.local {
            let way = Way {
                sent: true,
                transport: wire.transport,
                local,
                remote: to,
            };
            self.trace.note(self.account.id(), way, bytes);
        }
    }

    /// Notes what arrived: whole messages, so that no secret is cut in two and missed.
    fn trace_arrived(&mut self, id: FlowId, from: SocketAddr, bytes: &[u8]) {
        let Some(wire) = self.wires.get_mut(&id) else {
            return;
        };
        let Some(local) = wire.local else {
            return;
        };
        let way = || Way {
            sent: false,
            transport: wire.transport,
            local,
            remote: from,
        };
        if !wire.transport.is_stream() {
            return self.trace.note(self.account.id(), way(), bytes);
        }
        if wire.framer.push(now(), bytes).is_err() {
            return;
        }
        while let Ok(Some(frame)) = wire.framer.next(now()) {
            if let Frame::Message(message) = frame {
                self.trace.note(self.account.id(), way(), &message);
            }
        }
    }

    /// TLS as the account wants it, set up when it is first needed.
    fn tls(&mut self) -> Result<Arc<ClientConfig>, String> {
        if let Some(tls) = &self.tls {
            return Ok(Arc::clone(tls));
        }
        let connection = &self.account.config.connection;
        let wanted = SipTls {
            authorities: connection.ca.clone(),
            client_certificate: connection.client_certificate.clone().map(Into::into),
        };
        let tls = Arc::new(wanted.client_config().map_err(|error| error.to_string())?);
        self.tls = Some(Arc::clone(&tls));
        Ok(tls)
    }

    pub(super) fn close(&mut self, id: FlowId, ctx: &mut Context<Self>) {
        if let Some(wire) = self.wires.remove(&id) {
            ctx.cancel_future(wire.reader);
            if let Some(listener) = wire.listener {
                ctx.cancel_future(listener);
            }
        }
    }

    pub(super) fn flow_broke(&mut self, id: FlowId, why: &str, ctx: &mut Context<Self>) {
        tracing::info!(account = %self.account.id(), why, "a flow does not work");
        let listened = !matches!(
            self.wires.get(&id),
            Some(Wire {
                carrier: Carrier::Connection(_),
                ..
            })
        );
        self.close(id, ctx);
        if listened {
            self.flow_trouble = Some(why.to_owned());
        }
        self.endpoint.flow_failed(now(), id, why);
    }
}

impl Wire {
    /// Whether it still leaves from the address it was opened with.
    fn stands(&self, change: Change) -> bool {
        // What a connection's far side, or a NAT on the way, made of it in a long sleep shows too late.
        if change == Change::Slept && self.transport != Transport::Udp {
            return false;
        }
        match (self.peer, self.local) {
            (Some(peer), Some(local)) => {
                local_address_towards(Some(peer)).is_ok_and(|now| now == local.ip())
            }
            _ => true,
        }
    }
}

impl Handler<NetworkChanged> for Account {
    type Result = ();

    fn handle(&mut self, NetworkChanged(change): NetworkChanged, ctx: &mut Context<Self>) {
        if self.leaving != Leaving::Stays {
            return;
        }
        let lost: Vec<FlowId> = self
            .wires
            .iter()
            .filter(|(_, wire)| !wire.stands(change))
            .map(|(id, _)| *id)
            .collect();
        let waits = matches!(
            self.endpoint.registration(),
            RegistrationState::Failed { .. }
        );
        if lost.is_empty() && !waits && change == Change::Network {
            return;
        }
        tracing::info!(account = %self.account.id(), ?change, lost = lost.len(), "the network changed");
        for id in lost {
            self.flow_broke(id, "the network changed", ctx);
        }
        self.endpoint.network_changed(now());
        self.drive(ctx);
    }
}

impl StreamHandler<Arrived> for Account {
    fn handle(&mut self, arrived: Arrived, ctx: &mut Context<Self>) {
        match arrived.what {
            Ok(datagram) => {
                let rationed = self.endpoint.rationed();
                self.endpoint
                    .receive(now(), arrived.flow, datagram.from, &datagram.bytes);
                // A flood must not wash everything else out of the trace.
                if self.endpoint.rationed() == rationed {
                    self.trace_arrived(arrived.flow, datagram.from, &datagram.bytes);
                }
            }
            Err(error) => self.flow_broke(arrived.flow, &error.to_string(), ctx),
        }
        self.drive(ctx);
    }

    /// A flow that ends is opened again by the endpoint; the actor goes on.
    fn finished(&mut self, _: &mut Context<Self>) {}
}

impl StreamHandler<OnConnection> for Account {
    fn handle(&mut self, on: OnConnection, ctx: &mut Context<Self>) {
        match on.what {
            Happening::Opened(local) => {
                if let Some(wire) = self.wires.get_mut(&on.flow) {
                    wire.local = Some(local);
                }
                self.endpoint.flow_opened(now(), on.flow, local);
            }
            Happening::Bytes(bytes) => {
                self.trace_arrived(on.flow, on.peer, &bytes);
                self.endpoint.receive(now(), on.flow, on.peer, &bytes);
            }
            Happening::Ended(why) => self.flow_broke(on.flow, &why, ctx),
        }
        self.drive(ctx);
    }

    fn finished(&mut self, _: &mut Context<Self>) {}
}

impl StreamHandler<Accepted> for Account {
    fn handle(&mut self, accepted: Accepted, ctx: &mut Context<Self>) {
        let Accepted { stream, peer } = accepted;
        let Ok(local) = stream.local_addr() else {
            return;
        };
        // Too many: dropped, and so closed.
        if let Some(id) = self
            .endpoint
            .flow_accepted(now(), Transport::Tcp, local, peer)
        {
            let (connection, happenings) = serve(stream);
            let ends = (Transport::Tcp, Some(local), peer);
            self.hold(id, ends, connection, happenings, ctx);
        }
        self.drive(ctx);
    }

    fn finished(&mut self, _: &mut Context<Self>) {}
}
