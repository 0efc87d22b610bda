//! Under which address peers find us: the flow's own, the one a registrar sees us at behind a NAT (RFC 3581), or the GRUU it
//! gave us (RFC 5627). Never decides when to register.

use super::core::Core;
use super::flow::Flow;
use super::output::FlowId;
use super::transport::Transport;
use crate::message::{Host, Uri, Via};
use std::net::{IpAddr, SocketAddr};

impl Core {
    /// The contact that is registered: on the flow the account is reached over.
    pub(crate) fn contact_uri(&self) -> Option<Uri> {
        self.contact_of(self.flows.home()?, self.config.aor.secure)
    }

    /// The Contact of everything but REGISTER, as an address in brackets: the GRUU when one is wanted and there.
    pub(crate) fn contact(&self) -> Option<String> {
        self.contact_for(self.flows.home()?.id, false)
    }

    /// The same for those who are reached over this flow; `secure` when they are to see a `sips:` URI.
    pub(crate) fn contact_for(&self, flow: FlowId, secure: bool) -> Option<String> {
        let secure = secure || self.config.aor.secure;
        let flow = self.flows.open(flow).or_else(|| self.flows.home())?;
        let mut uri = self.contact_of(flow, secure)?;
        if self.binding.outbound && self.flows.is_home(flow.id) {
            uri.params.set("ob", None);
        }
        let gruu = self.binding.public_gruu.clone();
        let uri = gruu.filter(|_| self.config.gruu).unwrap_or(uri);
        Some(format!("<{uri}>"))
    }

    /// A Contact that does not tell who we are (RFC 3323 §4.1): the temporary GRUU, else the address alone.
    pub(crate) fn hidden_contact(&self, flow: FlowId, secure: bool) -> Option<String> {
        let flow = self.flows.open(flow).or_else(|| self.flows.home())?;
        let uri = Uri {
            user: None,
            ..self.contact_of(flow, secure || self.config.aor.secure)?
        };
        let gruu = self.binding.temporary_gruu.clone();
        let uri = gruu.filter(|_| self.config.gruu).unwrap_or(uri);
        Some(format!("<{uri}>"))
    }

    /// The address that a flow gives (RFC 3261 §8.1.1.8, RFC 7118 §5.2).
    fn contact_of(&self, flow: &Flow, secure: bool) -> Option<Uri> {
        // A connection of the moment is no place to be found at when there is a socket that listens.
        let listening = (flow.transport == Transport::Tcp && !self.flows.is_home(flow.id))
            .then(|| self.flows.udp(flow.v6))
            .flatten();
        let flow = listening.unwrap_or(flow);
        let is_home = self.flows.home().is_some_and(|home| home.id == flow.id);
        let address = self.public.filter(|_| is_home).or(flow.local)?;
        let mut uri = Uri {
            user: self.config.aor.user.clone(),
            secure,
            ..Uri::of_host(address.ip().into(), Some(address.port()))
        };
        let spoken = match flow.transport {
            Transport::Udp if self.config.transport == Some(Transport::Tcp) => Transport::Tcp,
            spoken => spoken,
        };
        if spoken == Transport::Wss {
            uri.host = Host::Name(flow.alias.clone());
            uri.port = None;
        }
        // `sips:` says TLS by itself (RFC 5630 §3.1.3).
        if spoken != Transport::Udp && !(secure && spoken == Transport::Tls) {
            uri.params.set("transport", Some(spoken.parameter()));
        }
        Some(uri)
    }

    /// The Contact of a REGISTER, with what makes the binding this device's (RFC 5626 §4.2).
    pub(crate) fn registered_contact(&mut self) -> Option<String> {
        let uri = self.contact_uri()?;
        let mut contact = format!("<{uri}>");
        self.sent_contact = Some(uri);
        if !self.config.instance_id.is_empty() {
            contact.push_str(&format!(";+sip.instance=\"<{}>\"", self.config.instance_id));
            if self.offers_outbound() {
                contact.push_str(";reg-id=1");
            }
        }
        Some(contact)
    }

    /// Whether REGISTER asks for RFC 5626.
    pub(crate) fn offers_outbound(&self) -> bool {
        self.config.outbound && !self.outbound_refused && !self.config.instance_id.is_empty()
    }

    /// Takes in where our own registrar saw a REGISTER come from. `true` when that is news.
    pub(crate) fn learn_public(&mut self, via: &Via) -> bool {
        let Some(seen) = seen_as(via).filter(|_| self.config.learn_public_address) else {
            return false;
        };
        self.see_at(seen)
    }

    /// Takes in that we are seen at an address. `true` when that is news.
    pub(super) fn see_at(&mut self, seen: SocketAddr) -> bool {
        let Some(local) = self
            .flows
            .home()
            .and_then(|home| home.local)
            .filter(|local| seen.is_ipv4() == local.is_ipv4())
        else {
            return false;
        };
        let public = (seen != local).then_some(seen);
        let news = public != self.public;
        self.public = public;
        news
    }
}

/// The source in the topmost Via of a response to us; only both parts of RFC 3581 together say it.
fn seen_as(via: &Via) -> Option<SocketAddr> {
    let port: u16 = via.params.get("rport")?.parse().ok()?;
    let ip: IpAddr = match via.params.get("received") {
        Some(received) => received.trim_matches(['[', ']']).parse().ok()?,
        None => via.host.ip()?,
    };
    let possible = port != 0
        && !ip.is_unspecified()
        && !ip.is_multicast()
        && ip != IpAddr::from([255, 255, 255, 255]);
    possible.then(|| SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_and_possible_source_is_taken() {
        let seen = |params: &str| {
            seen_as(
                &format!("SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKx{params}")
                    .parse()
                    .unwrap(),
            )
        };
        assert_eq!(
            seen(";received=192.0.2.9;rport=4711"),
            Some("192.0.2.9:4711".parse().unwrap())
        );
        assert_eq!(seen(";rport=4711"), Some("10.0.0.1:4711".parse().unwrap()));
        for bad in [
            ";received=192.0.2.9",
            ";received=192.0.2.9;rport",
            ";received=192.0.2.9;rport=0",
            ";received=192.0.2.9;rport=70000",
            ";received=0.0.0.0;rport=1",
            ";received=224.0.0.1;rport=1",
            ";received=255.255.255.255;rport=1",
            ";received=evil.example;rport=1",
        ] {
            assert_eq!(seen(bad), None, "{bad}");
        }
    }
}
