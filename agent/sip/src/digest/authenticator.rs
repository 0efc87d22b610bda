//! Which challenge is answered, with what, and how often. Owns the credentials of an account and the nonces in use.
//! It never answers twice what was refused once, never lets a stranger choose the realm, and never sends an answer by itself.

use super::answer::{Signed, answer};
use super::challenge::{Challenge, MAX_CHALLENGE_FIELD};
use super::credential::Credential;
use crate::message::scan;
use crate::message::{HeaderName, Headers, Method, Request, Response};
use crate::random::Random;

/// How often a nonce may be called stale within one request.
const MAX_STALE: usize = 2;
/// Realms of our own registrar that are remembered.
const MAX_REALMS: usize = 4;
/// Nonces remembered.
const MAX_SESSIONS: usize = 8;
/// Answers given within one request, over all realms.
const MAX_ATTEMPTS: usize = 12;

/// The credentials of one account and the nonces it may still use.
pub(crate) struct Authenticator {
    credentials: Vec<Credential>,
    /// Realms that our own registrar showed; a credential without a realm is for these alone. An account that never registered
    /// takes the first realm its proxy shows.
    realms: Vec<String>,
    /// Realms that our own proxies showed by 407 outside of any dialog.
    proxy_realms: Vec<String>,
    sessions: Vec<Session>,
    epoch: u32,
}

/// Who may be behind a challenge that came from our own registrar or proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Only they: the request was for our own domain, or for them.
    Home,
    /// Perhaps the peer of a dialog, whose 401 or 407 a proxy hands on as it came: it would choose the nonce, and could try
    /// passwords on the answer at leisure.
    PerhapsPeer,
}

struct Session {
    challenge: Challenge,
    count: u32,
}

/// What was answered so far for one request.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    made: Vec<Attempt>,
}

#[derive(Debug)]
struct Attempt {
    proxy: bool,
    realm: String,
    nonce: String,
    epoch: u32,
    /// Sent before anyone asked, with a nonce of an earlier request.
    early: bool,
}

impl Authenticator {
    pub(crate) fn new(credentials: Vec<Credential>) -> Self {
        Self {
            credentials,
            realms: Vec::new(),
            proxy_realms: Vec::new(),
            sessions: Vec::new(),
            epoch: 0,
        }
    }

    /// New credentials: every nonce and every refusal so far is void.
    pub(crate) fn replace(&mut self, credentials: Vec<Credential>) {
        self.credentials = credentials;
        self.sessions.clear();
        self.realms.clear();
        self.epoch += 1;
    }

    /// Adds answers from nonces still in use, to spare a round trip; only on a request nobody challenged yet. A registrar's nonce serves REGISTER alone: on other requests
    /// the answer could travel on to the callee.
    pub(crate) fn authorize_early(
        &mut self,
        random: &mut Random,
        request: &mut Request,
        attempts: &mut Attempts,
    ) {
        if !attempts.made.is_empty() {
            return;
        }
        let register = request.method == Method::Register;
        for at in 0..self.sessions.len() {
            let challenge = self.sessions[at].challenge.clone();
            if challenge.proxy || register {
                self.attach(random, request, &challenge);
                attempts.note(&challenge, self.epoch, true);
            }
        }
    }

