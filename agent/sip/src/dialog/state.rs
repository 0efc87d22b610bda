//! One dialog, early or confirmed, from either side.

use crate::locate::NextHop;
use crate::message::{
    BRANCH_COOKIE, Essentials, HeaderName, Method, NameAddr, Request, Response, Uri,
};

/// The longest route set followed.
const MAX_ROUTES: usize = 20;

/// One dialog.
#[derive(Debug, Clone)]
pub(crate) struct Dialog {
    call_id: String,
    /// This side, with its tag.
    local: NameAddr,
    /// The peer, with its tag when it has one (a peer of RFC 2543 may not).
    remote: NameAddr,
    local_cseq: u32,
    remote_cseq: Option<u32>,
    target: Uri,
    routes: Vec<NameAddr>,
    /// Whether this side began it, and so owns the Call-ID (§14.1).
    began: bool,
}

/// Why a message begins no dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DialogError {
    /// No Contact with a SIP URI.
    NoContact,
    /// Record-Route cannot be read or is too long.
    BadRoute,
}

impl Dialog {
    /// The dialog that a response to our request begins (§12.1.2). Without a Contact, requests go where the first one went.
    pub(crate) fn of_response(
        request: &Request,
        response: &Response,
        essentials: &Essentials,
    ) -> Result<Self, DialogError> {
        let mut routes = routes(&response.headers)?;
        routes.reverse();
        let target = contact(&response.headers)
            .or_else(|| request.uri.sip().cloned())
            .ok_or(DialogError::NoContact)?;
        Ok(Self {
            call_id: essentials.call_id.clone(),
            local: essentials.from.clone(),
            remote: essentials.to.clone(),
            local_cseq: essentials.cseq.number,
            remote_cseq: None,
            target,
            routes,
            began: true,
        })
    }

    /// The dialog that a peer's request begins (§12.1.1).
    pub(crate) fn of_request(
        request: &Request,
        essentials: &Essentials,
        local_tag: &str,
    ) -> Result<Self, DialogError> {
        // RFC 2543 did not ask for a Contact (RFC 4475 §3.4.1).
        let is_old = !essentials
            .via
            .branch()
            .is_some_and(|branch| branch.starts_with(BRANCH_COOKIE));
        let target = contact(&request.headers)
            .or_else(|| essentials.from.sip().filter(|_| is_old).cloned())
            .ok_or(DialogError::NoContact)?;
        Ok(Self {
            call_id: essentials.call_id.clone(),
            local: essentials.to.clone().with_tag(local_tag),
            remote: essentials.from.clone(),
            local_cseq: 0,
            remote_cseq: Some(essentials.cseq.number),
            target,
            routes: routes(&request.headers)?,
            began: false,
        })
    }

    /// An early dialog is confirmed by a 2xx: its route set is made anew (§13.2.2.4).
    pub(crate) fn confirm(&mut self, response: &Response) -> Result<(), DialogError> {
        let mut routes = routes(&response.headers)?;
        routes.reverse();
        self.routes = routes;
        self.refresh_target(&response.headers);
        Ok(())
    }

    pub(crate) fn began_here(&self) -> bool {
        self.began
    }

    pub(crate) fn call_id(&self) -> &str {
        &self.call_id
    }

    pub(crate) fn local_tag(&self) -> &str {
        self.local.tag().unwrap_or("")
    }

    /// Where another party reaches the peer: its contact when nothing stands between, else its public address.
    pub(crate) fn peer_address(&self) -> Uri {
        match self.remote.sip() {
            Some(public) if !self.routes.is_empty() => public.address_of_record(),
            _ => self.target.clone(),
        }
    }

    pub(crate) fn remote_tag(&self) -> &str {
        self.remote.tag().unwrap_or("")
    }

    /// Whether a request from the peer belongs here.
    pub(crate) fn holds(&self, essentials: &Essentials) -> bool {
        self.call_id == essentials.call_id
            && self.local.tag() == essentials.to.tag()
            && self.remote_tag() == essentials.from.tag().unwrap_or("")
    }

