//! Redirects of an INVITE (RFC 3261 §8.1.3.4): targets by q, none twice, so many rounds and targets and no more.

use crate::message::{HeaderName, NameAddr, Response, Uri};
use std::collections::VecDeque;

/// Targets tried for one call, the first included.
pub const MAX_TARGETS: usize = 10;

pub(super) struct Redirects {
    tried: Vec<Uri>,
    waiting: VecDeque<Uri>,
    rounds: u8,
}

impl Redirects {
    pub(super) fn new(first: Uri) -> Self {
        Self {
            tried: vec![first],
            waiting: VecDeque::new(),
            rounds: 0,
        }
    }

    /// Takes the contacts of a 3xx, best first and before what waits already. `limit` is how many 3xx one call follows.
    pub(super) fn learn(&mut self, response: &Response, limit: u8) {
        if !matches!(response.status, 300..=302) || self.rounds >= limit {
            return;
        }
        self.rounds += 1;
        let mut found: Vec<(u32, Uri)> = response
            .headers
            .values(HeaderName::Contact)
            .unwrap_or_default()
            .iter()
            .filter_map(|value| {
                let contact: NameAddr = value.parse().ok()?;
                let uri = contact.sip().filter(|uri| !uri.secure)?;
                Some((thousandths(contact.params.get("q")), without_headers(uri)))
            })
            .collect();
        found.sort_by_key(|(q, _)| std::cmp::Reverse(*q));
        let mut fresh: Vec<Uri> = Vec::new();
        for (_, uri) in found {
            let known = |other: &Uri| other.equivalent(&uri);
            if !self
                .tried
                .iter()
                .chain(&self.waiting)
                .chain(&fresh)
                .any(known)
            {
                fresh.push(uri);
            }
        }
        for uri in fresh.into_iter().rev() {
            self.waiting.push_front(uri);
        }
    }

    /// The next target, unless there is none or the limit is reached.
    pub(super) fn next(&mut self) -> Option<Uri> {
        if self.tried.len() >= MAX_TARGETS {
            return None;
        }
        let next = self.waiting.pop_front()?;
        self.tried.push(next.clone());
        Some(next)
    }
}

/// A q value in thousandths; 1 when there is none (RFC 3261 §20.10).
fn thousandths(q: Option<&str>) -> u32 {
    let share = q.and_then(|q| q.parse::<f64>().ok()).unwrap_or(1.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 0..=1000"
    )]
    let thousandths = (share.clamp(0.0, 1.0) * 1000.0) as u32;
    thousandths
}

/// Headers in a contact are nobody's to put into our INVITE.
fn without_headers(uri: &Uri) -> Uri {
    let mut uri = Uri {
        headers: None,
        ..uri.clone()
    };
    uri.params.remove("method");
    uri
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Method, Request};

    fn moved(status: u16, contacts: &[&str]) -> Response {
        let request = Request::new(Method::Invite, uri("sip:a@x"));
        let mut response = Response::to(&request, status, None);
        for contact in contacts {
            response.headers.push(HeaderName::Contact, contact);
        }
        response
    }

    fn uri(text: &str) -> Uri {
        text.parse().unwrap()
    }

    fn rest(redirects: &mut Redirects) -> Vec<String> {
        std::iter::from_fn(|| redirects.next())
            .map(|uri| uri.to_string())
            .collect()
    }

    #[test]
    fn best_first_and_none_twice() {
        let mut redirects = Redirects::new(uri("sip:a@x"));
        let contacts = [
            "<sip:low@x>;q=0.1, <sip:a@X>;q=1, <sip:best@x?Subject=x>",
            "<tel:+1>;q=0.9",
            "<sips:s@x>",
            "<sip:mid@x;method=BYE>;q=0.5, <sip:best@x>;q=0.2",
        ];
        redirects.learn(&moved(302, &contacts), 5);
        assert_eq!(
            redirects.next().unwrap().to_string(),
            "sip:best@x",
            "the highest q"
        );
        redirects.learn(&moved(300, &["<sip:nearer@x>;q=0.01, <sip:low@x>"]), 5);
        assert_eq!(
            rest(&mut redirects),
            ["sip:nearer@x", "sip:mid@x", "sip:low@x"]
        );
    }

    #[test]
    fn rounds_and_targets_are_bounded() {
        let mut redirects = Redirects::new(uri("sip:a@x"));
        for round in 0..4 {
            redirects.learn(&moved(302, &[&format!("<sip:r{round}@x>")]), 2);
        }
        assert_eq!(rest(&mut redirects), ["sip:r1@x", "sip:r0@x"]);
        let mut redirects = Redirects::new(uri("sip:a@x"));
        let many: Vec<String> = (0..50).map(|number| format!("<sip:m{number}@x>")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        redirects.learn(&moved(302, &many), 2);
        assert_eq!(rest(&mut redirects).len(), MAX_TARGETS - 1);
        let mut redirects = Redirects::new(uri("sip:a@x"));
        redirects.learn(&moved(380, &["<sip:b@x>"]), 5);
        redirects.learn(&moved(302, &["<sip:b@x>"]), 0);
        assert!(rest(&mut redirects).is_empty());
    }
}
