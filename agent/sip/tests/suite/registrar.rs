//! A registrar and proxy by script: checks digests, says what the test wants said, and relays calls between whoever registered.

use crate::network::Script;
use carillon_sip::digest::{Algorithm, Challenge, Protection, Signed, answer};
use carillon_sip::message::{HeaderName, Message, Method, NameAddr, Params, Request, Response};
use carillon_sip::{AddrSpec, Credential, Password};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;

/// What a test sets and sees.
pub(crate) struct Settings {
    pub(crate) realm: String,
    pub(crate) password: String,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) qop: bool,
    /// Offers `auth-int` alone.
    pub(crate) body_only: bool,
    /// Gives a next nonce with each 2xx.
    pub(crate) next_nonce: bool,
    /// Every nonce is used up after so many answers.
    pub(crate) nonce_uses: u32,
    pub(crate) expires: String,
    /// Answers for the next requests that pass the digest, before the usual one: status and a header line.
    pub(crate) script: VecDeque<(u16, &'static str)>,
    /// Says nothing at all.
    pub(crate) silent: bool,
    /// More fields of each 200.
    pub(crate) extra: Vec<(HeaderName, String)>,
    /// More parameters of the contact in each 200.
    pub(crate) contact_params: String,
    /// Where every request seems to come from: a NAT is between.
    pub(crate) seen_as: Option<SocketAddr>,
    /// Methods that are challenged.
    pub(crate) challenged: Vec<Method>,
    /// Requests seen, with the user name that passed the digest, if any.
    pub(crate) seen: Vec<Request>,
    pub(crate) passed: Vec<(Method, Algorithm)>,
    nonce: u32,
    uses: u32,
}

#[derive(Clone)]
pub(crate) struct Registrar(pub(crate) Rc<RefCell<Settings>>);

impl Registrar {
    pub(crate) fn new(password: &str) -> Self {
        Self(Rc::new(RefCell::new(Settings {
            realm: "example.org".to_owned(),
            password: password.to_owned(),
            algorithms: vec![Algorithm::Md5],
            qop: true,
            body_only: false,
            next_nonce: false,
            nonce_uses: 1,
            expires: "300".to_owned(),
            script: VecDeque::new(),
            silent: false,
            extra: Vec::new(),
            contact_params: String::new(),
            seen_as: None,
            challenged: vec![Method::Register],
            seen: Vec::new(),
            passed: Vec::new(),
            nonce: 1,
            uses: 0,
        })))
    }

    /// Methods of the requests seen so far.
    pub(crate) fn count(&self, method: &Method) -> usize {
        self.0
            .borrow()
            .seen
            .iter()
            .filter(|request| request.method == *method)
            .count()
    }
}

impl Script for Registrar {
    fn receive(&mut self, from: SocketAddr, bytes: &[u8]) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut settings = self.0.borrow_mut();
        let Ok(Message::Request(request)) = Message::parse(bytes) else {
            return Vec::new();
        };
        settings.seen.push(request.clone());
        if settings.silent || request.method == Method::Ack {
            return Vec::new();
        }
        let mut response = settings.respond(&request);
        if let Some(source) = settings.seen_as {
            let mut via: carillon_sip::message::Via = response
                .headers
                .first_value(HeaderName::Via)
                .unwrap()
                .parse()
                .unwrap();
            via.note_source(source);
            response.headers.set(HeaderName::Via, via.to_string());
        }
        vec![(from, response.to_bytes())]
    }
}

impl Settings {
    fn respond(&mut self, request: &Request) -> Response {
        if self.challenged.contains(&request.method) {
            let proxy = request.method != Method::Register;
            match self.check(request, proxy) {
                Some(algorithm) => self.passed.push((request.method.clone(), algorithm)),
                None => return self.challenge(request, proxy),
            }
        }
        if let Some((status, header)) = self.script.pop_front() {
            let mut response = Response::to(request, status, Some("reg"));
            if let Some((name, value)) = header.split_once(": ") {
                response.headers.push_unknown(name, value);
            }
            return response;
        }
        let mut response = Response::to(request, 200, Some("reg"));
        for (name, value) in &self.extra {
            response.headers.push(*name, value);
        }
        if self.next_nonce {
            self.nonce += 1;
            self.uses = 0;
            let info = format!("nextnonce=\"n{}\", qop=auth", self.nonce);
            response.headers.push(HeaderName::AuthenticationInfo, info);
        }
        if request.headers.get(HeaderName::Expires) != Some(b"0")
            && let Some(contact) = request.headers.all(HeaderName::Contact).last()
        {
            let expires = format!(";expires={}{}", self.expires, self.contact_params);
            response
                .headers
                .push(HeaderName::Contact, [contact, expires.as_bytes()].concat());
        }
        response
    }

    fn challenge(&mut self, request: &Request, proxy: bool) -> Response {
        self.nonce += 1;
        self.uses = 0;
        let (status, name) = if proxy {
            (407, HeaderName::ProxyAuthenticate)
        } else {
            (401, HeaderName::WwwAuthenticate)
        };
        let mut response = Response::to(request, status, Some("reg"));
        for algorithm in &self.algorithms {
            let qop = match (self.qop, self.body_only) {
                (false, _) => "",
                (true, false) => ", qop=\"auth,auth-int\"",
                (true, true) => ", qop=\"auth-int\"",
            };
            response.headers.push(
                name,
                format!(
                    "Digest realm=\"{}\", nonce=\"n{}\", algorithm={}{qop}",
                    self.realm,
                    self.nonce,
                    algorithm.as_str()
                ),
            );
        }
        response
    }