    /// Whether a response answers a request of this dialog.
    pub(crate) fn is_answered_by(&self, response: &Essentials) -> bool {
        self.call_id == response.call_id
            && self.local.tag() == response.from.tag()
            && self.remote_tag() == response.to.tag().unwrap_or("")
    }

    /// Takes the number of a request from the peer; `false` when an older one comes late (§12.2.2).
    pub(crate) fn take_cseq(&mut self, number: u32) -> bool {
        if self.remote_cseq.is_some_and(|last| number <= last) {
            return false;
        }
        self.remote_cseq = Some(number);
        true
    }

    /// Lets the peer's next request have any number: the one that began the dialog is read again as a request within it.
    pub(crate) fn forget_remote_cseq(&mut self) {
        self.remote_cseq = None;
    }

    /// Notes a number of ours that was used outside [`Dialog::request`], as by a repeat with credentials.
    pub(crate) fn note_cseq(&mut self, number: u32) {
        self.local_cseq = self.local_cseq.max(number);
    }

    /// Takes a new remote target from a re-INVITE or its answer, when there is one.
    pub(crate) fn refresh_target(&mut self, headers: &crate::message::Headers) {
        if let Some(target) = contact(headers) {
            self.target = target;
        }
    }

    /// The next request of ours, without Via and Contact, and where it goes (§12.2.1.1).
    pub(crate) fn request(&mut self, method: Method) -> (Request, NextHop) {
        self.local_cseq += 1;
        self.request_numbered(method, self.local_cseq)
    }

    /// The ACK of a 2xx to the INVITE with that number (§13.2.2.4).
    pub(crate) fn acknowledge(&self, number: u32) -> (Request, NextHop) {
        self.request_numbered(Method::Ack, number)
    }

    fn request_numbered(&self, method: Method, number: u32) -> (Request, NextHop) {
        let first = self.routes.first().and_then(NameAddr::sip);
        let (uri, routes, hop) = match first {
            None => (self.target.clone(), Vec::new(), NextHop::of(&self.target)),
            Some(first) if first.params.has("lr") => (
                self.target.clone(),
                self.routes.iter().map(ToString::to_string).collect(),
                NextHop::of(first),
            ),
            // A strict router wants its own URI in the request line and the target at the end.
            Some(first) => {
                let rest = self.routes[1..].iter().map(ToString::to_string);
                (
                    first.clone(),
                    rest.chain([format!("<{}>", self.target)]).collect(),
                    NextHop::of(first),
                )
            }
        };
        let mut request = Request::new(method, uri);
        for route in routes {
            request.headers.push(HeaderName::Route, route);
        }
        request.headers.push(HeaderName::MaxForwards, "70");
        request
            .headers
            .push(HeaderName::From, self.local.to_string());
        request
            .headers
            .push(HeaderName::To, self.remote.to_string());
        request.headers.push(HeaderName::CallId, &self.call_id);
        request
            .headers
            .push(HeaderName::CSeq, format!("{number} {}", request.method));
        (request, hop)
    }
}

fn contact(headers: &crate::message::Headers) -> Option<Uri> {
    headers
        .first_value(HeaderName::Contact)?
        .parse::<NameAddr>()
        .ok()?
        .sip()
        .cloned()
}

fn routes(headers: &crate::message::Headers) -> Result<Vec<NameAddr>, DialogError> {
    let values = headers
        .values(HeaderName::RecordRoute)
        .map_err(|_| DialogError::BadRoute)?;
    if values.len() > MAX_ROUTES {
        return Err(DialogError::BadRoute);
    }
    let routes: Vec<NameAddr> = values
        .iter()
        .map(|value| value.parse())
        .collect::<Result<_, _>>()
        .map_err(|_| DialogError::BadRoute)?;
    if routes.iter().any(|route| route.sip().is_none()) {
        return Err(DialogError::BadRoute);
    }
    Ok(routes)
}
