//! Where a request outside of any dialog goes (RFC 3261 §8.1.2, RFC 3608): the configured proxies, then the Service-Route,
//! then the target. Makes such requests; never sends one.

use super::core::Core;
use crate::locate::NextHop;
use crate::message::{HeaderName, Method, NameAddr, Request, Uri};

impl Core {
    /// The proxies that a request outside of a dialog passes, first hop first.
    pub(crate) fn routes(&self) -> Vec<Uri> {
        let mut routes = self.config.route_set.clone();
        for route in &mut routes {
            route.params.set("lr", None);
        }
        let port = self.config.default_port();
        let service = &self.binding.service_route;
        // A registrar that names our own outbound proxy first means one hop, not two.
        if let (Some(last), Some(first)) = (routes.last(), service.first())
            && NextHop::of(last).same(&NextHop::of(first), port)
        {
            routes.pop();
        }
        routes.extend(service.iter().cloned());
        routes
    }

    /// Where such a request goes first: to a proxy, else, within the own domain, to the registrar, else to the target itself.
    pub(crate) fn first_hop(&self, target: &Uri) -> NextHop {
        let ours = target.host == self.config.aor.host && target.port == self.config.aor.port;
        match (self.routes().first(), &self.config.registrar) {
            (Some(route), _) => NextHop::of(route),
            (None, Some(registrar)) if ours => NextHop::of(registrar),
            (None, _) => NextHop::of(target),
        }
    }

    /// A request outside of any dialog, from us to the target, and where it goes. Via, Contact and credentials are added when
    /// it is sent.
    pub(crate) fn request(&mut self, method: Method, target: &Uri) -> (Request, NextHop) {
        let uri = Uri {
            headers: None,
            ..target.clone()
        };
        let mut request = Request::new(method, uri);
        for route in self.routes() {
            request
                .headers
                .push(HeaderName::Route, format!("<{route}>"));
        }
        let from = NameAddr {
            display_name: self.config.display_name.clone(),
            ..NameAddr::new(self.config.aor.address_of_record())
        }
        .with_tag(&self.random.token());
        let to = NameAddr::new(target.address_of_record());
        let call_id = self.random.long_token();
        let cseq = format!("1 {}", request.method);
        request.headers.push(HeaderName::MaxForwards, "70");
        request.headers.push(HeaderName::From, from.to_string());
        request.headers.push(HeaderName::To, to.to_string());
        request.headers.push(HeaderName::CallId, call_id);
        request.headers.push(HeaderName::CSeq, cseq);
        (request, self.first_hop(target))
    }
}