    /// The algorithm of a right answer to the nonce in force.
    fn check(&mut self, request: &Request, proxy: bool) -> Option<Algorithm> {
        let name = if proxy {
            HeaderName::ProxyAuthorization
        } else {
            HeaderName::Authorization
        };
        let value = String::from_utf8(request.headers.get(name)?.to_vec()).unwrap();
        let params = Params::parse(&value.strip_prefix("Digest ")?.replace(", ", ";")).unwrap();
        let get = |name: &str| params.unquoted(name).map(|value| value.into_owned());
        if get("nonce")? != format!("n{}", self.nonce) || self.uses >= self.nonce_uses {
            return None;
        }
        let algorithm = self
            .algorithms
            .iter()
            .copied()
            .find(|known| Some(known.as_str().to_owned()) == get("algorithm"))?;
        let challenge = Challenge {
            proxy,
            realm: self.realm.clone(),
            nonce: get("nonce")?,
            opaque: None,
            algorithm: Some(algorithm),
            protection: match (self.qop, self.body_only) {
                (false, _) => Protection::Legacy,
                (true, false) => Protection::Request,
                (true, true) => Protection::Body,
            },
            hashed_user: false,
            stale: false,
        };
        let count = get("nc").map_or(1, |count| u32::from_str_radix(&count, 16).unwrap());
        assert_eq!(count, self.uses + 1, "the nonce count counts");
        let credential = Credential {
            username: get("username")?,
            realm: None,
            password: Password::new(self.password.clone()),
        };
        let uri = request.uri.to_string();
        assert_eq!(get("uri")?, uri);
        let cnonce = get("cnonce").unwrap_or_default();
        let right = answer(
            &challenge,
            &credential,
            Signed {
                method: request.method.as_str(),
                uri: &uri,
                count,
                cnonce: &cnonce,
                body: &request.body,
            },
        );
        if right != value {
            return None;
        }
        self.uses += 1;
        Some(algorithm)
    }
}

/// A stateless proxy in front of two phones that challenges what it is told to: calls pass in both directions with Record-Route.
pub(crate) struct Proxy {
    pub(crate) registrar: Registrar,
    pub(crate) address: SocketAddr,
    pub(crate) phones: Vec<(String, SocketAddr)>,
}

impl Script for Proxy {
    fn receive(&mut self, from: SocketAddr, bytes: &[u8]) -> Vec<(SocketAddr, Vec<u8>)> {
        match Message::parse(bytes).unwrap() {
            Message::Request(request) if request.method == Method::Register => {
                self.registrar.receive(from, bytes)
            }
            Message::Request(request) => self.relay_request(from, request),
            Message::Response(response) => Self::relay_response(response),
        }
    }
}

impl Proxy {
    fn relay_request(
        &mut self,
        from: SocketAddr,
        mut request: Request,
    ) -> Vec<(SocketAddr, Vec<u8>)> {
        {
            let mut settings = self.registrar.0.borrow_mut();
            settings.seen.push(request.clone());
            let caller = self
                .phones
                .first()
                .is_some_and(|(_, address)| *address == from);
            if caller && settings.challenged.contains(&request.method) {
                match settings.check(&request, true) {
                    Some(algorithm) => settings.passed.push((request.method.clone(), algorithm)),
                    None => return vec![(from, settings.challenge(&request, true).to_bytes())],
                }
            }
        }
        let user = request
            .uri
            .sip()
            .and_then(|uri| uri.user.clone())
            .unwrap_or_default();
        let Some((_, to)) = self.phones.iter().find(|(name, _)| *name == user) else {
            return vec![(from, Response::to(&request, 404, Some("p")).to_bytes())];
        };
        let branch = request
            .headers
            .first_value(HeaderName::Via)
            .unwrap()
            .parse::<carillon_sip::message::Via>()
            .unwrap()
            .branch()
            .unwrap()
            .to_owned();
        let mut onward = Request::new(request.method.clone(), request.uri.clone());
        onward.headers.push(
            HeaderName::Via,
            format!("SIP/2.0/UDP {};branch={branch}p", self.address),
        );
        if let AddrSpec::Sip(uri) = &mut onward.uri {
            uri.host = carillon_sip::Host::from(to.ip());
            uri.port = Some(to.port());
        }
        if request.method == Method::Invite {
            onward.headers.push(
                HeaderName::RecordRoute,
                format!("<sip:{};lr>", self.address),
            );
        }
        request.headers.remove(HeaderName::Route);
        for (name, value) in request
            .headers
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_vec()))
            .collect::<Vec<_>>()
        {
            onward.headers.push_unknown(&name, value);
        }
        onward.body = request.body;
        vec![(*to, onward.to_bytes())]
    }

    fn relay_response(response: Response) -> Vec<(SocketAddr, Vec<u8>)> {
        let vias: Vec<Vec<u8>> = response
            .headers
            .all(HeaderName::Via)
            .map(<[u8]>::to_vec)
            .collect();
        let mut back = response.clone();
        back.headers.remove(HeaderName::Via);
        for via in vias[1..].iter().rev() {
            back.headers.push_front(HeaderName::Via, via);
        }
        let next: carillon_sip::message::Via = String::from_utf8_lossy(&vias[1]).parse().unwrap();
        vec![(
            SocketAddr::new(next.host.ip().unwrap(), next.port.unwrap()),
            back.to_bytes(),
        )]
    }
}

/// The contact of a REGISTER.
pub(crate) fn contact(request: &Request) -> NameAddr {
    request
        .headers
        .first_value(HeaderName::Contact)
        .unwrap()
        .parse()
        .unwrap()
}