    /// Answers a 401 or 407 on the request.
    ///
    /// # Errors
    /// Why it is not answered, for a person.
    pub(crate) fn authorize(
        &mut self,
        random: &mut Random,
        request: &mut Request,
        response: &Response,
        attempts: &mut Attempts,
        asked: Asked,
    ) -> Result<(), String> {
        let challenges = Challenge::read_all(&response.headers);
        if challenges.is_empty() {
            return Err("the challenge is none that can be answered (Digest with MD5, SHA-256 or SHA-512-256, qop auth, auth-int or none)".to_owned());
        }
        let mut answered = false;
        let mut refusal = None;
        for first in &challenges {
            // The strongest challenge stands for all of its realm.
            let same =
                |other: &&Challenge| other.proxy == first.proxy && other.realm == first.realm;
            let strongest = challenges
                .iter()
                .filter(same)
                .max_by_key(|challenge| challenge.hash());
            let Some(challenge) = strongest.filter(|strongest| std::ptr::eq(*strongest, first))
            else {
                continue;
            };
            if asked == Asked::PerhapsPeer
                && !(challenge.proxy && self.proxy_realms.contains(&challenge.realm))
            {
                refusal.get_or_insert_with(|| {
                    format!(
                        "realm {:?} may be the far side's own, which gets no digest",
                        challenge.realm
                    )
                });
                continue;
            }
            if self
                .credential(challenge, request.method == Method::Register)
                .is_none()
            {
                refusal.get_or_insert_with(|| {
                    format!("no credential for realm {:?}", challenge.realm)
                });
                continue;
            }
            if let Err(why) = attempts.allow(challenge, self.epoch) {
                self.forget(challenge);
                refusal = Some(why);
                continue;
            }
            self.note_realm(challenge, request.method == Method::Register);
            if asked == Asked::Home && challenge.proxy {
                note(&mut self.proxy_realms, &challenge.realm);
            }
            self.remember(challenge);
            attempts.note(challenge, self.epoch, false);
            answered = true;
        }
        if !answered {
            return Err(refusal.unwrap_or_else(|| "no credential".to_owned()));
        }
        // Several proxies may each want their own answer on the same request.
        request.headers.remove(HeaderName::Authorization);
        request.headers.remove(HeaderName::ProxyAuthorization);
        for at in 0..self.sessions.len() {
            let challenge = self.sessions[at].challenge.clone();
            if attempts.answered(&challenge, self.epoch) {
                self.attach(random, request, &challenge);
            }
        }
        Ok(())
    }

    /// `registrar`: the challenge came from our own registrar, whose realm is ours whatever it is.
    fn credential(&self, challenge: &Challenge, registrar: bool) -> Option<&Credential> {
        let exact = self
            .credentials
            .iter()
            .find(|credential| credential.realm.as_deref() == Some(challenge.realm.as_str()));
        exact.or_else(|| {
            let ours =
                registrar || self.realms.is_empty() || self.realms.contains(&challenge.realm);
            self.credentials
                .iter()
                .find(|credential| credential.realm.is_none())
                .filter(|_| ours)
        })
    }

    fn note_realm(&mut self, challenge: &Challenge, registrar: bool) {
        if !self.realms.contains(&challenge.realm) && (registrar || self.realms.is_empty()) {
            note(&mut self.realms, &challenge.realm);
        }
    }

    /// Takes the next nonce out of a 2xx (RFC 7616 §3.5) to the request with these attempts, when it is plain whose it is.
    pub(crate) fn learn(&mut self, headers: &Headers, attempts: &Attempts) {
        for (name, proxy) in [
            (HeaderName::AuthenticationInfo, false),
            (HeaderName::ProxyAuthenticationInfo, true),
        ] {
            let Some(nonce) = next_nonce(headers, name) else {
                continue;
            };
            let epoch = self.epoch;
            let mut used = self.sessions.iter_mut().filter(|session| {
                session.challenge.proxy == proxy && attempts.answered(&session.challenge, epoch)
            });
            if let (Some(session), None) = (used.next(), used.next())
                && session.challenge.nonce != nonce
            {
                session.challenge.nonce = nonce;
                session.count = 0;
            }
        }
    }

    fn remember(&mut self, challenge: &Challenge) {
        self.forget(challenge);
        if self.sessions.len() >= MAX_SESSIONS {
            self.sessions.remove(0);
        }
        self.sessions.push(Session {
            challenge: challenge.clone(),
            count: 0,
        });
    }

    fn forget(&mut self, challenge: &Challenge) {
        self.sessions.retain(|session| {
            session.challenge.proxy != challenge.proxy || session.challenge.realm != challenge.realm
        });
    }

    fn attach(&mut self, random: &mut Random, request: &mut Request, challenge: &Challenge) {
        let count = match self
            .sessions
            .iter_mut()
            .find(|session| session.challenge == *challenge)
        {
            Some(session) => {
                session.count = session.count.saturating_add(1);
                session.count
            }
            None => 1,
        };
        let Some(credential) = self.credential(challenge, request.method == Method::Register)
        else {
            return;
        };
        let uri = request.uri.to_string();
        let cnonce = random.token();
        let value = answer(
            challenge,
            credential,
            Signed {
                method: request.method.as_str(),
                uri: &uri,
                count,
                cnonce: &cnonce,
                body: &request.body,
            },
        );
        request.headers.push(
            if challenge.proxy {
                HeaderName::ProxyAuthorization
            } else {
                HeaderName::Authorization
            },
            value,
        );
    }
}

fn note(realms: &mut Vec<String>, realm: &str) {
    if !realms.iter().any(|known| known == realm) {
        if realms.len() >= MAX_REALMS {
            realms.remove(0);
        }
        realms.push(realm.to_owned());
    }
}

fn next_nonce(headers: &Headers, name: HeaderName) -> Option<String> {
    let text = headers.text(name)?;
    let nonce = scan::split(&text, b',').find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("nextnonce")
            .then(|| scan::unquote(value.trim()).into_owned())
    })?;
    (1..=MAX_CHALLENGE_FIELD)
        .contains(&nonce.len())
        .then_some(nonce)
}

impl Attempts {
    fn note(&mut self, challenge: &Challenge, epoch: u32, early: bool) {
        self.made.push(Attempt {
            proxy: challenge.proxy,
            realm: challenge.realm.clone(),
            nonce: challenge.nonce.clone(),
            epoch,
            early,
        });
    }

    fn answered(&self, challenge: &Challenge, epoch: u32) -> bool {
        self.made.iter().any(|made| {
            made.epoch == epoch && made.proxy == challenge.proxy && made.realm == challenge.realm
        })
    }

    fn allow(&self, challenge: &Challenge, epoch: u32) -> Result<(), String> {
        if self.made.iter().filter(|made| !made.early).count() >= MAX_ATTEMPTS {
            return Err(format!(
                "{MAX_ATTEMPTS} challenges on one request were answered already"
            ));
        }
        let before = self.made.iter().filter(|made| {
            made.epoch == epoch && made.proxy == challenge.proxy && made.realm == challenge.realm
        });
        let mut asked = 0;
        for made in before {
            if made.nonce == challenge.nonce && !challenge.stale {
                return Err(format!(
                    "realm {:?} refused the credential",
                    challenge.realm
                ));
            }
            asked += usize::from(!made.early);
        }
        match asked {
            0 => Ok(()),
            _ if !challenge.stale => Err(format!(
                "realm {:?} refused the credential",
                challenge.realm
            )),
            asked if asked > MAX_STALE => Err(format!(
                "realm {:?} calls every nonce stale",
                challenge.realm
            )),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Password;
    use crate::message::Uri;

    fn answered(authenticator: &mut Authenticator, method: Method, realm: &str) -> bool {
        let mut request = Request::new(method, "sip:x".parse::<Uri>().unwrap());
        let mut response = Response::to(&request, 401, None);
        let challenge = format!("Digest realm=\"{realm}\", nonce=\"n\"");
        response
            .headers
            .push(HeaderName::WwwAuthenticate, challenge);
        let attempts = &mut Attempts::default();
        let random = &mut Random::new(1);
        let result =
            authenticator.authorize(random, &mut request, &response, attempts, Asked::Home);
        assert_eq!(
            result.is_ok(),
            request.headers.has(HeaderName::Authorization)
        );
        result.is_ok()
    }

    fn anywhere() -> Authenticator {
        let password = Password::new("p");
        Authenticator::new(vec![Credential {
            username: "u".to_owned(),
            realm: None,
            password,
        }])
    }

    #[test]
    fn only_the_registrar_may_show_a_new_realm() {
        let mut authenticator = anywhere();
        assert!(answered(&mut authenticator, Method::Register, "home"));
        assert!(!answered(&mut authenticator, Method::Invite, "evil"));
        assert!(answered(&mut authenticator, Method::Invite, "home"));
        assert!(answered(&mut authenticator, Method::Register, "moved"));
        assert!(answered(&mut authenticator, Method::Invite, "moved"));
    }

    #[test]
    fn realms_and_nonces_remembered_are_bounded() {
        let mut authenticator = anywhere();
        for realm in 0..50 {
            assert!(answered(
                &mut authenticator,
                Method::Register,
                &realm.to_string()
            ));
        }
        assert_eq!(authenticator.realms.len(), MAX_REALMS);
        assert_eq!(authenticator.sessions.len(), MAX_SESSIONS);
    }
}
